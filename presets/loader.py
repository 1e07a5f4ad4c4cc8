"""Presets by name or path: loading, saving, listing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from dreampedal.engine.host.board import Board
from dreampedal.engine.live.midi.map import Mapping
from dreampedal.engine.model.library import library
from dreampedal.engine.runtime.files import written_whole
from dreampedal.presets.boards import Preset, parse, render
from dreampedal.presets.toml_text import text_of


def load_preset(name: str | os.PathLike[str]) -> Board:
    """The board of a preset, by its name in the library or by the path of a TOML file.

    Raises:
        ValueError: if there is no such preset, or it holds something that is no board: the message names the file, the
            key, what was found and what was expected.
    """
    return read_preset(name).board


def read_preset(name: str | os.PathLike[str], settings: Sequence[str] = ()) -> Preset:
    """A preset with its title, description and MIDI map; `name` and errors as for `load_preset`.

    Each of `settings`, as `key=value` or `N.key=value`, changes a parameter before the board is made.
    """
    path = library.find("preset", name)
    return parse(text_of(path), str(path), settings)


def save_preset(
    board: Board,
    name: str | os.PathLike[str],
    *,
    title: str = "",
    description: str = "",
    midi: Iterable[Mapping] = (),
) -> Path:
    """Write a board as a preset: to a path that ends in `.toml`, or under a name in the user's own folder.

    All parameters are written, defaults too, so that the preset keeps its sound. `midi` is the map of its knobs, such
    as `live.midi.mappings`. Returns the path of the file.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = library.folders[-1] / f"{os.fspath(name)}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
    text = render(board, title, description, midi)
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def preset_names() -> dict[str, Path]:
    """Every preset of the library and its file, in alphabetical order."""
    return library.names("preset")


def shipped_presets() -> dict[str, Path]:
    """The presets that ship and their files, never a user's own."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
