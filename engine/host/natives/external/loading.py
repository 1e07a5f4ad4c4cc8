"""VST3 plugins and Audio Units from their files.

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
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pedalboard
from pedalboard import Chain, ExternalPlugin

from dreampedal.engine.runtime.stderr import discard_stderr

KINDS = "VST3Plugin", "AudioUnitPlugin"
"""What pedalboard calls their classes; a system has one of them or both."""


def loaded(path: str, name: str | None, kind: str | None = None) -> ExternalPlugin:
    """A plugin from its file, its parameters unread, of any kind or of one. ValueError if it cannot be loaded."""
    errors = []
    for cls in [found for each in KINDS if kind in (None, each) and (found := vars(pedalboard).get(each))]:
        try:
            plugin: ExternalPlugin = where_it_can_be(functools.partial(_bare, cls, path, name))
        except ImportError as error:
            errors.append(str(error).splitlines()[0])
            continue
        except (ValueError, RuntimeError) as error:
            raise ValueError(" ".join(str(error).split())) from error
        _close_quietly(plugin)
        return plugin
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
    if getattr(_here, "makes_plugins", False):
        return make()
    try:
        return _maker.submit(make).result()
    except RuntimeError as error:
        if "main thread" not in str(error):
            raise
        return make()


_here = threading.local()
_maker: ThreadPoolExecutor


def _begin_making() -> None:
    """Our own thread begins with the first plugin. It does not outlive a fork: each process has its own."""
    global _maker
    _maker = ThreadPoolExecutor(1, "plugins", setattr, (_here, "makes_plugins", True))


_begin_making()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_making)


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
