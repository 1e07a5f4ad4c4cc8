"""Native pedalboard plugins as tables of their constructor's arguments, and back.

pedalboard's classes carry no list of parameters, but the first line of `__init__.__doc__` is a full signature, which is
where the keys and their types are read from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pedalboard

from dreampedal.engine.host.natives.native import argument_types, native_classes
from dreampedal.engine.runtime.names import listed, suggestion
from dreampedal.presets.natives_external import KEYS, external_from, external_table
from dreampedal.presets.toml_text import require_known

PREFIX = "pedalboard."

MOST = 3e38
"""pedalboard keeps float32."""


def plugin_class(type_name: str, where: str) -> type[pedalboard.Plugin]:
    """The class that `"pedalboard.NAME"` stands for; a ValueError that names `where` if there is none."""
    name = type_name.removeprefix(PREFIX)
    known = native_classes()
    if name not in known:
        raise ValueError(f"{where} = {type_name!r}: no such plugin in pedalboard{suggestion(name, known)}")
    found: type[pedalboard.Plugin] = known[name]
    return found


def arguments_of(cls: type[pedalboard.Plugin]) -> dict[str, str]:
    """Names and types of the constructor's arguments; of a VST3 plugin or an Audio Unit, of what its table holds."""
    return KEYS if issubclass(cls, pedalboard.ExternalPlugin) else argument_types(cls)


def plugin_from(type_name: str, values: dict[str, Any], where: str) -> pedalboard.Plugin:
    """A plugin with the values of a table, or a ValueError that names `where`, the key and what it takes."""
    cls = plugin_class(type_name, f"{where}.type")
    if issubclass(cls, pedalboard.ExternalPlugin):
        return external_from(type_name, values, where)
    arguments = arguments_of(cls)
    require_known(values, arguments, where)
    given = {key: checked(cls, arguments[key], value, f"{where}.{key}") for key, value in values.items()}
    try:
        return cls(**given)
    except (ValueError, RuntimeError, TypeError, ImportError) as error:
        raise ValueError(f"{where} ({type_name}): {str(error).splitlines()[0]}") from error


def table_of(plugin: pedalboard.Plugin) -> dict[str, Any]:
    """What `plugin_from` makes an equal plugin of: the type, and every argument that the plugin still knows."""
    if isinstance(plugin, pedalboard.ExternalPlugin):
        return external_table(plugin)
    cls = type(plugin)
    values = {key: getattr(plugin, key) for key in arguments_of(cls) if isinstance(getattr(cls, key, None), property)}
    return {"type": PREFIX + cls.__name__} | {key: _plain(value) for key, value in values.items() if value is not None}


def checked(cls: type[pedalboard.Plugin], kind: str, value: Any, where: str) -> Any:
    """A value of TOML as the type that an argument takes."""
    if kind == "float":
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST:
            raise ValueError(f"{where} = {value!r}: expected a number")
    elif kind == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"{where} = {value!r}: expected true or false")
    elif members := getattr(getattr(cls, kind.rpartition(".")[2], None), "__members__", None):
        if value not in members:
            raise ValueError(f"{where} = {value!r}: expected one of {listed(members)}")
        return members[value]
    return value


def _plain(value: Any) -> Any:
    """A property as TOML has it. pedalboard keeps float32: its shortest decimal reads back as the same number."""
    if isinstance(value, float):
        short = float(str(np.float32(value)))
        return short if np.float32(short) == np.float32(value) else value
    return value if isinstance(value, bool | int | str) else value.name
