"""A search keeps all of every trial, goes on where it was killed, and shares its trials out."""

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from dreampedal.export.nets.checkpoint import load
from dreampedal.export.train.fit.lock import alone
from dreampedal.export.train.fit.plan import Plan
from dreampedal.export.train.search.search import _apart, search
from dreampedal.export.train.search.space import read_space
from dreampedal.export.train.search.trials import Task
from tests.conftest import ROOT

from ..fit.fit_scene import clips, hold

SPACE = read_space(["depth=1..3", "plan.learning_rate=1e-3..1e-1", "pooling=max,mean"])


def task_in(folder, **changes):
    """A search for a very small network."""
    plan = Plan(epochs=3, batch=16, averaging=0.5)
    settings = {"width": 4, "dense": 8}
    task = Task("vgg", clips(), clips("speech_female_en", 24), folder, SPACE, plan, settings, 44_100, 0, "cpu")
    return replace(task, **changes)


def chosen(report):
    return sorted((row["number"], row["score"], json.dumps(row["chosen"])) for row in report["trials"])


def test_a_search_goes_on_and_keeps_all_of_every_trial(tmp_path):
    told = []
    first = search(task_in(tmp_path / "a"), 1)
    report = search(task_in(tmp_path / "a"), 3, progress=lambda *at: told.append(at))
    assert told == [("trials", done, 3) for done in (2, 3)]
    assert {row["number"] for row in first["trials"]} < {row["number"] for row in report["trials"]} == set(range(3))
    complete = [row for row in report["trials"] if row["state"] == "complete"]
    assert report["best"]["score"] == max(row["score"] for row in complete) > 0
    for row in complete:
        record = json.loads((tmp_path / "a" / "trials" / f"{row['number']:04d}" / "trial.json").read_text())
        net = load(row["checkpoint"])
        assert len(record["history"]) == 3 and record["score"] == row["score"]
        assert list(record["architecture"]) == list(net.layers()) and net.settings.depth == row["chosen"]["depth"]
        assert record["plan"]["learning_rate"] == row["chosen"]["plan.learning_rate"]
        assert sum(p.numel() for p in net.parameters()) == record["parameters"]
    assert chosen(search(task_in(tmp_path / "b"), 3)) == chosen(report), "in one run or in two"


def test_another_search_in_the_same_folder_is_refused(tmp_path):
    task = task_in(tmp_path)
    search(task, 1)
    with pytest.raises(ValueError, match=r"search\.json: seed is 0: expected 1"):
        search(replace(task, seed=1), 2)
    with pytest.raises(ValueError, match=r"no setting 'dept' \(did you mean 'depth'\?\)"):
        search(replace(task, space=read_space(["dept=1..3"])), 2)


def test_trials_that_cannot_be_built_are_given_up_with_their_reason(tmp_path):
    task = task_in(tmp_path, space=read_space(["depth=7..8"]))
    with pytest.raises(ValueError, match=r"none of 2 trials ended: vgg: 0\.25 s are 15 columns"):
        search(task, 2)
    assert json.loads((tmp_path / "trials" / "0000" / "trial.json").read_text())["state"] == "failed"


def test_a_trial_for_which_there_is_no_memory_ends_alone(tmp_path, capfd):
    space, settings = read_space(["dense=8,40000000000000"]), {"width": 4, "depth": 2}
    report = search(task_in(tmp_path, space=space, settings=settings), 4)
    failed = [row for row in report["trials"] if row["state"] == "failed"]
    assert report["best"]["state"] == "complete" and report["best"]["chosen"] == {"dense": 8}
    assert failed and all("allocate" in row["reason"] and "\n" not in row["reason"] for row in failed)
    record = json.loads((tmp_path / "trials" / f"{failed[0]['number']:04d}" / "trial.json").read_text())
    assert record["reason"] == failed[0]["reason"] and "Traceback" in record["traceback"]
    assert "Traceback" not in capfd.readouterr().err


def test_where_every_trial_fails_one_error_says_why(tmp_path, capfd):
    with pytest.raises(ValueError, match=r"none of 3 trials ended: RuntimeError: .*allocate"):
        space = read_space(["dense=30000000000000,40000000000000"])
        search(task_in(tmp_path, space=space, settings={"width": 4, "depth": 2}), 3)
    assert "Traceback" not in capfd.readouterr().err


