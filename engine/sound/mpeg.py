"""MP3 and MP2 files (ISO 11172-3, 13818-3): every frame is counted, since what a header says of their number may be an
estimate, or missing. Files laid end to end are parts of one sound.

An encoder puts silence before and behind a sound. How much stands in a frame of its own (Xing's, with LAME's
extension) or in iTunes' comment, and is left out of what is played.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field, replace
from typing import IO, NamedTuple

from dreampedal.engine.sound.layout import ByteRange, Coded, Part, UnreadableError, behind_id3, bytes_at, lengthen

_DECODER_DELAY = 529
"""Samples that a decoder of Layer III is late."""
_LEAD_FRAMES = 100
"""Frames that are decoded before a place in a file, since each leans on those before: on up to 255 bytes of their sound
in MPEG-2, and the smallest (8 kbit/s at 24 kHz) hold 3."""
_LONGEST_FRAME = 2881
"""Bytes, of Layer II at 160 kbit/s and 8 kHz."""
_RATES = 44_100, 48_000, 32_000
_KBITS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}  # fmt: skip
"""Bit rates by version (2 for 2.5 too) and layer."""
_ITUNES = re.compile(rb"iTunSMPB.{0,16}?\x00 ?[0-9A-F]{8} ([0-9A-F]{8}) ([0-9A-F]{8}) ([0-9A-F]{16})", re.DOTALL)


class Frame(NamedTuple):
    """What the four bytes at the head of a frame say."""

    layer: int
    rate: int
    channels: int
    bytes: int
    samples: int


class _Told(NamedTuple):
    """What a file says of its sound: how many frames, and silence of the encoder's; None where it does not."""

    frames: int | None = None
    delay: int | None = None
    padding: int = 0
    samples: int | None = None


@dataclass
class _Link:
    """One of the files that were laid end to end."""

    told: _Told
    spans: list[ByteRange] = field(default_factory=list)
    frames: int = 0


def frame(head: bytes) -> Frame | None:
    """The frame that begins with these four bytes, or None.

    >>> frame(bytes.fromhex("fffb9064"))
    Frame(layer=3, rate=44100, channels=2, bytes=417, samples=1152)
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    kbits, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or kbits in (0, 15) or rate == 3:
        return None
    half = version != 3
    hertz = _RATES[rate] >> (0 if version == 3 else 1 if version == 2 else 2)
    samples = 384 if layer == 1 else 576 if layer == 3 and half else 1152
    slot = 4 if layer == 1 else 1
    rated = _KBITS[2 if half else 1, layer][kbits - 1] * 1000
    length = (samples // 8 // slot * rated // hertz + (head[2] >> 1 & 1)) * slot
    return Frame(layer, hertz, 1 if head[3] >> 6 == 3 else 2, length, samples)


def sound_of(file: IO[bytes], start: int, size: int) -> tuple[Part, ...]:
    """The sound of an MP3 file that begins at `start` of a file of `size` bytes."""
    at = beginning(file, start)
    tagged = _from_itunes(bytes_at(file, 0, min(start, 1 << 20)))
    if at is None:
        raise UnreadableError("is damaged: where MPEG sound should begin, there is none")
    links: list[_Link] = []
    first: Frame | None = None
    fresh = True
    while at < size:
        found = frame(bytes_at(file, at, 4))
        if found is None:
            fresh = fresh or bytes_at(file, at, 3) == b"ID3"
            at = _behind_tag(file, at, size)
            continue
        first = first or found
        if (found.layer, found.rate, found.channels) != (first.layer, first.rate, first.channels):
            raise UnreadableError(
                f"changes at byte {at} of {size} from {first.rate} Hz and {first.channels} channels of Layer "
                f"{first.layer} to {found.rate} Hz and {found.channels} of Layer {found.layer}: expected one sound"
            )
        if at + found.bytes > size:
            raise UnreadableError(f"is truncated: its last frame has {size - at} of {found.bytes} bytes")
        told = _told(bytes_at(file, at, min(found.bytes, 512)), found)
        if told is not None or fresh:
            links.append(_Link(told or tagged or _Told()))
        fresh = False
        if told is None:
            _take_in(links, at, found)
        elif tagged is not None and told.delay is None:
            links[-1].told = tagged._replace(frames=told.frames)
        at += found.bytes
    if first is None:
        raise UnreadableError("holds no frame of MPEG sound")
    return tuple(_part(link, first) for link in links if link.frames or link.told.frames)


def beginning(file: IO[bytes], start: int) -> int | None:
    """Where the first frame is, from `start` on: behind zeros, or the rest of a frame that was cut. None if nowhere.

    The rest of a frame is shorter than the frame that follows, and does not tell of the others: no whole one is passed
    over.
    """
    head = bytes_at(file, start, 1 << 16)
    zeros = len(head) - len(head.lstrip(b"\0"))
    for at in [zeros] if zeros else range(min(len(head), _LONGEST_FRAME)):
        found = frame(head[at : at + 4])
        # A frame may be a byte longer than one before it.
        if found is not None and at - zeros < found.bytes - 1 and _goes_on(file, start + at, found):
            return None if b"Xing" in head[:at] or b"Info" in head[:at] else start + at
    return None


def _goes_on(file: IO[bytes], at: int, found: Frame) -> bool:
    """Whether two more frames of a kind, or a tag, or the end, follow a frame."""
    for _ in range(2):
        at += found.bytes
        head = bytes_at(file, at, 4)
        following = frame(head)
        if len(head) < 4 or head[:3] in (b"TAG", b"APE", b"ID3"):
            return True
        if following is None or following[:3] != found[:3]:
            return False
        found = following
    return True


def _take_in(links: list[_Link], at: int, found: Frame) -> None:
    """Add a frame to the last link; frames beyond those that it told of are a link of their own."""
    link = links[-1]
    if link.told.frames is not None and link.told.delay is not None and link.frames >= link.told.frames:
        link = _Link(_Told())
        links.append(link)
    link.frames += 1
    lengthen(link.spans, at, at + found.bytes)


def _behind_tag(file: IO[bytes], at: int, size: int) -> int:
    """The place behind a tag or padding that stands where no frame does."""
    head = bytes_at(file, at, 32)
    if head[:3] == b"ID3":
        return behind_id3(file, at, size)
    if head[:3] == b"TAG":
        return at + 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        length, _, flags = struct.unpack("<III", head[12:24])
        return at + int(length) + (32 if flags >> 29 & 1 else 0) if flags >> 29 & 1 else at + 32
    if head[:11] == b"LYRICSBEGIN":
        end = bytes_at(file, at, min(size - at, 1 << 20)).find(b"LYRICS200")
        if end > 0:
            return at + end + 9
    block = bytes_at(file, at, 1 << 16)
    if zeros := len(block) - len(block.lstrip(b"\0")):
        return at + zeros
    left = size - at
    if at and left < 4:
        raise UnreadableError(f"is truncated: its last {left} bytes are the beginning of a frame")
    raise UnreadableError(
        f"is damaged: at byte {at} of {size}, where a frame of MPEG sound should begin, there is none"
    )


def _told(data: bytes, found: Frame) -> _Told | None:
    """What a frame says, that holds no sound but tells of the others; None of a frame of sound."""
    if found.layer != 3:
        return None
    half = found.samples == 576
    side = (9 if half else 17) if found.channels == 1 else (17 if half else 32)
    at = 4 + side
    if data[36:40] == b"VBRI":
        return _Told(frames=struct.unpack(">I", data[50:54])[0] if len(data) >= 54 else None)
    if data[at : at + 4] not in (b"Xing", b"Info") or len(data) < at + 8:
        return None
    flags = struct.unpack(">I", data[at + 4 : at + 8])[0]
    fields = at + 8
    frames = struct.unpack(">I", data[fields : fields + 4].rjust(4, b"\0"))[0] if flags & 1 else None
    fields += 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    encoder, silence = data[fields : fields + 4], data[fields + 21 : fields + 24]
    if len(silence) < 3 or not (encoder.isascii() and encoder.isalnum()):
        return _Told(frames)
    packed = int.from_bytes(silence, "big")
    return _Told(frames, packed >> 12, packed & 0xFFF)


def _from_itunes(tag: bytes) -> _Told | None:
    """What iTunes leaves in a comment: the encoder's delay, its padding, and how many samples there are."""
    found = _ITUNES.search(tag) or _ITUNES.search(tag.replace(b"\0", b"").replace(b"iTunSMPB", b"iTunSMPB\0"))
    if found is None:
        return None
    delay, padding, samples = (int(number, 16) for number in found.groups())
    return _Told(None, delay, padding, samples or None)


