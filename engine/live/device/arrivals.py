"""How a device really asks for sound: a bare stream is opened for a moment, and its callbacks are timed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.live.device.devices import Device
from dreampedal.engine.live.device.portaudio import JACK, close, portaudio
from dreampedal.engine.live.exchange.swap import TOGETHER
from dreampedal.engine.runtime.stderr import discard_stderr

LOOK_SECONDS = 2.0
"""Longest that a server may take for its first callbacks."""

SETTLE_SECONDS = 0.5
"""In which a server rearranges its clients."""

MOST_CALLBACKS = 1 << 16


@dataclass(frozen=True)
class Arrivals:
    """Callbacks of a device over some time. Times are in seconds."""

    samples: int
    """Of each callback; of the largest, where they differ."""
    together: int
    """Samples that come at a time, in one callback or in several at once; the usual figure."""
    callbacks: int
    """Of a turn: 1, or as many as come at once."""
    turns: int
    """How often samples came."""
    period: float
    """From one turn to the next; the usual figure."""
    jitter_p95: float
    """By how much 19 of 20 turns at most come later or sooner than they should after the one before."""
    early_p95: float
    """The same of coming sooner alone, which takes time from the worker."""
    longest: float
    """Longest time from one turn to the next."""
    xruns: int

    @property
    def is_burst(self) -> bool:
        """Whether several callbacks come at once."""
        return self.callbacks > 1


def server_callbacks(device: Device, sample_rate: float) -> tuple[int, ...]:
    """Samples of each callback in a period of a JACK server; empty for other devices, or if nothing comes.

    PortAudio tells the server's latency, which is its period only where nobody has corrected it. So we look.
    """
    if device.host_api != JACK:
        return ()
    seen = _Seen(enough=4)
    stream = portaudio().RawOutputStream
    with discard_stderr():
        opened = stream(
            device=device.number, channels=1, dtype="float32", samplerate=sample_rate, blocksize=0,
            callback=seen.callback,
        )  # fmt: skip
        opened.start()
    seen.done.wait(LOOK_SECONDS)
    close(opened)
    # Every callback of one turn tells the same time. The last turn may not be over, and the first is like no other.
    turns = [tuple(int(samples) for samples, _ in turn) for _, turn in groupby(seen.told, lambda each: each[1])]
    return turns[-2] if len(turns) > 2 else ()


def arrivals(
    devices: tuple[Device, Device], sample_rate: float, block_size: int, seconds: float, columns: tuple[int, int]
) -> Arrivals | None:
    """Play silence for some seconds, with blocks of a size or, at 0, the device's own; None if nothing can be told."""
    seen = _Seen(MOST_CALLBACKS)
    with discard_stderr():
        opened = portaudio().RawStream(
            device=(devices[0].number, devices[1].number), channels=columns, dtype="float32", samplerate=sample_rate,
            blocksize=block_size, latency="low", callback=seen.through,
        )  # fmt: skip
        opened.start()
    time.sleep(SETTLE_SECONDS)
    first, xruns = seen.count, seen.xruns
    time.sleep(seconds)
    last, xruns = seen.count, seen.xruns - xruns
    close(opened)
    times, samples = seen.table[first:last].T
    return summary(times, samples, sample_rate, xruns) if last > first + 1 else None


def summary(
    times: NDArray[np.float64], samples: NDArray[np.float64], sample_rate: float, xruns: int = 0
) -> Arrivals | None:
    """What times of callbacks, in seconds, and their samples come to; None if there was but one turn.

    >>> at = np.repeat(np.arange(9) * 1024 / 48_000, 8) + np.tile(np.arange(8), 9) * 1e-5
    >>> found = summary(at, np.full(72, 128.0), 48_000)
    >>> found.samples, found.together, found.callbacks, round(1000 * found.period, 2), round(found.jitter_p95, 3)
    (128, 1024, 8, 21.33, 0.0)
    """
    begins = np.concatenate([[True], np.diff(times) > TOGETHER * samples[:-1] / sample_rate])
    first = np.flatnonzero(begins)
    if first.size < 2:
        return None
    brought = np.add.reduceat(samples, first)[:-1]
    calls = np.diff(first)
    gaps = np.diff(times[first])
    uneven = gaps - brought / sample_rate
    return Arrivals(
        samples=int(samples.max()),
        together=int(np.median(brought)),
        callbacks=int(np.median(calls)),
        turns=int(gaps.size),
        period=float(np.median(gaps)),
        jitter_p95=float(np.quantile(np.abs(uneven), 0.95)),
        early_p95=max(0.0, float(np.quantile(-uneven, 0.95))),
        longest=float(gaps.max()),
        xruns=xruns,
    )


class _Seen:
    """What callbacks leave: their samples, and when they came or what time they told."""

    def __init__(self, enough: int) -> None:
        self.table = np.zeros((enough, 2))
        self.count = self.xruns = 0
        self.told: list[tuple[int, float]] = []
        self.done = threading.Event()
        self._enough = enough

    def callback(self, outdata: Any, frames: int, times: Any, status: Any) -> None:
        """Of a server whose period we want to know: until there are enough different times."""
        outdata[:] = bytes(len(outdata))
        if not self.done.is_set():
            self.told.append((frames, times.currentTime))
            if len({told for _, told in self.told}) >= self._enough:
                self.done.set()

    def through(self, indata: Any, outdata: Any, frames: int, times: Any, status: Any) -> None:
        """Of a device whose callbacks are timed."""
        now = time.perf_counter()
        outdata[:] = bytes(len(outdata))
        if self.count < len(self.table):
            self.table[self.count] = now, frames
            self.count += 1
        if status:
            self.xruns += 1
