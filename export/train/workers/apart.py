"""Processes of a training: none outlives it, and none but the first hears of Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any

from dreampedal.export.data.progress import Progress

Job = Callable[[Progress], None]
"""Work that can be sent to another process, and tells how far it is."""


def side_by_side(jobs: Sequence[Job], workers: int, progress: Progress | None = None) -> None:
    """Do all jobs, up to `workers` at a time, each in a process of its own; one worker does them here.

    Raises:
        ValueError, OSError: the first that a job raises; the others are ended then. Whatever else one raises is a
            ValueError that says it.
    """
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            job(progress or _nobody)
        return
    context = multiprocessing.get_context("spawn")
    left, running = list(jobs), dict[Connection, Any]()
    try:
        while left or running:
            while left and len(running) < workers:
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs, left.pop(0)), daemon=True)
                with deaf_to_ctrl_c():
                    process.start()
                theirs.close()
                running[ours] = process
            for line in [one for one in wait(list(running)) if isinstance(one, Connection)]:
                try:
                    what, told = line.recv()
                except EOFError:
                    running[line].join()
                    raise ValueError(ended(running[line].exitcode, "it goes on then")) from None
                if what == "progress" and progress:
                    progress(*told)
                elif what == "warning":
                    warnings.warn(told, stacklevel=2)
                elif what == "error":
                    raise told
                elif what == "done":
                    running.pop(line).join()
    finally:
        for process in running.values():
            process.kill()
        for process in running.values():
            process.join()


def _work(line: Connection, job: Job) -> None:
    end_with_parent()
    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = lambda message, *_, **__: line.send(("warning", str(message)))
    try:
        job(lambda *told: line.send(("progress", told)))
    except (OSError, ValueError) as error:
        line.send(("error", error if isinstance(error, OSError) else ValueError(str(error))))
    except Exception as error:  # whatever it is, it is said in one line where the work was asked for
        line.send(("error", ValueError(f"{type(error).__name__}: {error}")))
    else:
        line.send(("done", None))


def _nobody(what: str, done: int, total: int) -> None:
    """Is told."""


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """What is started meanwhile never hears of Ctrl-C, not even while it imports; whoever started it ends it."""
    if threading.current_thread() is not threading.main_thread():  # where Python lets nobody choose
        yield
        return
    heeded = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heeded)


def end_with_parent() -> None:
    """Let this process end with the one that started it, which cannot say so where it is killed; deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def ended(status: int, then: str) -> str:
    """What the end of a worker that said nothing means; `then`: what becomes of its work where it is begun again."""
    if status < 0:
        name = signal.Signals(-status).name
        return f"a worker was ended by {name}, as for want of memory; begin again with fewer, {then}"
    return f"a worker ended with status {status}; begin again, {then}"
