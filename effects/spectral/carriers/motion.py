"""What moves the wet sound as a whole, sample by sample: vibrato, tremolo and strokes.

The wet sound is the dry one and all that is added to it. What a motion makes of it, less the dry sound, is what is
added then, before the guard.

- Vibrato reads the wet sound late by a delay that goes from 0 to twice its mean and back, at a fixed rate. At depth 0
  the delay is 0. A vibrato of c cents each way at r Hz has a mean delay of (2^(c/1200) - 1) / (2πr), 0.3 to 0.6 ms.
- Tremolo is a gain of ±depth dB, a sine at a fixed rate.
- A stroke is a gain that depends on the dry sound alone, so that a network can be trained against it: with t the time
  since the last stroke and s the knob, `SHARP_DB`·s·exp(-t/`SHARP_SECONDS`) + `DECAY_DB`·s·(2·exp(-t/τ) - 1) in dB.
  τ is 0.63 of the pace, where its mean over a pace is 0 dB. A stroke is an onset, where the power over 2 ms is
  `RISE` times that over 60 ms; or else comes when a pace has passed and the sound has not fallen by `FALLEN` of the
  power that it had `SETTLED_SECONDS` after the stroke: what goes on is struck again, what fades is left to.

Depths follow their knobs in `FOLLOW_SECONDS`; gains of strokes in `STROKE_SECONDS`, so that nothing clicks. With all
at 0 nothing runs at all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.carriers.laws import Knobs, Law
from dreampedal.engine.dsp.fft.real import FASTMATH
from dreampedal.engine.runtime.bound import Bound
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

SHARP_DB, SHARP_SECONDS = 4.0, 0.015
DECAY_DB = 2.0
DECAY_SHARE = 0.63
FAST_SECONDS, SLOW_SECONDS = 0.002, 0.06
RISE, FALLEN = 4.0, 0.25
LEAST = 1e-7
"""Mean square of an onset, -70 dB."""
REST_SECONDS = 0.08
"""Onsets closer than this are one."""
SETTLED_SECONDS = 0.06
FOLLOW_SECONDS = 0.02
STROKE_SECONDS = 0.001
LONGEST_SECONDS = 0.01
"""Of a delay; a vibrato of 35 cents at 5 Hz takes 1.3 ms at most."""
NEPERS_PER_DB = float(np.log(10) / 20)


class Depths(NamedTuple):
    """How far and how fast the wet sound is to move, in samples."""

    delay: float
    """Mean of the vibrato's, in samples."""
    vibrato_step: float
    """Turns a sample."""
    tremolo: float
    """Nepers each way."""
    tremolo_step: float
    sharp: float
    """Nepers of a stroke."""
    decay: float
    decay_kept: float
    """What is left of exp(-t/τ) a sample later."""
    pace: float
    """Samples from one stroke to the next."""

    @classmethod
    def of(cls, law: Law, knobs: Knobs, sample_rate: float) -> Depths:
        """Those of a law, with vibrato, tremolo and strike turned up to `knobs` (0 to 1)."""
        vibrato, tremolo, strike = knobs
        swing = 2 ** (vibrato * law.vibrato_cents / 1200) - 1
        pace = law.strike_seconds * sample_rate
        return cls(
            delay=min(swing / (2 * np.pi * law.vibrato_hz), LONGEST_SECONDS / 2) * sample_rate,
            vibrato_step=law.vibrato_hz / sample_rate,
            tremolo=tremolo * law.tremolo_db * NEPERS_PER_DB,
            tremolo_step=law.tremolo_hz / sample_rate,
            sharp=strike * law.struck * SHARP_DB * NEPERS_PER_DB,
            decay=strike * law.struck * DECAY_DB * NEPERS_PER_DB,
            decay_kept=float(np.exp(-1 / (DECAY_SHARE * pace))),
            pace=pace,
        )

    @property
    def rest(self) -> bool:
        """Whether nothing is to move."""
        return self.delay == 0 and self.tremolo == 0 and self.sharp == 0


class Speeds(NamedTuple):
    """What followers take of a new value at each sample, and times in samples."""

    fast: float
    slow: float
    follow: float
    stroke: float
    sharp_kept: float
    rest: float
    settled: float

    @classmethod
    def of(cls, sample_rate: float) -> Speeds:
        """Those at `sample_rate` Hz."""
        times = (FAST_SECONDS, SLOW_SECONDS, FOLLOW_SECONDS, STROKE_SECONDS)
        fast, slow, follow, stroke = (1 - float(np.exp(-1 / time / sample_rate)) for time in times)
        return cls(
            fast=fast,
            slow=slow,
            follow=follow,
            stroke=stroke,
            sharp_kept=float(np.exp(-1 / SHARP_SECONDS / sample_rate)),
            rest=REST_SECONDS * sample_rate,
            settled=SETTLED_SECONDS * sample_rate,
        )


