"""Recordings spread over processes, each with a board of its own.

A worker takes a task, tells how far it is, answers with what came of it, and takes the next. One that dies (out of
memory, say) costs its own recording and is replaced. However a run ends, no worker and no unfinished file outlives it.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any

from dreampedal.console.console import quiet_libraries, say_compiling
from dreampedal.engine.host.board import Board
from dreampedal.engine.runtime.notice import before_compiling
from dreampedal.rendering.rendering import Rendered, Sound, Task, render

Result = Rendered | Exception
Rendering = Generator[tuple[Task, Result], None, None]
Progress = Callable[[Task, float], None]


def render_all(tasks: Sequence[Task], sound: Sound, jobs: int, progress: Progress) -> Rendering:
    """Render every task and yield each with what came of it, as they finish: the report, or what was wrong."""
    # A pipe that the shell opened for us is open in this process alone.
    piped = any(task.source.exists() and not task.source.is_file() for task in tasks)
    if jobs == 1 or len(tasks) == 1 or piped:
        yield from _here(tasks, sound, progress)
    else:
        yield from _apart(tasks, sound, min(jobs, len(tasks)), progress)


def _here(tasks: Sequence[Task], sound: Sound, progress: Progress) -> Rendering:
    """In this process, one after another."""
    board = sound.board()
    for task in tasks:
        try:
            yield task, render(task, board, sound, partial(progress, task))
        except (ValueError, OSError, MemoryError) as error:
            yield task, error


def _apart(tasks: Sequence[Task], sound: Sound, jobs: int, progress: Progress) -> Rendering:
    """In `jobs` processes."""
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(tasks))
    running: dict[Connection, tuple[Any, Task]] = {}

    def start() -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, sound, not running), daemon=True)
        # Ctrl-C reaches the whole group, workers too, which inherit this; the parent ends its workers itself.
        heeded = signal.signal(signal.SIGINT, signal.SIG_IGN)
        process.start()
        signal.signal(signal.SIGINT, heeded)
        theirs.close()
        running[ours] = process, waiting.pop()
        ours.send(running[ours][1])

    try:
        for _ in range(jobs):
            start()
        while running:
            ready = wait(list(running))
            for line in [line for line in running if line in ready]:
                process, task = running[line]
                try:
                    message = line.recv()
                except EOFError:
                    process.join()
                    del running[line]
                    yield task, ValueError(f"{task.source}: its process ended with status {process.exitcode}")
                    if waiting:
                        start()
                    continue
                if isinstance(message, float):
                    progress(task, message)
                    continue
                if waiting:
                    running[line] = process, waiting.pop()
                    line.send(running[line][1])
                else:
                    del running[line]
                    line.close()
                yield task, message
    finally:
        for line, (process, _) in running.items():
            process.terminate()
            line.close()  # which ends a worker that was told within a library that swallows what is raised
        for process, _ in running.values():
            process.join(timeout=3)
            if process.exitcode is None:
                process.kill()
                process.join()


def _work(line: Connection, sound: Sound, is_first: bool) -> None:
    """A worker: tasks from the line, progress and results back, until the line is closed."""
    before_compiling(say_compiling if is_first else None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with quiet_libraries(), suppress(ConnectionError):  # whoever asked has gone
        _play(line, sound.board(), sound)


def _play(line: Connection, board: Board, sound: Sound) -> None:
    """Tasks from the line until it is closed."""
    while True:
        try:
            task = line.recv()
        except EOFError:
            # Nothing is left to tidy up: a parent that ends meanwhile may end this as well, without a word.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            return
        try:
            line.send(render(task, board, sound, line.send))
        except OSError as error:
            line.send(error)
        except MemoryError as error:
            line.send(MemoryError(str(error)))
        except ValueError as error:
            line.send(ValueError(str(error)))  # a subclass may not survive the way
