"""Where the sound of a file lies: what modules of containers find, and what decoders play."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, NamedTuple

OPEN_SIZE = 0x7F000000
"""Sizes from here up stand where a writer did not know: each program has its own (SoX 0x7FFFF000, GStreamer 0x7FFF0000,
arecord 0x80000000, FFmpeg 0xFFFFFFFF). Where such a size overruns the file, the sound ends where the file ends."""


SLOPPY = 9
"""Bytes by which the size of a whole RIFF or AIFF file may be too large: many writers count its head, or padding."""

TAGS = b"ID3", b"TAG", b"APETAGEX"
"""What music players put behind files of any format."""


class UnreadableError(ValueError):
    """What is wrong with a file, worded to follow its name."""


class ByteRange(NamedTuple):
    """Bytes of a file, from `start` to before `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes."""
        return self.end - self.start


@dataclass(frozen=True)
class Pcm:
    """Plain numbers.

    Fields:
        spans: where they lie, one after another.
        code: of a number, as NumPy has it ("<i2", ">f4"); "<i3" and ">i3" are 24 bits.
        channels, rate: interleaved so many, at so many Hz.
        bits: that are used, fewer than a number has where it is padded; 32 of any that float.
    """

    spans: tuple[ByteRange, ...]
    code: str
    channels: int
    rate: float
    bits: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one number a channel."""
        return self.channels * int(self.code[2:])

    @property
    def samples(self) -> int:
        """How many there are; a part of one at the end is none."""
        return sum(span.size for span in self.spans) // self.frame_bytes


@dataclass(frozen=True)
class Coded:
    """What a decoder plays.

    Fields:
        demuxer: FFmpeg's name of the container; it is never guessed from content, since guesses reach formats that open
            other files.
        pieces: what the demuxer is given: bytes of the file, and headers that we write.
        skip: samples that come out of the decoder before the first of the sound.
        samples: how many follow, or None where only decoding tells.
        spare: samples that may follow those, of an encoder that fills its last frame.
        page: of Ogg, the packets on the first page and its position, from which follows where the sound begins; what
            FFmpeg makes of it is wrong in a file of a single page. None where the sound begins at 0.
        packed: bytes that packets of sound must take, where nothing else tells whether one was passed over.
        bits: of a lossless format; None of a lossy one.
        md5: of the samples as whole numbers, or None.
    """

    demuxer: str
    pieces: tuple[ByteRange | bytes, ...]
    skip: int = 0
    samples: int | None = None
    spare: int = 0
    page: tuple[int, int] | None = None
    packed: int | None = None
    bits: int | None = None
    md5: bytes | None = None


Part = Pcm | Coded


def lengthen(spans: list[ByteRange], start: int, end: int) -> None:
    """Add bytes to ranges of a file: to the last one, where they follow on it."""
    if spans and spans[-1].end == start:
        start = spans.pop().start
    spans.append(ByteRange(start, end))


class Spliced:
    """Pieces of a file, read as if they were one file."""

    def __init__(self, file: IO[bytes], pieces: Sequence[ByteRange | bytes]) -> None:
        self._file = file
        self._pieces = [piece for piece in pieces if _size(piece)]
        self._starts = [0]
        for piece in self._pieces:
            self._starts.append(self._starts[-1] + _size(piece))
        self._at = 0

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes, less only at the end."""
        end = self._starts[-1] if count < 0 else min(self._at + count, self._starts[-1])
        found = []
        place = bisect_right(self._starts, self._at) - 1
        for piece, start in zip(self._pieces[place:], self._starts[place:], strict=False):
            if start >= end:
                break
            first, last = self._at - start, min(end - start, _size(piece))
            data = piece[first:last] if isinstance(piece, bytes) else self._from_file(piece.start + first, last - first)
            found.append(data)
            self._at += len(data)
            if len(data) < last - first:
                break  # the file has become shorter
        return found[0] if len(found) == 1 else b"".join(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, and say where that is."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def _from_file(self, start: int, count: int) -> bytes:
        self._file.seek(start)
        return self._file.read(count)


def _size(piece: ByteRange | bytes) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.size


def bytes_at(file: IO[bytes], start: int, count: int) -> bytes:
    """Up to `count` bytes from a place on."""
    file.seek(start)
    return file.read(count)


def behind_id3(file: IO[bytes], start: int, size: int) -> int:
    """The place behind all ID3v2 tags that begin at `start` (ID3v2.4, 3.1)."""
    while (head := bytes_at(file, start, 10))[:3] == b"ID3" and len(head) == 10:
        length = sum((byte & 127) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        start += 10 + length + 10 * (head[5] >> 4 & 1)
        if start > size:
            raise UnreadableError(f"is truncated: its ID3 tag ends at byte {start} of {size}")
    return start


def second_file(what: str, at: int, size: int) -> UnreadableError:
    """What is wrong where another file begins behind the first."""
    return UnreadableError(f"holds a second {what} file from byte {at} of {size} on: cut it in two, a sound a file")


def require_no_more(file: IO[bytes], at: int, size: int) -> None:
    """`UnreadableError`, if something stands behind the end of a sound that is neither padding nor a tag."""
    if not bytes_at(file, at, 8).startswith(TAGS) and not is_zero(file, at, size):
        raise UnreadableError(f"is damaged: its last {size - at} bytes are neither samples nor a chunk")


def is_zero(file: IO[bytes], start: int, end: int) -> bool:
    """Whether there are but zeros."""
    blocks = (bytes_at(file, place, min(1 << 20, end - place)) for place in range(start, end, 1 << 20))
    return not any(block.strip(b"\0") for block in blocks)
