"""DreamPedal plays a sound through a neural network and turns up what the network hears in it.

>>> from dreampedal import Board, Dream
>>> board = Board([Dream(target="class:flute", amount=0.7)])  # doctest: +SKIP

The names below are loaded when they are first asked for, so that the import costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dreampedal.effects.amplify import Amplify
    from dreampedal.effects.dream import Dream
    from dreampedal.engine.board import Board
    from dreampedal.engine.mix import Mix
    from dreampedal.presets.loader import load_preset, save_preset

__version__ = "0.1.0"

__all__ = ["Amplify", "Board", "Dream", "Mix", "load_preset", "save_preset"]

_HOME = {
    "Amplify": "dreampedal.effects.amplify",
    "Board": "dreampedal.engine.board",
    "Dream": "dreampedal.effects.dream",
    "Mix": "dreampedal.engine.mix",
    "load_preset": "dreampedal.presets.loader",
    "save_preset": "dreampedal.presets.loader",
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module that holds it (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'dreampedal' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
