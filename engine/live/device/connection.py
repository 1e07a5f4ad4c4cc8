"""A connection to an audio device: one PortAudio stream whose callback swaps blocks with an exchange."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.live.device import portaudio
from dreampedal.engine.live.device.devices import Device
from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.exchange.swap import INPUT_LOST, OUTPUT_LOST
from dreampedal.engine.runtime.stderr import discard_stderr

SILENT_SECONDS = 1.0
"""A device that asks for no block for so long is gone."""

LOOK_SECONDS = 0.5
"""Most that counts between two looks: a program that was held up itself has not listened for longer."""

UNBELIEVABLE_SECONDS = 10.0


class Connection:
    """Opened on an input and an output device.

    A JACK server is asked for its own callbacks, of which the exchange makes blocks: PortAudio would do it too, with a
    buffer of one block that is there even where none is needed, and a call of Python for each block.
    """

    def __init__(self, exchange: Exchange, devices: tuple[Device, Device], columns: tuple[int, int]) -> None:
        sounddevice = portaudio.portaudio()
        exchange.warm()
        exchange.begin_anew()
        self._exchange = exchange
        self._ended = False
        self._seen, self._looked, self._silent = -1, time.monotonic(), 0.0
        self._together = 0
        self._devices = devices
        with discard_stderr():
            self._stream = sounddevice.Stream(
                samplerate=exchange.sample_rate,
                blocksize=0 if exchange.pacing.callbacks else exchange.block_size,
                device=(devices[0].number, devices[1].number),
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
        first, last = map(float, self._stream.latency)
        # PortAudio's figures for JACK run below zero, and around to days.
        return (
            first if 0 <= first < UNBELIEVABLE_SECONDS else self._devices[0].low_in,
            last if 0 <= last < UNBELIEVABLE_SECONDS else self._devices[1].low_out,
        )

    def is_lost(self) -> bool:
        """Whether the device went away: its stream ended, or it asks for nothing any more."""
        now, captured = time.monotonic(), self._exchange.captured
        self._silent = 0.0 if captured != self._seen else self._silent + min(now - self._looked, LOOK_SECONDS)
        self._seen, self._looked = captured, now
        patience = SILENT_SECONDS + 8 * self._exchange.block_size / self._exchange.sample_rate
        return self._ended or not self._stream.active or self._silent > patience

    def together(self) -> int:
        """Samples that come at a time where the exchange is not made for so many, at two looks in a row; else 0."""
        before, self._together = self._together, self._exchange.together
        return before if before == self._together and not self._exchange.pacing.fits(before) else 0

    def close(self) -> None:
        """Let go of the device, even if it is gone."""
        portaudio.close(self._stream)

    def _callback(
        self, indata: NDArray[np.float32], outdata: NDArray[np.float32], frames: int, times: Any, status: Any
    ) -> None:
        self._exchange.swap(indata, outdata, time.perf_counter())
        if status:
            self._xrun(status)

    def _xrun(self, status: Any) -> None:
        if status.input_overflow or status.input_underflow:
            self._exchange.xrun(INPUT_LOST)
        if status.output_underflow or status.output_overflow:
            self._exchange.xrun(OUTPUT_LOST)

    def _finished(self) -> None:
        self._ended = True
