"""The round trip, measured: a sweep goes out of a device, comes back by a cable, and is found again.

A probe takes the place of the board, so that nothing of the input ever reaches the output: a cable between them makes
no feedback. The sweep is found by its matched filter (cross-correlation), which no noise of a room or a preamplifier
hides; its delay is what the ledger calls device in, buffering and device out together.

Sweep: Farina 2000, "Simultaneous measurement of impulse response and distortion with a swept-sine technique".
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import chirp, correlate

from dreampedal.engine.host.board import Board, Rack
from dreampedal.engine.host.contract.effect import Effect, Stream
from dreampedal.engine.host.contract.parameters import parameters_of
from dreampedal.engine.live.device.devices import Device
from dreampedal.engine.live.ledger import Ledger
from dreampedal.engine.live.player.changes import paths
from dreampedal.engine.live.player.mirror import clone_of
from dreampedal.engine.live.stream import LiveStream
from dreampedal.engine.runtime.blocks import Block

SWEEP_SECONDS = 0.2
SWEEP_PEAK = 0.125
"""-18 dBFS."""

EVERY_SECONDS = 1.0
"""From one sweep to the next, and the longest round trip that can be told."""

LISTEN_SECONDS = 12.0
WANTED = 3
"""Sweeps in a row that must come back after the same time, to a sample."""

LIKENESS = 0.5
"""Least correlation with the sweep, of 1, of what is taken for it."""


@dataclass(frozen=True)
class RoundTrip:
    """What came back."""

    samples: int
    """From the board's output through the device back to its input, buffering included."""
    gain_db: float
    """Level of what came back over that of what went out."""
    block_size: int
    """That it was played in."""
    ledger: Ledger
    """What the stream said meanwhile; nothing but the device and buffering is in it."""


class Probe(Effect, family=True):
    """Plays sweeps and keeps what it hears, for as long as there is room. The input goes nowhere else."""

    def __init__(self, sample_rate: float, channels: int, seconds: float = LISTEN_SECONDS) -> None:
        super().__init__()
        self.sweep = sweep(sample_rate)
        self.period = round(EVERY_SECONDS * sample_rate)
        self.heard = np.zeros((channels, round(seconds * sample_rate)), np.float32)
        self.progress = np.zeros(1, np.int64)
        """Samples heard by now."""

    def latency_at(self, sample_rate: float) -> int:
        """None."""
        return 0

    def stream(self, sample_rate: float, channels: int, max_block: int = 8192) -> Stream:
        """A stream that starts from silence."""
        return ProbeStream(self)

    def delays(self) -> list[tuple[int, float]]:
        """Of each sweep whose time is over: its delay in samples and its gain, or a gain of 0 if it was not heard."""
        whole = int(self.progress[0]) // self.period
        parts = [self.heard[:, at * self.period : (at + 1) * self.period] for at in range(whole)]
        return [found(part[np.abs(part).max(1).argmax()], self.sweep) for part in parts]


class ProbeStream:
    """A running probe."""

    latency = 0

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._played = np.zeros(probe.period, np.float32)
        self._played[: probe.sweep.size] = probe.sweep
        probe.heard[:] = 0
        probe.progress[0] = 0

    def process(self, block: Block) -> Block:
        """`(channels, n)` in, the sweep on all channels out."""
        probe, samples = self._probe, block.shape[1]
        at = int(probe.progress[0])
        room = max(0, min(samples, probe.heard.shape[1] - at))
        probe.heard[:, at : at + room] = block[:, :room]
        played = self._played[np.arange(at, at + samples) % probe.period]
        probe.progress[0] = at + samples
        return np.ascontiguousarray(np.broadcast_to(played, block.shape))


def round_trip(**device: Any) -> RoundTrip:
    """Measure the round trip through a device whose output is connected to its input.

    Args:
        device: as for `LiveStream`: input, output, sample_rate, channels, block_size, buffer_blocks.

    Raises:
        ValueError: if nothing comes back, or never twice after the same time; or as `LiveStream`.
    """
    # The probe must know the rate and the channels that the device is opened with.
    opened = LiveStream(Board(), **device)
    rate, channels = opened.sample_rate, opened.channels
    probe = Probe(rate, channels)
    with LiveStream(Board([probe]), **(device | {"sample_rate": rate, "channels": channels})) as live:
        until = time.monotonic() + LISTEN_SECONDS
        while time.monotonic() < until:
            time.sleep(EVERY_SECONDS / 4)
            last = probe.delays()[-WANTED:]
            if agrees(last):
                return RoundTrip(last[-1][0], 20 * float(np.log10(last[-1][1])), live.block_size, live.ledger)
    if not any(gain for _, gain in probe.delays()):
        raise ValueError(f"nothing came back in {LISTEN_SECONDS:g} seconds: {to_connect(live.output, live.input)}")
    raise ValueError("what came back was never twice as late as before: the device loses samples, try larger blocks")


