"""Notes of sampled instruments, rendered from SoundFont files by FluidSynth without reverberation or chorus."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.data.instruments.families import PROGRAMS, Note
from dreampedal.export.data.instruments.phrase import Phrase

GAIN = 0.8
"""FluidSynth's master gain: the loudest single notes of the usual soundfonts stay just under full scale."""

SETTLING_SAMPLES = 2_048
"""Rendered and thrown away after a reset, while FluidSynth lets go of the note before."""

MODULATION, REVERB_SEND = 1, 91
"""MIDI controllers."""

VARIATION_BANKS = (0, 8, 16)
"""General MIDI's own bank and the variations that Roland's GS standard puts over the same programs."""

INSTALL_HINT = "install FluidSynth (Debian: libfluidsynth3) and pyfluidsynth (pip install 'dreampedal[train]')"


class SoundfontError(ValueError):
    """A soundfont that cannot be read, or a machine on which none can be played."""


class Soundfont:
    """One soundfont file, open for rendering at one sample rate; a context manager.

    Args:
        path: an .sf2 or .sf3 file.
        sample_rate: of what is rendered, 8 to 96 kHz.
        reverberant: let `play` put notes into rooms; `render` is dry only where this is False.

    Raises:
        SoundfontError: if the file is missing or is no soundfont, or FluidSynth is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], sample_rate: float = 48_000, reverberant: bool = False) -> None:
        self.path, self.sample_rate = Path(path), sample_rate
        if not self.path.is_file():
            raise SoundfontError(f"{self.path}: no such soundfont")
        module = _fluidsynth()
        _steady_dither()
        self._synth = module.Synth(gain=GAIN, samplerate=sample_rate, channels=16)
        self._synth.setting("synth.reverb.active", int(reverberant))
        self._synth.setting("synth.chorus.active", 0)
        with _quiet():
            self._font = self._synth.sfload(str(self.path))
        if self._font < 0:
            self._synth.delete()
            raise SoundfontError(f"{self.path}: expected a soundfont (.sf2 or .sf3), found something else")

    def __enter__(self) -> Soundfont:
        return self

    def __exit__(self, *_: object) -> None:
        self._synth.delete()

    def has(self, bank: int, program: int) -> bool:
        """Whether the file holds a preset at this place."""
        return self._synth.sfpreset_name(self._font, bank, program) is not None

    def presets(self) -> list[tuple[int, int]]:
        """(bank, program) of every preset that belongs to a family, variations included."""
        return [(bank, program) for bank in VARIATION_BANKS for program in PROGRAMS if self.has(bank, program)]

    def render(self, note: Note, seconds: float, release_seconds: float = 0.0) -> NDArray[np.float32]:
        """The note held for `seconds`, then let go; mono (mean of left and right), full scale is 1.

        Every call starts from silence. An equal sequence of calls gives equal samples; after other notes a note is
        the same but for FluidSynth's dither and the very first samples.

        Returns:
            float32, shape (samples,), of `seconds + release_seconds` altogether.
        """
        synth = self._synth
        synth.system_reset()
        synth.get_samples(SETTLING_SAMPLES)
        if synth.program_select(0, self._font, note.bank, note.program) != 0:
            raise SoundfontError(f"{self.path}: has no preset at bank {note.bank}, program {note.program}")
        synth.noteon(0, note.key, note.velocity)
        held = synth.get_samples(round(seconds * self.sample_rate))
        synth.noteoff(0, note.key)
        let_go = synth.get_samples(round(release_seconds * self.sample_rate))
        stereo = np.concatenate([held, let_go]).reshape(-1, 2).astype(np.float32)
        return np.asarray(stereo.mean(1) / np.float32(32_768))

    def play(self, bank: int, program: int, phrase: Phrase) -> NDArray[np.float32]:
        """A phrase as `render` plays a note; in its room where the font was opened as `reverberant`."""
        synth, room = self._synth, phrase.room
        synth.system_reset()
        synth.get_samples(SETTLING_SAMPLES)
        if room is not None:
            synth.set_reverb(room.size, room.damping, room.width, room.level)
            synth.cc(0, REVERB_SEND, 127)
        if synth.program_select(0, self._font, bank, program) != 0:
            raise SoundfontError(f"{self.path}: has no preset at bank {bank}, program {program}")
        synth.cc(0, MODULATION, phrase.modulation)
        begins = [(note.begin, 1, note.key, note.velocity) for note in phrase.notes]
        ends = [(note.begin + note.seconds, 0, note.key, 0) for note in phrase.notes]
        events = sorted(event for event in begins + ends if event[0] < phrase.seconds)
        parts, at = [], 0
        for seconds, is_on, key, velocity in [*events, (phrase.seconds, -1, 0, 0)]:
            until = round(seconds * self.sample_rate)
            if until > at:
                parts.append(synth.get_samples(until - at))
                at = until
            if is_on == 1:
                synth.noteon(0, key, velocity)
            elif is_on == 0:
                synth.noteoff(0, key)
        stereo = np.concatenate(parts).reshape(-1, 2).astype(np.float32)
        return np.asarray(stereo.mean(1) / np.float32(32_768))


def _fluidsynth() -> Any:
    """The module `fluidsynth`; it looks for the library when imported, and raises ImportError where there is none.

    Where the environment says CI, it prints where it found the library, in front of any report; that is kept from it.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import fluidsynth
    except (ImportError, OSError) as error:
        raise SoundfontError(f"soundfonts need FluidSynth: {INSTALL_HINT} ({error})") from error
    return fluidsynth


@cache
def _steady_dither() -> None:
    """Let every process dither alike, whatever it has imported.

    FluidSynth draws its dither from C's `rand` when the first synthesiser is made, and JUCE, which pedalboard brings,
    has seeded that with the time. 1 is what C itself begins with.
    """
    ctypes.CDLL(None if os.name == "posix" else "ucrtbase").srand(1)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """FluidSynth reports a bad file on file descriptor 2; we raise an error of our own instead."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