def test_an_interrupted_trial_goes_on_in_its_own_folder(tmp_path, monkeypatch, capfd):
    def interrupt(_trial, _record, row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("dreampedal.export.train.search.trials._report", interrupt)
        search(task_in(tmp_path / "a"), 2)
    half = tmp_path / "a" / "trials" / "0000" / ".training.0a1b2c3d.part.pt"
    half.write_bytes(b"as a kill leaves it")
    resumed, whole = search(task_in(tmp_path / "a"), 2), search(task_in(tmp_path / "b"), 2)
    assert sorted(row[1:] for row in chosen(resumed)) == sorted(row[1:] for row in chosen(whole))
    assert len(list((tmp_path / "a" / "trials").iterdir())) == 2 and not half.exists()
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("name, text, error, words", [
    ("search.json", "[", ValueError, r"search\.json tells of no search"),
    ("search.json", "[1]", ValueError, r"search\.json: what began is \[1\]: expected"),
    ("trials/0000/trial.json", '{"state": 3}', ValueError, r"trial\.json is no record of a trial: state = 3"),
    ("study.sqlite", "no study" * 200, OSError, r"study\.sqlite cannot be used \(.*not a database.*\); give another"),
])  # fmt: skip
def test_a_damaged_file_is_named(tmp_path, name, text, error, words):
    search(task_in(tmp_path), 1)
    (tmp_path / name).write_text(text)
    with pytest.raises(error, match=words):
        search(task_in(tmp_path), 2)


@pytest.mark.parametrize("text, words", [
    ("depth=3", "expected a range as 1..8, or options"),
    ("depth=5..2", "the smaller first"),
    ("depth=a..b", "expected two numbers"),
    ("depth=NaN..3", "expected two numbers"),
    ("plan.learning_rate=1..Infinity", "expected two numbers"),
    ("depth", "expected key=value"),
])  # fmt: skip
def test_spaces_that_are_none(text, words):
    with pytest.raises(ValueError, match=words):
        read_space([text])


def test_clips_on_disk_go_to_another_process_by_name(tmp_path):
    heard = clips()
    np.save(tmp_path / "x.npy", heard.x)
    held = replace(heard, x=np.load(tmp_path / "x.npy", mmap_mode="r"))
    task = task_in(tmp_path, train=held, val=held.take(np.arange(5, 20)))
    sent = pickle.dumps(task)
    assert len(sent) < 8_000 < heard.x.nbytes
    back = pickle.loads(sent)
    assert np.array_equal(back.train.x[:], heard.x) and np.array_equal(back.val.x[:], heard.x[5:20])
    assert np.array_equal(back.val.labels, heard.labels[5:20])


KILLED = """
import sys
from pathlib import Path
from dreampedal.export.train.search import trials
from dreampedal.export.train.search.search import search
from tests.export.train.fit.fit_scene import hold
from tests.export.train.search.test_search import task_in
if __name__ == "__main__":
    report = trials._report
    def holding(trial, record, row):
        if (trial.number, row["epoch"]) == (1, 2):
            hold()
        report(trial, record, row)
    trials._report = holding
    search(task_in(Path(sys.argv[1])), 3)
"""


def test_a_search_that_was_killed_ends_as_one_that_was_not(tmp_path):
    process = begun(tmp_path, KILLED, tmp_path / "a")
    with pytest.raises(ValueError, match="a search is running there"):
        search(task_in(tmp_path / "a"), 3)
    killed(process)
    resumed, whole = search(task_in(tmp_path / "a"), 3), search(task_in(tmp_path / "b"), 3)
    assert sorted(row[1:] for row in chosen(resumed)) == sorted(row[1:] for row in chosen(whole))
    assert len(list((tmp_path / "a" / "trials").iterdir())) == 3


def begun(folder, text, *arguments):
    """A script in a process of its own, once it says that it waits for its kill."""
    script = folder / "script.py"
    script.write_text(text)
    line = [sys.executable, str(script), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def killed(process):
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()


def test_two_workers(tmp_path):
    report = search(task_in(tmp_path), 3, workers=2)
    assert {row["number"] for row in report["trials"]} == {0, 1, 2}
    assert report["best"]["state"] == "complete"


class Waits:
    """A task whose first trial takes long and whose second takes no time."""

    def __init__(self, folder):
        self.folder = folder

    def study(self):
        return self

    def optimize(self, _objective, n_trials):
        try:
            (self.folder / "first").touch(exist_ok=False)
        except FileExistsError:
            return
        time.sleep(3 * n_trials)


def test_a_worker_that_has_nothing_left_to_do_ends_before_the_others(tmp_path):
    assert list(_apart(Waits(tmp_path), 2, 2)) == [1, 2]


class Holds(Waits):
    """A task whose trial holds its folder until it is killed."""

    def optimize(self, _objective, n_trials):
        with alone(self.folder, "training"):
            hold()


ORPHANED = """
import sys
from pathlib import Path
from tests.export.train.search.test_search import Holds, _apart
if __name__ == "__main__":
    list(_apart(Holds(Path(sys.argv[1])), 1, 1))
"""


def test_no_worker_outlives_a_search_that_was_killed(tmp_path):
    process = begun(tmp_path, ORPHANED, tmp_path)
    with pytest.raises(ValueError, match="a training is running there"), alone(tmp_path, "training"):
        pass
    killed(process)
    held, end = True, time.monotonic() + 120
    while held and time.monotonic() < end:
        time.sleep(0.05)
        with suppress(ValueError), alone(tmp_path, "training"):
            held = False
    assert not held


class Breaks(Waits):
    """A task whose second trial breaks in a way that nobody foresaw, while the first lets nothing end it.

    So it goes where torch imports a part of itself in the middle of a step: what a handler raises there is lost.
    """

    def optimize(self, _objective, n_trials):
        try:
            (self.folder / "first").touch(exist_ok=False)
        except FileExistsError:
            raise KeyError(n_trials) from None
        while True:
            with suppress(BaseException):
                time.sleep(600)


def test_what_breaks_in_a_worker_is_said_in_one_line_and_ends_the_others(tmp_path, capfd):
    with pytest.raises(ValueError, match="KeyError: 1"):
        list(_apart(Breaks(tmp_path), 2, 2))
    assert "Traceback" not in capfd.readouterr().err and not multiprocessing.active_children()
