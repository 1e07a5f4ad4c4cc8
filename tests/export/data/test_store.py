"""The store: the features of every segment, whatever the format; made once; and nothing lost or half read."""

import os
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from dreampedal.engine.model.format.inputs import BandImage, Envelope, LogBands, Mel, Waveform, features, resampled
from dreampedal.export.data import store
from dreampedal.export.data.changes import Recipe
from dreampedal.export.data.encoding import Encoding, encoded
from dreampedal.export.data.recordings import LabelledSet, Recording, open_set
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.data.store import encode

from .conftest import write

pytestmark = pytest.mark.any_recording

QUARTER = Segmenting(seconds=0.25)
INPUTS = (Mel(), LogBands(), Waveform(sample_rate=8000), Waveform(), Envelope(), BandImage(window_seconds=0.1))


@pytest.mark.parametrize("chosen", INPUTS, ids=lambda one: f"{one.kind}{getattr(one, 'sample_rate', '')}")
def test_clips_are_the_features_of_their_segments(chosen, little_set, tmp_path):
    clips = encode(little_set, chosen, QUARTER, cache=tmp_path)
    assert clips.classes == little_set.classes and clips.seconds == 0.25 and clips.input == chosen
    assert not clips.x.flags.writeable and isinstance(clips.x, np.memmap)
    place = 0
    for number, one in enumerate(little_set.recordings):
        audio, rate = little_set.read(number)
        length = round(0.25 * rate)
        for first in range(0, audio.shape[1], length):
            cut = audio[:, first : first + length]
            if cut.shape[1] < 0.1 * length:
                continue
            assert clips.classes[clips.labels[place]] == one.label
            assert clips.group_names[clips.groups[place]] == one.group
            if cut.shape[1] == length and rate in (44_100, 48_000):
                twin = features(chosen, cut, rate)[:, : clips.x.shape[2]]
                assert np.abs(clips.x[place][:, : twin.shape[1]] - twin).max() < (
                    1e-6 if chosen.kind == "waveform" else 0.01
                )
            place += 1
    assert place == len(clips) and np.isfinite(clips.x).all()


def test_any_rate_and_channels_give_about_the_same_clip(little_set, tmp_path, clip):
    audio, rate = clip("solo_flute")
    line = audio[:1, : 2 * rate]
    heard = {}
    for number, (own, channels) in enumerate([(44_100, 1), (22_050, 2), (32_000, 1), (48_000, 2), (96_000, 1)]):
        path = tmp_path / f"{number}.wav"
        write(path, np.repeat(resampled(line, rate, own), channels, axis=0), own)
        both = LabelledSet(("a", "b"), (Recording(path, "a", "a"), Recording(little_set.recordings[0].path, "b", "b")))
        for chosen in (Mel(high_hz=9000), LogBands()):
            clips = encode(both, chosen, Segmenting(seconds=2.0), cache=tmp_path / "cache")
            heard[number, chosen.kind] = clips.x[0].astype(np.float32)
    for (_, kind), x in heard.items():
        rows = slice(20, 70) if kind == "log_bands" else slice(2, 90)
        loud = heard[0, kind] > heard[0, kind].max() - 6
        agreed = np.abs(x - heard[0, kind])[rows][loud[rows]]
        assert x.shape == heard[0, kind].shape and np.median(agreed) < (0.6 if kind == "log_bands" else 0.05)


def test_what_was_encoded_is_not_encoded_again_and_sides_share_it(little_set, tmp_path, monkeypatch):
    seen = []
    first = encode(little_set, Mel(), QUARTER, cache=tmp_path, progress=lambda *at: seen.append(at))
    assert seen == [("encoding", done, 15) for done in range(1, 16)]
    monkeypatch.setattr(store, "encoded", lambda *_, **__: pytest.fail("encoded again"))
    again = encode(little_set, Mel(), QUARTER, cache=tmp_path, jobs=2)
    assert (again.x == first.x).all() and (again.labels == first.labels).all()
    part = encode(little_set.take(np.arange(15) % 2 == 0), Mel(), QUARTER, cache=tmp_path)
    assert 0 < len(part) < len(first)
    monkeypatch.undo()
    other = encode(little_set, Mel(bands=40), QUARTER, cache=tmp_path)
    assert other.x.shape[1] == 40


