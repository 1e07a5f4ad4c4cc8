"""Keeping audio libraries off the terminal: ALSA, JACK and PortAudio write there from C whatever they find unusual."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.RLock()


@contextmanager
def discard_stderr() -> Iterator[None]:
    """Send what is written to standard error's file meanwhile nowhere: in all threads, so keep it short."""
    with _lock:
        if sys.stderr is not None:
            sys.stderr.flush()
        try:
            kept = os.dup(2)
        except OSError:  # no standard error at all: nothing to keep quiet
            yield
            return
        try:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
