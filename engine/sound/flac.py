"""FLAC files (RFC 9639): how many samples, and an MD5 of them, stand in the first metadata block."""

from __future__ import annotations

import re
from typing import IO

from dreampedal.engine.sound.layout import ByteRange, Coded, Part, UnreadableError, bytes_at, second_file

_SECOND = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
"""How a file begins: its magic, and the head of a first block of 34 bytes."""

_AT_ONCE = 1 << 20
_TAG = 128
"""Bytes of an ID3v1 tag at the end of a file."""


def sound_of(file: IO[bytes], start: int, size: int) -> tuple[Part, ...]:
    """The sound of a FLAC file that begins at `start` of a file of `size` bytes."""
    at, last, info = start + 4, False, b""
    while not last:
        head = bytes_at(file, at, 4)
        length = int.from_bytes(head[1:], "big")
        if len(head) < 4 or at + 4 + length > size:
            raise UnreadableError(f"is truncated: it ends within its metadata, at byte {size}")
        last, kind = bool(head[0] & 128), head[0] & 127
        info = info or (bytes_at(file, at + 4, length) if kind == 0 else b"")
        at += 4 + length
    samples, bits, md5 = stream_info(info)
    end = size - _TAG if size - at >= _TAG and bytes_at(file, size - _TAG, 3) == b"TAG" else size
    # FFmpeg passes over frames whose checksums are wrong, and over what is none.
    packed = None if samples and md5 else end - at
    return (Coded("flac", (ByteRange(start, end),), samples=samples, packed=packed, bits=bits, md5=md5),)


def require_single(file: IO[bytes], start: int, size: int) -> None:
    """`UnreadableError` where another file begins in a FLAC file that could not be decoded."""
    for at in range(start + 1, size, _AT_ONCE):
        if found := _SECOND.search(bytes_at(file, at, _AT_ONCE + 7)):
            raise second_file("FLAC", at + found.start(), size)


def stream_info(info: bytes) -> tuple[int | None, int, bytes | None]:
    """Samples and MD5 of them, where they are known, and the bits that a sample has."""
    if len(info) < 34:
        raise UnreadableError("is damaged: it has no STREAMINFO, which FLAC begins with")
    packed = int.from_bytes(info[10:18], "big")
    return packed & ((1 << 36) - 1) or None, (packed >> 36 & 31) + 1, info[18:34] if any(info[18:34]) else None
