"""Griffin-Lim and fast Griffin-Lim over a whole spectrogram.

Both alternate between two projections (Griffin and Lim 1984): a spectrogram is made one that some signal has, by
synthesis and analysis, and is then given the wanted magnitudes again, its phase kept. The fast form goes on in the
direction of the last step (Perraudin, Balazs and Søndergaard 2013, algorithm 1); `momentum` is their α.

A spectrogram is centred here: frame t has its middle at sample t·hop, and the signal is silent before sample 0 and
from its end on. Synthesis is least squares at the ends too, where fewer frames overlap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.fft.real import FASTMATH, Plan, irfft_add, plan_for, rfft
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.runtime.jit import njit

Array = NDArray[np.float32]

MOST_CORRECTION = 30.0
"""At the very end of a signal that goes on beyond the middle of its last frame, hardly any window is left."""

TINY = np.float32(1e-30)


class Overlap(NamedTuple):
    """How frames and signal become each other."""

    window: Array
    dual: Array
    hop: int
    share: Array
    """What overlap-add is multiplied by, see `correction`."""
    plan: Plan


def griffin_lim(
    magnitude: Array, start: Array, frames: Frames, length: int, iterations: int = 32, momentum: float = 0.99
) -> Array:
    """The signal whose magnitudes come near to those that are wanted.

    Args:
        magnitude: of one channel, float32, shape (frames, bins), centred; below 1e15, as squares are taken.
        start: the spectrogram to begin with, two planes, shape (2, frames, bins).
        frames: window and hop; the hop goes into the window.
        length: of the signal in samples, 1 to frames · hop.
        iterations: of analysis and synthesis; 0 only synthesises `start`.
        momentum: 0 for Griffin-Lim, up to 1 for the fast form.

    Returns:
        float32, shape (length,).

    >>> frames = Frames(256, 64)
    >>> flat = np.ones((10, 129), np.float32)
    >>> griffin_lim(flat, np.stack([flat, 0 * flat]), frames, 600).shape
    (600,)
    """
    size, share = frames.window_samples, correction(frames, magnitude.shape[0], length)
    overlap = Overlap(frames.window, frames.dual, frames.hop_samples, share, plan_for(size))
    signals, frame = np.zeros((3, share.size), np.float32), np.zeros((2, frames.bins), np.float32)
    newest = iterate(magnitude, start, frame, signals, overlap, iterations, momentum / (1 + momentum))
    return np.array(signals[newest, size // 2 : size // 2 + length])


def correction(frames: Frames, count: int, length: int) -> Array:
    """What overlap-add with the dual window is multiplied by to be least squares, shape (samples from frame 0 on,).

    It is 1 where every frame is there, more at the ends, and 0 outside of the signal.

    >>> [round(float(factor), 2) for factor in correction(Frames(256, 64), 10, 600)[[0, 128, 400]]]
    [0.0, 1.2, 1.0]
    """
    size, hop = frames.window_samples, frames.hop_samples
    squares = np.square(frames.window, dtype=np.float64)
    whole, there = np.zeros(hop), np.zeros((count - 1) * hop + size)
    np.add.at(whole, np.arange(size) % hop, squares)
    for t in range(count):
        there[t * hop : t * hop + size] += squares
    share = np.zeros(there.size)
    inside = slice(size // 2, size // 2 + length)
    wanted = whole[np.arange(there.size) % hop]
    share[inside] = wanted[inside] / np.maximum(there[inside], wanted[inside] / MOST_CORRECTION)
    return share.astype(np.float32)


@njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")
def iterate(magnitude, start, frame, signals, overlap, iterations, against):  # type: ignore[no-untyped-def]
    """All iterations on one channel; returns which of the three `signals` is the newest.

    The phase that is kept is that of the new projection less `against` times the last one: of c + α·(c - c'), up to a
    factor, with `against` = α / (1 + α). Analysis is linear, so that the two are subtracted as signals.
    """
    window, dual, hop, share, plan = overlap
    re, im = frame[0], frame[1]
    newest, last = 0, 1
    for t in range(magnitude.shape[0]):
        onto = signals[0, t * hop : t * hop + window.size]
        irfft_add(start[0, t], start[1, t], dual, onto, plan)
    for n in range(share.size):
        signals[0, n] *= share[n]
    for step in range(iterations):
        ahead, new = last, 3 - newest - last
        less = np.float32(against) if step > 0 else np.float32(0)
        for n in range(share.size):
            signals[ahead, n] = signals[newest, n] - less * signals[last, n]
            signals[new, n] = np.float32(0)
        for t in range(magnitude.shape[0]):
            at, end = t * hop, t * hop + window.size
            rfft(signals[ahead, at:end], window, re, im, plan)
            wanted = magnitude[t]
            for k in range(wanted.size):
                scale = wanted[k] / np.sqrt(re[k] * re[k] + im[k] * im[k] + TINY)
                re[k] *= scale
                im[k] *= scale
            irfft_add(re, im, dual, signals[new, at:end], plan)
        for n in range(share.size):
            signals[new, n] *= share[n]
        newest, last = new, newest
    return newest


def random_start(magnitude: Array, seed: int = 0) -> Array:
    """`magnitude` (frames, bins) with random phases, two planes; the same `seed` gives the same."""
    angle = np.random.default_rng(seed).random(magnitude.shape, np.float32)
    angle *= np.float32(2 * np.pi)
    return np.stack([magnitude * np.cos(angle), magnitude * np.sin(angle)])
