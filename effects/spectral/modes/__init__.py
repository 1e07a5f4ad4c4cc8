"""How an offset is played: one file a latency mode.

Every renderer in this folder is a mode under its name, which is that of its file. What a mode is called, how late it
plays and what it cannot do are read from its class, wherever they are shown or checked.
"""

from __future__ import annotations

import importlib
import pkgutil

from dreampedal.effects.spectral.modes.renderer import Renderer

for _file in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_file.name)

MODES: dict[str, type[Renderer]] = {
    mode.name: mode for mode in sorted(Renderer.__subclasses__(), key=lambda mode: -mode.usual_latency)
}
"""Every mode by its name, the latest one first."""
