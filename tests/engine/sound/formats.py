"""Sound files of every kind that is met in the wild, made from one second of a guitar."""

import struct
import sys
from functools import lru_cache
from io import BytesIO

import numpy as np
from scipy.io import wavfile

from ...conftest import read
from .tools import run

RATE = 44_100
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


@lru_cache
def whole_numbers(bits=16, channels=2):
    """A second of a real recording as whole numbers, (samples, channels), another in each channel."""
    audio, rate = read("solo_egtr_em9")
    assert rate == RATE
    line = audio[0, 20_000:] / np.abs(audio[0]).max() * 0.7
    stretches = [line[1000 * n : 1000 * n + RATE] for n in range(channels)]
    return np.rint(np.stack(stretches, 1).astype(np.float64) * (2 ** (bits - 1) - 1)).astype(np.int64)


def samples(bits=16, channels=2):
    """Those numbers as they are to be read: float32 (channels, samples), the largest number is 1.0."""
    return whole_numbers(bits, channels).T.astype(np.float32) * np.float32(1 / (2 ** (bits - 1) - 1))


def pcm(bits=16, channels=2, order="<"):
    """Those numbers as bytes."""
    numbers = whole_numbers(bits, channels)
    if bits == 24:
        raw = numbers.astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3]
        return (raw if order == "<" else raw[:, ::-1]).tobytes()
    return numbers.astype(f"{order}i{bits // 8}").tobytes() if bits > 8 else (numbers + 128).astype(np.uint8).tobytes()


def chunk(name, data, size=None, order="<", padded=True):
    """A chunk of RIFF; `size` in place of the true one."""
    told = struct.pack(f"{order}I", len(data) if size is None else size)
    return name + told + data + b"\0" * (len(data) % 2 and padded)


def form(channels=2, rate=RATE, bits=16, tag=PCM, more=b"", order="<"):
    """What stands in the chunk "fmt "."""
    width = bits // 8
    return struct.pack(f"{order}HHIIHH", tag, channels, rate, rate * channels * width, channels * width, bits) + more


def extensible(bits, valid, tag, channels=2):
    guid = struct.pack("<H", tag) + _GUID_TAIL
    return form(channels, bits=bits, tag=EXTENSIBLE, more=struct.pack("<HHI", 22, valid, 3) + guid)


def riff(*chunks, tag=b"RIFF", size=None, order="<"):
    """A WAV file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return tag + struct.pack(f"{order}I", len(body) if size is None else size) + body


def wav(size=None, outer=None, before=b"", behind=b"", data=None, **kind):
    """A plain WAV file of 16 bits, with other sizes in its header, and chunks around its samples."""
    data = pcm() if data is None else data
    return riff(before, chunk(b"fmt ", form(**kind)), chunk(b"data", data, size), behind, size=outer)


def large(tag, told=None):
    """RF64 or BW64: the sizes stand in a chunk of their own."""
    data = pcm()
    sizes = struct.pack("<QQQI", len(data) + 72, told or len(data), len(data) // 4, 0)
    parts = chunk(b"ds64", sizes), chunk(b"fmt ", form()), chunk(b"data", data, 0xFFFFFFFF)
    return riff(*parts, tag=tag, size=0xFFFFFFFF)


_WAVE_TO_A_PIPE = """
import os, sys, wave
data = sys.stdin.buffer.read()
file = wave.open(sys.stdout.buffer, "wb")
file.setparams((2, 2, 44100, 0, "NONE", ""))
for start in range(0, len(data), 17640):
    file.writeframesraw(data[start : start + 17640])
sys.stdout.buffer.flush()
os._exit(0)  # closing the file would go back to the header, which a pipe does not allow
"""


def of_wave_module():
    """What Python's own module writes to a pipe: it knows of the first block alone, and cannot go back."""
    return run(sys.executable, "-c", _WAVE_TO_A_PIPE, stdin=pcm())


def floats(kind):
    """A WAV file of floating point."""
    stream = BytesIO()
    wavfile.write(stream, RATE, samples().T.astype(kind))
    return stream.getvalue()


def id3(length=16):
    """A tag of music players, at the beginning of a file."""
    size = bytes((length >> shift) & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + b"\x55" * (length > 100) * length + b"\0" * (length <= 100) * length


def itunes(delay, padding, count):
    """A tag with the comment in which iTunes keeps the silence of its encoder."""
    text = f" 00000000 {delay:08X} {padding:08X} {count:016X}" + " 00000000" * 8
    body = b"\0engiTunSMPB\0" + text.encode()
    frame = b"COMM" + struct.pack(">I", len(body)) + b"\0\0" + body
    return b"ID3\x03\0\0" + bytes((len(frame) >> shift) & 127 for shift in (21, 14, 7, 0)) + frame


def box(name, data):
    """A box of MP4."""
    return struct.pack(">I", 8 + len(data)) + name + data


def with_itunes(m4a, count):
    """An M4A file with what iTunes leaves in its index, which is its last box."""
    text = f" 00000000 00000840 00000000 {count:016X}".encode() + b" 00000000" * 8
    tag = box(b"mean", b"\0\0\0\0com.apple.iTunes") + box(b"name", b"\0\0\0\0iTunSMPB")
    tag = box(b"----", tag + box(b"data", b"\0\0\0\1\0\0\0\0" + text))
    more = box(b"udta", box(b"meta", b"\0\0\0\0" + box(b"ilst", tag)))
    at = m4a.rindex(b"moov") - 4
    assert at + struct.unpack(">I", m4a[at : at + 4])[0] == len(m4a)
    return m4a[:at] + struct.pack(">I", len(m4a) - at + len(more)) + m4a[at + 4 :] + more


def coded(ending, *options, of=None, program="ffmpeg"):
    """The same second as another program encodes it."""
    return _coded(ending, options, wav() if of is None else of, program)


@lru_cache
def _coded(ending, options, source, program):
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        given, made = f"{folder}/source.wav", f"{folder}/made.{ending}"
        with open(given, "wb") as file:
            file.write(source)
        if program == "ffmpeg":
            run("ffmpeg", "-v", "error", "-y", "-i", given, *options, made)
        elif program == "flac":
            run("flac", "-s", *options, "-o", made, given)
        elif program == "sox":
            run("sox", given, *options, made)
        else:
            run(program, *options, given, made)
        with open(made, "rb") as file:
            return file.read()
