"""What Python itself does to a stream: threads that keep the interpreter, and garbage that is collected."""

from __future__ import annotations

import gc
import os
import sys
import threading

SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter from another; Python's default, 5 ms, is longer than a block."""

PRIORITY = 40
"""Of the worker, where real time may be had: under that of an audio server."""

_lock = threading.Lock()
_streams = 0
_usual = sys.getswitchinterval()


def be_live() -> None:
    """A stream begins: threads give way sooner, and what exists by now is never searched for garbage again."""
    global _streams, _usual
    with _lock:
        _streams += 1
        if _streams == 1:
            _usual = sys.getswitchinterval()
            sys.setswitchinterval(min(_usual, SWITCH_SECONDS))
            gc.collect()
            gc.freeze()


def be_usual() -> None:
    """A stream ended; with the last of them everything is as before."""
    global _streams
    with _lock:
        _streams -= 1
        if _streams == 0:
            sys.setswitchinterval(_usual)
            gc.unfreeze()


def ask_for_real_time() -> bool:
    """Real-time priority for the calling thread; whether the system grants it."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    try:
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_RR, os.sched_param(PRIORITY))
    except OSError:
        return False
    return True
