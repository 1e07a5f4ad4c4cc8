"""The presets of a live session: which there are, and each one read with the settings of the command line."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dreampedal.effects.spectral.modes import MODES
from dreampedal.engine.model.library import library
from dreampedal.engine.runtime.names import listed
from dreampedal.presets.boards import Preset
from dreampedal.presets.loader import preset_names, read_preset
from dreampedal.presets.settings import apply
from dreampedal.presets.toml_text import text_of, toml_of

USUAL_MODE = "live"
"""An instrument answers in a few milliseconds, where `studio` waits for a whole window."""

FIRST = "hall_of_flutes"
"""What plays when nobody chooses."""


class Setlist:
    """Presets in the order of their keys.

    Args:
        chosen: names or paths, the one that begins first. With one or none, all of the library follow it.
        settings: `key=value`, for the first preset, and for the others as far as they have such a parameter.
        mode: of every spectral effect; None leaves it to each preset, and is `live` for one that does not say.

    >>> Setlist(["organ_loft", "bowed"]).names
    ('organ_loft', 'bowed')
    >>> Setlist().names[:2]
    ('hall_of_flutes', 'bowed')
    """

    def __init__(self, chosen: Sequence[str] = (), settings: Sequence[str] = (), mode: str | None = None) -> None:
        if mode is not None and mode not in MODES:
            raise ValueError(f"mode = {mode!r}: expected one of {listed(MODES)}")
        first = list(chosen) or [FIRST]
        self.is_closed = len(first) > 1
        """Whether these presets and no others were chosen."""
        self._files = {_name(each): library.find("preset", each) for each in first}
        if not self.is_closed:
            self._files |= {name: path for name, path in preset_names().items() if name not in self._files}
        self._settings = tuple(settings)
        self._mode = mode

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, the first one plays first."""
        return tuple(self._files)

    def first(self) -> Preset:
        """The preset to begin with; a ValueError if it cannot be read or does not have what is set."""
        path = self._files[self.names[0]]
        return read_preset(path, [*self._mode_of(path), *self._settings])

    def load(self, name: str) -> Preset:
        """A preset by its name in the list."""
        path = self._files[name]
        return read_preset(path, [*self._mode_of(path), *_fitting(path, self._settings)])

    def _mode_of(self, path: Path) -> list[str]:
        """The setting of a preset's mode, if it has effects that take one."""
        if self._mode is None and any("mode" in table for table in _all_of(_tables(path))):
            return []
        return _fitting(path, [f"mode={self._mode or USUAL_MODE}"])

    def latency_at(self, sample_rate: float) -> int:
        """The latency in samples that the session needs: of all that were chosen, else of the first."""
        boards = [self.first().board]
        if self.is_closed:
            boards += [self.load(name).board for name in self.names[1:]]
        return max(board.latency_at(sample_rate) for board in boards)


def _name(chosen: str) -> str:
    """What a preset is called in the list: a file without folder and ending."""
    return Path(chosen).stem if chosen.endswith(".toml") else chosen


def _fitting(path: Path, settings: Sequence[str]) -> list[str]:
    """Those settings that a preset has parameters for."""
    tables = _tables(path)
    return [setting for setting in settings if _fits(setting, copy.deepcopy(tables))]


def _tables(path: Path) -> list[dict[str, Any]]:
    """The effects of a preset as they are written. A file that is no preset has none; reading it tells why."""
    try:
        tables = toml_of(text_of(path), str(path))["effects"]
        return [table for table in tables if isinstance(table, dict)]
    except (ValueError, KeyError, TypeError):
        return []


def _all_of(tables: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Tables, and those inside them."""
    for table in tables:
        yield table
        inside = table.get("effects", [])
        yield from _all_of([each for each in inside if isinstance(each, dict)] if isinstance(inside, list) else [])


def _fits(setting: str, tables: list[dict[str, Any]]) -> bool:
    try:
        apply(setting, tables)
    except ValueError:
        return False
    return True
