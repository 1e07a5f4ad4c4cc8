"""First sound: what a preset makes a user wait for where numba has compiled nothing yet, in units of a fixed file.

Ours is a whole process, from its start to the first block out of `hall_of_flutes`; theirs is `reference_kernels.py`,
ten small kernels that never change, from the first call to the last kernel compiled. Both begin with an empty
`NUMBA_CACHE_DIR`, take turns, and the figures are medians of five. Run with `python bench/compile.py`; `--preset NAME`
takes another one, `--kernels` says in which kernels the seconds go (one run, and no results are written).
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from harness.report import report, table

REFERENCE = Path(__file__).parent / "harness" / "reference_kernels.py"
RUNS = 5
SHOWN = 25
FIRST = """
import sys, numpy
from dreampedal import load_preset
load_preset(sys.argv[1])(numpy.zeros((2, 4410), numpy.float32), 44100)
"""
COMPILED = """
import sys, time
sys.path.insert(0, sys.argv[1])
import reference_kernels
began = time.perf_counter(), time.process_time()
reference_kernels.compile_all()
print(time.perf_counter() - began[0], time.process_time() - began[1])
"""


def from_empty_cache(*words: str) -> tuple[str, float, float]:
    """What a new process prints where numba has compiled nothing yet, its seconds, and those of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        before, began = _children(), time.perf_counter()
        ended = subprocess.run(
            [sys.executable, *words], check=True, stdout=subprocess.PIPE, env=os.environ | {"NUMBA_CACHE_DIR": folder}
        )
        return ended.stdout.decode(), time.perf_counter() - began, _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def first_sound(preset: str) -> list[dict[str, Any]]:
    """The row of a preset: medians, taken in turns with the reference; of a busy machine, the CPU's tell more."""
    ours, theirs = [], []
    for _ in range(RUNS):
        ours.append(from_empty_cache("-c", FIRST, preset)[1:])
        theirs.append(tuple(map(float, from_empty_cache("-c", COMPILED, str(REFERENCE.parent))[0].split())))
    what, row = f"first sound of {preset}, empty cache", {}
    for kind, one, other in zip(("", "CPU "), zip(*ours, strict=True), zip(*theirs, strict=True), strict=True):
        ratios = [sound / compiled for sound, compiled in zip(one, other, strict=True)]
        figures = statistics.median(one), statistics.median(other), statistics.median(ratios)
        row |= dict(zip((f"ours {kind}s", f"reference {kind}s", f"{kind}ratio"), figures, strict=True))
    return [{"what": what} | row]


def kernels(preset: str) -> list[dict[str, Any]]:
    """A row for each kernel that the first sound compiles, slowest first.

    Seconds of the thread's processor, so that neither a busy machine nor a wait for another thread's kernel counts.
    "own s" leaves out the kernels that it calls, which are compiled while it is.
    """
    import numpy as np
    from numba.core.event import Event, Listener, install_listener

    from dreampedal import load_preset

    found: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])

    class Clock(Listener):  # type: ignore[misc]
        """Adds up what each kernel takes; of those that are being compiled, a stack a thread."""

        def __init__(self) -> None:
            self.open: dict[int, list[list[float]]] = defaultdict(list)

        def on_start(self, event: Event) -> None:
            self.open[threading.get_ident()].append([time.thread_time(), 0.0])

        def on_end(self, event: Event) -> None:
            stack = self.open[threading.get_ident()]
            began, within = stack.pop()
            spent = time.thread_time() - began
            if stack:
                stack[-1][1] += spent
            function = event.data["dispatcher"].py_func
            sums = found[f"{function.__module__.removeprefix('dreampedal.')}.{function.__qualname__}"]
            for n, more in enumerate((1, spent - within, spent)):
                sums[n] += more

    with install_listener("numba:compile", Clock()):
        load_preset(preset)(np.zeros((2, 4410), np.float32), 44100)
    names = ("signatures", "own s", "with those it calls s")
    rows = [{"kernel": name} | dict(zip(names, sums, strict=True)) for name, sums in found.items()]
    return sorted(rows, key=lambda row: -row["own s"])


def print_kernels(preset: str) -> None:
    """The slowest, what all others take together, and all."""
    rows = kernels(preset)
    for name, some in ((f"{len(rows[SHOWN:])} others", rows[SHOWN:]), (f"all {len(rows)}", rows)):
        sums = {of: sum(row[of] for row in some) for of in ("signatures", "own s")}
        rows.append({"kernel": name} | sums | {"with those it calls s": "-"})
    table(f"kernels of {preset}, slowest first", [*rows[:SHOWN], *rows[-2:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="hall_of_flutes")
    parser.add_argument("--kernels", action="store_true")
    asked = parser.parse_args()
    if not asked.kernels:
        report("compile", first_sound(asked.preset), runs=RUNS)
    elif "NUMBA_CACHE_DIR" in os.environ:
        print_kernels(asked.preset)
    else:  # numba reads where its cache lies once, when it is imported
        print(from_empty_cache(__file__, "--kernels", "--preset", asked.preset)[0], end="")


if __name__ == "__main__":
    main()
