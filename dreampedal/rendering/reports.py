"""What `process` and `presets` show: a bar while it runs, a line for each file, or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from dreampedal.console.console import fail, one_line, plain, print_json, say
from dreampedal.console.tables import print_table
from dreampedal.presets.loader import preset_names, read_preset
from dreampedal.rendering.options import Process
from dreampedal.rendering.rendering import Rendered, Sound, Task, folder_of, plan
from dreampedal.rendering.workers import Progress as Follower
from dreampedal.rendering.workers import render_all


def process(options: Process) -> int:
    """Play recordings through a preset and say what came of it; the status to exit with."""
    assert options.preset is not None
    tasks = plan(options.recordings, options.out, options.ending)
    sound = Sound(options.preset, options.changes, options.ceiling_db, options.bits)
    sound.board()
    results, failed = [], False
    with (
        folder_of(tasks),
        progress_bar(len(tasks)) as follow,
        closing(render_all(tasks, sound, options.jobs, follow)) as rendered,
    ):
        for task, result in rendered:
            if isinstance(result, Rendered):
                results.append(asdict(result))
                if not options.as_json:
                    say(_line(result))
            else:
                results.append({"source": str(task.source), "error": one_line(result)})
                failed = True
                fail(one_line(result))
    if options.as_json:
        order = [str(task.source) for task in tasks]
        print_json(sorted(results, key=lambda result: order.index(result["source"])))
    return 2 if failed else 0


def presets(as_json: bool) -> None:
    """List every preset. One that cannot be read is listed with what is wrong with it."""
    entries = [_entry(name, path) for name, path in preset_names().items()]
    if as_json:
        print_json(entries)
        return
    rows = []
    for entry in entries:
        about = entry.get("error") or entry["description"] or entry["title"]
        rows.append((entry["name"], escape(plain(about)), escape(", ".join(entry.get("effects", [])))))
    print_table(("preset", "what it does", "effects"), rows)


def _entry(name: str, path: Path) -> dict[str, Any]:
    try:
        preset = read_preset(path)
    except ValueError as error:
        return {"name": name, "file": str(path), "error": str(error)}
    effects = [table["type"] for table in preset.tables]
    return {
        "name": name, "title": preset.title, "description": preset.description, "effects": effects, "file": str(path)
    }  # fmt: skip


def _line(result: Rendered) -> str:
    """One file in one line."""
    depth = {None: "", 32: ", 32-bit float"}.get(result.bits, f", {result.bits}-bit")
    peak = "silence" if result.peak_db is None else f"peak {result.peak_db:+.1f} dBFS"
    overs = f", {result.overs} samples over full scale (--ceiling -1 keeps them under)" if result.overs else ""
    waited = 1000 * result.lookahead_samples / result.sample_rate
    ahead = f", look-ahead {waited:.0f} ms" if waited else ""
    return (
        f"{result.target}: {result.seconds:.1f} s at {result.sample_rate:g} Hz{depth}, {peak}{overs}{ahead}, "
        f"in {result.elapsed_seconds:.1f} s ({result.times_real_time:g} times real time)"
    )


@contextmanager
def progress_bar(files: int) -> Iterator[Follower]:
    """A progress bar on stderr with the time left; quiet where nobody looks."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=files)
        done: dict[Path, float] = {}

        def follow(task: Task, fraction: float) -> None:
            done[task.target] = min(fraction, 1.0)
            progress.update(bar, completed=sum(done.values()), description=escape(task.source.name))

        yield follow
