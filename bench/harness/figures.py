"""Measures every figure of README.md again, and says which differ by more than a quarter.

A benchmark runs between two runs of a fixed set of loops (Python, NumPy, a process that starts), whose times in the run
that the README tells of are kept in `results/reference.json`: times are compared as they would be on that machine, so
that a slower or a busier one is no regression. Run with `python -m bench.harness.figures`; `--only stft start` takes
some, `--quick` shorter runs where there are any, `--long` those of half an hour as well, `--list` says what there is
and runs nothing. What was measured lies in `build/figures`; `--write` puts it into `bench/results` and into the README.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .readme import BENCHES, CLIPS, Bench, Figure, Line, as_said, lines, number, pattern
from .report import RESULTS, machine, report

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
MEASURED = ROOT / "build" / "figures"
REFERENCE = "reference.json"

MOST = 0.25
"""By how much of itself a figure may differ."""


def _python() -> None:
    """The interpreter alone."""
    total = 0
    for n in range(300_000):
        total += n & 7


def _numpy() -> None:
    """Transforms and sums of arrays that fit into a cache, in one thread."""
    x = np.random.default_rng(0).standard_normal((64, 2048)).astype(np.float32)
    for _ in range(10):
        np.abs(np.fft.rfft(x)).sum()


def _process() -> None:
    """A process that starts and ends."""
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def reference(runs: int = 9) -> dict[str, float]:
    """Median seconds of each loop of the fixed set."""
    taken: dict[str, list[float]] = {"python": [], "numpy": [], "process": []}
    for _ in range(runs):
        for name, work in (("python", _python), ("numpy", _numpy), ("process", _process)):
            start = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def slower(now: dict[str, float], then: dict[str, float]) -> float:
    """How many times slower this machine is, by the loop in the middle.

    >>> slower({"python": 2.0, "numpy": 3.0, "process": 9.0}, {"python": 1.0, "numpy": 1.0, "process": 1.0})
    3.0
    """
    return statistics.median(now[name] / then[name] for name in then)


def compare(figure: Figure, said: str, measured: float, times: float) -> tuple[float, bool]:
    """The figure as it would be on the README's machine, and whether it differs from what is said there.

    >>> compare(Figure(len, "time"), "10.8", 25.0, 2.0), compare(Figure(len, "time"), "10.8", 54.8, 2.0)
    ((12.5, False), (27.4, True))
    """
    there = measured / times if figure.kind == "time" else measured * times if figure.kind == "speed" else measured
    old, last = number(said), 0.5 * 10.0 ** -len(said.partition(".")[2])
    return there, abs(there - old) > max(MOST * abs(old), last, figure.slack)


def command(name: str, bench: Bench, clips: Path, quick: bool) -> list[str]:
    """What is run: what only reproduces published figures is a module of `bench/research`."""
    arguments = bench.quick if quick and bench.quick is not None else bench.arguments
    script = [f"bench/{name}.py"] if (ROOT / "bench" / f"{name}.py").is_file() else ["-m", f"bench.research.{name}"]
    return [*script, *(str(clips) if each == CLIPS else each for each in arguments)]


def measured(name: str, words: list[str]) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """The rows of one benchmark, and the times of the fixed set around it."""
    before = reference()
    subprocess.run([sys.executable, *words], check=True, cwd=ROOT, env=os.environ | {"BENCH_RESULTS": str(MEASURED)})
    after = reference()
    rows = json.loads((MEASURED / f"{name}.json").read_text())["rows"]
    return rows, {each: (before[each] + after[each]) / 2 for each in before}


def compared(name: str, rows: list[dict[str, Any]], times: float, text: str) -> Iterator[dict[str, Any]]:
    """A row for each figure of the README that comes from this benchmark."""
    for line in (each for each in lines() if each.bench == name):
        for place, (figure, said) in enumerate(zip(line.figures, _found(line, text), strict=True), 1):
            which = f"{_short(line.text)} ({place} of {len(line.figures)})"
            row: dict[str, Any] = {"bench": name, "figure": which, "README": said}
            try:
                value = float(figure.value(rows))
            except (LookupError, ValueError):
                yield row | {"here": "-", "here, as there": "-", "ratio": "-", "verdict": "not measured"}
                continue
            there, differs = compare(figure, said, value, times)
            ratio = there / number(said) if number(said) else float("nan")
            yield row | {
                "here": as_said(value, said), "here, as there": as_said(there, said), "ratio": f"{ratio:.2f}",
                "verdict": "DIFFERS" if differs else "as said",
            }  # fmt: skip


def write(names: list[str], references: dict[str, dict[str, float]]) -> None:
    """Make what was measured what the README says."""
    text = README.read_text(encoding="utf-8")
    for line in (each for each in lines() if each.bench in names):
        rows = json.loads((MEASURED / f"{line.bench}.json").read_text())["rows"]
        match = pattern(line.text).search(text)
        assert match is not None
        for place, figure in reversed(list(enumerate(line.figures, 1))):
            try:
                value = as_said(float(figure.value(rows)), match[place])
            except (LookupError, ValueError):
                continue
            text = text[: match.start(place)] + value + text[match.end(place) :]
    README.write_text(text, encoding="utf-8")
    for name in names:
        shutil.copy(MEASURED / f"{name}.json", RESULTS)
        page = MEASURED.parent / f"{name}.md"
        if page.exists():  # what the benchmark tells of all its rows
            shutil.copy(page, ROOT / "bench")
    kept = json.loads((RESULTS / REFERENCE).read_text())
    kept |= {name: {"machine": machine()} | references[name] for name in names}
    (RESULTS / REFERENCE).write_text(json.dumps(kept, indent=1) + "\n")


def _found(line: Line, text: str) -> tuple[str, ...]:
    match = pattern(line.text).search(text)
    if match is None:
        raise SystemExit(f"README.md has no line as in bench/harness/readme.py: {line.text}")
    return match.groups()


def _short(text: str) -> str:
    """What a line is about, in a few words."""
    words = text.strip("| ").replace(" | ", ", ").partition(" {}")[0]
    return words if len(words) <= 48 else f"{words[:47]}…"


def _chosen(only: list[str], long: bool) -> dict[str, Bench]:
    return {name: bench for name, bench in BENCHES.items() if name in only or (not only and (long or not bench.long))}


def main() -> int:
    """The exit status: 1 if a figure differs or a benchmark failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], choices=list(BENCHES), metavar="BENCH")
    parser.add_argument("--clips", type=Path, default=ROOT.parent / "shared" / "data" / "clips")
    for name in ("quick", "long", "list", "write"):
        parser.add_argument(f"--{name}", action="store_true")
    asked = parser.parse_args()
    chosen = _chosen(asked.only, asked.long)
    if asked.list:
        for name, bench in chosen.items():
            count = sum(len(line.figures) for line in lines() if line.bench == name)
            words = " ".join(command(name, bench, asked.clips, asked.quick))
            print(f"python {words}: {count} figures, about {bench.minutes:g} minutes")
        print(f"together about {sum(bench.minutes for bench in chosen.values()):.0f} minutes")
        return 0
    MEASURED.mkdir(parents=True, exist_ok=True)
    kept, text = json.loads((RESULTS / REFERENCE).read_text()), README.read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = []
    references, failed = {}, []
    for name, bench in chosen.items():
        try:
            found, references[name] = measured(name, command(name, bench, asked.clips, asked.quick))
        except subprocess.CalledProcessError as error:
            failed.append(f"{name} (exit status {error.returncode})")
            continue
        times = slower(references[name], {each: kept[name][each] for each in references[name]})
        print(f"{name}: this machine takes {times:.2f} times as long as that of the README", flush=True)
        rows += compared(name, found, times, text)
    if rows:
        report("figures", rows, MEASURED)
    differ = [row for row in rows if row["verdict"] == "DIFFERS"]
    missing = sum(row["verdict"] == "not measured" for row in rows)
    print(f"{len(rows)} figures: {len(differ)} differ by more than a quarter, {missing} could not be measured")
    for row in differ:
        print(f"  {row['bench']}: {row['figure']}: {row['README']} in the README, {row['here, as there']} now")
    for each in failed:
        print(f"failed: {each}")
    if asked.write:
        write([name for name in chosen if name in references], references)
    return 1 if differ or failed else 0


if __name__ == "__main__":
    sys.exit(main())
