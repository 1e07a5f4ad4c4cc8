"""One effect in many threads: calls that overlap are refused, and what is not refused plays the right samples."""

import copy
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from dreampedal.engine.dsp.delay import DelayLine
from dreampedal.engine.host.board import Board
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.host.contract.parameters import Number
from dreampedal.engine.host.mix import Mix
from dreampedal.engine.host.natives.external.plugin import load_plugin
from dreampedal.engine.runtime.turns import OverlapError, Turn

from ..stress import count
from .host.natives.vst3 import vst3

SCRIPT = Path(__file__).with_name("threads.py")
RUNS, TOGETHER = count(1000, 20), 50
RATE = 48_000


@pytest.mark.stress
@pytest.mark.parametrize("first", range(0, RUNS, TOGETHER))
def test_runs_of_two_to_eight_threads(first):
    """In a process of their own, since what goes wrong here may end it."""
    command = [sys.executable, str(SCRIPT), str(first), str(min(TOGETHER, RUNS - first))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]}\n{done.stderr}"
    refused = re.search(r"refused: (\d+)$", done.stdout)
    assert refused and int(refused[1]) > 0


class Waiting(Effect, family=True):
    """Plays the sound as it is, and waits in the middle of it where a test wants that."""

    level = Number(1.0, 0.0, 2.0)

    def __init__(self, **values):
        super().__init__(**values)
        self.begun, self.started, self.go = [], Event(), Event()

    def stream(self, sample_rate, channels, max_block=8192):
        return WaitingStream(self)

    def latency_at(self, sample_rate):
        return 0


class Later(Effect, family=True):
    """Plays the sound as it is."""

    def stream(self, sample_rate, channels, max_block=8192):
        return DelayLine(0, channels)

    def latency_at(self, sample_rate):
        return 0


class WaitingStream:
    latency = 0

    def __init__(self, effect):
        self.effect = effect

    def process(self, block):
        self.effect.begun.append(self)
        self.effect.started.set()
        assert self.effect.go.wait(60)
        return block


@pytest.fixture(params=[lambda effect: effect, lambda effect: Board([effect]), lambda effect: Mix([effect])])
def held(request):
    """An effect, or a board or mix of it, that another thread plays a part on; and what lets it go on."""
    waiting = Waiting()
    effect = request.param(waiting)
    played = []
    thread = Thread(target=lambda: played.append(effect(np.ones((2, 10), np.float32), RATE, reset=False)))
    thread.start()
    assert waiting.started.wait(60)

    def over():
        waiting.go.set()
        thread.join()
        return played[0]

    yield effect, waiting, over
    over()


def test_a_part_that_comes_while_another_is_played_is_refused(held):
    effect, _, over = held
    for call in (lambda: effect(np.ones((2, 10), np.float32), RATE, reset=False), effect.flush):
        with pytest.raises(OverlapError, match=rf"^{type(effect).__name__} plays already.*copy\.copy") as error:
            call()
        assert "\n" not in str(error.value)
    assert over().shape == (2, 10)
    assert effect(np.ones((2, 5), np.float32), RATE, reset=False).shape == (2, 5)
    assert effect.flush().shape == (2, 0)


def test_reset_leaves_the_part_to_its_thread_and_begins_anew(held):
    effect, waiting, over = held
    effect.reset()
    waiting.go.set()
    assert effect(np.ones(7, np.float32), RATE, reset=False).shape == (7,)
    assert over().shape == (2, 10)
    assert effect(np.ones(7, np.float32), RATE, reset=False).shape == (7,)
    assert len(set(waiting.begun)) == 2


def test_whole_signals_and_copies_play_meanwhile(held):
    effect, waiting, _ = held
    waiting.go.set()
    assert effect(np.ones((1, 10), np.float32), RATE).shape == (1, 10)
    assert copy.copy(effect)(np.ones((3, 10), np.float32), RATE, reset=False).shape == (3, 10)


class Broken(Waiting, family=True):
    def stream(self, sample_rate, channels, max_block=8192):
        raise MemoryError


def test_an_exception_leaves_the_effect_free():
    broken = Broken()
    for _ in range(3):
        with pytest.raises(MemoryError):
            broken(np.ones(10, np.float32), RATE, reset=False)
        with pytest.raises(ValueError, match="expected finite"):
            broken(np.full(10, np.nan, np.float32), RATE, reset=False)
    assert broken.flush().shape == (1, 0)


def test_a_plugin_that_cannot_be_rebuilt_plays_one_signal_at_a_time(tmp_path):
    """Streams of a VST3 whose file is gone share it: what is played elsewhere meanwhile would come out of both."""
    moved = shutil.copytree(vst3("ZaMultiCompX2"), tmp_path / "ZaMultiCompX2.vst3")
    plugin, waiting = load_plugin(str(moved)), Waiting()
    shutil.rmtree(moved)
    board, other = Board([plugin, waiting]), Board([plugin, Later()])
    sound = np.sin(np.arange(30_000, dtype=np.float32)).reshape(2, -1)
    waiting.go.set()
    wanted = board(sound, RATE)
    waiting.go.clear()
    waiting.started.clear()
    played = []
    thread = Thread(target=lambda: played.append(board(sound, RATE)))
    thread.start()
    assert waiting.started.wait(60)
    for reset in (True, False):
        with pytest.raises(OverlapError, match=f"{plugin.name} plays already.*loaded once more"):
            other(sound, RATE, reset=reset)
    waiting.go.set()
    thread.join()
    assert np.array_equal(played[0], wanted)
    assert other(sound, RATE).shape == sound.shape


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda turn: pickle.loads(pickle.dumps(turn))])
def test_a_copy_of_a_turn_is_held_by_nobody(copied):
    turn = Turn("this")
    with turn:
        other = copied(turn)
        with other, pytest.raises(OverlapError, match="this plays already"), other:
            pass


def test_a_refusal_comes_back_from_another_process():
    turn = Turn("this")
    with turn, pytest.raises(OverlapError) as error, turn:
        pass
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


def test_settings_of_two_threads_are_two():
    """Where each counts on from the same number, a stream that has seen the one misses the other."""
    effects = [Waiting(), Waiting()]
    for effect in effects:
        effect.level = 0.5
    assert effects[0].changes != effects[1].changes
    assert copy.copy(effects[0]).changes == 0
