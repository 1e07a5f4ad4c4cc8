"""Soundfonts for the tests: FluidR3 where Debian puts it, and a patch written by hand."""

import struct
from pathlib import Path

import numpy as np
import pytest

from dreampedal.export.data.instruments.patches import MAGIC, SAMPLE_HEADER

FLUID = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
needs_fluid = pytest.mark.skipif(not FLUID.is_file(), reason=f"{FLUID} is not there (Debian: fluid-soundfont-gm)")


def pitch_hz(audio, sample_rate):
    """The strongest period of a steady stretch, by its autocorrelation with parabolic interpolation."""
    spectrum = np.fft.rfft(audio, 2 * audio.size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: audio.size // 2] / np.arange(audio.size, audio.size // 2, -1)
    rising = int(np.argmax(np.diff(correlation) > 0))
    peaks = np.flatnonzero((correlation[1:-1] > correlation[:-2]) & (correlation[1:-1] >= correlation[2:])) + 1
    peaks = peaks[peaks > rising]
    best = peaks[np.argmax(correlation[peaks] > 0.9 * correlation[peaks].max())]
    left, middle, right = correlation[best - 1 : best + 2]
    return sample_rate / (best + 0.5 * (left - right) / (left - 2 * middle + right))


def write_patch(path, hz=440.0, sample_rate=22_050, modes=0b0110_0101, seconds=0.5):
    """A Gravis patch of one sine at its root pitch, 16 bit, looped over whole periods."""
    period = sample_rate / hz
    samples = round(round(seconds * hz) * period)
    sine = np.round(20_000 * np.sin(2 * np.pi * hz / sample_rate * np.arange(samples))).astype("<i2").tobytes()
    head = MAGIC + b"\0" * (239 - 41 - len(MAGIC)) + bytes([1]) + b"\0" * 40
    fast = bytes([63, 63, 63, 63, 63, 63])
    header = SAMPLE_HEADER.pack(
        b"sine\0\0\0", 0, len(sine), 0, len(sine), sample_rate, 20_000, 20_000_000, round(hz * 1000), 512, 7,
        fast, bytes([255, 255, 255, 0, 0, 0]), bytes(3), bytes(3), modes, 60, 1024, bytes(36),
    )  # fmt: skip
    path.write_bytes(head + header + sine)
    return struct.calcsize("<7sBIIIHIIIHB6s6s3s3sBhH36s")
