"""Every kind of sound file, against what ffmpeg decodes: whole and equal, or refused with its true reason."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile
from scipy.signal import correlate

from dreampedal.engine.sound.mpeg import frame
from dreampedal.engine.sound.reading import open_sound, sound_in

from .cases import FLOATS, LOSSLESS, LOSSY, MISREAD, REFUSED, positions_moved, unknown_length
from .formats import RATE, coded, itunes, pcm, samples, wav, with_itunes
from .tools import ffmpeg_decodes, require


@pytest.fixture(autouse=True)
def programs():
    require("ffmpeg", "lame", "flac", "sox")


def read(data):
    """All samples of a file, and what is told of it."""
    sound = sound_in(io.BytesIO(data), Path("in"))
    return sound.read(), sound


def lag(found, wanted):
    """How many samples later the one is than the other."""
    return int(correlate(found, wanted, method="fft").argmax()) - (wanted.size - 1)


@pytest.mark.parametrize("name", LOSSLESS)
def test_every_sample_of_a_lossless_file_is_there(tmp_path, name):
    make, bits, channels = LOSSLESS[name]
    (tmp_path / name).write_bytes(make())
    found, sound = read(make())
    assert (sound.bits, sound.channels, sound.samples) == (bits, channels, RATE)
    if name == "ext24in32.wav":  # read as 32 bits, of which the largest is 1.0
        assert np.abs(found - samples(bits, channels)).max() < 2.0**-22
    else:
        assert np.array_equal(found, samples(bits, channels))
    if name not in MISREAD:
        decoded, rate = ffmpeg_decodes(tmp_path / name)
        assert (rate, decoded.shape) == (sound.sample_rate, found.shape)
        assert np.abs(found - decoded).max() <= 2.0 ** (1 - bits)


@pytest.mark.parametrize("name", FLOATS)
def test_every_number_of_a_file_in_floating_point_is_there(name):
    found, sound = read(FLOATS[name]())
    assert sound.bits == 32 and np.abs(found - samples()).max() < 4e-5
    if name != "fl32.aifc":
        assert np.array_equal(found, samples())


@pytest.mark.parametrize("name", LOSSY)
def test_a_lossy_file_is_as_long_as_its_source_and_lies_on_it(tmp_path, name):
    make, wanted, near = LOSSY[name]
    (tmp_path / name).write_bytes(make())
    found, sound = read(make())
    assert found.shape == (sound.channels, wanted) and sound.bits is None
    decoded, rate = ffmpeg_decodes(tmp_path / name)
    # ffmpeg plays what AAC fills its last frame with, and leaves the end of a Vorbis file of a single page.
    more = 956 if name.endswith("m4a") else -128 if name.startswith("vorbis") else 0
    assert rate == sound.sample_rate and decoded.shape[1] - wanted == more
    assert np.abs(found[:, : wanted + min(more, 0)] - decoded[:, :wanted]).max() < near
    if wanted == RATE and sound.channels == 2:
        assert lag(found[0], samples()[0]) == 0


@pytest.mark.parametrize("codec", ["libvorbis", "libopus", "flac"])
def test_an_ogg_file_of_many_pages_is_what_ffmpeg_plays(tmp_path, codec):
    path = tmp_path / "long.ogg"
    path.write_bytes(coded("ogg", "-c:a", codec, of=wav(data=15 * pcm())))
    decoded, _ = ffmpeg_decodes(path)
    with open_sound(path) as sound:
        found = sound.read()
    assert found.shape == decoded.shape and np.abs(found - decoded).max() < 4e-5


def test_a_vorbis_stream_that_begins_late_is_as_long_as_what_there_is_of_it():
    """As a radio station gives it: positions count from when the station went on air."""
    data = coded("ogg", "-c:a", "libvorbis", of=wav(data=15 * pcm()))
    whole, _ = read(data)
    late = positions_moved(data, 1_000_000)
    found, _ = read(late)
    assert np.array_equal(found, whole)


@pytest.mark.parametrize("make", [
    lambda: coded("mp3"), lambda: coded("mp3", "--quiet", "-V2", program="lame"),
    lambda: coded("ogg", "-c:a", "libvorbis"), lambda: coded("opus"), lambda: coded("ogg", "-c:a", "flac"),
], ids=["cbr", "vbr", "vorbis", "opus", "flac"])  # fmt: skip
def test_files_laid_end_to_end_are_played_one_after_another(make):
    """What `cat a.mp3 b.mp3` makes, and a radio station: ffmpeg plays the seams wrong, so each is compared alone."""
    one, _ = read(make())
    three, sound = read(3 * make())
    assert sound.samples == 3 * one.shape[1]
    assert np.array_equal(three, np.concatenate([one] * 3, axis=1))


def test_an_mp3_of_itunes_is_without_the_silence_of_its_encoder():
    bare = coded("mp3", "-write_xing", "0")
    for count in (44_100, 44_000):
        found, _ = read(itunes(576, 1404, count) + bare)
        assert found.shape == (2, count) and lag(found[0], samples()[0, :count]) == 0


def test_an_m4a_of_itunes_ends_where_its_sound_ends():
    data = coded("m4a", "-c:a", "aac")
    whole, _ = read(data)
    for count in (44_100, 43_000):
        found, _ = read(with_itunes(data, count))
        assert np.array_equal(found, whole[:, :count])


def test_zeros_before_an_mp3_change_nothing():
    data = coded("mp3", "-id3v2_version", "0")
    assert np.array_equal(read(bytes(3000) + data)[0], read(data)[0])


def test_what_is_appended_to_an_mp3_that_tells_its_length_is_played_too():
    first, _ = read(coded("mp3"))
    second, _ = read(coded("mp3", "-write_xing", "0"))
    found, _ = read(coded("mp3") + coded("mp3", "-write_xing", "0"))
    assert found.shape[1] == first.shape[1] + second.shape[1]
    assert np.array_equal(found[:, : first.shape[1]], first)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_whole_is_refused_with_its_true_reason(tmp_path, name):
    make, words = REFUSED[name]
    (tmp_path / name).write_bytes(make())
    with pytest.raises(ValueError, match=r"^[^\n]*$") as refused, open_sound(tmp_path / name) as sound:
        for _ in sound.blocks():
            pass
    assert str(refused.value).startswith(str(tmp_path / name))
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize("behind", [b"", b"LIST\x0c\0\0\0INFOISFT\0\0\0\0"], ids=["", "list"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_wav_of_more_than_4_gib_is_as_long_as_its_file(tmp_path, times, behind):
    """Its size is told in 32 bits, and begins at 0 again; the file has holes, and takes no room."""
    length = (times << 32) + 4 * 100_000
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(wav(length & 0xFFFFFFFF, data=b""))
        file.truncate(44 + length)
        file.seek(44 + length - 4 * RATE)
        file.write(wav()[44:] + behind)
    with open_sound(path) as sound:
        assert sound.samples == length // 4
        last = np.concatenate(list(sound.blocks(first=length // 4 - RATE)), axis=1)
        assert np.array_equal(last, samples())


@pytest.mark.parametrize("ending", ["wav", "flac", "aiff"])
@pytest.mark.parametrize("bits", [16, 24])
def test_lossless_files_are_read_to_the_bit_as_pedalboard_reads_and_writes_them(tmp_path, ending, bits):
    rng = np.random.default_rng(bits)
    path = tmp_path / f"a.{ending}"
    with AudioFile(str(path), "w", RATE, 2, bit_depth=bits) as file:
        file.write(rng.uniform(-1, 1, (2, 300_000)).astype(np.float32))
    with AudioFile(str(path)) as file, open_sound(path) as sound:
        assert np.array_equal(sound.read(), file.read(file.frames))


def test_all_numbers_of_16_bits_are_those_of_pedalboard(tmp_path):
    data = np.arange(-(2**15), 2**15, dtype="<i2").tobytes()
    (tmp_path / "a.wav").write_bytes(wav(data=data, channels=1))
    with AudioFile(str(tmp_path / "a.wav")) as file:
        assert np.array_equal(read(wav(data=data, channels=1))[0], file.read(file.frames))


@pytest.mark.parametrize("ending", ["mp3", "ogg"])
def test_what_pedalboard_writes_is_read_back_as_long_as_it_was_and_in_its_place(tmp_path, ending):
    """The tag that LAME leaves in its first frame is right, though it is written last."""
    path = tmp_path / f"a.{ending}"
    for count in (1, 575, 44_100, 100_003):
        line = np.resize(samples(), (2, count))
        with path.open("w+b") as raw, AudioFile(raw, "w", RATE, 2, format=ending) as file:
            file.write(np.zeros((2, 0), np.float32))
            file.write(line)
        with open_sound(path) as sound:
            found = sound.read()
        assert found.shape == line.shape
        assert count < RATE or lag(found[0], line[0]) == 0


@pytest.mark.parametrize("make", [
    wav, lambda: coded("flac", program="flac"), lambda: coded("mp3"), lambda: 2 * coded("ogg", "-c:a", "libvorbis"),
], ids=["wav", "flac", "mp3", "chain"])  # fmt: skip
def test_blocks_of_any_size_from_anywhere_are_the_samples_themselves(make):
    whole, sound = read(make())
    rng = np.random.default_rng(0)
    for count, first in [(1000, 0), (1, RATE - 5), (65_536, 7), *rng.integers(1, RATE, (8, 2)).tolist()]:
        blocks = list(sound.blocks(count, first))
        assert all(block.shape[1] == count for block in blocks[:-1]) and 0 < blocks[-1].shape[1] <= count
        assert np.array_equal(np.concatenate(blocks, axis=1), whole[:, first:])


@pytest.mark.parametrize("make", [
    lambda data: coded("flac", program="flac", of=data), lambda data: coded("mp3", of=data),
    lambda data: unknown_length(coded("flac", program="flac", of=data)), lambda data: 2 * coded("mp3", of=data),
    lambda data: coded("mp3", "-ar", "22050", "-b:a", "8k", of=data),
    lambda data: coded("mp2", of=data), lambda data: coded("m4a", of=data), lambda data: coded("opus", of=data),
], ids=["flac", "mp3", "piped", "twice", "8kbits", "mp2", "m4a", "opus"])  # fmt: skip
def test_a_place_in_a_long_file_is_reached_to_the_sample(make):
    whole, sound = read(make(wav(data=15 * pcm())))
    rng = np.random.default_rng(1)
    for first in [0, 1, sound.samples - 1, *rng.integers(0, sound.samples, 6).tolist()]:
        block = next(sound.blocks(3000, first))
        assert np.array_equal(block, whole[:, first : first + 3000])


def test_an_mp3_that_was_cut_out_of_a_longer_one_is_played(tmp_path):
    """Its first frames lean on some that are not there: decoders begin softly."""
    data = coded("mp3", "-q:a", "2", "-write_xing", "0", of=wav(data=5 * pcm()))
    at = 0
    for _ in range(20):
        at += frame(data[at:]).bytes if frame(data[at:]) else 10 + data[at + 9]
    whole, _ = read(data)
    found, _ = read(data[at:])
    left = whole.shape[1] - found.shape[1]
    assert left == 19 * 1152 and np.abs(found[:, 4 * 1152 :] - whole[:, left + 4 * 1152 :]).max() < 1e-6


def test_a_file_that_shrinks_while_it_is_read_is_told(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav())
    with open_sound(path) as sound:
        path.write_bytes(wav()[:90_000])
        with pytest.raises(ValueError, match=r"a\.wav has become shorter: 22489 of 44100 samples"):
            sound.read()


def test_no_file_leads_to_another(tmp_path):
    """A playlist or a reference in a file is none of our business: containers are never guessed."""
    (tmp_path / "a.wav").write_bytes(wav())
    for name, text in (("a.m3u8", "#EXTM3U\n#EXTINF:1,\na.wav\n"), ("b.wav", "ffconcat version 1.0\nfile a.wav\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match="is no sound that can be read"), open_sound(tmp_path / name):
            pass


def test_a_chunk_of_a_length_that_no_file_has_is_not_walked(tmp_path):
    data = wav(before=b"JUNK" + struct.pack("<I", 0xFFFFFFF0))
    with pytest.raises(ValueError, match="truncated: its chunk 'JUNK'"):
        read(data)
