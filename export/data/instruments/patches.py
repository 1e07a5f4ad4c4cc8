"""Notes of Gravis Ultrasound patches: the older kind of sampled instrument, one `.pat` file a program.

FreePats (Debian: freepats) comes this way. The format is Gravis's `GF1PATCH110`: a header, one instrument, one layer,
and samples with a root frequency, a loop, and a six-point volume envelope; every number is little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.data.instruments.families import PROGRAMS, Note
from dreampedal.export.data.instruments.phrase import Phrase
from dreampedal.export.data.instruments.soundfont import Soundfont, SoundfontError

MAGIC = b"GF1PATCH110\0ID#000002\0"
FIRST_SAMPLE = 239
"""Bytes of the patch, instrument and layer headers."""
SAMPLE_HEADER = struct.Struct("<7sBIIIHIIIHB6s6s3s3sBhH36s")
IS_16_BIT, IS_UNSIGNED, IS_LOOPED, IS_PING_PONG, IS_REVERSED, IS_SUSTAINED, HAS_ENVELOPE = (1 << i for i in range(7))
SUSTAIN_POINT = 3
"""The envelope waits here until the key is let go."""
ENVELOPE_OCTAVES = 6.0
"""Range of the envelope, whose steps are even in decibels: 36 dB, then silence."""
ENVELOPE_HZ = 44_100
RELEASE_SECONDS = 0.35
"""That the notes of a phrase are let go for."""
JUDGES_SAMPLES = ("064_Soprano_Sax.pat", "069_English_Horn.pat", "079_Ocarina.pat")
"""Patches of FreePats left out, since samples of theirs are in TimGM6mb too, on which models are judged."""


@dataclass(frozen=True)
class Sample:
    """One recording of a patch.

    Fields: audio, float32 in -1 to 1 (a ping-pong loop is already unfolded); loop, (first, end) in samples or None;
    rates in Hz; envelope, (share of the range a second, level from 0 to 1) for each of six points, or None.
    """

    audio: NDArray[np.float32]
    loop: tuple[int, int] | None
    sample_rate: float
    low_hz: float
    high_hz: float
    root_hz: float
    envelope: tuple[tuple[float, float], ...] | None

    def render(self, hz: float, sample_rate: float, held: int, release: int) -> NDArray[np.float32]:
        """The recording at another pitch, held and let go for so many samples."""
        place = np.arange(held + release) * (hz / self.root_hz * self.sample_rate / sample_rate)
        if self.loop:
            first, end = self.loop
            place = np.where(place < end, place, first + (place - first) % (end - first))
        sound = np.interp(place, np.arange(self.audio.size), self.audio, right=0.0)
        return np.asarray(sound * self._gain(sample_rate, held, release), np.float32)

    def _gain(self, sample_rate: float, held: int, release: int) -> NDArray[np.float64]:
        """The envelope as amplitude at each sample."""
        if self.envelope is None:
            return np.concatenate([np.ones(held), np.exp(-np.arange(release) / (0.05 * sample_rate))])
        times, levels = [0.0], [0.0]
        for rate, level in self.envelope[:SUSTAIN_POINT]:
            times.append(times[-1] + abs(level - levels[-1]) / rate + 1e-4)
            levels.append(level)
        down = np.interp(np.arange(held) / sample_rate, times, levels)
        times, levels = [0.0], [float(down[-1]) if held else 0.0]
        for rate, level in self.envelope[SUSTAIN_POINT:]:
            times.append(times[-1] + abs(level - levels[-1]) / rate + 1e-4)
            levels.append(level)
        both = np.concatenate([down, np.interp(np.arange(release) / sample_rate, times, levels)])
        return np.where(both > 0, np.exp2(ENVELOPE_OCTAVES * (both - 1)), 0.0)


def read_patch(path: Path) -> list[Sample]:
    """Every sample of a patch; SoundfontError says what is wrong with a file that is none."""
    data = path.read_bytes()
    if not data.startswith(MAGIC) or len(data) < FIRST_SAMPLE:
        raise SoundfontError(f"{path}: expected a Gravis patch (GF1PATCH110), found something else")
    samples, at = [], FIRST_SAMPLE
    for _ in range(data[FIRST_SAMPLE - 41]):
        end = at + SAMPLE_HEADER.size
        if len(data) < end:
            raise SoundfontError(f"{path}: ends within the header of a sample")
        header = SAMPLE_HEADER.unpack(data[at:end])
        at = end + header[2]
        if len(data) < at:
            raise SoundfontError(f"{path}: ends within a sample of {header[2]} bytes")
        samples.append(_sample(header, data[end:at]))
    return samples


def _sample(header: tuple[Any, ...], body: bytes) -> Sample:
    """A sample from its header and the bytes that follow."""
    (_, _, _, loop_start, loop_end, rate, low, high, root, _, _, rates, levels, _, _, modes, _, _, _) = header
    kind = np.dtype(("<u" if modes & IS_UNSIGNED else "<i") + ("2" if modes & IS_16_BIT else "1"))
    raw = np.frombuffer(body[: len(body) // kind.itemsize * kind.itemsize], kind).astype(np.float32)
    half = float(1 << (8 * kind.itemsize - 1))
    audio = raw / half - (1.0 if modes & IS_UNSIGNED else 0.0)
    loop = (loop_start // kind.itemsize, min(loop_end // kind.itemsize, audio.size))
    if modes & IS_REVERSED:
        audio, loop = audio[::-1], (audio.size - loop[1], audio.size - loop[0])
    looped = bool(modes & IS_LOOPED) and loop[1] - loop[0] > 1
    if looped and modes & IS_PING_PONG:
        audio = np.concatenate([audio[: loop[1]], audio[loop[0] : loop[1]][::-1]])
        loop = (loop[0], audio.size)
    envelope = tuple((_envelope_rate(r), level / 255) for r, level in zip(rates, levels, strict=True))
    return Sample(
        audio=np.append(audio, audio[loop[0] if looped else -1]).astype(np.float32),
        loop=loop if looped else None,
        sample_rate=float(rate),
        low_hz=low / 1000,
        high_hz=high / 1000,
        root_hz=root / 1000,
        envelope=envelope if modes & HAS_ENVELOPE and modes & IS_SUSTAINED else None,
    )


def _envelope_rate(code: int) -> float:
    """Share of the envelope's range a second: six bits of speed, two of how many times 8 it is slowed."""
    return max(code & 63, 1) * 8.0 ** (3 - (code >> 6)) * 512 / (255 << 22) * ENVELOPE_HZ


