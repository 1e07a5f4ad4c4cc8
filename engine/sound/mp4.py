"""MP4 and M4A files (ISO 14496-12) of AAC or ALAC: whether all boxes are there; FFmpeg reads what is in them."""

from __future__ import annotations

import re
import struct
from typing import IO

from dreampedal.engine.sound.layout import ByteRange, Coded, Part, UnreadableError, bytes_at, second_file

_MOST_INDEX = 1 << 28
"""Bytes of an index that are looked through for what iTunes says of encoder's silence."""
_LAST_FRAMES = 8192
"""Samples of the two longest frames of AAC or ALAC: the second may be the decoder's own."""
_ITUNES = re.compile(rb"iTunSMPB.{4}data.{8} [0-9A-F]{8} [0-9A-F]{8} [0-9A-F]{8} ([0-9A-F]{16})", re.DOTALL)


def sound_of(file: IO[bytes], start: int, size: int) -> tuple[Part, ...]:
    """The sound of an MP4 file that begins at `start` of a file of `size` bytes."""
    at, names, samples = start, set[bytes](), None
    while at < size:
        head = bytes_at(file, at, 16)
        if len(head) < 8:
            raise UnreadableError(f"is truncated: it ends within a box, at byte {size}")
        length, name = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        length = length or size - at
        if not name.isascii() or length < 8:
            raise UnreadableError(f"is damaged: at byte {at}, where a box should begin, there is none")
        if at + length > size:
            raise UnreadableError(f"is truncated: its box {name.decode()!r} has {size - at} of {length} bytes")
        if name == b"moov":
            if name in names:
                raise UnreadableError(f"holds a second sound from byte {at} on: expected one")
            found = _ITUNES.search(bytes_at(file, at, min(length, _MOST_INDEX)))
            samples = int(found[1], 16) or None if found else None
        if name == b"ftyp" and name in names:
            raise second_file("MP4", at, size)
        names.add(name)
        at += length
    if b"moov" not in names:
        raise UnreadableError(
            "is truncated: its index (the box 'moov') is missing, as where a recording was not finished"
        )
    return (Coded("mov", (ByteRange(start, size),), samples=samples, spare=_LAST_FRAMES),)
