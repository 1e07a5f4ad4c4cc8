"""Runs of 2 to 8 threads on one effect: `python threads.py FIRST COUNT` plays so many, seeded by their numbers.

A process of its own, which `test_threads` starts: a kernel that writes where it should not ends no test but one. What a
call returns is compared to the bit. Whatever is handed over while another thread plays is refused, and the parts that
were not are a signal like any other: a recorder in the effect's stream says which came in what order.
"""

import copy
import faulthandler
import sys
import threading
import traceback
from functools import cache

import numpy as np
from pedalboard import Chorus, Compressor, Convolution, Delay, Gain, Reverb

from dreampedal import Amplify, Board, Dream, Mix, library
from dreampedal.engine.dsp.stft import FrameState
from dreampedal.engine.model.classifier import Classifier
from dreampedal.engine.runtime.turns import OverlapError
from dreampedal.phase import Estimator, Frames

RATE = 44_100
SOUND = np.random.default_rng(0).standard_normal((2, 12_000)).astype(np.float32) * np.float32(0.1)
FLUTE = {"target": "class:flute", "model": "notes"}
ECHO = np.random.default_rng(1).standard_normal((1, 3000)).astype(np.float32) * np.float32(0.02)

EFFECTS = {
    "studio": lambda: Dream(**FLUTE),
    "studio, fill": lambda: Dream(**FLUTE, fill=0.5),
    "studio, estimate": lambda: Dream(**FLUTE, phase="estimate", phase_lookahead_frames=2),
    "studio, look-ahead": lambda: Amplify(lookahead_frames=2, link=False),
    "studio, styles": lambda: Dream(target="conv2", model="styles", foresight_frames=0),
    "live": lambda: Dream(**FLUTE, mode="live"),
    "live, fill": lambda: Amplify(**FLUTE, mode="live", fill=1.0),
    "live, estimate": lambda: Dream(**FLUTE, mode="live", phase="estimate", fill=0.5, phase_lookahead_frames=1),
    "instant": lambda: Dream(**FLUTE, mode="instant"),
    "instant, apart": lambda: Amplify(target="conv2", mode="instant", link=False),
    "natives": lambda: Board([Compressor(-20), Gain(3), Reverb()]),
    "a convolution": lambda: Board([Convolution(ECHO, 0.5, RATE), Chorus()]),
    "board": lambda: Board([Gain(-3), Dream(**FLUTE, fill=0.5), Reverb()]),
    "board, live": lambda: Board([Dream(**FLUTE, mode="live", phase="estimate"), Delay(0.1), Dream(mode="instant")]),
    "mix": lambda: Mix([Dream(**FLUTE), Delay(0.05), Board([Amplify(mode="live"), Gain(-6)])]),
}
METHODS = "spsi", "rtpghi", "rtpghi_plain", "rtisi", "gsrtisi", "hybrid"

made = cache(lambda name: EFFECTS[name]())
"""An effect that one thread plays, to compare with."""

alone = cache(lambda name: made(name)(SOUND, RATE))


class Recorded:
    """A stream that remembers what it was handed, in which call of which thread."""

    def __init__(self, stream, heard):
        self.latency, self.stream, self.heard = stream.latency, stream, heard

    def process(self, block):
        self.heard.append((call_of[threading.get_ident()], block.copy()))
        return self.stream.process(block)


call_of = {}


def recorded(effect):
    """The signals that the effect plays from now on, each a list of what came, in order."""
    signals, make = [], effect.compensated_stream

    def compensated_stream(*layout):
        heard = []
        signals.append(heard)
        return Recorded(make(*layout), heard)

    effect.compensated_stream = compensated_stream
    return signals


class Calls:
    """What calls gave back, by their numbers, and how many were refused."""

    def __init__(self):
        self.given, self.refused = {}, 0

    def call(self, work, *arguments, **options):
        """What `work` gives back, or None where it was refused."""
        number = call_of[threading.get_ident()] = object()
        try:
            self.given[number] = found = work(*arguments, **options)
        except OverlapError:
            self.refused += 1
            return None
        return found


def together(threads, play):
    """`play(number)` in so many threads at once; what went wrong in one of them goes wrong here."""
    start, wrong = threading.Barrier(threads), []

    def run(number):
        start.wait()
        try:
            play(number)
        except BaseException:
            wrong.append(traceback.format_exc())

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not wrong, wrong[0]


