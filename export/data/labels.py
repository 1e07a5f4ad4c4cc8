"""Labels: what classes and models are called, of `[a-z0-9_]+`, whatever the names that they come from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

_WHOLE = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
"""Letters that Unicode does not take apart into one of a to z and a mark."""


def label(name: str) -> str:
    """A name as a label of `[a-z0-9_]+`; a ValueError where nothing is left of it.

    >>> label("Hip-Hop"), label("cor anglais"), label("synth_lead"), label("Große Flöte")
    ('hip_hop', 'cor_anglais', 'synth_lead', 'grosse_flote')
    """
    made = _label(name)
    if not made:
        raise ValueError(f"class {name!r}: expected a name with a letter or digit of a to z and 0 to 9")
    return made


def checked_label(name: str, where: str = "") -> str:
    """`name` if it is a label; a ValueError that says where it stands and what would do otherwise."""
    if not re.fullmatch(r"[a-z0-9_]+", name):
        hint = _label(name) or "a name"
        raise ValueError(f"{where}class {name!r}: expected small letters, digits and underscores, such as {hint!r}")
    return name


def require_distinct(root: Path, names: Iterable[str]) -> None:
    """A ValueError that names the first two of the classes in `root` that become the same label."""
    taken: dict[str, str] = {}
    for name in names:
        if (other := taken.setdefault(label(name), name)) != name:
            raise ValueError(f"{root}: {other!r} and {name!r} both become the class {label(name)!r}: rename one")


def folded(name: str) -> str:
    """A name in small letters without their marks: compatible forms (NFKD, Unicode Standard Annex 15), casefolded.

    >>> folded("Flöte"), folded("Ünï ♪"), folded("Ærø"), folded("Straße")
    ('flote', 'uni ♪', 'aero', 'strasse')
    """
    apart = unicodedata.normalize("NFKD", name)
    return "".join(one for one in apart if not unicodedata.combining(one)).casefold().translate(_WHOLE)


def _label(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", folded(name)).strip("_")