class MotionState(NamedTuple):
    """What lies between two samples."""

    line: Array
    """The wet sound, a ring: (channels, samples)."""
    turns: NDArray[np.float64]
    """Where vibrato and tremolo are, (2,)."""
    now: NDArray[np.float64]
    """Delay, tremolo, sharpness and decay as they are, (4,)."""
    powers: NDArray[np.float64]
    """Of the dry sound, over `FAST_SECONDS` and `SLOW_SECONDS`, and that when the last stroke had settled: (3,)."""
    stroke: NDArray[np.float64]
    """exp(-t/τ) of sharpness and decay since the last stroke, and the gain in nepers that follows them: (3,)."""
    since: NDArray[np.int64]
    """Samples since it began to move, and since the last stroke: (2,)."""

    @classmethod
    def silent(cls, channels: int, sample_rate: float) -> MotionState:
        """After endless silence."""
        samples = 1 << int(np.ceil(np.log2(LONGEST_SECONDS * sample_rate + 4)))
        return cls(
            line=np.zeros((channels, samples), np.float32),
            turns=np.zeros(2),
            now=np.zeros(4),
            powers=np.zeros(3),
            stroke=np.zeros(3),
            since=np.array([0, 1 << 40], np.int64),
        )


class Motion:
    """Moves the wet sound of a stream; rests, at no cost, while nothing asks for it."""

    def __init__(self, channels: int, sample_rate: float) -> None:
        self.channels, self.sample_rate = channels, sample_rate
        self.speeds = Speeds.of(sample_rate)
        self.kernel = Bound(move)
        self.aim(Law(), (0.0, 0.0, 0.0))
        self.reset()

    def reset(self) -> None:
        """Back to endless silence."""
        self.state = MotionState.silent(self.channels, self.sample_rate)
        self.state.now[:] = self.depths.delay, self.depths.tremolo, self.depths.sharp, self.depths.decay

    def aim(self, law: Law, knobs: Knobs) -> None:
        """Move by a law, with vibrato, tremolo and strike turned up to `knobs`, 0 to 1."""
        self.depths = Depths.of(law, knobs, self.sample_rate)

    @property
    def asked(self) -> bool:
        """Whether anything moves, or comes to rest; what rested begins in silence."""
        if not self.depths.rest or self.state.now.any():
            return True
        if self.state.since[0]:
            self.reset()
        return False

    def move(self, dry: Array, added: Array) -> None:
        """Change what is `added` (channels, samples) to the `dry` sound, in place."""
        self.kernel(dry, added, self.depths, self.speeds, self.state)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def stroke_gain(power, depths, speeds, now, powers, stroke, since):  # type: ignore[no-untyped-def]
    """The gain of strokes at a sample, from the power of the dry sound there."""
    powers[0] += speeds.fast * (power - powers[0])
    powers[1] += speeds.slow * (power - powers[1])
    since[1] += 1
    if since[1] == np.int64(speeds.settled):
        powers[2] = powers[1]
    is_onset = powers[0] > RISE * powers[1] and powers[0] > LEAST
    goes_on = since[1] > depths.pace and powers[1] > max(FALLEN * powers[2], LEAST)
    if since[1] > speeds.rest and (is_onset or goes_on):
        stroke[0] = stroke[1] = 1.0
        since[1] = 0
    aim = now[2] * stroke[0] + now[3] * (2.0 * stroke[1] - 1.0)
    stroke[2] += speeds.stroke * (aim - stroke[2])
    stroke[0] = stroke[0] * speeds.sharp_kept if stroke[0] > 1e-6 else 0.0
    stroke[1] = stroke[1] * depths.decay_kept if stroke[1] > 1e-6 else 0.0
    return stroke[2]


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
def late(row, at, delay):  # type: ignore[no-untyped-def]
    """A sample of a ring (samples,) so many samples before the one at `at`: by the cubic through four of them."""
    if delay <= 0.0:
        return row[at]
    first = max(int(delay) - 1, 0)
    x, last = np.float32(delay - first), row.size - 1
    a, b = row[(at - first) & last], row[(at - first - 1) & last]
    c, d = row[(at - first - 2) & last], row[(at - first - 3) & last]
    p, q, r = x - np.float32(1), x - np.float32(2), x - np.float32(3)
    edges = x * p * q * d - p * q * r * a
    return edges / np.float32(6) + (x * q * r * b - x * p * r * c) / np.float32(2)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def move(dry, added, depths, speeds, state):  # type: ignore[no-untyped-def]
    """The kernel of `Motion.move`; what is not finite is left to the guard, and the dry sound goes on in its place."""
    line, turns, now, since = state.line, state.turns, state.now, state.since
    strikes = now[2] != 0.0 or depths.sharp != 0.0
    for n in range(added.shape[1]):
        at, power = since[0] & (line.shape[1] - 1), 0.0
        for channel in range(added.shape[0]):
            x = dry[channel, n] + added[channel, n]
            line[channel, at] = x if np.isfinite(x) else dry[channel, n]
            power += np.float64(dry[channel, n] * dry[channel, n])
        if since[0] >= 4:  # before, there is nothing to be late by
            for each, aim in enumerate((depths.delay, depths.tremolo, depths.sharp, depths.decay)):
                away = aim - now[each]
                now[each] = now[each] + speeds.follow * away if abs(away) > 1e-7 else aim
        since[0] += 1
        delay = now[0] * (1.0 - np.cos(2.0 * np.pi * turns[0]))
        gain = now[1] * np.sin(2.0 * np.pi * turns[1])
        if strikes:
            gain += stroke_gain(power / added.shape[0], depths, speeds, now, state.powers, state.stroke, since)
        factor = np.float32(np.exp(gain))
        for channel in range(added.shape[0]):
            if np.isfinite(added[channel, n]):
                added[channel, n] = factor * late(line[channel], at, delay) - dry[channel, n]
        turns[0] += depths.vibrato_step
        turns[1] += depths.tremolo_step
        turns[0] -= np.floor(turns[0])
        turns[1] -= np.floor(turns[1])
