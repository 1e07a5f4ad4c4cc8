"""A preset's file as TOML: the one place that reads one, so that all of DreamPedal reads the same, and what every
table of it must be.

>>> toml_of('title = "Hall"', "hall.toml")
{'title': 'Hall'}
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dreampedal.engine.runtime.names import listed, suggestion

_WIDE = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE
"""How a file begins that Windows' Notepad saved as "Unicode"."""


def text_of(path: Path) -> str:
    """The text of a file, which may begin with a byte-order mark, as Notepad's do, and end its lines as Windows does.

    Raises:
        ValueError: that names the file, if it cannot be read or is no UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if content.startswith(_WIDE):
        raise ValueError(f"{path} is no TOML: its text is UTF-16; save it as UTF-8 (Notepad: Save as, Encoding)")
    try:
        return re.sub("\r\n?", "\n", content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no TOML: byte {error.start} is not UTF-8; save it as UTF-8") from error


def toml_of(text: str, where: str) -> dict[str, Any]:
    """The table of a text; a ValueError that begins with `where` for one that is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where} is no TOML: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{where} is no preset: lists in lists, hundreds deep; expected tables of effects") from error


def require_known(table: dict[str, Any], known: Iterable[str], where: str) -> None:
    """A ValueError for the first key that nothing knows."""
    for key in table:
        if key not in known:
            raise ValueError(f"{where}: unknown key {key!r}{suggestion(key, known)}; expected: {listed(known)}")


def require_tables(found: Any, key: str, where: str) -> None:
    """A ValueError unless what was found under a key is a list of tables."""
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        shown = "nothing" if found is None else repr(found)
        raise ValueError(f"{where}: {key} = {shown}: expected a list of tables, each begun by [[{key}]]")
