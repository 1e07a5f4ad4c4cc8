"""10,000 changes while it plays, and what a callback leaves behind."""

import gc
import time
import tracemalloc
from threading import Event, Thread

import numpy as np
import pytest
from pedalboard import Chorus, Compressor, Gain, Reverb
from scipy.signal import butter, sosfiltfilt
from scipy.signal.windows import tukey

from dreampedal import Amplify, Board, Dream, Mix

from .heap import allocated_bytes
from .stage import on_stage, until

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]

CHANGES = 10_000


def low_music(clip):
    """The deep end of a recording, so smooth that the smallest click stands out, from silence into silence."""
    audio = clip("solo_egtr_em9")[0][0]
    deep = sosfiltfilt(butter(4, 300, fs=48_000, output="sos"), audio) * tukey(audio.size, 0.1)
    return np.resize(0.25 * deep / np.abs(deep).max(), (2, audio.size)).astype(np.float32)


def boards():
    """Three presets that share nothing, none louder than its input."""
    return [
        Board([Gain(gain_db=-6), Dream(target="class:flute", reach_db=12.0, model="notes")]),
        Board([Amplify(target="conv2"), Chorus()]),
        Board([Mix([Gain(gain_db=-9), Reverb(wet_level=0.2)]), Compressor()]),
    ]


class Hands:
    """Someone who never leaves a knob alone."""

    def __init__(self, live, seed):
        self.live = live
        self.chance = np.random.default_rng(seed)
        self.boards = boards()
        self.heard_of = set()
        """Names of boards that played."""

    def change(self, number):
        if number % 97 == 0:
            self.live.replace(self.boards[self.chance.integers(len(self.boards))], f"number {number}")
        elif number % 31 == 0:
            self.live.bypass = not self.live.bypass
        elif number % 1009 == 0:
            self.live.board.reverse()
        else:
            self.turn(self.live.board)
        self.heard_of.add(self.live.name)

    def turn(self, board):
        effect = board[self.chance.integers(len(board))]
        if isinstance(effect, Mix):
            effect = effect[self.chance.integers(len(effect))]
        name, value = self.chance.permutation(np.array(KNOBS[type(effect).__name__], object))[0]
        if isinstance(value, tuple):
            value = self.chance.uniform(*value)
        elif isinstance(value, list):
            value = value[self.chance.integers(len(value))]
        setattr(effect, name, value)


DREAM = [
    ("amount", (0.0, 1.0)),
    ("reach_db", (0.0, 24.0)),
    ("memory_seconds", (0.0, 1.0)),
    ("smoothing", (0.0, 5.0)),
    ("low_hz", (20.0, 200.0)),
    ("high_hz", (1_000.0, 16_000.0)),
    ("gate_db", (-80.0, -40.0)),
    ("mix", (0.0, 1.0)),
    ("output_db", (-24.0, 0.0)),
    ("freeze", [True, False]),
    ("listen", ["wet", "delta"]),
    ("target", ["class:flute", "conv1:5", "conv2", "class:string - class:brass"]),
    ("steps", [1, 2, 4]),
]
KNOBS = {
    "Dream": DREAM,
    "Amplify": DREAM,
    "Gain": [("gain_db", (-24.0, 0.0))],
    "Reverb": [("room_size", (0.0, 1.0)), ("wet_level", (0.0, 0.3)), ("dry_level", (0.0, 0.5))],
    "Chorus": [("depth", (0.0, 1.0)), ("mix", (0.0, 1.0))],
    "Compressor": [("threshold_db", (-30.0, 0.0)), ("ratio", (1.0, 8.0))],
}


def bytes_of(files):
    """What lines of some files have allocated and not let go."""
    snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, files)])
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


def test_ten_thousand_changes_make_no_click_and_keep_no_memory(rig, clip):
    audio = low_music(clip)
    steps, traced, allocated = [], [], []
    tracemalloc.start()
    with on_stage(rig, boards()[0]) as live:
        hands, at_rest, goes_on = Hands(live, seed=1), Event(), Event()

        def come_to_rest():
            """With the same board playing, no other in the wings, and rings that have been written all around."""
            until(lambda: live.playback.exchange.captured > live.playback.exchange.slots)
            until(lambda: not live.loading)
            live.bypass = False
            live.replace(hands.boards[0], "measured")
            until(lambda: live.name == "measured" and not live.loading and live.playback.player.coming is None, 120)
            at_rest.set()
            goes_on.wait()
            goes_on.clear()

        def measure():
            """Between two plays, so that no part of one is counted."""
            gc.collect()
            traced.append(bytes_of("*/engine/*"))
            allocated.append(allocated_bytes())
            at_rest.clear()
            goes_on.set()

        def play():
            for number in range(CHANGES):
                hands.change(number)
                time.sleep(0.001)
                if number in (CHANGES // 4, CHANGES - 1):
                    come_to_rest()

        playing = Thread(target=play, daemon=True)
        playing.start()
        while playing.is_alive():
            steps.append(np.abs(np.diff(rig.play(audio))).max())
            if at_rest.is_set():
                measure()
        report = live.report()
    tracemalloc.stop()
    # A gain that were set in one sample would be heard as a step of 40 times the music's own largest.
    assert max(steps) < 2 * np.abs(np.diff(audio)).max()
    assert report.muted_samples == report.restarts == 0 and report.message == ""
    assert len(hands.heard_of) > 20
    assert traced[1] - traced[0] < 200_000
    assert allocated[1] - allocated[0] < 2_000_000
