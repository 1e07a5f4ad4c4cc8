"""What FFmpeg decodes, through PyAV: compressed sound as samples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from dreampedal.engine.sound.flac import require_single, stream_info
from dreampedal.engine.sound.layout import ByteRange, Coded, Spliced, UnreadableError
from dreampedal.engine.sound.pcm import scaled

av.logging.set_level(None)  # what its decoders write to stderr is told by exceptions

_STRICT = {"err_detect": "crccheck+bitstream+buffer+explode"}
"""An error in what is lossless is one, and nothing to be covered with silence. Of lossy sound that was cut, the first
frames may lack what they lean on, and decoders begin softly there."""
_LOSSLESS = "flac", "alac"


@dataclass
class Decoder:
    """An open part: what it is, and its samples."""

    part: Coded
    container: Any
    stream: AudioStream
    rate: float
    channels: int
    bits: int | None
    """Of a lossless format; None of a lossy one."""
    samples: int | None
    """How many there are, as the part tells or, where it does not, the container; None where only decoding tells."""
    seen: int = field(default=0, init=False)
    """Samples up to where the decoder is."""
    sought: bool = field(default=False, init=False)
    """Whether it did not begin at the first."""

    def blocks(self, first: int = 0) -> Iterator[NDArray[np.float32]]:
        """The samples from `first` on, (channels, samples) as they come out of the decoder.

        Raises:
            UnreadableError: for what cannot be decoded, and at the end for a length or a checksum that is not as told.
        """
        if first and self.part.demuxer == "flac":
            self._seek(first)
        digest = hashlib.md5(usedforsecurity=False) if self.part.md5 and not first else None
        place, wanted = self.part.skip + first, self.samples
        end = None if wanted is None else self.part.skip + wanted
        for numbers in self._numbers():
            if digest is not None:
                digest.update(self._bytes(numbers))
            kept = numbers[:, max(0, place - self.seen) : None if end is None else max(0, end - self.seen)]
            self.seen += numbers.shape[1]
            if kept.shape[1]:
                place += kept.shape[1]
                yield self._samples(kept)
        if end is not None and place < end:
            found = place - self.part.skip
            raise UnreadableError(f"is truncated or damaged: {found} of {wanted} samples could be decoded")
        if end is not None and self.seen > end + self.part.spare:
            more = self.seen - self.part.skip
            raise UnreadableError(f"is damaged: it tells of {wanted} samples, and {more} are there")
        if digest is not None and digest.digest() != self.part.md5:
            raise UnreadableError("is truncated or damaged: its samples do not match its checksum")

    def _seek(self, first: int) -> None:
        """Go to a frame of FLAC that begins before `first`; each says where it stands."""
        self.container.seek(max(0, first - round(self.rate)), stream=self.stream)
        self.sought = True

    def _numbers(self) -> Iterator[NDArray[Any]]:
        """What the decoder gives: whole numbers of a lossless format, or samples; (channels, samples)."""
        for frames in self._frames():
            for frame in frames:
                yield self._checked(frame)

    def packets(self) -> Iterator[int]:
        """How many samples come out of the decoder for each packet."""
        for frames in self._frames():
            yield sum(frame.samples for frame in frames)

    def _frames(self) -> Iterator[list[AudioFrame]]:
        """What comes out of the decoder, packet by packet."""
        # The first packet of Vorbis holds but the half that the second is laid over (Vorbis I, 4.3.8).
        primed = self.stream.codec_context.name != "vorbis"
        packed, placed = 0, not self.sought
        try:
            for packet in self.container.demux(self.stream):
                if packet.is_corrupt:
                    raise UnreadableError(f"is truncated or damaged beyond {self._place()}")
                if not placed:
                    self.seen, placed = packet.pts or 0, True
                if self.part.packed is not None and packet.size and packet.pts != self.seen:
                    raise UnreadableError(
                        f"is damaged: at {self._place()}, where its next frame should be, there is another"
                    )
                packed += packet.size
                frames = packet.decode()
                yield frames if primed else []
                primed = True
            if self.part.packed is not None and packed != self.part.packed and not self.sought:
                raise UnreadableError(f"is damaged: {self.part.packed - packed} bytes of it are no frames of sound")
        except (av.error.FFmpegError, ValueError, EOFError) as error:
            if isinstance(error, UnreadableError):
                raise
            reason = getattr(error, "strerror", None) or error
            raise UnreadableError(
                f"is truncated or damaged: it cannot be decoded beyond {self._place()} ({reason})"
            ) from error

    def _checked(self, frame: AudioFrame) -> NDArray[Any]:
        if (frame.sample_rate, frame.layout.nb_channels) != (self.rate, self.channels):
            raise UnreadableError(
                f"changes at {self._place()} from {self.rate:g} Hz and {self.channels} channels to "
                f"{frame.sample_rate} Hz and {frame.layout.nb_channels}: expected one sound"
            )
        numbers = frame.to_ndarray()
        return numbers if frame.format.is_planar else numbers.reshape(-1, self.channels).T

    def _place(self) -> str:
        return f"{max(0, self.seen - self.part.skip) / self.rate:.2f} s"

    def _samples(self, numbers: NDArray[Any]) -> NDArray[np.float32]:
        if numbers.dtype.kind == "f":
            return numbers.astype(np.float32, copy=False)
        held = 8 * numbers.dtype.itemsize
        if self.bits is None:  # a lossy format whose decoder gives whole numbers
            offset = 128 if numbers.dtype.kind == "u" else 0
            return (numbers.astype(np.float32) - offset) * np.float32(2.0 ** (1 - held))
        return scaled(numbers >> (held - self.bits), self.bits)

    def _bytes(self, numbers: NDArray[Any]) -> bytes:
        """Whole numbers as FLAC's checksum takes them in (RFC 9639, 8.2)."""
        bits = self.bits or 16
        width = -(-bits // 8)
        whole = np.ascontiguousarray(
            (numbers >> (8 * numbers.dtype.itemsize - bits)).T, "<i4" if width > 2 else f"<i{width}"
        )
        return whole[..., None].view(np.uint8)[..., :3].tobytes() if width == 3 else whole.tobytes()


@contextmanager
def decoding(file: IO[bytes], part: Coded) -> Iterator[Decoder]:
    """Open a part; `UnreadableError` for what FFmpeg does not know."""
    if part.page is not None:
        part = _from_its_beginning(file, part, part.page)
    with _container(file, part) as container:
        sounds = container.streams.audio
        if len(sounds) != 1:
            raise UnreadableError(f"holds {len(sounds)} sounds side by side: expected one")
        stream = sounds[0]
        codec = stream.codec_context
        if codec is None:
            raise UnreadableError("holds sound of a kind that no decoder knows")
        codec.options = _options(part, codec.name)
        codec.thread_count = 1
        if not codec.sample_rate or not codec.layout.nb_channels:
            raise UnreadableError("is damaged: nothing in it tells a rate and channels")
        bits = _bits(part, codec)
        if bits is not None and not 4 <= bits <= 32:
            raise UnreadableError(f"is damaged: its header tells {bits} bits a sample")
        rate, channels = float(codec.sample_rate), codec.layout.nb_channels
        yield Decoder(part, container, stream, rate, channels, bits, _told(part, stream))


@contextmanager
def _container(file: IO[bytes], part: Coded) -> Iterator[Any]:
    try:
        container = av.open(Spliced(file, part.pieces), format=part.demuxer, options={}, buffer_size=1 << 16)
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableError(f"is truncated or damaged: it cannot be opened ({reason})") from error
    with container:
        try:
            yield container
        except UnreadableError:
            if part.demuxer == "flac" and isinstance(place := part.pieces[0], ByteRange):
                require_single(file, *place)
            raise


def _options(part: Coded, codec: str) -> dict[str, str]:
    """Of a decoder: what is lossless is checked, and what an Ogg file tells of its ends is left to us."""
    return (_STRICT if codec in _LOSSLESS else {}) | ({"flags2": "+skip_manual"} if part.demuxer == "ogg" else {})


def _from_its_beginning(file: IO[bytes], part: Coded, page: tuple[int, int]) -> Coded:
    """A part whose first page may tell that it begins at another place than 0, as one that was cut from a stream."""
    packets, position = page
    seen = 0
    with decoding(file, replace(part, page=None)) as decoder:
        for number, count in enumerate(decoder.packets()):
            seen += count
            if number + 1 == packets:
                break
    late = position - seen
    if late < 0:  # the sound begins within the first packets
        return replace(part, page=None, skip=max(part.skip, -late), samples=(part.samples or 0) + min(part.skip, -late))
    return replace(part, page=None, samples=max(0, (part.samples or 0) - late))


def _bits(part: Coded, codec: Any) -> int | None:
    """Bits of a sample of a lossless format, as its own header says."""
    header = bytes(codec.extradata or b"")
    if codec.name == "alac":
        return header[17] if len(header) > 17 else 16  # "sample size" of the ALACSpecificConfig
    if codec.name == "flac":
        return part.bits or stream_info(header)[1]
    return None


def _told(part: Coded, stream: AudioStream) -> int | None:
    """How many samples there are, if anything tells before all is decoded."""
    if part.samples is not None or part.demuxer != "mov" or not stream.duration or stream.time_base is None:
        return part.samples
    return round(stream.duration * stream.time_base * stream.codec_context.sample_rate)