def test_what_a_file_holds_counts_and_not_its_name(little, tmp_path, monkeypatch):
    audio, rate = Recording(little / "drums" / "a.wav", "a", "a").read()
    for name in ("a/1.wav", "b/2.wav"):
        write(tmp_path / "set" / name, audio if name[0] == "a" else audio[:, ::-1], rate)
    first = encode(open_set(tmp_path / "set"), Mel(), QUARTER, cache=tmp_path / "cache")
    (tmp_path / "set" / "a" / "1.wav").rename(tmp_path / "set" / "a" / "moved.wav")
    monkeypatch.setattr(store, "encoded", lambda *_, **__: pytest.fail("encoded again"))
    assert (encode(open_set(tmp_path / "set"), Mel(), QUARTER, cache=tmp_path / "cache").x == first.x).all()
    monkeypatch.undo()
    write(tmp_path / "set" / "b" / "2.wav", audio * 0.5, rate)
    assert (encode(open_set(tmp_path / "set"), Mel(), QUARTER, cache=tmp_path / "cache").x != first.x).any()


def test_threads_change_nothing(little_set, tmp_path):
    chosen = {"copies": 1, "recipe": Recipe(stretch=None, pitch_semitones=None)}
    ways = [encode(little_set, Mel(), QUARTER, **chosen, cache=tmp_path / str(jobs), jobs=jobs) for jobs in (1, 3)]
    assert (ways[0].x == ways[1].x).all() and (ways[0].groups == ways[1].groups).all()


def test_changed_copies_follow_each_segment_and_the_seed(little_set, tmp_path):
    recipe = Recipe(stretch=None, pitch_semitones=None)
    plain = encode(little_set, Mel(), QUARTER, cache=tmp_path)
    many = encode(little_set, Mel(), QUARTER, copies=2, recipe=recipe, seed=1, cache=tmp_path)
    assert len(many) == 3 * len(plain) and many.changed.tolist() == [False, True, True] * len(plain)
    assert (many.x[::3] == plain.x).all() and (many.labels[1::3] == plain.labels).all()
    gaps = np.abs(many.x[1::3].astype(np.float32) - many.x[2::3]).mean(axis=(1, 2))
    assert (gaps > 0.05).all()
    again = encode(little_set, Mel(), QUARTER, copies=2, recipe=recipe, seed=1, cache=tmp_path / "again")
    other = encode(little_set, Mel(), QUARTER, copies=2, recipe=recipe, seed=2, cache=tmp_path)
    assert (again.x == many.x).all() and (other.x != many.x).any()
    assert len(many.take(~many.changed)) == len(plain)


def test_even_hops_give_the_smaller_class_more_segments(little_set, tmp_path):
    few = little_set.take((little_set.labels != 0) | (np.arange(15) < 2))
    even = encode(few, Mel(), Segmenting(seconds=0.25, even=True, last="drop"), cache=tmp_path)
    plain = encode(few, Mel(), Segmenting(seconds=0.25, last="drop"), cache=tmp_path)
    spread = [np.bincount(one.labels) for one in (plain, even)]
    assert np.ptp(spread[1]) / spread[1].max() < np.ptp(spread[0]) / spread[0].max() and spread[1][0] > spread[0][0]


@pytest.fixture
def bad_set(little, tmp_path):
    """The small set, and a file of each kind of bad sound in class drums."""
    folder = tmp_path / "bad"
    for label in ("drums", "flute"):
        (folder / label).mkdir(parents=True)
        (folder / label / "good.wav").write_bytes((little / label / "a.wav").read_bytes())
    audio, rate = Recording(little / "drums" / "a.wav", "a", "a").read()
    (folder / "drums" / "text.wav").write_text("no sound at all")
    (folder / "drums" / "nothing.ogg").touch()
    write(folder / "drums" / "silent.flac", np.zeros((2, 30_000)), rate)
    write(folder / "drums" / "no_samples.wav", np.zeros((1, 0)), rate)
    broken = np.array(audio)
    broken[0, 5000] = np.nan
    wavfile.write(folder / "drums" / "nan.wav", int(rate), broken[0])
    return open_set(folder)


