"""Ogg files (RFC 3533) of Vorbis, Opus (RFC 7845) or FLAC: pages are counted and their checksums compared.

Streams that follow each other (a "chain", as of `cat a.ogg b.ogg` or of a radio station) are parts of one sound.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import IO

from dreampedal.engine.sound.flac import stream_info
from dreampedal.engine.sound.layout import ByteRange, Coded, Part, UnreadableError, bytes_at, lengthen

_FIRST, _LAST = 2, 4
_NOTHING = (1 << 64) - 1
"""The position of a page on which no packet ends."""
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_HEADERS = {"Vorbis": 3, "Opus": 2}
"""Packets before the first of sound."""
_LONGEST = 8192
"""Samples of the longest block of Vorbis; a packet of Opus has 5760."""
_KINDS = {b"\x01vorbis": "Vorbis", b"OpusHead": "Opus", b"\x7fFLAC": "FLAC"}


@dataclass
class _Stream:
    """The pages of one serial number."""

    kind: str
    head: bytes
    spans: list[ByteRange] = field(default_factory=list)
    sequence: int = -1
    position: int = 0
    """Samples up to the end of the last page, as it tells."""
    ended: bool = False
    packets: int = 0
    page: tuple[int, int] | None = None
    """Packets of sound on the first page that has any, and its position; None too if that is the last page."""


def sound_of(file: IO[bytes], start: int, size: int) -> tuple[Part, ...]:
    """The sound of an Ogg file that begins at `start` of a file of `size` bytes."""
    links: list[_Stream] = []
    running: dict[int, _Stream] = {}
    at = start
    while at < size:
        page = _page(file, at, size)
        flags, position, serial, sequence = page[5], *struct.unpack("<QII", page[6:22])
        if flags & _FIRST:
            stream = running[serial] = _begun(page, links)
        elif (stream := running.get(serial)) is None:  # type: ignore[assignment]
            raise UnreadableError(f"is damaged: the page at byte {at} belongs to no stream")
        if sequence != stream.sequence + 1 and stream.sequence >= 0:
            raise UnreadableError(f"is damaged: a page is missing before byte {at}")
        stream.sequence, stream.ended = sequence, stream.ended or bool(flags & _LAST)
        stream.packets += sum(length < 255 for length in page[27 : 27 + page[26]])
        if stream.position == 0 and 0 < position < _NOTHING and not flags & _LAST:
            stream.page = stream.packets - _HEADERS.get(stream.kind, 0), position
        stream.position = stream.position if position == _NOTHING else position
        lengthen(stream.spans, at, at + len(page))
        at += len(page)
    if not links:
        kinds = ", ".join(sorted({stream.kind for stream in running.values()}))
        raise UnreadableError(f"holds {kinds or 'nothing'}: expected Vorbis, Opus or FLAC in Ogg")
    if not links[-1].ended:
        raise UnreadableError("is truncated: its last page is missing")
    return tuple(_part(stream) for stream in links)


def _page(file: IO[bytes], at: int, size: int) -> bytes:
    """The page at a place, whole and unharmed."""
    head = bytes_at(file, at, 27)
    head += file.read(head[26]) if len(head) == 27 else b""
    length = len(head) + sum(head[27:])
    if at + max(27, length) > size or len(head) < 27:
        raise UnreadableError(f"is truncated: it ends within the page at byte {at}")
    page = head + file.read(length - len(head))
    if page[:4] != b"OggS":
        raise UnreadableError(f"is damaged: at byte {at}, where a page should begin, there is none")
    if _checksum(page[:22] + bytes(4) + page[26:]) != struct.unpack("<I", page[22:26])[0]:
        raise UnreadableError(f"is damaged: the page at byte {at} does not match its checksum")
    return page


def _checksum(page: bytes) -> int:
    """CRC-32 as Ogg has it: zlib's with all bits mirrored, from 0 on."""
    found = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2)


def _begun(page: bytes, links: list[_Stream]) -> _Stream:
    """A stream that begins on a page; one of sound is a link of the chain."""
    body = page[27 + page[26] :]
    kind = next((kind for magic, kind in _KINDS.items() if body.startswith(magic)), None)
    stream = _Stream(kind or body[:8].strip(b"\0\x01 \x80").decode("ascii", "replace").strip(), body)
    if kind is not None:
        if links and not links[-1].ended:
            raise UnreadableError(
                "holds sounds that run side by side, or one that was cut short before another: expected one"
            )
        links.append(stream)
    return stream


def _part(stream: _Stream) -> Coded:
    pieces = tuple(stream.spans)
    if stream.kind == "FLAC":
        _, bits, md5 = stream_info(stream.head[17:51])
        return Coded("ogg", pieces, samples=stream.position, bits=bits, md5=md5)
    skip = struct.unpack("<H", stream.head[10:12])[0] if stream.kind == "Opus" else 0
    samples = max(0, stream.position - skip)
    return Coded("ogg", pieces, skip=skip, samples=samples, spare=_LONGEST, page=stream.page)
