"""Ten numba kernels of the everyday kind, whose compile time is the unit in which `bench/compile.py` counts.

FROZEN: never change a kernel, a decorator or a type here, however outdated it looks. "First sound in units of this
file" can be compared between versions, machines and releases of numba only because the file stays as it is. It imports
nothing of DreamPedal for the same reason. The kernels stand for those that a small audio effect consists of: loops over
channels and samples, a few branches, no vectors written by hand, no calls between kernels.

Run as a program it compiles them all, from an empty cache if `NUMBA_CACHE_DIR` is one, and prints the seconds.
"""

from __future__ import annotations

import time

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def ring_copy(ring, at, block, delay, out):  # type: ignore[no-untyped-def]
    """Write a block into a ring, and read it again `delay` samples later; returns the next place."""
    channels, size = ring.shape
    for n in range(block.shape[1]):
        place = (at + n) % size
        behind = place - delay
        if behind < 0:
            behind += size
        for channel in range(channels):
            ring[channel, place] = block[channel, n]
            out[channel, n] = ring[channel, behind]
    return (at + block.shape[1]) % size


@njit(cache=True, nogil=True)
def biquad(block, b, a, state, out):  # type: ignore[no-untyped-def]
    """A filter of second order, transposed direct form II."""
    for channel in range(block.shape[0]):
        first, second = state[channel, 0], state[channel, 1]
        for n in range(block.shape[1]):
            x = block[channel, n]
            y = b[0] * x + first
            first = b[1] * x - a[1] * y + second
            second = b[2] * x - a[2] * y
            out[channel, n] = y
        state[channel, 0], state[channel, 1] = first, second


@njit(cache=True, nogil=True, fastmath=True)
def windowed_frame(ring, at, window, frame):  # type: ignore[no-untyped-def]
    """The newest samples of a ring under a window."""
    size = ring.shape[1]
    for channel in range(ring.shape[0]):
        place = (at - window.size) % size
        for n in range(window.size):
            frame[channel, n] = window[n] * ring[channel, place]
            place += 1
            if place == size:
                place = 0


@njit(cache=True, nogil=True, fastmath=True)
def spectrum(frame, cosine, sine, re, im):  # type: ignore[no-untyped-def]
    """A frame's Fourier transform by its definition, from one period of a cosine and a sine."""
    size = frame.size
    for k in range(re.size):
        real = np.float32(0.0)
        imaginary = np.float32(0.0)
        place = 0
        for n in range(size):
            real += frame[n] * cosine[place]
            imaginary -= frame[n] * sine[place]
            place += k
            if place >= size:
                place -= size
        re[k] = real
        im[k] = imaginary


@njit(cache=True, nogil=True)
def peak_follower(block, attack, release, level, out):  # type: ignore[no-untyped-def]
    """The envelope of the loudest channel: up at one speed, down at another, never under the floor."""
    for n in range(block.shape[1]):
        peak = np.float32(0.0)
        for channel in range(block.shape[0]):
            peak = max(peak, abs(block[channel, n]))
        if peak > level:
            level += attack * (peak - level)
        else:
            level += release * (peak - level)
        if level < np.float32(1e-9):
            level = np.float32(1e-9)
        out[n] = level
    return level


@njit(cache=True, nogil=True, fastmath=True)
def overlap_add(frame, dual, line, out):  # type: ignore[no-untyped-def]
    """Add a frame to the line under its window, hand out the samples that are complete, and move the rest along."""
    hop = out.shape[1]
    for channel in range(frame.shape[0]):
        for n in range(frame.shape[1]):
            line[channel, n] += dual[n] * frame[channel, n]
        for n in range(hop):
            out[channel, n] = line[channel, n]
        for n in range(frame.shape[1] - hop):
            line[channel, n] = line[channel, n + hop]
        for n in range(frame.shape[1] - hop, frame.shape[1]):
            line[channel, n] = np.float32(0.0)


@njit(cache=True, nogil=True, fastmath=True)
def band_levels(re, im, first, weights, out):  # type: ignore[no-untyped-def]
    """Log amplitudes of bands, each a weighted sum over the bins from its first on."""
    for band in range(out.size):
        total = np.float32(0.0)
        for n in range(weights.shape[1]):
            k = first[band] + n
            if k >= re.size:
                break
            total += weights[band, n] * (re[k] * re[k] + im[k] * im[k])
        if total > np.float32(1e-12):
            out[band] = np.float32(0.5) * np.log(total)
        else:
            out[band] = np.float32(-13.8)


@njit(cache=True, nogil=True)
def smoothed_gains(wanted, reach, speed, now, bins, out):  # type: ignore[no-untyped-def]
    """Log gains of bands, limited and smoothed, as factors of bins between whose bands they are interpolated."""
    for band in range(now.size):
        limited = min(max(wanted[band], -reach), reach)
        now[band] += speed * (limited - now[band])
    for k in range(out.size):
        below = int(bins[k])
        share = bins[k] - below
        gain = now[now.size - 1]
        if below + 1 < now.size:
            gain = (1.0 - share) * now[below] + share * now[below + 1]
        out[k] = np.exp(gain)


@njit(cache=True, nogil=True)
def crossfade(old, new, done, length, out):  # type: ignore[no-untyped-def]
    """From one sound to another with equal power; returns how much of the fade is done."""
    for n in range(out.shape[1]):
        if done < length:
            angle = 0.5 * np.pi * (done + 1) / length
            down, up = np.cos(angle), np.sin(angle)
            done += 1
        else:
            down, up = 0.0, 1.0
        for channel in range(out.shape[0]):
            out[channel, n] = down * old[channel, n] + up * new[channel, n]
    return done


@njit(cache=True, nogil=True)
def guarded(block, ceiling, out):  # type: ignore[no-untyped-def]
    """A block with nothing that is not finite and nothing above the ceiling; returns how many of each there were."""
    broken = 0
    over = 0
    for channel in range(block.shape[0]):
        for n in range(block.shape[1]):
            x = block[channel, n]
            if not np.isfinite(x):
                x = np.float32(0.0)
                broken += 1
            elif abs(x) > ceiling:
                x = ceiling if x > 0 else -ceiling
                over += 1
            out[channel, n] = x
    return broken, over


def compile_all() -> None:
    """Call every kernel once, on blocks of two channels, 64 samples and frames of 256."""
    single = np.float32
    block, out = np.zeros((2, 64), single), np.zeros((2, 64), single)
    ring, frame, line = np.zeros((2, 1024), single), np.zeros((2, 256), single), np.zeros((2, 256), single)
    window, re, im = np.ones(256, single), np.zeros(129, single), np.zeros(129, single)
    bands, weights = np.zeros(16, single), np.ones((16, 8), single)
    ring_copy(ring, 0, block, 64, out)
    biquad(block, np.ones(3), np.ones(3), np.zeros((2, 2)), out)
    windowed_frame(ring, 0, window, frame)
    spectrum(frame[0], window, window, re, im)
    peak_follower(block, single(0.1), single(0.01), single(0), out[0])
    overlap_add(frame, window, line, out)
    band_levels(re, im, np.arange(16), weights, bands)
    smoothed_gains(bands, 2.0, 0.5, np.zeros(16), np.linspace(0, 15, 129), re)
    crossfade(block, block, 0, 32, out)
    guarded(block, single(0.9), out)


if __name__ == "__main__":
    began = time.perf_counter()
    compile_all()
    print(time.perf_counter() - began)
