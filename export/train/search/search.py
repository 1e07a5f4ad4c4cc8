"""Bayesian search over a network's settings and its plan, with Optuna: on disk, resumed, in several processes.

Trials are drawn by a tree-structured Parzen estimator (Bergstra et al. 2011) and given up early where they lie below
the median of those before them. Everything lies in one folder: `study.sqlite`, `search.json`, and a folder a trial.
With one worker, a search that was interrupted ends as if it had not been.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from dreampedal.engine.runtime.files import written_whole
from dreampedal.export.data.progress import Progress
from dreampedal.export.nets.table import NETWORKS
from dreampedal.export.train.fit.checkpoints import check_same, content
from dreampedal.export.train.fit.lock import alone
from dreampedal.export.train.search.space import check_names
from dreampedal.export.train.search.trials import CHECKPOINT, PLACE, REASON, Task, run_trial, said
from dreampedal.export.train.workers.apart import deaf_to_ctrl_c, end_with_parent, ended

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


def search(task: Task, trials: int = 20, workers: int = 1, progress: Progress | None = None) -> dict[str, Any]:
    """Search until there are `trials`, those of earlier runs in the same folder counted.

    Args:
        task: network, clips, space and folder (it is made).
        workers: processes; each trains with the plan's number of threads.
        progress: told trials done, and how many there are.

    Returns:
        A report: "network", "best" and "trials", best first; each trial with its number, state, score (accuracy on
        validation clips, 0 to 1), settings, plan, parameters, folder, checkpoint and the reason if it was given up.

    Raises:
        ValueError: if the folder holds another search or one that is running, a name is no setting, or no trial ended.
        OSError: if the disk is full.
    """
    if trials < 1 or workers < 1:
        raise ValueError(f"{trials} trials, {workers} workers: expected at least one of each")
    if not task.space:
        raise ValueError("nothing to search: the space is empty")
    check_names(task.space, NETWORKS[task.network].settings)
    task.folder.mkdir(parents=True, exist_ok=True)
    with alone(task.folder, "search"), _readable(task.folder):
        _begin(task)
        study = task.study()
        _revive(task, study)
        left = trials - len(study.get_trials(deepcopy=False, states=ENDED))
        turns = _here(task, left) if workers == 1 else _apart(task, left, min(workers, left))
        for done in turns:
            if progress:
                progress("trials", trials - left + done, trials)
        return report(task)


def report(task: Task) -> dict[str, Any]:
    """What a search has found so far, as `search` returns it."""
    rows = [_row(task, trial) for trial in task.study().get_trials(deepcopy=False, states=ENDED)]
    rows.sort(key=lambda row: (row["state"] == "complete", row["score"] or 0.0), reverse=True)
    if not rows or rows[0]["state"] != "complete":
        reason = next((row["reason"] for row in rows if row["reason"]), "none was begun")
        raise ValueError(f"{task.folder}: none of {len(rows)} trials ended: {reason}")
    return {"network": task.network, "best": rows[0], "trials": rows}


def _row(task: Task, trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    place = trial.user_attrs[PLACE]
    record = task.record(place)
    folder = task.folder / "trials" / place
    return {
        "number": trial.number,
        "state": record.get("state", trial.state.name.lower()),
        "score": record.get("score"),
        "chosen": {name: _plain(value) for name, value in trial.params.items()},
        "settings": record.get("settings"),
        "plan": record.get("plan"),
        "parameters": record.get("parameters"),
        "folder": str(folder),
        "checkpoint": str(folder / CHECKPOINT) if record.get("checkpoint") else None,
        "reason": trial.user_attrs.get(REASON),
    }


def _plain(value: Any) -> Any:
    """A parameter as it was chosen: options stand in the study as JSON."""
    return json.loads(value) if isinstance(value, str) else value


def _begin(task: Task) -> None:
    """Say in the folder what is searched, or make sure that it is the same as before."""
    told = task.folder / "search.json"
    here = {
        "network": task.network, "settings": task.settings, "plan": task.plan.model_dump(mode="json"),
        "seed": task.seed,
        "space": {name: repr(choice) for name, choice in task.space.items()},
        "training clips": content(task.train), "validation clips": content(task.val),
    }  # fmt: skip
    if told.exists():
        try:
            found = json.loads(told.read_text(encoding="utf-8"))
        except ValueError:
            raise ValueError(f"{told} tells of no search: give another folder") from None
        check_same(told, found, here)
    else:
        with written_whole(told) as part:
            part.write_text(json.dumps(here, indent=2), encoding="utf-8")


def _revive(task: Task, study: optuna.Study) -> None:
    """Queue again, in their own folders, the trials that were interrupted or left running by a kill."""
    for part in task.folder.glob("trials/*/.*.part*"):
        part.unlink(missing_ok=True)  # half written when the kill came
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    trials = study.get_trials(deepcopy=False)
    taken = {trial.user_attrs.get(PLACE) for trial in trials if trial.state != TrialState.FAIL}
    for trial in trials:
        place = trial.user_attrs.get(PLACE)
        if trial.state == TrialState.FAIL and place is not None and place not in taken:
            taken.add(place)
            whole = set(task.space) == set(trial.params)
            study.enqueue_trial(trial.params if whole else {}, user_attrs={PLACE: place})


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """What goes wrong with the study's file, as an OSError that names it."""
    try:
        yield
    except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
        reason = said(error.__cause__ or error)
        raise OSError(f"{folder / 'study.sqlite'} cannot be used ({reason}); give another folder") from error


def _here(task: Task, count: int) -> Iterator[int]:
    """In this process, one after another; how many are done, after each."""
    for done in range(1, count + 1):
        run_trial(task)
        yield done


def _apart(task: Task, count: int, workers: int) -> Iterator[int]:
    """In `workers` processes, of which none outlives the search."""
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, Any] = {}
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, task), daemon=True)
            with deaf_to_ctrl_c():
                process.start()
            theirs.close()
            running[ours] = process
            ours.send(True)
        begun, done = workers, 0
        while done < count:
            ready = wait(list(running))
            for line in [one for one in running if one in ready]:
                try:
                    error = line.recv()
                except EOFError:
                    running[line].join()
                    raise ValueError(ended(running[line].exitcode, "its trial goes on then")) from None
                if error is not None:
                    raise error
                done += 1
                yield done
                line.send(begun < count)
                if begun >= count:
                    running.pop(line).join()  # or its end would look like a failure
                begun += 1
    finally:
        for process in running.values():
            process.kill()  # a trial goes on from any moment; torch swallows what is raised while it imports
        for process in running.values():
            process.join()


def _work(line: Connection, task: Task) -> None:
    """A worker: a trial for each True from the line, and what went wrong, or None, back."""
    end_with_parent()
    while line.recv():
        try:
            with _readable(task.folder):
                run_trial(task)
        except OSError as error:
            line.send(error)
        except Exception as error:  # whatever it is, it is said in one line where the search was asked for
            line.send(ValueError(said(error)))  # its own type may not survive the way
        else:
            line.send(None)
