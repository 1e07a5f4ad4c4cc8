"""Where the figures of README.md come from: each line that holds any, with `{}` for each, and the rows that give them.

The README is the only place where their values are written. What a line says is compared with the results that are kept
beside the benchmarks by `tests/bench/test_readme.py`, and with this machine's by `make figures`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Rows = Sequence[Mapping[str, Any]]
Value = Callable[[Rows], float]


class Figure(NamedTuple):
    """A number of a line, from the rows of a benchmark."""

    value: Value
    kind: str = "plain"
    """`time`, which grows with a slower machine; `speed`, which falls; `plain`, which is the same on all."""
    slack: float = 0.0
    """What it may differ by besides a quarter: levels in dB, and counts of rare events, may be next to nothing."""


class Line(NamedTuple):
    """A part of the README."""

    bench: str
    text: str
    figures: tuple[Figure, ...]
    kept: bool = True
    """Whether `bench/results` holds the very run that it tells of."""


class Bench(NamedTuple):
    """How a benchmark is run for the README."""

    minutes: float
    """Of two cores, about."""
    arguments: tuple[str, ...] = ()
    """`CLIPS` among them stands for the folder of recordings."""
    quick: tuple[str, ...] | None = None
    """Arguments of a shorter run, where there is one."""
    long: bool = False
    """Whether it waits to be asked for."""


CLIPS = "CLIPS"

VOICES = "voices breath=0.5", "voices breath=1 below=1 deep=1 above=1"
"""The student that adds sound, without its octaves and with them."""

BENCHES = {
    "start": Bench(3),
    "board": Bench(0.2),
    "stft": Bench(1),
    "ascent": Bench(1),
    "render": Bench(5, quick=("--minutes", "1")),
    "reconstruct": Bench(5, (CLIPS,)),
    "modes": Bench(8, (CLIPS, "--only", "gain")),
    "fill": Bench(5, (CLIPS,)),
    "dreams": Bench(20, (CLIPS,)),
    "songs": Bench(8, (CLIPS,)),
    "phase": Bench(40, quick=("--quick",)),
    "heard": Bench(15, ("--student", "families", "notes", *VOICES, "--set", "reach_db=18", "--offline", "--jobs", "2")),
    "live": Bench(21, ("--minutes", "10"), quick=("--minutes", "0.5", "--turn", "15"), long=True),
}


def cell(column: str, over: Callable[[Sequence[float]], Any] | None = None, **where: Any) -> Value:
    """The value of a column in the one row that is so, or of all such rows together; `_` in a name stands for a space.

    >>> cell("a µs", x_y=1)([{"x y": 1, "a µs": 2.5}, {"x y": 2, "a µs": 3.0}])
    2.5
    >>> cell("a", max)([{"a": 1}, {"a": 3}])
    3.0
    """
    wanted = {name.replace("_", " ") if " " not in name else name: value for name, value in where.items()}

    def value(rows: Rows) -> float:
        found = [row[column] for row in rows if all(row.get(name) == each for name, each in wanted.items())]
        if not found or (over is None and len(found) > 1):
            raise LookupError(f"{len(found)} rows with {wanted}: expected {'one' if over is None else 'some'}")
        return float(over(found) if over else found[0])

    return value


def time_of(column: str, over: Callable[[Sequence[float]], Any] | None = None, **where: Any) -> Figure:
    """A figure that grows with a slower machine."""
    return Figure(cell(column, over, **where), "time")


def lines() -> Iterator[Line]:
    """All of them."""
    yield from _figures()
    yield from _dreams()
    yield from _heard()
    yield from _phase()
    yield from _modes()
    yield from _live()
    yield from _prose()


def _figures() -> Iterator[Line]:
    """The table of figures."""
    for columns, text in (
        (1, "| eight steps of ascent on `notes`, one column, one thread | {} to {} ms | "
            "torch autograd: {} to {} ms ({} to {} ×) |"),
        (5, "| the same, five columns (`Dream` as it comes) | {} to {} ms | {} to {} ms ({} to {} ×) |"),
    ):  # fmt: skip
        own = {"network": "notes 128-96-96", "columns": columns}
        times = [time_of(column, over, **own) for column in ("ours ms", "torch ms") for over in (min, max)]
        ratios = [Figure(cell("ratio", over, **own)) for over in (min, max)]
        yield Line("ascent", text, (*times, *ratios))
    dream = {"what": "Dream, 4 steps: × real time"}
    speeds = tuple(Figure(cell(column, **dream), "speed") for column in ("ours", "theirs"))
    text = "| `Dream`, 4 steps, 48 kHz mono, one core | {} × real time | librosa and torch: {} × |"
    yield Line("render", text, speeds)
    peaks = tuple(Figure(cell("ours", what=f"process, {minutes} min: peak MB")) for minutes in (1, 30))
    yield Line("render", "| `dreampedal process`, peak memory for 1 and for 30 minutes | {} and {} MB |", peaks)
    hop, turn = {"what": "pass-through, a hop", "size": "2048/512"}, {"what": "frame-iteration", "size": "2048/512"}
    text = "| streaming transform and back, 2048/512, a hop | {} µs | librosa {} µs, pyroomacoustics {} µs |"
    yield Line("stft", text, (
        time_of("ours µs", **hop, peer="librosa"), time_of("theirs µs", **hop, peer="librosa"),
        time_of("theirs µs", **hop, peer="pyroomacoustics"),
    ))  # fmt: skip
    yield Line("stft", "| one iteration of Griffin-Lim on a frame of 2048 | {} µs | scipy {} µs, librosa {} µs |", (
        time_of("ours µs", **turn, peer="scipy.fft"), time_of("theirs µs", **turn, peer="scipy.fft"),
        time_of("theirs µs", **turn, peer="librosa"),
    ))  # fmt: skip
    chain = {"plugins": "3 (compressor, chorus, reverb)"}
    yield Line("board", "| a board of three natives, a 128-sample stereo block | {} µs | pedalboard {} µs |", (
        time_of("ours µs a block", **chain), time_of("pedalboard µs a block", **chain),
    ))  # fmt: skip
    what = ("from dreampedal import Board, Dream", "dreampedal --help")
    yield Line("start", "| `from dreampedal import Board, Dream`; `dreampedal --help` | {} s; {} s |", tuple(
        time_of("ours s", what=each) for each in what
    ))  # fmt: skip
    text = "| first sound from a cold start, warm and empty JIT cache | {} s; {} s | pedalboard's reverb: {} s |"
    yield Line("start", text, (
        time_of("ours s", what="first sound, warm cache"), time_of("ours s", what="first sound, no JIT cache"),
        time_of("theirs s", what="first sound, warm cache"),
    ))  # fmt: skip


def _dreams() -> Iterator[Line]:
    """What the presets do: medians over the recordings, and the range of loudness."""
    for name in ("deep_layer", "inner_contours", "scooped_flutter", "neon_pulse", "hollow_whistle", "warehouse"):
        medians = [Figure(cell(each, np.median, preset=name), slack=0.5) for each in ("before", "after", "best random")]
        survives = Figure(cell("survives %", np.median, preset=name))
        loud = [Figure(cell("loudness dB", over, preset=name), slack=0.5) for over in (min, max)]
        yield Line("dreams", f"| `{name}` | {{}} | {{}} | {{}} | {{}} % | {{}} to {{}} |", (*medians, survives, *loud))


def _heard() -> Iterator[Line]:
    """What others hear, and what it costs; a cell of `bench/heard.py` begins with its number."""
    for said, method, mode in (
        ("nothing", "none", ""), ("a matching equaliser", "equaliser", ""), ("a learned equaliser", "curves", ""),
        ("ascent on `notes`, on frames", "notes", "studio"), ("student `families`, on frames", "families", "studio"),
        ("`families`, `live`", "families", "live"), ("`families`, `instant`", "families", "instant"),
        ("student `voices`, half of its breath, on frames", VOICES[0], "studio"),
        ("the same, `live`", VOICES[0], "live"),
        ("`voices`, all breath and octaves, on frames", VOICES[1], "studio"),
        ("the same with octaves, `live`", VOICES[1], "live"),
    ):  # fmt: skip
        shares = "first 1", "first 2", "seven 1", "seven 2", "real 1", "real 2"
        columns = (*shares, "pitch", "onsets", "loud dB", "pump dB")
        figures = tuple(Figure(cell(each, _number, method=method, mode=mode), slack=3) for each in columns)
        yield Line(
            "heard", f"| {said} | {{}}, {{}} % | {{}}, {{}} % | {{}}, {{}} % | {{}} % | {{}} % | {{}}, {{}} |", figures
        )


def _number(shown: Sequence[Any]) -> float:
    """That of the only cell, a text such as "24% (18-30)"."""
    [text] = shown
    return float(text.split(" ")[0].rstrip("%"))


PHASES = {
    "librosa, fast Griffin-Lim": ("librosa", [("all", 32)]),
    "pghipy, PGHI": ("pghipy", [("all", 1)]),
    "lws, online": ("lws", [(3, 10)]),
    "SPSI": ("spsi", [(0, 1)]),
    "RTPGHI as published": ("rtpghi_plain", [(0, 1), (1, 1)]),
    "RTPGHI": ("rtpghi", [(0, 1), (1, 1)]),
    "RTISI-LA": ("rtisi", [(0, 8), (3, 8)]),
    "GSRTISI-LA": ("gsrtisi", [(1, 2), (2, 16), (3, 8), (3, 40)]),
    "hybrid": ("hybrid", [(0, 20), (3, 8), (3, 32)]),
}
"""Estimators of the README by the names of the benchmark, with their look-aheads and iterations."""


def _phase() -> Iterator[Line]:
    """How well phases fit, and what a hop takes, at four windows and hops."""
    for label, (estimator, settings) in PHASES.items():
        for ahead, iterations in settings:
            figures: list[Figure] = []
            for frames in ("2048/512", "2048/256", "1024/128", "512/64"):
                where = {
                    "window/hop": frames, "window": "hann", "estimator": estimator, "look-ahead": ahead,
                    "iterations": iterations,
                }  # fmt: skip
                figures += [Figure(cell("C dB", **where), slack=0.5), time_of("µs/hop", **where)]
            cells = " | ".join(["{} dB, {} µs"] * 4)
            yield Line("phase", f"| {label} | {ahead} | {iterations} | {cells} |", tuple(figures))


def _modes() -> Iterator[Line]:
    """Of the gain of `studio`, what the other modes deliver."""
    for mode in ("live", "instant"):
        column = f"{mode}: % of studio"

        def presets(rows: Rows, over: Callable[[Sequence[float]], float], column: str = column) -> float:
            return over([row[column] for row in rows if row["preset"] != "mean"])

        yield Line("modes", f"| `{mode}` |%| {{}} % ({{}} to {{}} %", (
            Figure(cell(column, preset="mean")), Figure(lambda rows, f=presets: f(rows, min)),
            Figure(lambda rows, f=presets: f(rows, max)),
        ))  # fmt: skip


def _live() -> Iterator[Line]:
    """Ten minutes of playing. `results/live.json` holds a shorter run, so nothing is compared with it."""

    def of(figure: str, column: str = "ours", scale: float = 1.0) -> Value:
        return lambda rows: scale * cell(column, figure=figure)(rows)

    period = of("block, p99.9 of its period", scale=100)
    share = lambda rows: period(rows) * of("block, median µs")(rows) / of("block, p99.9 µs")(rows)  # noqa: E731
    for text, figures in (
        ("| xruns in ten minutes | {} | {} |", tuple(
            Figure(of("xruns", column), slack=100) for column in ("ours", "bare stream"))),
        ("| late blocks of 225,000; held hops | {}; {} |", (
            Figure(of("late blocks"), slack=30), Figure(of("held hops"), slack=30))),
        ("| a block, median and p99.9, of its period | {} %; {} % |", (Figure(share, "time"), Figure(period, "time"))),
        ("| from callback to result, median and p99.9 | {} ms; {} ms |", tuple(
            Figure(of(f"from callback to result, {which} µs", scale=1e-3), "time") for which in ("median", "p99.9"))),
        ("| the audio callback, median | {} µs | {} µs |", tuple(
            Figure(of("callback, median µs", column), "time") for column in ("ours", "bare stream"))),
        ("The longest block took {} ms of its 2.67", (Figure(of("block, longest µs", scale=1e-3), "time"),)),
    ):  # fmt: skip
        yield Line("live", text, figures, kept=False)


def _prose() -> Iterator[Line]:
    """Sentences."""

    def short(rows: Rows) -> Rows:
        return [row for row in rows if row["short %"] > 0]

    yield Line("fill", "gain gives {} to {} %; with `fill` at least {} % is there when the output is analysed afresh, "
        "in all of the {} cases", (
            Figure(lambda rows: cell("by gain %", min)(short(rows)), slack=1),
            Figure(lambda rows: cell("by gain %", max)(short(rows))),
            Figure(lambda rows: cell("there %", min)(short(rows))), Figure(lambda rows: len(short(rows))),
        ))  # fmt: skip

    def share(rows: Rows) -> float:
        same = [row for row in rows if row["method"].endswith("librosa's own start")]
        return float(np.mean([1 / row["times faster"] for row in same]))

    yield Line("reconstruct", "ends at librosa's figure to 0.01 dB in a {} of its time", (Figure(share),))

    def of(preset: str) -> tuple[Figure, Figure]:
        own = lambda rows: [row for row in rows if row["preset"] == preset]  # noqa: E731
        return (
            Figure(lambda rows: sum(row["after"] > row["before"] for row in own(rows))),
            Figure(lambda rows: sum(row["higher"] for row in own(rows))),
        )

    yield Line("songs", "the dream of `hollow_whistle` rises above dry on {} and above the best of 20 random offsets "
        "on {}, that of `warehouse` on {} and {} (", (*of("hollow_whistle"), *of("warehouse")))  # fmt: skip


SHARES = ("half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
"""Numbers that are written as words: 1/2 to 1/10."""

NUMBER = rf"([−-]?\d[\d,]*(?:\.\d+)?|{'|'.join(SHARES)})"
_ANY = "%|"
"""In a text: cells that hold no figure."""


def pattern(text: str) -> re.Pattern[str]:
    """What finds a line in the README, with a group for each figure; a line may be broken anywhere.

    >>> pattern("{} s; {} s").search("it took 1,2 and\\n−0.41 s;\\n0.08 s")[1]
    '−0.41'
    """
    parts = (r"\s+".join(re.escape(word) for word in part.split(" ")) for part in text.split("{}"))
    return re.compile(NUMBER.join(parts).replace(re.escape(_ANY), r"[^\n]*\|"))


def number(said: str) -> float:
    """A number as the README writes it.

    >>> number("−1,234.5")
    -1234.5
    >>> number("fifth")
    0.2
    """
    if said in SHARES:
        return 1 / (2 + SHARES.index(said))
    return float(said.replace("−", "-").replace(",", ""))


def as_said(value: float, said: str) -> str:
    """A value with as many digits as the number that it stands for.

    >>> as_said(-22.129, "−22.1"), as_said(0.04, "−0.1"), as_said(36885.2, "1,000")
    ('−22.1', '0.0', '36,885')
    >>> as_said(0.112, "fifth")
    'ninth'
    """
    if said in SHARES:
        return min(SHARES, key=lambda word: abs(number(word) - value))
    digits = len(said.partition(".")[2])
    text = f"{value:{',' if abs(value) >= 1e4 or ',' in said else ''}.{digits}f}"
    return "0" + text[2:] if re.fullmatch(r"-0(\.0*)?", text) else text.replace("-", "−")
