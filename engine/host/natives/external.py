"""VST3 plugins and Audio Units: where they lie, and more of the same.

pedalboard does not tell which file a plugin came from. But it tells an identifier, and in it the hash of the path: so
the file is found among those that `load_plugin` was given, those that are installed, and those that this process has
in memory. With path, name, state and parameters a plugin can be made again: as the clone that a stream plays, from a
pickle, from a preset.

Plugins can only be made on the thread that made the first one (JUCE calls it the message thread). Ours are made on one
thread of our own, so that whoever loads a preset or starts a stream may do so from any. Where the first one was made
elsewhere, by pedalboard's own `load_plugin`, more can be made there alone.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import gc
import os
import re
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pedalboard
from pedalboard import Chain, ExternalPlugin

from dreampedal.engine.host.natives.external_parameters import raw_values, set_parameter, turn
from dreampedal.engine.runtime.stderr import discard_stderr

_CLASSES: list[Any] = [
    found for name in ("VST3Plugin", "AudioUnitPlugin") if (found := vars(pedalboard).get(name)) is not None
]
_FILES: dict[str, str] = {}
"""The file of each identifier that was found."""


@dataclass(frozen=True)
class External:
    """All that a plugin is made again from: plain data."""

    kind: str
    """`VST3Plugin` or `AudioUnitPlugin`."""
    path: str
    name: str
    state: bytes
    values: tuple[float, ...]
    """Each parameter that a host may set, from 0 to 1."""

    @classmethod
    def of(cls, plugin: ExternalPlugin) -> External | None:
        """What `plugin` is made again from; None if its file cannot be found."""
        path = file_of(plugin)
        found: Any = plugin
        if path is None:
            return None
        return cls(type(plugin).__name__, path, found.name, found.raw_state, raw_values(plugin))

    def made(self) -> ExternalPlugin:
        """A new plugin. ValueError if it cannot be loaded; RuntimeError on a thread that can load none."""
        plugin = _loaded(self.path, self.name, [cls for cls in _CLASSES if cls.__name__ == self.kind])
        restore(plugin, self.state)
        turn(plugin, self.values)
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
    from dreampedal.engine.host.natives.habits import require_loads

    file = os.path.abspath(os.fspath(path)).rstrip(os.sep)
    if not os.path.exists(file):
        raise ValueError(f"{file}: no such file; expected a VST3 plugin or an Audio Unit")
    require_loads(file, plugin_name)
    plugin = _loaded(file, plugin_name, _CLASSES)
    for name, value in (parameter_values or {}).items():
        set_parameter(plugin, name, value)
    return plugin


def file_of(plugin: ExternalPlugin) -> str | None:
    """The path of a plugin's file, if it can be found, and is still there."""
    found: Any = plugin
    identifier = str(found.identifier)
    if identifier not in _FILES:
        told = identifier.rsplit("-", 2)[-2]
        for candidate in _candidates(type(plugin)):
            if f"{_hash(candidate):x}" == told:
                _FILES[identifier] = candidate
                break
    path = _FILES.get(identifier)
    return path if path and os.path.exists(path) else None


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
    recipe = External.of(plugin)
    try:
        return recipe.made() if recipe else plugin
    except (RuntimeError, ValueError):
        return plugin


def clears_on_reset(plugin: ExternalPlugin) -> bool:
    """Whether `reset` clears the memory; else pedalboard loads the plugin anew, which one thread alone can do."""
    return bool(getattr(plugin, "_reload_type", None) == _CLEARS)


_CLEARS = getattr(getattr(pedalboard, "ExternalPluginReloadType", None), "ClearsAudioOnReset", None)


def load_unasked(path: str, name: str | None) -> ExternalPlugin:
    """A plugin from its file, in this process; a ValueError if it cannot be loaded."""
    return _loaded(path, name, _CLASSES)


