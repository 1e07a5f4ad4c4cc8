"""What a file is, by its first bytes, whatever its name says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import IO

from dreampedal.engine.sound import aiff, flac, mp4, mpeg, ogg, riff
from dreampedal.engine.sound.layout import Part, UnreadableError, behind_id3, bytes_at

Finder = Callable[[IO[bytes], int, int], tuple[Part, ...]]
"""Finds the sound of a file, from the file, the place behind its ID3 tags, and its size."""

READ = ("wav", "flac", "aiff", "ogg", "opus", "mp3", "mp2", "m4a")
"""Formats that are read, for messages."""

ENDINGS = frozenset({
    ".wav", ".wave", ".bwf", ".rf64", ".bw64", ".flac", ".aiff", ".aif", ".aifc",
    ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".m4a", ".m4b", ".mp4",
})  # fmt: skip
"""Endings of their names, for whoever looks for sounds in a folder."""

_FAMILIES: tuple[tuple[bytes, Finder], ...] = (
    (rb"(RIFF|RF64|BW64|RIFX)....WAVE", riff.sound_of),
    (rb"FORM....AIF[FC]", aiff.sound_of),
    (rb"fLaC", flac.sound_of),
    (rb"OggS", ogg.sound_of),
    (rb"....ftyp", mp4.sound_of),
)
"""How files begin that are read."""

_OTHERS = (
    (rb"riff\x2e\x91\xcf\x11", "Wave64 sound"),
    (rb"caff", "Core Audio (CAF) sound"),
    (rb"\.snd|dns\.", "AU sound"),
    (rb"wvpk", "WavPack sound"),
    (rb"MAC ", "Monkey's Audio"),
    (rb"TTA[12]", "True Audio"),
    (rb"MPCK|MP\+", "Musepack sound"),
    (rb"DSD |FRM8", "DSD sound"),
    (rb"\x1a\x45\xdf\xa3", "a Matroska or WebM file"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (WMA) sound"),
    (rb"#!AMR", "AMR sound"),
    (rb"MThd", "MIDI, which is notes and no sound"),
    (rb"RIFF....(?!WAVE)", "a RIFF file of another kind than WAVE"),
    (rb"\xff[\xf0\xf1\xf8\xf9]", "AAC with no container"),
)
"""What can be told by name, and is not read."""


def parts_of(file: IO[bytes], size: int) -> tuple[Part, ...]:
    """Where the sound of a file lies.

    Raises:
        UnreadableError: for what is no sound that is read here, and for one that is not whole.
    """
    at = behind_id3(file, 0, size)
    return _family(file, at)(file, at, size)


def require_known(file: IO[bytes]) -> None:
    """`UnreadableError`, if a file begins as none does that is read here; 64 KiB of it are enough to tell."""
    if bytes_at(file, 0, 3) != b"ID3":
        _family(file, 0)


def _family(file: IO[bytes], at: int) -> Finder:
    """What reads a file whose first bytes, behind tags, are at a place."""
    head = bytes_at(file, at, 16)
    for magic, finder in _FAMILIES:
        if re.match(magic, head, re.DOTALL):
            return finder
    for magic, kind in _OTHERS:
        if re.match(magic, head, re.DOTALL):
            raise UnreadableError(f"is {kind}, which is not read: expected one of {', '.join(READ)}")
    if at or mpeg.beginning(file, 0) is not None:
        return mpeg.sound_of
    raise UnreadableError(f"is no sound that can be read: expected one of {', '.join(READ)}")