def test_every_bad_file_is_named_with_what_to_do_and_the_good_ones_are_kept(bad_set, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="remove it") as error:
        encode(bad_set, Mel(), QUARTER, cache=tmp_path / "cache")
    lines = str(error.value).splitlines()
    for name, reason in (
        ("text.wav", "is no sound that can be read"), ("nothing.ogg", "is empty"),
        ("silent.flac", "silent (digital silence)"), ("no_samples.wav", "holds no samples"), ("nan.wav", "NaN"),
    ):  # fmt: skip
        assert any(name in line and reason in line for line in lines), (name, lines)
    for one in bad_set.recordings:
        if one.path.name != "good.wav":
            one.path.unlink()
    monkeypatch.setattr(store, "encoded", lambda *_, **__: pytest.fail("encoded again"))
    assert len(encode(open_set(bad_set.recordings[0].path.parents[1]), Mel(), QUARTER, cache=tmp_path / "cache"))


def test_a_silent_file_is_named_where_silence_is_trimmed_too(bad_set, tmp_path):
    silent = bad_set.take(np.array([one.path.name in ("good.wav", "silent.flac") for one in bad_set.recordings]))
    with pytest.raises(ValueError, match=r"silent\.flac: silent"):
        encode(silent, Mel(), Segmenting(seconds=0.25, trim_db=40), cache=tmp_path)


def test_a_file_with_nan_is_named_where_silence_is_trimmed_too(bad_set, tmp_path):
    broken = bad_set.take(np.array([one.path.name in ("good.wav", "nan.wav") for one in bad_set.recordings]))
    with pytest.raises(ValueError, match=r"nan\.wav: holds NaN"):
        encode(broken, Mel(), Segmenting(seconds=0.25, trim_db=40), cache=tmp_path)


def test_a_class_with_nothing_in_it_is_an_error(little_set, tmp_path):
    with pytest.raises(ValueError, match="class 'drums' has no recording"):
        encode(little_set.take(little_set.labels > 0), Mel(), QUARTER, cache=tmp_path)
    with pytest.raises(ValueError, match="has no segment"):
        encode(little_set, Mel(), Segmenting(seconds=30, last="drop"), cache=tmp_path)
    with pytest.raises(ValueError, match="no frame"):
        encode(little_set, BandImage(), QUARTER.model_copy(update={"seconds": 0.1}), cache=tmp_path)


def test_a_damaged_part_is_made_again(little_set, tmp_path):
    first = np.array(encode(little_set, Mel(), QUARTER, cache=tmp_path).x)
    for number, file in enumerate(sorted(tmp_path.rglob("*.npy"))):
        file.write_bytes((b"", file.read_bytes()[:-5], b"junk" * 50, file.read_bytes())[number % 4])
    assert (encode(little_set, Mel(), QUARTER, cache=tmp_path).x == first).all()


ENCODE = """
import resource, sys, threading
from dreampedal.engine.model.format.inputs import Mel
from dreampedal.export.data import store
from dreampedal.export.data.recordings import open_set
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.data.store import encode
folder, cache, most, parts = sys.argv[1:]
if int(most):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
if int(parts):
    encoded, left = store.encoded, iter(range(int(parts)))
    def holding(*all, **more):
        if next(left, None) is None:
            print("held", flush=True)
            threading.Event().wait()
        return encoded(*all, **more)
    store.encoded = holding
try:
    clips = encode(open_set(folder), Mel(), Segmenting(seconds=0.25, hop_seconds=0.01), cache=cache)
except OSError as error:
    print(error)
    sys.exit(3)
print(len(clips))
"""


