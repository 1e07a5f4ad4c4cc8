"""FLAC files (RFC 9639): how many samples, and an MD5 of them, stand in the first metadata block."""

from __future__ import annotations

from typing import IO

from dreampedal.engine.sound.layout import Coded, Part, Span, UnreadableError, bytes_at

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
    return (Coded("flac", (Span(start, end),), samples=samples, packed=packed, bits=bits, md5=md5),)


def stream_info(info: bytes) -> tuple[int | None, int, bytes | None]:
    """Samples and MD5 of them, where they are known, and the bits that a sample has."""
    if len(info) < 34:
        raise UnreadableError("is damaged: it has no STREAMINFO, which FLAC begins with")
    packed = int.from_bytes(info[10:18], "big")
    return packed & ((1 << 36) - 1) or None, (packed >> 36 & 31) + 1, info[18:34] if any(info[18:34]) else None