def blocks(random, samples):
    """The sound up to there, cut at random."""
    cuts = np.cumsum(random.integers(1, 2500, samples // 600))
    return [part for part in np.split(SOUND[:, :samples], cuts[cuts < samples], axis=1) if part.shape[1]]


def require_right(signals, calls, name):
    """Each signal, pieced together from what came back of its parts, is what one thread plays of them."""
    for heard in signals:
        if not heard:
            continue
        pieces = [calls.given[number] for number in dict.fromkeys(number for number, _ in heard)]
        stream = made(name).compensated_stream(RATE, 2, 8192)
        played = [stream.process(block).copy() for _, block in heard]
        assert np.array_equal(np.concatenate(pieces, axis=1), np.concatenate(played, axis=1)[:, stream.latency :])


def overlapping(random, threads, name):
    """Parts at once, and in every other run whole signals, flush and reset among them."""
    effect, calls, varied = EFFECTS[name](), Calls(), random.random() < 0.5
    signals, seeds = recorded(effect), random.integers(0, 2**32, threads)

    def play(number):
        own = np.random.default_rng(seeds[number])
        for block in blocks(own, 4000):
            chance = own.random() if varied else 1.0
            if chance < 0.1:
                calls.call(effect.flush)
            elif chance < 0.15:
                effect.reset()
            elif chance < 0.2:
                assert np.array_equal(calls.call(effect, SOUND, RATE), alone(name))
            else:
                calls.call(effect, block, RATE, reset=False)

    alone(name)
    together(threads, play)
    calls.call(effect.flush)
    require_right(signals, calls, name)
    effect.reset()
    assert np.array_equal(calls.call(effect, SOUND, RATE), alone(name))
    return calls.refused


def in_turn(random, threads, name):
    """Parts one after another, each from the thread whose turn it is."""
    effect, parts, played = EFFECTS[name](), blocks(random, SOUND.shape[1]), []
    changed = threading.Condition()

    def play(number):
        for at in range(number, len(parts), threads):
            with changed:
                changed.wait_for(lambda at=at: len(played) == at)
                played.append(effect(parts[at], RATE, reset=False))
                changed.notify_all()

    together(threads, play)
    assert np.array_equal(np.concatenate([*played, effect.flush()], axis=1), alone(name))


def whole(random, threads, name):
    """A whole signal in each thread: none is refused."""
    effect, wanted = EFFECTS[name](), alone(name)
    together(threads, lambda number: np.testing.assert_array_equal(effect(SOUND, RATE), wanted))


def copies(random, threads, name):
    """A copy in each thread: none is refused."""
    effect, wanted = EFFECTS[name](), alone(name)
    effect(SOUND, RATE, reset=False)
    cut = blocks(random, SOUND.shape[1])

    def play(number):
        own = copy.copy(effect)
        played = [own(part, RATE, reset=False) for part in cut] + [own.flush()]
        np.testing.assert_array_equal(np.concatenate(played, axis=1), wanted)

    together(threads, play)


def streams(random, threads, name):
    """One stream in all threads."""
    stream, calls = EFFECTS[name]().stream(RATE, 2, 2500), Calls()
    seeds = random.integers(0, 2**32, threads)

    def play(number):
        for block in blocks(np.random.default_rng(seeds[number]), 4000):
            played = calls.call(stream.process, block)
            assert played is None or played.shape == block.shape

    together(threads, play)
    assert np.isfinite(stream.process(SOUND[:, :2500])).all()
    return calls.refused


def turned(random, threads, name):
    """One thread plays, the others turn what they can; then it plays as a new effect that is set so does."""
    effect = EFFECTS[name]()
    seeds, over = random.integers(0, 2**32, threads), threading.Event()
    parts = [part for part in (effect if isinstance(effect, Board | Mix) else [effect]) if hasattr(part, "amount")]

    def play(number):
        own = np.random.default_rng(seeds[number])
        if number == 0:
            for block in blocks(own, SOUND.shape[1]):
                assert np.isfinite(effect(block, RATE, reset=False)).all()
            over.set()
        while not over.is_set():
            for part in parts:
                part.amount, part.steps, part.smoothing = own.random(), int(own.integers(1, 9)), 10 * own.random()
                part.target = own.choice(["conv1", "conv2:5", "conv1 + conv2"])
                if part.mode != "instant":
                    part.fill, part.phase = own.random(), own.choice(["input", "estimate"])
            over.wait(0.002)

    together(threads, play)
    assert np.array_equal(effect(SOUND, RATE), copy.copy(effect)(SOUND, RATE))


def board_and_part(random, threads, name):
    """A board in one thread, and the effect that is on it in others, which are refused by each other only."""
    effect, calls = EFFECTS[name](), Calls()
    board, parts, played = Board([effect]), blocks(random, SOUND.shape[1]), []

    def play(number):
        if number == 0:
            played.extend(board(part, RATE, reset=False) for part in parts)
        else:
            for part in parts:
                calls.call(effect, part, RATE, reset=False)

    together(threads, play)
    assert np.array_equal(np.concatenate([*played, board.flush()], axis=1), alone(name))
    return calls.refused


def estimators(random, threads, name):
    """One phase estimator, and one state of frames, in all threads."""
    frames, method = Frames(512, 64), random.choice(METHODS)
    used, new = (Estimator(frames, 2, str(method), lookahead_frames=int(method != "spsi")) for _ in range(2))
    state, calls = FrameState.silent(frames, 2), Calls()
    wanted = np.abs(np.random.default_rng(0).standard_normal((60, 2, frames.bins))).astype(np.float32)

    def play(number):
        for magnitude in wanted:
            calls.call(used.push, magnitude)
            calls.call(frames.analyse, SOUND[:, :64], state)
            calls.call(frames.synthesise, np.stack([magnitude, magnitude]), state)

    together(threads, play)
    used.reset()
    assert all(np.array_equal(used.push(magnitude), new.push(magnitude)) for magnitude in wanted)
    return calls.refused


def classifiers(random, threads, name):
    """One judge of recordings in all threads: none is refused."""
    judge = judge_of(str(random.choice(["genres", "notes"])))
    wanted = judge.probabilities(SOUND, RATE, 2)
    together(threads, lambda number: np.testing.assert_array_equal(judge.probabilities(SOUND, RATE, 2), wanted))


judge_of = cache(lambda name: Classifier.load(library.find("model", name)))

WAYS = overlapping, in_turn, whole, copies, streams, turned, board_and_part, estimators, classifiers, overlapping


def main(first, many):
    faulthandler.enable()
    refused = 0
    for number in range(first, first + many):
        random = np.random.default_rng(number)
        way, name, threads = WAYS[number % len(WAYS)], random.choice(list(EFFECTS)), int(random.integers(2, 9))
        sys.setswitchinterval(float(random.choice([1e-5, 5e-3])))
        print(f"run {number}: {way.__name__}, {name}, {threads} threads", flush=True)
        refused += way(random, threads, str(name)) or 0
    print("refused:", refused)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
