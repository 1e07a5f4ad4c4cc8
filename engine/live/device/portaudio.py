"""The PortAudio library, loaded when it is first needed, and replaced when a JACK server dies under it.

PortAudio cannot let go of a JACK server that is gone: closing a stream waits ten minutes for a callback that never
comes, and terminating aborts the process (PortAudio's issues 820 and 879). So what hangs on a dead server is left where
it is, and a fresh copy of the library takes over; nothing of the old one is called again.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from dreampedal.engine.runtime.stderr import discard_stderr

JACK = "JACK Audio Connection Kit"

PATIENCE_SECONDS = 3.0
"""For a server to answer. It takes one of its periods, some ms."""

_left: list[Any] = []
"""Libraries and streams of servers that died. Their threads may still read them."""


def portaudio() -> Any:
    """The module sounddevice, which loads the PortAudio library.

    Raises:
        ValueError: if the library is not there, in one line that says what to install.
    """
    try:
        import sounddevice
    except OSError as error:
        remedy = (
            "apt install libportaudio2, or your system's package of it"
            if sys.platform == "linux"
            else "pip install --force-reinstall sounddevice"
        )
        raise ValueError(f"no PortAudio library, which plays and records: {remedy}") from error
    _mind_the_exit()
    return sounddevice


def refresh() -> None:
    """Look for devices anew: some may have come or gone. Only while no stream is open: it would end all of them."""
    sounddevice = portaudio()
    if is_alive():
        sounddevice._terminate()
        sounddevice._initialize()
    else:
        _replace()


def close(stream: Any) -> None:
    """Close a stream, or leave it where it is if its JACK server is gone."""
    if not _jack_device():
        stream.close(ignore_errors=True)
    elif not _in_time(lambda: _answers() and stream.close(ignore_errors=True) is None):
        _left.append(stream)
        _replace()


def is_alive() -> bool:
    """Whether the JACK server that PortAudio found is still there; also true where it found none."""
    return not _jack_device() or _in_time(_answers)


def _jack_device() -> dict[str, Any] | None:
    """A device of the JACK server, as it was when PortAudio was initialised."""
    sounddevice = portaudio()
    numbers: list[int] = next((api["devices"] for api in sounddevice.query_hostapis() if api["name"] == JACK), [])
    return dict(sounddevice.query_devices(numbers[0])) if numbers else None


def _answers() -> bool:
    """Whether a stream can be opened, which a dead server refuses at once."""
    sounddevice, device = portaudio(), _jack_device()
    assert device is not None
    kind = sounddevice.RawInputStream if device["max_input_channels"] else sounddevice.RawOutputStream
    with discard_stderr(), suppress(sounddevice.PortAudioError):
        kind(device=device["index"], channels=1, dtype="float32", callback=lambda *_: None).close()
        return True
    return False


def _in_time(ask: Callable[[], bool]) -> bool:
    """What `ask` returns; false if it does not return in time."""
    answers: list[bool] = []
    asking = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    asking.start()
    asking.join(PATIENCE_SECONDS)
    return bool(answers and answers[0])


def _replace() -> None:
    """Load a fresh copy of the library: a loader gives the same one again for the same file."""
    sounddevice = portaudio()
    _left.append(sounddevice._lib)
    with tempfile.TemporaryDirectory() as folder:
        sounddevice._lib = sounddevice._ffi.dlopen(shutil.copy(_library_file(), folder))
    sounddevice._initialized = 0
    sounddevice._initialize()


def _library_file() -> Path:
    """Where the library was loaded from."""
    name = str(portaudio()._libname)
    maps = Path("/proc/self/maps")
    if Path(name).is_absolute() or not maps.exists():
        return Path(name)
    loaded = (line.split(maxsplit=5)[-1].strip() for line in maps.read_text().splitlines() if "/" in line)
    return next(Path(file) for file in loaded if "libportaudio" in file and Path(file).exists())


@cache
def _mind_the_exit() -> None:
    """Be asked at exit before sounddevice is, which would terminate."""
    atexit.register(_leave)


def _leave() -> None:
    """At exit: terminate nothing that hangs on a dead server."""
    if not is_alive():
        portaudio()._initialized = 0
