"""The parameters of VST3 plugins and Audio Units: which a host may set, what they are called, and what they stand at.

Each has a raw value from 0 to 1, and a text that shows it. pedalboard finds out names, types and ranges by reading a
thousand texts of each; that is done here when somebody asks for them, and once for all plugins of one kind.
"""

from __future__ import annotations

import weakref
from copy import copy
from typing import Any, cast

from pedalboard import ExternalPlugin
from pedalboard._pedalboard import (
    AudioProcessorParameter,
    looks_like_float,
    strip_common_float_suffixes,
    to_python_parameter_name,
)

from dreampedal.engine.runtime.names import listed, suggestion
from dreampedal.engine.runtime.stderr import discard_stderr

_ON, _OFF = ("on", "enabled", "yes", "true"), ("off", "disabled", "no", "false")


def settable_parameters(plugin: ExternalPlugin) -> list[Any]:
    """The parameters that a host may set, in the plugin's order. Others, like a meter or the size of a buffer, are its
    own. To be asked for each time: a plugin may have been loaded anew."""
    found: Any = plugin
    return [each for each in found._parameters if each.is_automatable]


def read_parameters(plugin: ExternalPlugin) -> list[Any]:
    """`settable_parameters` as pedalboard's `AudioProcessorParameter`, which know their names, types and ranges.

    Their texts are read once for all plugins of one kind: that takes from a hundredth of a second to a hundred seconds.
    """
    found: Any = plugin
    identifier, bound = str(found.identifier), cast(Any, weakref.proxy(plugin))
    if identifier not in _READ:
        with discard_stderr():
            _READ[identifier] = [AudioProcessorParameter(bound, each.name) for each in settable_parameters(plugin)]
    return [_of(bound, parameter) for parameter in _READ[identifier]]


_READ: dict[str, list[Any]] = {}


def _of(plugin: Any, parameter: Any) -> Any:
    """The same parameter of another plugin."""
    other = copy(parameter)
    other.__dict__["_AudioProcessorParameter__plugin"] = plugin
    return other


def shown_values(plugin: ExternalPlugin) -> dict[str, float | str]:
    """What the plugin shows of each parameter: a number where its text begins with one. Reads no other texts."""
    found: dict[str, float | str] = {}
    for each in settable_parameters(plugin):
        if name := to_python_parameter_name(each):
            text = str(each.string_value)
            found[name] = float(strip_common_float_suffixes(text)) if looks_like_float(text) else text
    return found


def values_of(plugin: ExternalPlugin) -> dict[str, Any]:
    """Parameters by the names that pedalboard gives them: plain numbers, texts, and truth values."""
    return {each.python_name: plain(plugin, each) for each in read_parameters(plugin) if each.python_name}


def plain(plugin: ExternalPlugin, parameter: Any) -> float | bool | str:
    """The value of a parameter; of a number the one that was set, where the plugin tells a rounder one."""
    raw, asked = _ASKED.get(plugin, {}).get(parameter.python_name, (None, None))
    if raw == parameter.raw_value and isinstance(asked, float):
        return asked
    if parameter.type is float:
        return float(strip_common_float_suffixes(parameter.string_value))
    return bool(parameter.raw_value >= 0.5) if parameter.type is bool else str(parameter.string_value)


_ASKED: weakref.WeakKeyDictionary[ExternalPlugin, dict[str, tuple[float, Any]]] = weakref.WeakKeyDictionary()


def set_parameter(plugin: ExternalPlugin, name: str, value: Any) -> None:
    """Set a parameter; a ValueError says what is wrong with its name or the value."""
    known = {each.python_name: each for each in read_parameters(plugin) if each.python_name}
    if name not in known:
        found: Any = plugin
        raise ValueError(
            f"{found.name} has no parameter {name!r}{suggestion(name, known)}; expected one of {listed(known)}"
        )
    if known[name].type is bool and str(value).lower() in {*_ON, *_OFF}:
        value = str(value).lower() in _ON
    known[name].raw_value = known[name].get_raw_value_for(value)
    _ASKED.setdefault(plugin, {})[name] = known[name].raw_value, value


def raw_values(plugin: ExternalPlugin) -> tuple[float, ...]:
    """Each parameter that a host may set, from 0 to 1."""
    return tuple(each.raw_value for each in settable_parameters(plugin))


def set_raw_values(plugin: ExternalPlugin, values: tuple[float, ...]) -> None:
    """Set the parameters to raw values: twice, since one may decide what another takes."""
    for _ in range(2):
        for each, value in zip(settable_parameters(plugin), values, strict=False):
            if each.raw_value != value:
                each.raw_value = value
