"""Phase from magnitudes: a signal from a spectrogram that lost its phase, at once or a frame at a time.

`reconstruct` takes a whole spectrogram. `Estimator` takes a frame and hands back the one `lookahead_frames` earlier
with its phase; it is what the effects play with (see its own page for its methods).

| method | how | good for |
| --- | --- | --- |
| `hybrid` | the gradient of the magnitudes, then iterations with momentum on the newest frames | the best sound |
| `fast_griffin_lim`, `griffin_lim` | iterations over the whole signal from random phases | comparing with others |
| `pghi` | the gradient of the magnitudes, integrated over the whole spectrogram | one pass |
| `spsi`, `rtpghi`, `rtpghi_plain`, `rtisi`, `gsrtisi` | those of the stream | hearing what a stream will play |

>>> tone = np.sin(2 * np.pi * 440 / 44_100 * np.arange(20_480)).astype(np.float32)
>>> frames = np.lib.stride_tricks.sliding_window_view(np.pad(tone, 512), 1024)[::256]
>>> magnitude = abs(np.fft.rfft(frames * np.hanning(1025)[:-1])).T
>>> magnitude.shape
(513, 81)
>>> reconstruct(magnitude, hop=256).shape
(1, 20480)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreampedal.engine.dsp.phase.offline.griffin_lim import griffin_lim, random_start
from dreampedal.engine.dsp.phase.offline.pghi import pghi
from dreampedal.engine.dsp.phase.offline.streamed import STREAMED, streamed
from dreampedal.engine.dsp.phase.streaming import Estimator
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.runtime.checks import is_whole

__all__ = ["METHODS", "Estimator", "Frames", "reconstruct"]

Array = NDArray[np.float32]

ITERATIONS = {"griffin_lim": 32, "fast_griffin_lim": 32, "hybrid": 8, "rtisi": 8, "gsrtisi": 8}
"""What `iterations` is unless it is given; the other methods take none."""

LOOKAHEAD_FRAMES = {"hybrid": 3, "gsrtisi": 3, "rtisi": 3, "rtpghi": 1, "rtpghi_plain": 1}
"""What `lookahead_frames` is unless it is given; the other methods take none."""

MOMENTUM = 0.99
"""Of fast Griffin-Lim (Perraudin, Balazs and Søndergaard 2013)."""

METHODS = ("hybrid", "fast_griffin_lim", "griffin_lim", "pghi", "spsi", "rtpghi", "rtpghi_plain", "rtisi", "gsrtisi")

MOST = 1e30
"""Magnitudes above this could not be played in float32."""

SMALLEST = 2.0**-149
"""Where the largest magnitude is below this, float32 holds nothing of the signal but silence."""

USUAL = (1e-6, 1e9)
"""Where the largest magnitude may be as it is; else a power of two brings it there for the while."""


def reconstruct(
    magnitude: ArrayLike,
    *,
    hop: int,
    window: str = "hann",
    method: str = "hybrid",
    iterations: int | None = None,
    lookahead_frames: int | None = None,
    length: int | None = None,
    seed: int = 0,
) -> Array:
    """A signal whose spectrogram comes near to `magnitude`.

    Args:
        magnitude: shape (bins, frames) or (channels, bins, frames), finite, 0 and more. Bins are window / 2 + 1 of a
            window of 16 samples or more, a power of two. Frame t has its middle at sample t·hop, as in `librosa.stft`.
        hop: samples from one frame to the next; goes into the window, at least twice.
        window: of the analysis, "hann" or another that `Frames` knows.
        method: one of `METHODS`.
        iterations: for the methods that iterate; 32 over a whole signal, 8 for each frame of a stream.
        lookahead_frames: how many later frames a frame waits for, for the methods that stream; up to window / hop.
        length: in samples, at most frames · hop; (frames - 1) · hop unless given.
        seed: 0 and more; of the random phases that `griffin_lim`, `fast_griffin_lim` and `pghi` begin with.

    Returns:
        float32, shape (channels, length).

    Raises:
        ValueError: for anything that does not fit; it says what was expected.

    >>> reconstruct(np.zeros((2, 513, 20)), hop=128, method="pghi").any()
    np.False_
    >>> reconstruct(np.full((513, 20), -1.0), hop=128)
    Traceback (most recent call last):
    ValueError: magnitude of -1.0 in bin 0 of frame 0, channel 0: expected finite numbers from 0 to 1e+30
    """
    wanted = _spectrogram(magnitude)
    channels, bins, count = wanted.shape
    frames = _frames(bins, hop, window)
    _number("seed", seed, 0, 2**64 - 1)
    if method not in METHODS:
        raise ValueError(f"method = {method!r}: expected one of {', '.join(METHODS)}")
    rounds = _whole("iterations", iterations, method, ITERATIONS, 1000)
    farthest = 1 if method in ("rtpghi", "rtpghi_plain") else frames.window_samples // frames.hop_samples
    ahead = _whole("lookahead_frames", lookahead_frames, method, LOOKAHEAD_FRAMES, farthest)
    samples = (count - 1) * hop if length is None else _number("length", length, 1, count * hop)
    peak = float(wanted.max())
    if peak < SMALLEST:
        return np.zeros((channels, samples), np.float32)
    scale = 1.0 if USUAL[0] <= peak <= USUAL[1] else float(2.0 ** -np.frexp(peak)[1])
    brought = wanted if scale == 1.0 else wanted.astype(np.float64) * scale
    columns = np.ascontiguousarray(brought.transpose(0, 2, 1), np.float32)
    if method in STREAMED:
        spectra = streamed(columns, frames, method, ahead, rounds)
        played = [griffin_lim(m, s, frames, samples, 0) for m, s in zip(columns, spectra, strict=True)]
    else:
        play = _offline(method, frames, samples, rounds, seed)
        played = [play(m) for m in columns]
    signal = np.stack(played)
    return signal if scale == 1.0 else (signal / np.float64(scale)).astype(np.float32)


def _offline(method: str, frames: Frames, samples: int, rounds: int, seed: int) -> Callable[[Array], Array]:
    """How one channel (frames, bins) becomes a signal."""
    if method == "pghi":
        return lambda m: griffin_lim(m, pghi(m, frames, seed), frames, samples, 0)
    momentum = MOMENTUM if method == "fast_griffin_lim" else 0.0
    return lambda m: griffin_lim(m, random_start(m, seed), frames, samples, rounds, momentum)


def _spectrogram(magnitude: ArrayLike) -> NDArray[np.floating]:
    """`magnitude` as (channels, bins, frames), or a ValueError."""
    try:
        values = np.asarray(magnitude)
    except ValueError as error:
        raise ValueError(f"magnitude: {error}; expected an array (bins, frames) or (channels, bins, frames)") from error
    if values.dtype.kind not in "fiu":
        raise ValueError(f"magnitude of type {values.dtype}: expected real numbers (for a complex spectrogram its abs)")
    if values.dtype.itemsize < 4 or values.dtype.kind != "f":  # half precision has no room for the largest
        values = values.astype(np.float64)
    wanted = values[np.newaxis] if values.ndim == 2 else values
    if wanted.ndim != 3 or 0 in wanted.shape:
        raise ValueError(f"magnitude of shape {values.shape}: expected (bins, frames) or (channels, bins, frames)")
    if wanted.shape[2] < 2:
        raise ValueError(f"magnitude of shape {values.shape}: expected at least 2 frames")
    unfit = ~((wanted >= 0) & (wanted <= MOST))  # NaN is neither
    if unfit.any():
        channel, k, t = np.argwhere(unfit)[0]
        place = f"bin {k} of frame {t}, channel {channel}"
        raise ValueError(f"magnitude of {wanted[channel, k, t]} in {place}: expected finite numbers from 0 to {MOST:g}")
    return wanted


def _frames(bins: int, hop: int, window: str) -> Frames:
    """The frames that these bins and this hop are of, or a ValueError."""
    size = 2 * (bins - 1)
    if window == "asymmetric":
        raise ValueError("window = 'asymmetric': frames with their middle at t·hop have a symmetric window")
    if size < 16 or size & (size - 1):
        raise ValueError(f"magnitude of {bins} bins: expected window / 2 + 1, the window a power of two, at least 16")
    hop = _number("hop", hop, 1, size // 2)
    if size % hop:
        raise ValueError(f"hop = {hop}: expected a hop that goes into the window of {size} samples")
    return Frames(size, hop, window)


def _whole(name: str, value: int | None, method: str, defaults: dict[str, int], most: int) -> int:
    """A whole number for a method that takes one, its default, or 0 where none is taken."""
    if method in defaults:
        return min(defaults[method], most) if value is None else _number(name, value, 0, most)
    if value is not None and not is_whole(value, 0, 0):
        raise ValueError(f"{name} = {value}: method {method!r} takes none")
    return 0


def _number(name: str, value: int, low: int, high: int) -> int:
    """`value`, or a ValueError that says what was expected."""
    if not is_whole(value, low, high):
        raise ValueError(f"{name} = {value!r}: expected a whole number from {low} to {high}")
    return int(value)
