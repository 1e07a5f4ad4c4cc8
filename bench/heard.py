"""The page of figures: what two judges that took no part hear in dreams, and what the dreams cost.

Rows are methods (nothing, presets, `Dream` with a model in each mode, equalisers); columns are how often each judge
names the wanted family first, of all families and of the seven, with 95 % intervals over recordings; pitch, onsets,
loudness, true peak and pumping of the same sounds. `bench/results/heard.json` keeps all of it, the accuracy of the
judges beside it. What was measured is kept in `build/heard`, and a run that was stopped goes on.

    python bench/heard.py                                            the shipped presets and `Dream` as it is
    python bench/heard.py --student student.onnx --set reach_db=18   rows for a model, in three modes
    python bench/heard.py --student "voices breath=1 below=1"        the same with knobs of its own
    python bench/heard.py --curves curves.json                       another learned equaliser, 96 dB a family
    python bench/heard.py --quick --only none dream                  fewer recordings, some rows
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from harness.report import RESULTS, report

from dreampedal.console.progress import bar
from dreampedal.effects.spectral.carriers.frame import CARRIERS
from dreampedal.engine.model.library import library
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.judge.heard import summary
from dreampedal.export.judge.heard.equaliser import LEARNED, SPECTRA, Curves, Matching, read_curves
from dreampedal.export.judge.heard.judges import Judge, shipped
from dreampedal.export.judge.heard.methods import Method, baseline, dreamed, of_preset, untouched
from dreampedal.export.judge.heard.pitch import basic_pitch
from dreampedal.export.judge.heard.sets import Sound, tuning, unseen
from dreampedal.export.judge.heard.table import Bench, Outcome
from dreampedal.presets.loader import shipped_presets
from dreampedal.presets.settings import value_of

MODES = "studio", "live", "instant"
QUICK = 3
"""One recording in so many is judged."""
EQUALISERS = "equaliser", "curves"


def methods(given: argparse.Namespace) -> list[Method]:
    """All rows, in the order of the table."""
    settings = {key: value_of(text) for key, text in (setting.split("=", 1) for setting in given.set)}
    matching = Matching(read_curves(SPECTRA), given.reach)
    found = [untouched(), baseline("equaliser", matching, f"{given.reach} {_hash(SPECTRA)}")]
    if given.curves:
        found.append(baseline("curves", Curves(read_curves(given.curves)), _hash(given.curves)))
    found += [dreamed("dream", mode) for mode in given.modes]
    for told in given.student:
        model, *own = shlex.split(told)
        turned = {key: value_of(text) for key, text in (setting.split("=", 1) for setting in own)}
        adds = any(turned.get(name) for name in CARRIERS)
        found += [
            dreamed(" ".join([Path(model).stem, *own]), mode, model, **settings | turned)
            for mode in given.modes if not (adds and mode == "instant")  # which has no frames to add anything to
        ]  # fmt: skip
    found += [of_preset(name) for name in shipped_presets()]
    return [method for method in found if method.name == "none" or not given.only or method.name in given.only]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def rows_of(
    found: Mapping[Method, list[Outcome]], tuned: Mapping[Method, list[Outcome]], judges: Sequence[Judge]
) -> list[dict[str, Any]]:
    """A row for each method, with how far it lies above the better equaliser of each family.

    Which equaliser is the better one is chosen on the tuning clips by the other judge.
    """
    [dry] = [outcomes for method, outcomes in found.items() if method.name == "none"]
    plain = {method.name: outcomes for method, outcomes in found.items() if method.name in EQUALISERS}
    plain_tuned = {method.name: outcomes for method, outcomes in tuned.items() if method.name in EQUALISERS}
    rows = []
    for method, outcomes in found.items():
        row = {"method": method.name, "mode": method.mode} | summary.summary(outcomes, dry)
        for judge, other in zip(judges, [*judges[1:], judges[0]], strict=True):
            if not plain or not outcomes:
                continue
            choice = summary.better_by_family(plain_tuned, other.name, CLASSES)
            same = {(one["recording"], one["family"]) for one in outcomes}
            equal = [one for one in summary.chosen(plain, choice) if (one["recording"], one["family"]) in same]
            row["judges"][judge.name]["equaliser"] = summary.named(equal, judge.name)
        rows.append(row)
    return rows


def shown(row: Mapping[str, Any], judges: Sequence[Judge]) -> dict[str, str]:
    """A row as the terminal shows it."""
    cells = {"method": row["method"], "mode": row["mode"]}
    for number, judge in enumerate(judges, 1):
        heard = row["judges"].get(judge.name, {})
        for what, kind, of in (("first", "first", "all"), ("seven", "first", "seven"), ("eq", "equaliser", "all")):
            cells[f"{what} {number}"] = _share(heard.get(kind, {}).get(of), kind == "first")
        cells[f"real {number}"] = _share(heard.get("first", {}).get("recordings", {}).get("all"), False)
    for cost in summary.COSTS:
        cells[cost] = _share(row[cost], False)
    for name, short in zip(summary.DECIBELS, ("loud dB", "peak dB", "pump dB"), strict=True):
        cells[short] = "" if row[name] is None else f"{row[name]['median']:.1f} ({row[name]['high']:.1f})"
    return cells


def _share(found: Mapping[str, Any] | None, interval: bool) -> str:
    if found is None:
        return ""
    low, high = found["interval"]
    return f"{found['mean']:.0%}" + (f" ({100 * low:.0f}-{100 * high:.0f})" if interval else "")


def main() -> None:
    given = asked()
    judges = [Judge(path) for path in [library.find("model", name) for name in given.judge] or shipped()]
    sounds = _some(unseen(), given.quick)
    tuned_on = tuning(given.clips) if given.clips.is_dir() else []
    notes = None if given.quick else basic_pitch(download=not given.offline)
    bench, began = Bench(judges, given.cache, notes), time.monotonic()
    found: dict[Method, list[Outcome]] = {}
    tuned: dict[Method, list[Outcome]] = {}
    with bar() as progress:
        for method in methods(given):
            found[method] = bench.outcomes(method, sounds, given.jobs, progress)
            tuned[method] = bench.outcomes(method, tuned_on, given.jobs, progress)
    rows = rows_of(found, tuned, judges)
    facts = {
        "command": " ".join(["python", *sys.argv]), "minutes": (time.monotonic() - began) / 60,
        "recordings": [{"name": sound.name, "family": sound.family} for sound in sounds],
        "judges": _judges(judges), "heard": rows,
        "tuning_clips": rows_of(tuned, tuned, judges) if tuned_on else [],
    }  # fmt: skip
    report("heard", [shown(row, judges) for row in rows], **facts)
    print(f"judges 1 and 2: {', '.join(judge.name for judge in judges)}; recordings: {len(sounds)}; "
          "in brackets 95 % intervals, of dB the 95th percentile; real: of recordings, without phrases")  # fmt: skip


def _judges(judges: Sequence[Judge]) -> list[dict[str, Any]]:
    """The judges, with what they know of real unseen notes (`bench.listening.judges`)."""
    known = RESULTS / "judges.json"
    rows = json.loads(known.read_text(encoding="utf-8"))["rows"] if known.exists() else []
    known_of = {judge.name: [row for row in rows if row["judge"] == judge.name] for judge in judges}
    return [{"name": one.name, "content_hash": one.content_hash, "on": known_of[one.name]} for one in judges]


def _some(sounds: list[Sound], quick: bool) -> list[Sound]:
    return sounds[::QUICK] if quick else sounds


def asked(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What is wanted of the command line, or of `arguments`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--student",
        nargs="*",
        default=[],
        help="models to judge, by name or path; knobs of its own may follow one, in quotes",
    )
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of Dream with those")
    parser.add_argument("--modes", nargs="+", choices=MODES, help="of Dream; else all three, or studio if --quick")
    parser.add_argument(
        "--curves", type=Path, default=LEARNED if LEARNED.exists() else None,
        help="a learned equaliser: JSON, 96 dB a family (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--reach", type=float, default=18.0, help="of the matching equaliser, in dB (%(default)g)")
    parser.add_argument("--only", nargs="*", default=[], help="rows by name; `none` is always there")
    parser.add_argument("--judge", nargs="*", default=[], help="models that judge, in place of those that ship")
    parser.add_argument("--clips", type=Path, default=Path("../shared/data/clips"), help="the tuning clips")
    parser.add_argument("--cache", type=Path, default=Path("build/heard"), help="for what was measured (%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="sounds dreamed of at the same time (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="a third of the recordings, one opinion on pitch")
    parser.add_argument("--offline", action="store_true", help="do not fetch the network of Basic Pitch")
    given = parser.parse_args(arguments)
    given.modes = given.modes or (MODES[:1] if given.quick else MODES)
    if unclear := [setting for setting in given.set if "=" not in setting]:
        parser.error(f"--set {unclear[0]}: expected KEY=VALUE, like reach_db=18")
    knobs = [knob for told in given.student for knob in shlex.split(told)[1:]]
    if unclear := [knob for knob in knobs if "=" not in knob]:
        parser.error(f"--student ... {unclear[0]}: expected KEY=VALUE after the model, like breath=0.5")
    return given


if __name__ == "__main__":
    try:
        main()
    except (ValueError, FileNotFoundError, ModuleNotFoundError) as error:
        sys.exit(f"bench/heard.py: {error}")
