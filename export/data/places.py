"""Where a set lies: its folder, its name, and the sound files in it."""

from __future__ import annotations

import os
from pathlib import Path

from dreampedal.engine.sound.kinds import ENDINGS

MANIFEST = "manifest.csv"
SOUNDS = ENDINGS
"""Endings of the files that are taken for sounds."""


def place_of(path: Path) -> Path:
    """The folder of a set, whether that or the `manifest.csv` in it was named; any other table is its own place.

    >>> place_of(Path("sounds/manifest.csv")), place_of(Path("sounds"))
    (PosixPath('sounds'), PosixPath('sounds'))
    """
    return path.parent if path.name == MANIFEST and not path.is_dir() else path


def name_of(path: Path) -> str:
    """What a set is called: by this name a checkpoint knows again what it was trained on.

    >>> name_of(Path("/sounds/styles/manifest.csv")), name_of(Path("/sounds/styles/"))
    ('styles', 'styles')
    """
    return Path(os.path.abspath(place_of(path))).name


def sounds_below(folder: Path) -> list[Path]:
    """Every sound file in a folder and the folders in it, by path; names that begin with a dot are passed over.

    Links are followed, and a folder that several lead to counts once.

    Raises:
        OSError: if a folder cannot be read.
        ValueError: for a link to no sound, or to a folder that it lies in.
    """
    found, seen = list[Path](), set[str]()
    top = os.path.realpath(folder)
    for place, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        real = os.path.realpath(place)
        if place != str(folder) and (top == real or top.startswith(os.path.join(real, ""))):
            raise ValueError(f"{place}: a link to a folder that it lies in: remove it")
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in SOUNDS:
                if path.is_symlink() and not path.exists():
                    raise ValueError(f"{path}: a link that leads nowhere: mend or remove it")
                if path.is_file():
                    found.append(path)
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error
