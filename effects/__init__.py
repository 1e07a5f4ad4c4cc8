"""What a user puts on a board: one short file an effect, `ring_tone.py` with the class `RingTone`.

Every file in this folder is loaded, and its effect is a name of this package; nothing lists them.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

__all__: list[str] = []

for _file in pkgutil.iter_modules(__path__):
    if not _file.ispkg:
        _name = _file.name.title().replace("_", "")
        globals()[_name] = getattr(importlib.import_module(f"{__name__}.{_file.name}"), _name)
        __all__ += [_name]


def __getattr__(name: str) -> Any:
    """So that type checkers take any name; all that there are have been found above."""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
