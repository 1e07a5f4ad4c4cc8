"""AIFF and AIFF-C files (Apple's AIFF 1.3 and the draft of AIFF-C)."""

from __future__ import annotations

import struct
from typing import IO

from dreampedal.engine.sound.layout import (
    OPEN_SIZE,
    SLOPPY,
    ByteRange,
    Coded,
    Part,
    Pcm,
    UnreadableError,
    bytes_at,
    require_no_more,
    second_file,
)

_PLAIN = {b"NONE": ">i", b"twos": ">i", b"in24": ">i", b"in32": ">i", b"sowt": "<i"}
_FLOATS = {b"fl32": ">f4", b"FL32": ">f4", b"fl64": ">f8", b"FL64": ">f8"}


def sound_of(file: IO[bytes], start: int, size: int) -> tuple[Part, ...]:
    """The sound of an AIFF file that begins at `start` of a file of `size` bytes."""
    told = struct.unpack(">I", bytes_at(file, start + 4, 4))[0]
    outer = start + 8 + told if told else size  # FFmpeg leaves 0 where it could not go back, as in a pipe
    at, common, place = start + 12, b"", None
    while at + 8 <= min(size, outer if outer < OPEN_SIZE else size):
        name, length = struct.unpack(">4sI", bytes_at(file, at, 8))
        open_ended = name == b"SSND" and (length >= OPEN_SIZE or length == 0)
        if at + 8 + length > size and not open_ended:
            called = name.decode("ascii", "replace")
            raise UnreadableError(f"is truncated: its chunk {called!r} has {size - at - 8} of {length} bytes")
        if name == b"COMM":
            common = bytes_at(file, at + 8, min(length, 256))
        elif name == b"SSND":
            if place is not None:
                raise UnreadableError(f"holds more samples from byte {at} on: expected one chunk 'SSND'")
            offset = struct.unpack(">I", bytes_at(file, at + 8, 4).rjust(4, b"\0"))[0]
            place = ByteRange(min(size, at + 16 + offset), size if open_ended else at + 8 + length)
            if open_ended:
                break
        at += 8 + length + length % 2
    if size + SLOPPY < outer < start + OPEN_SIZE:
        raise UnreadableError(f"is truncated: {size - start} of {outer - start} bytes are there")
    if outer < size:
        behind = outer + outer % 2
        if bytes_at(file, behind, 4) == b"FORM":
            raise second_file("AIFF", behind, size)
        require_no_more(file, behind, size)
    if len(common) < 18:
        raise UnreadableError("is damaged: it has no chunk 'COMM' that tells how its samples are written")
    return (_part(common, place or ByteRange(size, size), ByteRange(start, size)),)


def _part(common: bytes, place: ByteRange, whole: ByteRange) -> Part:
    channels, frames, bits = struct.unpack(">hIh", common[:8])
    rate, kind = _extended(common[8:18]), common[18:22] or b"NONE"
    if channels < 1 or not 0 < rate < 1e9:
        raise UnreadableError(f"is damaged: its header tells {channels} channels at {rate:g} Hz")
    if kind not in _PLAIN and kind not in _FLOATS and kind != b"raw ":
        return Coded("aiff", (whole,))
    width = -(-bits // 8)
    if kind not in _FLOATS and not 1 <= width <= 4:
        raise UnreadableError(f"has {bits} bits: expected 1 to 32")
    code = _FLOATS.get(kind) or ("|u1" if kind == b"raw " else "|i1" if width == 1 else f"{_PLAIN[kind]}{width}")
    part = Pcm((place,), code, channels, rate, 32 if kind in _FLOATS else bits)
    told = frames * part.frame_bytes
    if told > place.size and frames < OPEN_SIZE // part.frame_bytes:
        raise UnreadableError(f"is truncated: {part.samples} of {frames} samples are there")
    if frames and part.samples > frames:
        raise UnreadableError(f"is damaged: its header tells {frames} samples, and {part.samples} are there")
    return part


def _extended(number: bytes) -> float:
    """A number of 80 bits (IEEE 754, extended precision)."""
    exponent, mantissa = struct.unpack(">HQ", number)
    return float(mantissa) * 2.0 ** ((exponent & 0x7FFF) - 16446) if exponent & 0x7FFF < 0x7FFF else float("inf")
