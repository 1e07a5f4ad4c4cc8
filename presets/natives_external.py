"""VST3 plugins and Audio Units as tables, and back.

    [[effects]]
    type = "pedalboard.VST3Plugin"
    path_to_plugin_file = "/usr/lib/vst3/ZamComp.vst3"
    plugin_name = "ZamComp"
    raw_state = "VkMyIeQAAAA8P3htb..."
    raw_values = [0.0, 0.0990990991, ...]

    [effects.parameter_values]
    threshold_db = -20.0
    ratio = 4.0

`raw_state` is what the plugin knows of itself, as base64; a parameter that was set and not played yet is in
`raw_values` alone, from 0 to 1 each, in the plugin's order. `parameter_values` are what it shows of them: a number that
is edited there counts, one that is left as it is changes nothing. A table that is written by hand needs the path alone.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
from pedalboard import ExternalPlugin

from dreampedal.engine.host.natives.external.parameters import set_parameter, set_raw_values, shown_values
from dreampedal.engine.host.natives.external.plugin import ExternalRecipe, load_plugin, restore
from dreampedal.engine.host.natives.external.trial import require_loads
from dreampedal.presets.toml_text import require_known

KEYS = {
    "path_to_plugin_file": "text",
    "plugin_name": "text",
    "raw_state": "text",
    "raw_values": "list of numbers from 0 to 1",
    "parameter_values": "table",
}
"""What such a table holds beside its type."""


def external_from(type_name: str, values: dict[str, Any], where: str) -> ExternalPlugin:
    """The plugin of a table, or a ValueError that names `where`, the key and what it takes."""
    require_known(values, KEYS, where)
    for key, value in values.items():
        if not _fits(KEYS[key], value):
            raise ValueError(f"{where}.{key} = {value!r}: expected a {KEYS[key]}")
    if "path_to_plugin_file" not in values:
        raise ValueError(f"{where}: path_to_plugin_file is missing: expected the path of the plugin")
    path, name = _found(values["path_to_plugin_file"], type_name), values.get("plugin_name")
    state = _state(values.get("raw_state", ""), where)
    try:
        if state:
            require_loads(path, name, state)
        plugin = load_plugin(path, plugin_name=name)
        if state:
            restore(plugin, state)
        set_raw_values(plugin, tuple(values.get("raw_values", ())))
        shown = shown_values(plugin)
        for key, value in values.get("parameter_values", {}).items():
            if key not in shown or shown[key] != value:
                set_parameter(plugin, key, value)
    except ValueError as error:
        raise ValueError(f"{where} ({type_name}): {error}") from error
    return plugin


def external_table(plugin: ExternalPlugin) -> dict[str, Any]:
    """What `external_from` makes an equal plugin of; a ValueError if its file is not found."""
    recipe = ExternalRecipe.of(plugin)
    if recipe is None:
        raise ValueError(f"{plugin!r} does not tell its file: load it with dreampedal.load_plugin, which remembers it")
    return {
        "type": f"pedalboard.{recipe.kind}",
        "path_to_plugin_file": recipe.path,
        "plugin_name": recipe.name,
        "raw_state": base64.b64encode(recipe.state).decode(),
        "raw_values": [float(str(np.float32(value))) for value in recipe.values],
        "parameter_values": shown_values(plugin),
    }


def _fits(kind: str, value: Any) -> bool:
    if kind == "text" or kind == "table":
        return isinstance(value, str if kind == "text" else dict)
    numbers = isinstance(value, list) and all(isinstance(each, int | float) for each in value)
    return numbers and all(0 <= each <= 1 for each in value)


def _found(path: str, type_name: str) -> str:
    """A plugin's file where the preset has it, or one of the same name among those that are installed here."""
    cls: Any = vars(pedalboard)[type_name.rpartition(".")[2]]
    if os.path.exists(path):
        return path
    return next((other for other in cls.installed_plugins if Path(other).name == Path(path).name), path)


def _state(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{where}.raw_state is no base64 ({error}): expected what a plugin's raw_state was") from error