def _part(link: _Link, kind: Frame) -> Coded:
    there, told = link.frames, link.told
    # Some encoders count the frame that tells as well.
    if told.frames is not None and there + 1 < told.frames:
        raise UnreadableError(f"is truncated: {there} of {told.frames} frames are there")
    if told.delay is None:
        return Coded("mp3", tuple(link.spans), samples=there * kind.samples)
    skip = told.delay + (_DECODER_DELAY if kind.layer == 3 else 0)
    left = there * kind.samples - skip
    samples = min(left, there * kind.samples - told.delay - told.padding)
    if told.samples is not None:
        samples = min(left, told.samples)
    if samples <= 0:
        return Coded("mp3", tuple(link.spans), samples=there * kind.samples)
    return Coded("mp3", tuple(link.spans), skip=skip, samples=samples, spare=left - samples)


def from_sample(file: IO[bytes], part: Coded, first: int) -> tuple[Coded, int]:
    """A part from a frame on that is not long before a sample, and the place of that sample in it."""
    spans = [piece for piece in part.pieces if isinstance(piece, ByteRange)]
    kind = frame(bytes_at(file, spans[0].start, 4)) if spans else None
    if kind is None or kind.layer != 3:  # the decoder of Layer II rounds by what was before
        return part, first
    leave = (part.skip + first) // kind.samples - _LEAD_FRAMES
    if leave <= 0:
        return part, first
    left = leave
    while spans and left:
        at = spans[0].start
        while left and at < spans[0].end and (found := frame(bytes_at(file, at, 4))) is not None:
            at, left = at + found.bytes, left - 1
        spans = [ByteRange(at, spans[0].end), *spans[1:]] if at < spans[0].end else spans[1:]
    gone = leave * kind.samples
    samples = None if part.samples is None else part.samples - max(0, gone - part.skip)
    later = replace(part, pieces=tuple(spans), skip=max(0, part.skip - gone), samples=samples)
    return later, first - max(0, gone - part.skip)
