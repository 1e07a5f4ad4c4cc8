"""VST3 plugins and Audio Units: which file one came from, and more of the same.

pedalboard does not tell which file a plugin came from. But it tells an identifier, and in it the hash of the path: so
the file is found among those that `load_plugin` was given, those that are installed, and those that this process has
in memory. With path, name, state and parameters a plugin can be made again: as the clone that a stream plays, from a
pickle, from a preset.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pedalboard
from pedalboard import ExternalPlugin

from dreampedal.engine.host.natives.external.loading import loaded
from dreampedal.engine.host.natives.external.parameters import raw_values, set_parameter, set_raw_values
from dreampedal.engine.host.natives.external.trial import require_loads
from dreampedal.engine.runtime.stderr import discard_stderr

_FILES: dict[str, str] = {}
"""The file of each identifier that was found."""


@dataclass(frozen=True)
class ExternalRecipe:
    """All that a plugin is made again from: plain data."""

    kind: str
    """`VST3Plugin` or `AudioUnitPlugin`."""
    path: str
    name: str
    state: bytes
    values: tuple[float, ...]
    """Each parameter that a host may set, from 0 to 1."""

    @classmethod
    def of(cls, plugin: ExternalPlugin) -> ExternalRecipe | None:
        """What `plugin` is made again from; None if its file cannot be found."""
        path = file_of(plugin)
        found: Any = plugin
        if path is None:
            return None
        return cls(type(plugin).__name__, path, found.name, found.raw_state, raw_values(plugin))

    def made(self) -> ExternalPlugin:
        """A new plugin. ValueError if it cannot be loaded."""
        plugin = load_untried(self.path, self.name, self.kind)
        restore(plugin, self.state)
        set_raw_values(plugin, self.values)
        return plugin


def load_plugin(
    path: str | os.PathLike[str],
    parameter_values: Mapping[str, Any] | None = None,
    plugin_name: str | None = None,
) -> ExternalPlugin:
    """A VST3 plugin or an Audio Unit from its file, for a board.

    It is the plugin that `pedalboard.load_plugin` gives, with differences: it is loaded in a process of its own first,
    so that one that crashes or hangs as it loads is refused; its parameters are read when they are asked for, where
    pedalboard reads a thousand texts of each at once (a hundred seconds for a convolution reverb); and a board that
    holds it can be made ready on any thread. For that it lives on a thread of our own: its editor cannot be shown, and
    played alone, without a board, some plugins want `reset=False`. For these, take pedalboard's.

    Raises:
        ValueError: for a file that is no plugin or cannot be loaded, for an unknown plugin name or parameter, or a
            value that the plugin refuses.
    """
    file = os.path.abspath(os.fspath(path)).rstrip(os.sep)
    if not os.path.exists(file):
        raise ValueError(f"{file}: no such file; expected a VST3 plugin or an Audio Unit")
    require_loads(file, plugin_name)
    plugin = load_untried(file, plugin_name)
    for name, value in (parameter_values or {}).items():
        set_parameter(plugin, name, value)
    return plugin


def load_untried(path: str, name: str | None, kind: str | None = None) -> ExternalPlugin:
    """A plugin from its file, in this process, which remembers the file; a ValueError if it cannot be loaded."""
    plugin = loaded(path, name, kind)
    _FILES[_identifier(plugin)] = path
    return plugin


def file_of(plugin: ExternalPlugin) -> str | None:
    """The path of a plugin's file, if it can be found, and is still there."""
    identifier = _identifier(plugin)
    if identifier not in _FILES:
        told = identifier.rsplit("-", 2)[-2]
        for candidate in _candidates(type(plugin)):
            if f"{_hash(candidate):x}" == told:
                _FILES[identifier] = candidate
                break
    path = _FILES.get(identifier)
    return path if path and os.path.exists(path) else None


def _identifier(plugin: Any) -> str:
    return str(plugin.identifier)


def _hash(text: str) -> int:
    """JUCE's hash of a string."""
    total = 0
    for character in text:
        total = (31 * total + ord(character)) & 0xFFFFFFFF
    return total


def _candidates(cls: Any) -> Iterator[str]:
    """Plugins that are installed; on Linux also the bundles, and the bare files, of what is in memory."""
    yield from cls.installed_plugins
    try:
        maps = Path("/proc/self/maps").read_text(errors="replace")
    except OSError:
        return
    for file in dict.fromkeys(re.findall(r"(/.*\.(?:so|vst3))$", maps, re.MULTILINE)):
        yield from (file, *(str(parent) for parent in Path(file).parents if parent.suffix == ".vst3"))


def restore(plugin: ExternalPlugin, state: bytes) -> None:
    """Set the state. Not by assignment, which pedalboard would compare with the name of every parameter first."""
    found: Any = type(plugin)
    with discard_stderr():
        found.raw_state.fset(plugin, state)


def clone_of_external(plugin: ExternalPlugin) -> ExternalPlugin:
    """Another plugin of the same file, state and parameters; `plugin` itself where none can be made."""
    recipe = ExternalRecipe.of(plugin)
    try:
        return recipe.made() if recipe else plugin
    except (RuntimeError, ValueError):
        return plugin


def clears_on_reset(plugin: ExternalPlugin) -> bool:
    """Whether `reset` clears the memory; else pedalboard loads the plugin anew, which one thread alone can do."""
    return bool(getattr(plugin, "_reload_type", None) == _CLEARS)


_CLEARS = getattr(getattr(pedalboard, "ExternalPluginReloadType", None), "ClearsAudioOnReset", None)
