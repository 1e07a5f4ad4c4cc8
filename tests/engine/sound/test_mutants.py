"""Thousands of damaged files of every format: no traceback, no crash, no hang, and nothing that is lost unsaid.

What is lost unsaid is judged by two oracles, of files that are read with no error:

- FLAC and Ogg have checksums of every sample or page, so that no change of what is heard can pass: there must be as
  many samples as there were before the damage, at least.
- Of any format, there must be as many samples as ffmpeg decodes, which goes on behind an error as far as it can. It
  plays more of what encoders fill their first and last frames with (`LEEWAY`), at every seam of files laid end to end,
  and takes some wrecks for other formats than they are, so that only files in which both see one rate are compared.

A changed bit of a sample in a WAV file, or of the compressed sound in an MP3 or M4A file, leaves no trace that anyone
could find.
"""

import zlib

import numpy as np
import pytest

from ...stress import count
from .cases import unknown_length
from .formats import PCM, chunk, coded, extensible, large, pcm, riff, wav
from .mutants import Reader, mutant
from .tools import require

SHORT = 4 * 13_230
"""Bytes of 0.3 s."""

LEEWAY = {"mp3": 4 * 1152, "mp2": 0, "m4a": 2 * 1024, "ogg": 1024, "opus": 1024}
"""Samples that ffmpeg may play more, by ending, in each of the files that are laid end to end."""


def short(ending, *options, **kind):
    return coded(ending, *options, of=wav(data=pcm()[:SHORT]), **kind)


BASES = {
    "a.wav": lambda: wav(data=pcm()[:SHORT]),
    "list.wav": lambda: wav(data=pcm()[:SHORT], behind=chunk(b"LIST", b"INFOIART\x05\0\0\0Jane\0\0")),
    "ext24.wav": lambda: riff(chunk(b"fmt ", extensible(24, 24, PCM)), chunk(b"data", pcm(24)[: 6 * 13_230])),
    "rf64.wav": lambda: large(b"RF64"),
    "mulaw.wav": lambda: short("wav", "-c:a", "pcm_mulaw"),
    "adpcm.wav": lambda: short("wav", "-c:a", "adpcm_ima_wav"),
    "a.aiff": lambda: short("aiff"),
    "sowt.aif": lambda: short("aif", "-c:a", "pcm_s16le"),
    "a.flac": lambda: short("flac", program="flac"),
    "piped.flac": lambda: unknown_length(short("flac", program="flac")),
    "flac.ogg": lambda: short("ogg", "-c:a", "flac"),
    "vorbis.ogg": lambda: short("ogg", "-c:a", "libvorbis"),
    "chain.ogg": lambda: 2 * short("ogg", "-c:a", "libvorbis"),
    "a.opus": lambda: short("opus"),
    "cbr.mp3": lambda: short("mp3"),
    "vbr.mp3": lambda: short("mp3", "--quiet", "-V2", program="lame"),
    "no_xing.mp3": lambda: short("mp3", "-write_xing", "0"),
    "a.mp2": lambda: short("mp2"),
    "aac.m4a": lambda: short("m4a", "-c:a", "aac"),
    "fast.m4a": lambda: short("m4a", "-c:a", "aac", "-movflags", "faststart"),
    "alac.m4a": lambda: short("m4a", "-c:a", "alac"),
}
CHECKED = {"flac", "ogg", "opus"}


@pytest.fixture
def readers():
    """Ours, and FFmpeg's."""
    found = Reader("ours"), Reader("ffmpeg")
    yield found
    for reader in found:
        reader.close()


def fault(path, found, base, joins, ffmpeg):
    """What is wrong with what came of a mutant, or None."""
    if "lost" in found or "traceback" in found:
        return found.get("lost") or found["traceback"]
    if "refused" in found:
        line = found["refused"]
        return None if line.startswith(str(path)) and len(line.splitlines()) == 1 and len(line) < 500 else line
    if found["samples"] != found["told"]:
        return f"{found['samples']} samples of {found['told']} that were told"
    ending = path.suffix[1:]
    if ending in CHECKED and found["samples"] < base["samples"]:
        return f"{found['samples']} of {base['samples']} samples"
    decoded = ffmpeg.read(path)
    wanted, rate = decoded.get("samples", 0), decoded.get("rate")
    leeway = LEEWAY.get(ending, 0) * (1 + joins)
    if rate == found["rate"] and found["samples"] < wanted - leeway:
        return f"{found['samples']} samples at {rate} Hz, where ffmpeg decodes {wanted}"
    return None


@pytest.mark.stress
@pytest.mark.parametrize("name", BASES)
def test_nothing_crashes_hangs_or_is_lost_unsaid(tmp_path, readers, name):
    require("ffmpeg", "lame", "flac")
    reader, ffmpeg = readers
    data = BASES[name]()
    others = [make() for other, make in BASES.items() if other.rpartition(".")[2] == name.rpartition(".")[2]]
    path = tmp_path / name
    path.write_bytes(data)
    base = reader.read(path)
    assert base["samples"] >= 13_230
    wrong, read = [], 0
    for number in range(count(480, 5)):
        damaged, changes = mutant(data, others, np.random.default_rng([zlib.crc32(name.encode()), number]))
        path.write_bytes(damaged)
        found = reader.read(path)
        read += "samples" in found
        if (what := fault(path, found, base, changes.count("behind"), ffmpeg)) is not None:
            wrong.append(f"{name} {number} ({', '.join(changes)}): {what}")
    print(f"{name}: {read} of {count(480, 5)} mutants are read, all others refused")
    assert not wrong, "\n".join(wrong[:20])
