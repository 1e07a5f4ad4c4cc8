"""Recording: killed at any moment, with a full disk, with a disk that is too slow."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.journal import Journal
from dreampedal.engine.live.player.changes import Set
from dreampedal.engine.live.take.reading import read_take
from dreampedal.engine.live.take.recorder import STRETCH_SECONDS, Captured, Recorder
from dreampedal.engine.live.take.take import Changed

from ..stage import until
from ..takes import RATE, header, whole_input

PLAYER = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from takes import play_in_real_time
input = np.random.default_rng(0).uniform(-1, 1, (2, 60 * 48_000)).astype(np.float32)
play_in_real_time(__import__("pathlib").Path(sys.argv[2]), input, 48_000)
"""


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_moment(tmp_path, seed):
    player = subprocess.Popen(
        [sys.executable, "-c", PLAYER, str(Path(__file__).parents[1]), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert player.stdout
    folder = Path(json.loads(player.stdout.readline()))
    until(lambda: "whole" in (folder / "changes.jsonl").read_text())
    time.sleep(random.Random(seed).uniform(0, 2))
    player.send_signal(signal.SIGKILL)
    *before, last = map(int, player.communicate()[0].split())
    take = read_take(folder)
    # Whoever asks again has written down what came before; it is whole as soon as it is half a second.
    assert before[-1] - take.samples < STRETCH_SECONDS * RATE
    assert "was cut off" in take.cut
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 60 * RATE)).astype(np.float32)
    np.testing.assert_array_equal(whole_input(take), noise[:, : take.samples])
    assert take.entries == tuple(Changed(at, Set("0", "gain_db", float(at))) for at in range(0, take.samples, 128))
    with AudioFile(str(folder / "input-0001.wav")) as file:
        assert take.samples <= file.frames <= last
        np.testing.assert_array_equal(file.read(file.frames), noise[:, : file.frames])


def test_the_head_of_the_file_is_true_while_it_grows(tmp_path):
    """What was handed over, but for half a second, is in the file for every editor, and in the take."""
    noise = np.random.default_rng(0).uniform(-1, 1, (1, 10 * RATE)).astype(np.float32)
    handed, began = [0, 0], time.monotonic()
    recorder = Recorder(tmp_path, header(1))

    def read():
        done, now = handed[-1], min(int((time.monotonic() - began) * RATE), noise.shape[1])
        handed.append(now)
        return Captured(noise[:, done:now], noise[:, done:now], [])

    recorder.start(read)
    seen = 0
    while seen < 2 * RATE:
        time.sleep(0.3)
        assert recorder.trouble == ""
        # What came before the last question is written down, and whole as soon as it is half a second.
        there = max(0, handed[-2] + 1 - round(STRETCH_SECONDS * RATE))
        with AudioFile(str(recorder.folder / "input-0001.wav")) as file:
            assert file.frames >= there
            if file.frames:
                np.testing.assert_array_equal(file.read(file.frames), noise[:, : file.frames])
        if there:
            seen = read_take(recorder.folder).samples
            assert seen >= there
    recorder.stop()


FULL_DISK = """
import resource, sys, time
import numpy as np
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from takes import Source, header
from dreampedal.engine.live.take.recorder import Recorder
noise = np.random.default_rng(0).uniform(-1, 1, (2, 480_000)).astype(np.float32)
recorder = Recorder(Path(sys.argv[2]), header())
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
recorder.start(Source(noise, noise))
recorder.stop()
print(recorder.folder)
print(recorder.trouble)
"""


def test_full_disk(tmp_path):
    """A limit on the size of files fails as a full disk does: in the middle of a write."""
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(Path(__file__).parents[1]), str(tmp_path)], capture_output=True, text=True
    )
    assert run.stderr == ""
    folder, trouble = run.stdout.splitlines()
    assert trouble.startswith("recording stopped after") and "File too large" in trouble
    assert trouble.endswith("the sound goes on") and folder in trouble
    take = read_take(Path(folder))
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 480_000)).astype(np.float32)
    assert 2.0 * RATE <= take.samples <= 125_000
    np.testing.assert_array_equal(whole_input(take), noise[:, : take.samples])


def test_samples_that_were_lost_end_the_take(tmp_path):
    noise = np.random.default_rng(0).uniform(-1, 1, (1, RATE)).astype(np.float32)
    pieces = [Captured(noise, noise, []), Captured(noise, noise, [], lost=4096)]
    recorder = Recorder(tmp_path, header(1))
    recorder.start(lambda: pieces.pop(0) if pieces else Captured(noise[:, :0], noise[:, :0], []))
    recorder.stop()
    assert "recording stopped after 1.0 s: the disk was too slow, 4096 samples are lost" in recorder.trouble
    np.testing.assert_array_equal(whole_input(read_take(recorder.folder)), noise)


def test_a_disk_that_stalls_for_longer_than_the_ring_lasts(tmp_path):
    """What was there is kept, the take ends, and the sound never waited."""
    exchange = Exchange(RATE, 1, 1024, 0)
    journal = Journal(exchange)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 12 * RATE // 1024 * 1024)).astype(np.float32)
    out, asked, stalls, goes_on = np.empty((1024, 1), np.float32), [], threading.Event(), threading.Event()
    recorder = Recorder(tmp_path, header(1, block_size=1024))

    def read():
        asked.append(exchange.captured)
        if len(asked) == 2:  # what was read first is on the disk, which stalls
            stalls.set()
            goes_on.wait(60)
        return journal.captured()

    for at in range(0, noise.shape[1], 1024):
        exchange.swap(noise[:, at : at + 1024].T, out)
        if at == 49 * 1024:
            recorder.start(read)
            assert stalls.wait(60)
    goes_on.set()
    recorder.stop()
    assert "the disk was too slow" in recorder.trouble and "the sound goes on" in recorder.trouble
    np.testing.assert_array_equal(whole_input(read_take(recorder.folder)), noise[:, : 50 * 1024])


def test_a_source_that_fails_ends_the_take_and_nothing_else(tmp_path):
    recorder = Recorder(tmp_path, header(1))
    recorder.start(lambda: [][0])
    recorder.stop()
    assert recorder.trouble.startswith("recording stopped after 0.0 s: list index out of range")


def test_a_take_that_never_began_leaves_nothing(tmp_path):
    recorder = Recorder(tmp_path, header())
    recorder.stop()
    recorder.stop()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["/proc", "/proc/nothing", "/dev/null/takes"])
def test_a_place_where_nothing_can_be_written(place):
    with pytest.raises(ValueError, match=f"{place}: nothing can be recorded here"):
        Recorder(Path(place), header())


def test_recording_takes_no_memory(tmp_path):
    """A minute of silence a piece: no piece leaves anything behind, and the last needs no more than the first."""
    quiet = np.zeros((1, 60 * 48_000), np.float32)
    recorder, kept, most = Recorder(tmp_path, header(1)), [], []
    left = 8

    def read():
        nonlocal left
        left -= left > 0
        now, peak = tracemalloc.get_traced_memory()
        kept.append(now)
        most.append(peak)
        tracemalloc.reset_peak()
        return Captured(quiet, quiet, []) if left else Captured(quiet[:, :0], quiet[:, :0], [])

    tracemalloc.start()
    try:
        recorder.start(read)
        recorder.stop()
    finally:
        tracemalloc.stop()
    assert recorder.seconds == 7 * 60
    assert kept[7] - kept[2] < 10_000 and most[7] - most[2] < 10_000
    assert most[7] - kept[7] > quiet.nbytes  # the peak is that of a piece
