"""A connection to an audio device: one PortAudio stream whose callback swaps blocks with an exchange."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .exchange import INPUT_LOST, OUTPUT_LOST, Exchange

SILENT_SECONDS = 1.0
"""A device that asks for no block for so long is gone."""


class Connection:
    """Opened on devices by their numbers. `wake` is a locked lock that each callback releases."""

    def __init__(
        self, exchange: Exchange, wake: threading.Lock, devices: tuple[int, int], columns: tuple[int, int]
    ) -> None:
        import sounddevice

        exchange.warm()
        self._exchange, self._wake = exchange, wake
        self._ended = False
        self._seen, self._seen_at = -1, time.monotonic()
        self._stream = sounddevice.Stream(
            samplerate=exchange.sample_rate,
            blocksize=exchange.block_size,
            device=devices,
            channels=columns,
            dtype="float32",
            latency="low",
            callback=self._callback,
            finished_callback=self._finished,
            clip_off=True,
            dither_off=True,
        )
        self._stream.start()

    @property
    def seconds(self) -> tuple[float, float]:
        """What the device says of its latency, in and out."""
        first, last = self._stream.latency
        return float(first), float(last)

    def is_lost(self) -> bool:
        """Whether the device went away: its stream ended, or it asks for nothing any more."""
        now, captured = time.monotonic(), self._exchange.captured
        if captured != self._seen:
            self._seen, self._seen_at = captured, now
        patience = SILENT_SECONDS + 8 * self._exchange.block_size / self._exchange.sample_rate
        return self._ended or now - self._seen_at > patience

    def close(self) -> None:
        """Let go of the device, even if it is gone."""
        self._stream.close(ignore_errors=True)

    def _callback(
        self, indata: NDArray[np.float32], outdata: NDArray[np.float32], frames: int, times: Any, status: Any
    ) -> None:
        self._exchange.swap(indata, outdata, time.perf_counter())
        if status:
            self._xrun(status)
        if self._wake.locked():
            self._wake.release()

    def _xrun(self, status: Any) -> None:
        if status.input_overflow or status.input_underflow:
            self._exchange.xrun(INPUT_LOST)
        if status.output_underflow or status.output_overflow:
            self._exchange.xrun(OUTPUT_LOST)

    def _finished(self) -> None:
        self._ended = True
