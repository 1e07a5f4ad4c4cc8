"""WAV files: RIFF, RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088), and RIFX with its bytes the other way round.

The size in the chunk "data" is what the writer knew when it wrote the header. It is believed where the rest of the file
agrees: where chunks, or nothing, follow the samples. A recorder that crashed, a pipe, and a file of more than 4 GiB
leave other sizes there, and then the sound goes on to the end of the file.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import IO

from dreampedal.engine.sound.layout import (
    OPEN_SIZE,
    SLOPPY,
    TAGS,
    ByteRange,
    Coded,
    Part,
    Pcm,
    UnreadableError,
    bytes_at,
    is_zero,
    require_no_more,
    second_file,
)

_NAME = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_ .-]{3}")
_WRAP = 1 << 32
_PADDING = 1 << 20
"""More zeros than so many are silence that was recorded."""
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_GUID_TAIL = bytes.fromhex("00000000100080 0000aa00389b71")


@dataclass
class _Chunks:
    """What is found on the way through a file."""

    order: str
    format: bytes = b""
    fact: bytes = b""
    long_size: int | None = None
    data: list[ByteRange] = field(default_factory=list)


def sound_of(file: IO[bytes], start: int, size: int) -> tuple[Part, ...]:
    """The sound of a WAV file that begins at `start` of a file of `size` bytes."""
    head = bytes_at(file, start, 12)
    found = _Chunks(">" if head[:4] == b"RIFX" else "<")
    outer = start + 8 + struct.unpack(f"{found.order}I", head[4:8])[0]
    at, declared = start + 12, False
    while at + 8 <= size:
        name, length = struct.unpack(f"{found.order}4sI", bytes_at(file, at, 8))
        if not declared and not _NAME.fullmatch(name):
            raise UnreadableError(f"is damaged: at byte {at}, where a chunk should begin, there is none")
        if declared and not _NAME.fullmatch(name):
            require_no_more(file, at, size)
            break
        if name in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
            raise second_file("WAV", at, size)
        at += 8
        if name == b"data":
            at = _samples(file, at, length, size, found)
            declared = True
        elif at + length > size:
            raise UnreadableError(f"is truncated: its chunk {name.decode()!r} has {size - at} of {length} bytes")
        else:
            _keep(file, name, at, length, found)
            at = _behind(file, at + length, length, size)
    if not declared:
        raise UnreadableError("is truncated: it has no samples, or its header is damaged")
    if size + SLOPPY < outer < start + OPEN_SIZE:
        raise UnreadableError(f"is truncated: {size - start} of {outer - start} bytes are there")
    return (_part(found),)


def _keep(file: IO[bytes], name: bytes, at: int, length: int, found: _Chunks) -> None:
    if name == b"fmt " and not found.format:
        found.format = bytes_at(file, at, min(length, 4096))
    elif name == b"fact":
        found.fact = bytes_at(file, at, min(length, 4))
    elif name == b"ds64" and length >= 16:
        found.long_size = struct.unpack("<Q", bytes_at(file, at + 8, 8))[0]


def _behind(file: IO[bytes], end: int, length: int, size: int) -> int:
    """Where the next chunk begins: chunks of odd length are padded, but not by every writer."""
    if length % 2 == 0:
        return end
    padded, plain = bytes_at(file, end + 1, 4), bytes_at(file, end, 4)
    return end if end < size and _NAME.fullmatch(plain) and not _NAME.fullmatch(padded) else end + 1


def _samples(file: IO[bytes], at: int, length: int, size: int, found: _Chunks) -> int:
    """Take in the samples that begin at `at`; the place behind them."""
    rest = size - at
    known = found.long_size is not None and length == 0xFFFFFFFF
    if known:
        length = found.long_size or 0
    if length > rest:
        if known or length < OPEN_SIZE:
            raise UnreadableError(f"is truncated: {rest} of {length} bytes of its samples are there")
        length = rest
    elif not _ends_at(file, at + length, length, size, found.order):
        length = _wrapped(file, at, length, size, found.order)
    found.data.append(ByteRange(at, at + length))
    return _behind(file, at + length, length, size)


def _wrapped(file: IO[bytes], at: int, length: int, size: int, order: str) -> int:
    """The length of samples that are more than their size says: that of a size that lost its upper half, or all."""
    rest = size - at
    for more in range(length + _WRAP, rest + 1, _WRAP):
        if _ends_at(file, at + more, more, size, order):
            return more
    return rest


def _ends_at(file: IO[bytes], end: int, length: int, size: int, order: str) -> bool:
    """Whether samples end at `end`: nothing, padding, a tag or a chunk that fits follows."""
    at = _behind(file, end, length, size)
    if at >= size:
        return True
    head = bytes_at(file, at, 8)
    if head.startswith(TAGS):
        return True
    if len(head) == 8 and _NAME.fullmatch(head[:4]):
        following = struct.unpack(f"{order}I", head[4:])[0]
        # A chunk that is cut short is told as that; one of no sensible size is a run of samples that spells a name.
        return length > 0 or at + 8 + following <= size + 1
    return length > 0 and size - end <= _PADDING and is_zero(file, end, size)


def _part(found: _Chunks) -> Part:
    order, head = found.order, found.format
    if len(head) < 16:
        raise UnreadableError("is damaged: it has no chunk 'fmt ' that tells how its samples are written")
    tag, channels, rate, _, align, bits = struct.unpack(f"{order}HHIIHH", head[:16])
    valid = bits
    if tag == _EXTENSIBLE and len(head) >= 40:
        valid = struct.unpack(f"{order}H", head[18:20])[0] or bits
        tag = struct.unpack(f"{order}H", head[24:26])[0] if head[26:40] == _GUID_TAIL else tag
    if not channels or not rate:
        raise UnreadableError(f"is damaged: its header tells {channels} channels at {rate} Hz")
    if tag in (_PCM, _FLOAT):
        if -(-bits // 8) * channels != align or valid > bits:
            raise UnreadableError(
                f"has {bits} bits, {valid} of them used, in {align} bytes for {channels} channels: no samples are such"
            )
        return _plain(found, tag == _FLOAT, channels, rate, align // channels, valid)
    body = b"fmt " + struct.pack("<I", len(head)) + head + b"\0" * (len(head) % 2)
    if found.fact:
        body += b"fact" + struct.pack("<I", len(found.fact)) + found.fact
    length = sum(span.size for span in found.data)
    if order == ">" or length >= OPEN_SIZE:
        raise UnreadableError(f"holds sound of kind 0x{tag:04x}, which cannot be read in RIFX or in more than 2 GiB")
    body += b"data" + struct.pack("<I", length)
    header = b"RIFF" + struct.pack("<I", 4 + len(body) + length) + b"WAVE" + body
    return Coded("wav", (header, *found.data))


def _plain(found: _Chunks, is_float: bool, channels: int, rate: int, width: int, valid: int) -> Pcm:
    if width not in ((4, 8) if is_float else (1, 2, 3, 4)):
        kind = "floating point" if is_float else "whole numbers"
        raise UnreadableError(f"has {valid} bits of {kind}: no samples are such")
    code = f"{found.order}f{width}" if is_float else "|u1" if width == 1 else f"{found.order}i{width}"
    return Pcm(tuple(found.data), code, channels, float(rate), 32 if is_float else valid)