def _loaded(path: str, name: str | None, classes: list[Any]) -> ExternalPlugin:
    """A plugin with its parameters unread."""
    errors = []
    for cls in classes:
        try:
            plugin: Any = where_it_can_be(functools.partial(_bare, cls, path, name))
        except ImportError as error:
            errors.append(str(error).splitlines()[0])
            continue
        except (ValueError, RuntimeError) as error:
            raise ValueError(" ".join(str(error).split())) from error
        _FILES[str(plugin.identifier)] = path
        _close_quietly(plugin)
        found: ExternalPlugin = plugin
        return found
    raise ValueError(f"{path} cannot be loaded: {'; '.join(errors) or 'this system plays no such plugins'}")


def _bare(cls: Any, path: str, name: str | None) -> Any:
    with discard_stderr(), _unread_parameters(), _usual_floats():
        return cls(path, plugin_name=name)


@contextmanager
def _usual_floats() -> Iterator[None]:
    """Leave this thread's arithmetic as it was.

    A library that was compiled with -ffast-math turns off numbers below 1e-38 for the thread that loads it, and every
    kernel that runs there afterwards rounds otherwise than before.
    """
    kept = ctypes.create_string_buffer(_FLOATS_BYTES)
    try:
        system = ctypes.CDLL(None)
        get, put = system.fegetenv, system.fesetenv
    except (AttributeError, OSError, TypeError):  # a system whose C library is found otherwise
        yield
        return
    get(kept)
    try:
        yield
    finally:
        put(kept)


_FLOATS_BYTES = 512
"""More than C's `fenv_t` takes anywhere."""


_HELD: dict[int, tuple[Any, Chain]] = {}
_GONE: list[Any] = []
_COLLECTING: list[bool] = []


def _close_quietly(plugin: Any) -> None:
    """Let a plugin write nothing on the terminal as it closes: hold it until nobody else does, and then let it go.

    What lives on until the end of the program closes after everything else, when nothing more is to be said.
    """
    if _collected not in gc.callbacks:
        gc.callbacks.append(_collected)
    _HELD[id(plugin)] = weakref.ref(plugin, functools.partial(_gone, id(plugin))), Chain([plugin])


def _gone(key: int, _: Any) -> None:
    """Nobody else holds a plugin; or the garbage collector is about to let it go, and tells it beforehand."""
    _GONE.append(_HELD.pop(key, None))
    if not _COLLECTING:
        with discard_stderr():
            _GONE.clear()


def _collected(phase: str, _: Any) -> None:
    """What the garbage collector calls before and after."""
    if phase == "start":
        _COLLECTING.append(True)
    else:
        _COLLECTING.clear()
        if _GONE:
            with discard_stderr():
                _GONE.clear()


@atexit.register
def _end_quietly() -> None:
    if _HELD or _GONE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def where_it_can_be(make: Callable[[], Any]) -> Any:
    """What `make` makes, on our own thread or, if the first plugin of all was made elsewhere, on this one."""
    if threading.current_thread() in _threads():
        return make()
    try:
        return _maker().submit(make).result()
    except RuntimeError as error:
        if "main thread" not in str(error):
            raise
        return make()


_makers: list[ThreadPoolExecutor] = []
_making = threading.Lock()


def _maker() -> ThreadPoolExecutor:
    with _making:
        if not _makers:
            _makers.append(ThreadPoolExecutor(1, "plugins"))
        return _makers[0]


def _threads() -> set[threading.Thread]:
    return set().union(*(getattr(maker, "_threads", ()) for maker in _makers))


def _forget_makers() -> None:
    """A thread does not outlive a fork."""
    global _making
    _makers.clear()
    _making = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_makers)


@contextmanager
def _unread_parameters() -> Iterator[None]:
    """Let pedalboard read no parameters as it makes a plugin on this thread; it does so when one is asked for."""
    mixin = getattr(pedalboard._pedalboard, "_PythonExternalPluginMixin", None)
    name, here = "__set_initial_parameter_values__", threading.get_ident()
    read = getattr(mixin, name, None)
    if read is None:
        yield
        return

    def unread(plugin: Any, values: Any) -> None:
        if threading.get_ident() != here or values:
            read(plugin, values)

    with _reading:
        setattr(mixin, name, unread)
        try:
            yield
        finally:
            setattr(mixin, name, read)


_reading = threading.RLock()