def to_connect(output: Device, input: Device) -> str:
    """What to do so that the sweep comes back: a cable, or in JACK a connection of ports that are there meanwhile.

    >>> studio = Device(0, "studio", "JACK Audio Connection Kit", 2, 2, 48_000, 0, 0, 0, 0)
    >>> to_connect(studio, studio)
    'while it listens, run: jack_connect PortAudio:out_0 PortAudio:in_0 (jack_lsp lists ports, the name may end in -01)'
    """
    if "JACK" in output.host_api:
        ports = "PortAudio:out_0 PortAudio:in_0"
        return f"while it listens, run: jack_connect {ports} (jack_lsp lists ports, the name may end in -01)"
    return f"connect the first output of {output.name} to the first input of {input.name} by a cable, and turn both up"


def agrees(last: list[tuple[int, float]]) -> bool:
    """Whether enough sweeps came back after the same time.

    >>> agrees([(384, 1.0), (384, 0.9), (385, 1.0)]), agrees([(384, 1.0), (0, 0.0), (384, 1.0)]), agrees([(384, 1.0)])
    (True, False, False)
    """
    delays = [delay for delay, _ in last]
    return len(last) == WANTED and all(gain for _, gain in last) and max(delays) - min(delays) <= 1


def sweep(sample_rate: float) -> NDArray[np.float32]:
    """A logarithmic sweep from 100 Hz to 0.4 of the rate, at most 16 kHz, that fades in and out."""
    n = np.arange(round(SWEEP_SECONDS * sample_rate))
    tone = chirp(n / sample_rate, 100.0, SWEEP_SECONDS, min(16_000.0, 0.4 * sample_rate), method="logarithmic")
    edge = round(0.01 * sample_rate)
    fade = np.minimum(1, np.minimum(n, n[::-1]) / edge)
    return np.asarray(SWEEP_PEAK * tone * fade, np.float32)


def found(heard: NDArray[np.float32], wanted: NDArray[np.float32]) -> tuple[int, float]:
    """Where a sweep begins in a recording, and its gain; 0 and 0 if it is not in it.

    >>> tone = sweep(48_000)
    >>> found(np.concatenate([np.zeros(384, np.float32), 0.5 * tone, np.zeros(999, np.float32)]), tone)
    (384, 0.5)
    """
    likeness = correlate(heard.astype(np.float64), wanted.astype(np.float64), "valid", "fft")
    at = int(np.abs(likeness).argmax())
    part = heard[at : at + wanted.size].astype(np.float64)
    both = float(np.sqrt(np.sum(part**2) * np.sum(wanted.astype(np.float64) ** 2)))
    if both == 0 or abs(likeness[at]) / both < LIKENESS:
        return 0, 0.0
    return at, round(float(abs(likeness[at]) / np.sum(wanted.astype(np.float64) ** 2)), 6)


def board_delay(board: Rack, sample_rate: float, block_size: int = 128) -> int | None:
    """Samples that a board delays a sweep by, found in what it plays; None where the sweep cannot be found in that.

    Effects that dream get the amount 0: they pass the sound on, as late as ever.
    """
    silent = clone_of(board)
    for _, item in paths(silent):
        dreaming: Any = item
        if "amount" in parameters_of(type(dreaming)):
            dreaming.amount = 0.0
    stream = silent.stream(sample_rate, 1, block_size)
    wanted = sweep(sample_rate)
    length = wanted.size + round(EVERY_SECONDS * sample_rate) + stream.latency
    sent = np.concatenate([wanted, np.zeros(length, np.float32)])[None]
    parts = [np.array(stream.process(sent[:, at : at + block_size])) for at in range(0, sent.shape[1], block_size)]
    delay, gain = found(np.concatenate(parts, axis=1)[0], wanted)
    return delay if gain else None
