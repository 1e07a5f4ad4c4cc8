"""Latency and rate arithmetic: pure functions of whole numbers, apart from any audio.

Window and hop are counted in samples at 44.1 and 48 kHz, and doubled or halved an octave away, so that a frame lasts
about as long at every rate. An octave begins half-way (geometrically) between 24 and 32 kHz.
"""

from __future__ import annotations

import math

OCTAVE_HZ = math.sqrt(24_000 * 32_000)


def octave(sample_rate: float) -> int:
    """Octaves between `sample_rate` in Hz and the class of 44.1 and 48 kHz.

    >>> [octave(rate) for rate in (16e3, 22.05e3, 24e3, 32e3, 44.1e3, 48e3, 88.2e3, 96e3, 192e3)]
    [-1, -1, -1, 0, 0, 0, 1, 1, 2]
    """
    return math.floor(math.log2(sample_rate / OCTAVE_HZ))


def at_rate(samples: int, sample_rate: float) -> int:
    """A count of samples given for 44.1 and 48 kHz, at `sample_rate`.

    >>> at_rate(2048, 44100), at_rate(2048, 96000), at_rate(512, 16000)
    (2048, 4096, 256)
    """
    return max(1, samples << octave(sample_rate) if sample_rate >= OCTAVE_HZ else samples >> -octave(sample_rate))


def studio_latency(window_samples: int, hop_samples: int, lookahead_frames: int = 0) -> int:
    """Latency in samples of analysis and synthesis on the same symmetric frames.

    A hop is played when it is whole, so a frame is known `window` samples after the first sample that it plays into;
    each frame of look-ahead adds a hop.

    >>> studio_latency(2048, 512), studio_latency(2048, 512, lookahead_frames=2)
    (2048, 3072)
    """
    return window_samples + lookahead_frames * hop_samples


def live_latency(support_samples: int, hop_samples: int, lookahead_frames: int = 0) -> int:
    """Latency in samples where only the newest `support_samples` of a frame are synthesised.

    >>> live_latency(256, 512), live_latency(256, 512, lookahead_frames=1)
    (256, 768)
    """
    return support_samples + lookahead_frames * hop_samples


def dividing_hop(hop_samples: int, most: int) -> int:
    """The longest hop of up to `most` samples that goes into `hop_samples` without a remainder.

    >>> dividing_hop(512, 64), dividing_hop(300, 64), dividing_hop(32, 64)
    (64, 60, 32)
    """
    return next(hop for hop in range(min(most, hop_samples), 0, -1) if hop_samples % hop == 0)