class Patches:
    """A folder of patches named `NNN_name.pat`, NNN the General MIDI program: the same interface as `Soundfont`."""

    def __init__(self, folder: Path, sample_rate: float = 48_000) -> None:
        self.path, self.sample_rate = Path(folder), sample_rate
        self._samples: dict[int, list[Sample]] = {}
        if not self._files:
            raise SoundfontError(f"{self.path}: expected a folder with patches named like 073_Flute.pat")

    @cached_property
    def _files(self) -> dict[int, Path]:
        """The patch of each program; drums lie in folders of their own."""
        found = [file for file in sorted(self.path.rglob("[0-9][0-9][0-9]_*.pat")) if file.name not in JUDGES_SAMPLES]
        return {int(file.name[:3]): file for file in found if "drum" not in str(file.relative_to(self.path)).lower()}

    def presets(self) -> list[tuple[int, int]]:
        """(bank, program) of every patch that belongs to a family."""
        return [(0, program) for program in self._files if program in PROGRAMS]

    def render(self, note: Note, seconds: float, release_seconds: float = 0.0) -> NDArray[np.float32]:
        """The note held for `seconds`, then let go; mono, float32, shape (samples,). Loudness follows velocity²."""
        if note.program not in self._samples:
            self._samples[note.program] = read_patch(self._files[note.program])
        hz = 440.0 * 2 ** ((note.key - 69) / 12)
        sample = min(self._samples[note.program], key=lambda s: _distance(s, hz))
        held, release = (round(s * self.sample_rate) for s in (seconds, release_seconds))
        sound = sample.render(hz, self.sample_rate, held, release)
        return sound * np.float32(0.5 * (note.velocity / 127) ** 2)

    def play(self, bank: int, program: int, phrase: Phrase) -> NDArray[np.float32]:
        """A phrase of such notes, dry, mono, float32; where keys overlap they sum."""
        sound = np.zeros(round(phrase.seconds * self.sample_rate), np.float32)
        for note in phrase.notes:
            at = round(note.begin * self.sample_rate)
            played = self.render(Note(bank, program, note.key, note.velocity), note.seconds, RELEASE_SECONDS)
            count = max(0, min(len(played), len(sound) - at))
            sound[at : at + count] += played[:count]
        return sound


def open_instruments(path: Path, sample_rate: float, reverberant: bool = False) -> Soundfont | Patches:
    """A soundfont file, or a folder of patches (which have no rooms)."""
    return Patches(path, sample_rate) if Path(path).is_dir() else Soundfont(path, sample_rate, reverberant)


def _distance(sample: Sample, hz: float) -> tuple[bool, float]:
    """Orders samples by how well they suit a pitch: those whose range holds it first, then the nearest root."""
    return not sample.low_hz <= hz <= sample.high_hz, abs(np.log2(hz / sample.root_hz))
