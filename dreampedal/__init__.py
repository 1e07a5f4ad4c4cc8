"""DreamPedal plays a sound through a neural network and turns up what the network hears in it.

>>> from dreampedal import Board, Dream
>>> board = Board([Dream(target="class:flute", amount=0.7)])  # doctest: +SKIP

The names below are loaded when they are first asked for, so that the import costs next to nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dreampedal import phase
    from dreampedal.effects.amplify import Amplify
    from dreampedal.effects.dream import Dream
    from dreampedal.engine.host.board import Board
    from dreampedal.engine.host.mix import Mix
    from dreampedal.engine.host.natives.external.plugin import load_plugin
    from dreampedal.presets.loader import load_preset, save_preset
    from dreampedal.presets.playing import LiveStream

from dreampedal.engine.model.library import library

__version__ = "0.1.0"


def _folder_of(package: str) -> Path:
    """Where a package of ours lies, found without loading it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


_EFFECTS = {
    file.stem.title().replace("_", ""): f"dreampedal.effects.{file.stem}"
    for file in sorted(_folder_of("dreampedal.effects").glob("[!_]*.py"))
}
"""Every effect, and the file that it has to itself."""

__all__ = [
    "Amplify",
    "Board",
    "Dream",
    "LiveStream",
    "Mix",
    "library",
    "load_plugin",
    "load_preset",
    "phase",
    "save_preset",
]
__all__ += [name for name in _EFFECTS if name not in __all__]

_HOME = _EFFECTS | {
    "Board": "dreampedal.engine.host.board",
    "LiveStream": "dreampedal.presets.playing",
    "Mix": "dreampedal.engine.host.mix",
    "load_plugin": "dreampedal.engine.host.natives.external.plugin",
    "load_preset": "dreampedal.presets.loader",
    "save_preset": "dreampedal.presets.loader",
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module that holds it (PEP 562)."""
    if name == "phase":
        return importlib.import_module("dreampedal.phase")
    if name not in _HOME:
        raise AttributeError(f"module 'dreampedal' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def _user_folder() -> Path:
    """Where a user keeps presets and models: `DREAMPEDAL_HOME`, or the place that the operating system has for it."""
    if home := os.environ.get("DREAMPEDAL_HOME"):
        return Path(home)
    import platformdirs

    return platformdirs.user_data_path("dreampedal", appauthor=False)


STUDENTS = ("families", "voices")
"""Students that ship, in the order in which `Dream(model="auto")` asks them whether they suit its target."""

RENAMED_PRESETS: dict[str, str] = {"iron_wall": "scooped_flutter", "silver_breath": "hollow_whistle"}
"""What presets that shipped under another name are called now, by their old names."""

library.register(_folder_of("dreampedal.presets"))
library.students.extend(STUDENTS)
library.rename("preset", RENAMED_PRESETS)
library.register(_user_folder())
