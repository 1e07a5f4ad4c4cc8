"""Effect classes by the name that a preset calls them by.

A class registers itself when its module is loaded. Modules are loaded when a name is asked for: first the shipped
effects, then, for a name still unknown, the entry points of the group `dreampedal.effects`, through which other
packages add theirs.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from importlib import metadata

from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.runtime.names import listed, suggestion

GROUP = "dreampedal.effects"


def effect_class(name: str, where: str) -> type[Effect]:
    """The effect class called `name`; a ValueError that names `where` and lists what there is."""
    if name not in Effect.registry:
        load_shipped()
    if name not in Effect.registry:
        _load_entry_point(name, where)
    known = {known: cls for known, cls in sorted(Effect.registry.items()) if not inspect.isabstract(cls)}
    if name in known:
        return known[name]
    raise ValueError(
        f"{where} = {name!r}: no such effect{suggestion(name, known)}; "
        f'expected one of {listed(known)}, or a native plugin as "pedalboard.NAME"'
    )


def load_shipped() -> None:
    """Load every module of `dreampedal.effects`, and with it the effects inside."""
    import dreampedal.effects

    for module in pkgutil.iter_modules(dreampedal.effects.__path__, "dreampedal.effects."):
        importlib.import_module(module.name)


def _load_entry_point(name: str, where: str) -> None:
    """Load what another package declares as the effect `name`, if one does."""
    for entry in metadata.entry_points(group=GROUP, name=name):
        cls = entry.load()
        if not (isinstance(cls, type) and issubclass(cls, Effect)):
            raise ValueError(f"{where} = {name!r}: the entry point {entry.value} is no Effect")
