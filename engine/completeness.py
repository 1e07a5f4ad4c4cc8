"""Whether a sound file is all there.

Decoders play a file that was cut short as if it ended in silence, or just earlier. Most containers say how long they
should be, and that is compared here: RIFF and AIFF by their sizes, Ogg by the mark on its last page, MP3 by the count
in its Xing header, if it has one. FLAC says nothing of its size but carries an MD5 of its samples (RFC 9639, 8.2).
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_OPEN_ENDS = 0xFFFFFFFF, 0x7FFFF000
"""Sizes that stand where the writer did not know them, as of a sound that came through a pipe: what most write, and
what SoX does."""


def require_complete(path: Path) -> int | None:
    """A ValueError if the container of `path` says that bytes are missing.

    Returns:
        Samples that are there, of a WAV file that does not say how many: decoders read hours of silence behind them.
        None of any other.
    """
    with path.open("rb") as file:
        head = file.read(4096)
        size = path.stat().st_size
        file.seek(max(0, size - 65_536))
        tail = file.read()
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        place = _riff_samples(head)
        if place and place.bytes is None:
            return max(0, size - place.start) // place.frame_bytes
        wanted = place.start + (place.bytes or 0) if place else None
    elif head[:4] == b"FORM" and head[8:11] == b"AIF":
        wanted = 8 + struct.unpack(">I", head[4:8])[0]
    elif head[:4] == b"OggS":
        if _ends_in_last_page(tail):
            return None
        raise ValueError(f"{path} is truncated: its last page is missing")
    else:
        wanted = _xing_bytes(head)
    if wanted is not None and wanted > size:
        raise ValueError(f"{path} is truncated: {size} of {wanted} bytes are there")
    return None


def _ends_in_last_page(tail: bytes) -> bool:
    """Whether an Ogg file ends in a whole page that is marked as the last (RFC 3533, 6)."""
    page = tail[max(0, tail.rfind(b"OggS")) :]
    segments = page[26] if len(page) > 27 else 0
    return bool(segments) and bool(page[5] & 4) and len(page) >= 27 + segments + sum(page[27 : 27 + segments])


class _Samples(NamedTuple):
    """Where the samples of a WAV file lie: the first byte, how many, and how many for one of every channel."""

    start: int
    bytes: int | None
    """None where the header does not tell."""
    frame_bytes: int


def _riff_samples(head: bytes) -> _Samples | None:
    """Where the samples are, or None where they begin behind `head`. An RF64 file (EBU Tech 3306) has their size in
    its chunk "ds64".
    """
    at, frame_bytes, long_size = 12, 1, None
    while at + 8 <= len(head):
        name, length = head[at : at + 4], struct.unpack("<I", head[at + 4 : at + 8])[0]
        if name == b"ds64" and at + 24 <= len(head):
            long_size = struct.unpack("<Q", head[at + 16 : at + 24])[0]
        if name == b"fmt " and at + 22 <= len(head):
            frame_bytes = max(1, struct.unpack("<H", head[at + 20 : at + 22])[0])
        if name == b"data":
            known = long_size if length == _OPEN_ENDS[0] else None if length in _OPEN_ENDS else length
            return _Samples(at + 8, known, frame_bytes)
        at += 8 + length + length % 2
    return None


def _xing_bytes(head: bytes) -> int | None:
    """Bytes of an MP3 by the Xing or Info header in its first frame, or None where there is none."""
    at = max(head.find(b"Xing", 0, 256), head.find(b"Info", 0, 256))
    if at < 0 or head[:1] != b"\xff" or at + 16 > len(head):
        return None
    flags = struct.unpack(">I", head[at + 4 : at + 8])[0]
    if not flags & 2:
        return None
    count = at + 8 + 4 * (flags & 1)
    return int(struct.unpack(">I", head[count : count + 4])[0])


class FlacDigest:
    """The MD5 of samples as they are read, against the one in the header of a FLAC file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            head = file.read(42).ljust(42, b"\0")
        self.bits = ((head[20] & 1) << 4 | head[21] >> 4) + 1
        known = head[:4] == b"fLaC" and self.bits in (8, 16, 24)
        self.wanted = head[26:42] if known else bytes(16)
        self.found = hashlib.md5(usedforsecurity=False)

    def add(self, block: NDArray[Any]) -> None:
        """Count in a block of float samples, (channels, samples)."""
        if not any(self.wanted):
            return
        # pedalboard reads the largest whole number as 1.0, rather than a power of two.
        whole = np.rint(block.T.astype(np.float64) * (2 ** (self.bits - 1) - 1)).astype("<i4")
        width = (self.bits + 7) // 8
        self.found.update(np.ascontiguousarray(whole[..., None].view(np.uint8)[..., :width]).tobytes())

    def require_equal(self) -> None:
        """A ValueError if what was read is not what was once written."""
        if any(self.wanted) and self.found.digest() != self.wanted:
            raise ValueError(f"{self.path} is truncated or damaged: its samples do not match its checksum")