def run(little, cache, most=0, parts=0):
    """Encoding in a process of its own; with `parts`, it says "held" when it has so many and waits to be killed."""
    line = [sys.executable, "-c", ENCODE, *map(str, (little, cache, most, parts))]
    return subprocess.Popen(line, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def unharmed(little, tmp_path_factory):
    """A cache that was written in peace, and the clips."""
    folder = tmp_path_factory.mktemp("unharmed")
    return folder, encode(open_set(little), Mel(), Segmenting(seconds=0.25, hop_seconds=0.01), cache=folder)


def parts_in(cache):
    return sorted(path for path in Path(cache).rglob("*.npy") if not path.name.startswith("."))


def test_a_run_that_is_killed_goes_on_where_it_stopped(little, tmp_path, unharmed):
    cache, (folder, wanted) = tmp_path / "cache", unharmed
    process = run(little, cache, parts=3)
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in parts_in(cache)}
    assert len(kept) == 3
    for path in kept:
        assert (np.load(path) == np.load(folder / path.relative_to(cache))).all()
    clips = encode(open_set(little), Mel(), Segmenting(seconds=0.25, hop_seconds=0.01), cache=cache)
    assert (clips.x == wanted.x).all()
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


def test_a_disk_that_is_full_before_the_set_is_whole_leaves_no_half_file(little, tmp_path, unharmed):
    cache, (folder, wanted) = tmp_path / "cache", unharmed
    joined = next((folder / "joined").glob("*.npy"))
    cache.mkdir()
    os.symlink(folder / "parts", cache / "parts")
    process = run(little, cache, most=joined.stat().st_size // 2)
    said, _ = process.communicate()
    assert process.returncode == 3 and "free some" in said and str(cache) in said
    assert not list(cache.glob("joined/*.npy")) and not list(cache.glob("joined/.*"))
    clips = encode(open_set(little), Mel(), Segmenting(seconds=0.25, hop_seconds=0.01), cache=cache)
    assert (clips.x == wanted.x).all()


def test_a_full_disk_is_said_and_nothing_half_written_is_read(little, tmp_path, unharmed):
    cache, (_, wanted) = tmp_path / "cache", unharmed
    process = run(little, cache, most=20_000)
    said, _ = process.communicate()
    assert process.returncode == 3 and "what was encoded is kept" in said
    assert parts_in(cache) == [] and [path for path in cache.rglob("*") if path.is_file()] == []
    clips = encode(open_set(little), Mel(), Segmenting(seconds=0.25, hop_seconds=0.01), cache=cache)
    assert (clips.x == wanted.x).all()


def test_what_a_killed_run_left_is_swept_away_when_it_is_old(little_set, tmp_path):
    encode(little_set, Mel(), QUARTER, cache=tmp_path)
    made = parts_in(tmp_path / "parts")[0]
    old, new = (made.with_name(f".{made.stem}.{name}.part.npy") for name in ("aaaa", "bbbb"))
    for path, age in ((old, 7200), (new, 60)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    made.unlink()
    encode(little_set, Mel(), QUARTER, cache=tmp_path)
    assert made.is_file() and not old.exists() and new.exists()


def test_a_long_recording_is_encoded_in_bounded_memory(tmp_path, clip):
    """Three minutes of stereo are 64 MB as samples; what is allocated to encode them is a part of that."""
    audio, rate = clip("drums_break")
    line = np.resize(audio[0], (2, 3 * 60 * rate))
    path = write(tmp_path / "long.wav", line, rate)
    chosen = Encoding(Waveform(sample_rate=1000), Segmenting(trim_db=60))
    encoded(Recording(path, "a", "a", length_seconds=10), chosen, 5.0)  # imports what it needs
    tracemalloc.start()
    try:
        found = encoded(Recording(path, "a", "a"), chosen, 5.0)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 36 and most < line.nbytes * 0.75


def test_bad_numbers_are_refused(little_set, tmp_path):
    for wrong in ({"jobs": 0}, {"copies": -1}):
        with pytest.raises(ValueError, match="expected"):
            encode(little_set, Mel(), QUARTER, cache=tmp_path, **wrong)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
