"""Plays in a process, starts others in the way that is asked for, and hears whether they play the same.

A process of its own, which `test_fork` starts: what hangs or crashes here ends no test but one.
"""

import multiprocessing
import os
import sys
import threading

import numpy as np
from pedalboard import Gain

from dreampedal import Board, Dream
from dreampedal.engine.model.library import library
from dreampedal.engine.runtime.jit import njit

RATE = 44_100
SOUND = np.random.default_rng(0).standard_normal((2, 9000)).astype(np.float32) * np.float32(0.1)
FORKS = 3


def effect(**values):
    return Dream(target="class:flute", **values)


def play(played):
    return played(SOUND, RATE)


def answer(queue, played):
    queue.put(play(played))


def with_os_fork():
    """A child that plays on the effects that it inherited, within a signal, and ends as any process does."""
    board = Board([Gain(-3), effect(fill=0.5, phase="estimate")])
    wanted = play(board)
    board(SOUND, RATE, reset=False)
    rest = board.flush()
    board(SOUND, RATE, reset=False)
    child = os.fork()
    if child == 0:
        sys.exit(0 if np.array_equal(board.flush(), rest) and np.array_equal(play(board), wanted) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert np.array_equal(board.flush(), rest)


def with_multiprocessing():
    dream = effect()
    wanted = play(dream)
    for start in ("fork", "spawn"):
        context = multiprocessing.get_context(start)
        queue = context.Queue()
        child = context.Process(target=answer, args=(queue, dream))
        child.start()
        assert np.array_equal(queue.get(timeout=60), wanted)
        child.join(60)
        assert child.exitcode == 0


def with_joblib():
    from joblib import Parallel, delayed

    dream = effect(mode="live")
    wanted = play(dream)
    for backend in ("threading", "loky"):
        for played in Parallel(n_jobs=2, backend=backend)(delayed(play)(dream) for _ in range(3)):
            assert np.array_equal(played, wanted)


class Dreamt:
    """A data set whose examples are played, by an effect that every worker inherits."""

    def __init__(self):
        self.effect = effect(mode="instant")
        self.wanted = play(self.effect)

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return play(self.effect)


def with_a_data_loader():
    from torch.utils.data import DataLoader

    dreamt = Dreamt()
    batches = list(DataLoader(dreamt, batch_size=2, num_workers=2, multiprocessing_context="fork"))
    assert len(batches) == 3
    assert all(np.array_equal(example, dreamt.wanted) for batch in batches for example in batch.numpy())


def with_threads_that_open_sessions():
    """Forked while another thread holds what is held for the while that a session is opened."""
    model, over = library.model("notes"), threading.Event()
    wanted = play(effect())

    def open_sessions():
        while not over.is_set():
            model.chains.sessions._made.clear()
            model.chains.session("t1", 1, "cpu")

    thread = threading.Thread(target=open_sessions)
    thread.start()
    children = []
    for _ in range(FORKS):
        if (child := os.fork()) == 0:
            model.chains.session("t1", 2, "cpu")
            os._exit(0 if np.array_equal(play(effect()), wanted) else 1)
        children.append(child)
    over.set()
    thread.join()
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * FORKS


def with_threads_that_compile():
    """Forked while another thread holds what is held for the while that a kernel is compiled."""
    over = threading.Event()

    def compile_kernels():
        while not over.is_set():
            njit()(lambda x: x + 1)(1)

    thread = threading.Thread(target=compile_kernels)
    thread.start()
    children = []
    for _ in range(FORKS):
        if (child := os.fork()) == 0:
            os._exit(njit()(lambda x: x + 2)(1) != 3)
        children.append(child)
    over.set()
    thread.join()
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * FORKS


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    print("played")
