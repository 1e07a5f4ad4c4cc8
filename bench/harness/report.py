"""What every benchmark shares: paired timing, a table of ours, theirs and the ratio, and a JSON file beside it."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

RESULTS = Path(os.environ.get("BENCH_RESULTS", Path(__file__).parents[1] / "results"))
"""Where results are written: beside the benchmarks, unless they are only to be compared with those."""


def median_seconds(
    *works: Callable[[], object], runs: int = 15, warmup: int = 2, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Median seconds of each work by a clock, taken in turn so that all of them see the same machine."""
    taken: list[list[float]] = [[] for _ in works]
    for run in range(warmup + runs):
        for times, work in zip(taken, works, strict=True):
            start = clock()
            work()
            if run >= warmup:
                times.append(clock() - start)
    return [statistics.median(times) for times in taken]


def machine() -> str:
    """The processor in words, with the cores that this process may use."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, Python {platform.python_version()}"


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print `rows`, which all have the columns of the first."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=f"{title} ({machine()})")
    for column in rows[0]:
        shown.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        shown.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=140).print(shown)


def report(name: str, rows: Sequence[Mapping[str, Any]], folder: Path = RESULTS, **facts: Any) -> None:
    """Print `rows` as a table and write them to `NAME.json` in `folder` with the machine and the date."""
    table(name, rows)
    folder.mkdir(parents=True, exist_ok=True)
    written = {"machine": machine(), "date": date.today().isoformat(), **facts, "rows": list(rows)}
    (folder / f"{name}.json").write_text(json.dumps(written, indent=1) + "\n")
