"""`judge`: what networks that took no part hear in a dream, what it costs, and what a plain equaliser reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.markup import escape

from dreampedal.console.console import fail, one_line, plain, print_json, say
from dreampedal.console.tables import figures, print_table
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.engine.host.board import Board
from dreampedal.engine.model.library import library
from dreampedal.export.judge.heard.costs import costs
from dreampedal.export.judge.heard.equaliser import SPECTRA, Matching, read_curves
from dreampedal.export.judge.heard.judges import Judge, levelled, shipped
from dreampedal.export.judge.heard.pitch import Notes, basic_pitch
from dreampedal.networks.options import Judge as Options
from dreampedal.presets.boards import parse
from dreampedal.presets.loader import read_preset
from dreampedal.rendering.recordings import finite_blocks, reading

Audio = NDArray[np.float32]

USUAL_REACH_DB = 18.0
"""Of the equaliser beside a dream that was made elsewhere."""
DIFFERENCE_SECONDS = 0.05
"""By which dry and wet may differ in length; what is longer is cut."""


@dataclass(frozen=True)
class Bench:
    """What every file is judged with.

    Fields:
        board: that dreams; None where the files are dreams already.
        target: `class:NAME`; equaliser: the plain one beside it.
        praat, notes: the first and the second opinion on pitch, where they are installed.
    """

    board: Board | None
    target: str
    judges: Sequence[Judge]
    equaliser: Matching
    praat: bool
    notes: Notes | None

    @property
    def family(self) -> str:
        """What is to be heard."""
        return self.target.removeprefix("class:")


def judge(options: Options) -> int:
    """Judge each file; the status to exit with. One that cannot be judged does not stop the others."""
    if options.pictures is not None:
        if options.pictures.exists() and not options.pictures.is_dir():
            raise ValueError(f"{options.pictures} is a file: expected the name of a folder")
        import matplotlib  # noqa: F401  # said before the work that comes first
    bench = _bench(options)
    if not bench.praat and not options.as_json:
        fail("pitch is not measured: pip install 'dreampedal[bench]' brings Praat")
    found, failed = list[dict[str, Any]](), False
    for place, file in enumerate(options.files):
        try:
            row = _judged(bench, file, options.dry[place] if options.dry else None, options.pictures)
        except (ValueError, OSError, MemoryError) as error:
            row, failed = {"file": str(file), "error": one_line(error)}, True
            fail(one_line(error))
        found.append(row)
        if "error" not in row and not options.as_json:
            _show(row)
    if options.as_json:
        print_json(found)
    return 2 if failed else 0


def _bench(options: Options) -> Bench:
    judges = [Judge(path) for path in [library.find("model", name) for name in options.judges] or shipped()]
    board, effects = _board(options), list[SpectralEffect]()
    if board is not None:
        effects = [effect for effect in board if isinstance(effect, SpectralEffect)]
    target = options.target or _target_in(effects, options.preset, judges)
    spectra = read_curves(SPECTRA)
    for judge in judges:
        if target.removeprefix("class:") not in judge.classes or not target.startswith("class:"):
            known = ", ".join(judge.classes)
            raise ValueError(f"target {target!r}: expected class:NAME, one of {known}; {judge.name} hears no other")
    reach = max((effect.reach_db for effect in effects), default=USUAL_REACH_DB)
    return Bench(board, target, judges, Matching(spectra, reach), _has_praat(), basic_pitch())


def _board(options: Options) -> Board | None:
    """The board that dreams; None where the dream was made."""
    if options.dry:
        return None
    model = () if options.model is None else (f"model={options.model}",)
    mode = () if options.mode is None else (f"mode={options.mode}",)
    changes = *model, *mode, *options.settings
    if options.preset is not None:
        return read_preset(options.preset, changes).board
    return parse('[[effects]]\ntype = "Dream"\n', "Dream", (f"target={options.target}", *changes)).board


def _target_in(effects: Sequence[SpectralEffect], preset: str | None, judges: Sequence[Judge]) -> str:
    """The family that a preset dreams of."""
    known = [f"class:{name}" for name in judges[0].classes]
    for effect in effects:
        if (target := str(getattr(effect, "target", ""))) in known:
            return target
    raise ValueError(f"preset {preset} dreams of no single family: expected --target class:NAME, what is to be heard")


def _has_praat() -> bool:
    try:
        import parselmouth  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def _judged(bench: Bench, file: Path, dry_file: Path | None, pictures: Path | None) -> dict[str, Any]:
    dry, rate = _read(dry_file or file)
    for_sure = file if dry_file is None else dry_file
    _require(dry, rate, for_sure)
    if bench.board is None:
        wet, wet_rate = _read(file)
        dry, wet = _together(dry, rate, wet, wet_rate, file)
    else:
        wet = np.asarray(bench.board(dry, rate))
    _require(wet, rate, file)
    equal = bench.equaliser(dry, rate, bench.target)
    row = {
        "file": str(file), "target": bench.target, "seconds": dry.shape[1] / rate,
        "equaliser_reach_db": bench.equaliser.reach_db,
        "judges": {judge.name: _heard(judge, bench.family, (dry, wet, equal), rate) for judge in bench.judges},
        "costs": costs(dry, wet, rate, bench.notes, bench.praat).to_json(),
        "equaliser_costs": costs(dry, equal, rate, bench.notes, bench.praat).to_json(),
    }  # fmt: skip
    if pictures is not None:
        from dreampedal.rendering.pictures import draw_sounds

        pictures.mkdir(parents=True, exist_ok=True)
        path = pictures / f"{file.stem}-{bench.family}.png"
        sounds = {"before": dry, "after": wet, "a plain equaliser in its place": equal}
        draw_sounds(path, f"{file.name} toward {bench.family}", sounds, rate)
        row["picture"] = str(path)
    return row


def _heard(judge: Judge, family: str, sounds: Sequence[Audio], rate: float) -> dict[str, Any]:
    verdicts = judge.hear([(sound, rate) for sound in sounds])
    return {
        when: {"first_two": verdict.named[:2], "rank": verdict.rank(family), "of": len(judge.classes)}
        for when, verdict in zip(("before", "after", "equaliser"), verdicts, strict=True)
    }


def _read(file: Path) -> tuple[Audio, float]:
    with reading(file) as recording:
        return np.concatenate([*finite_blocks(recording)], axis=1), recording.sample_rate


def _require(audio: Audio, rate: float, file: Path) -> None:
    """A ValueError that names the file, for what cannot be judged."""
    try:
        levelled(audio, rate)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _together(dry: Audio, rate: float, wet: Audio, wet_rate: float, file: Path) -> tuple[Audio, Audio]:
    """Both sounds over the time that they share; a ValueError where they are not of one recording."""
    if wet_rate != rate:
        raise ValueError(f"{file} has {wet_rate:g} Hz, the dry sound {rate:g}: expected the same rate")
    shorter = min(dry.shape[1], wet.shape[1])
    if max(dry.shape[1], wet.shape[1]) - shorter > DIFFERENCE_SECONDS * rate:
        lengths = f"{wet.shape[1] / rate:.2f} s, the dry sound {dry.shape[1] / rate:.2f} s"
        raise ValueError(f"{file} lasts {lengths}: expected the same length, latency compensated")
    return dry[:, :shorter], wet[:, :shorter]


def _show(row: Mapping[str, Any]) -> None:
    say(f"{row['file']} toward {row['target']}, {row['seconds']:.1f} s")
    whens = ("before", "after", "equaliser")
    judged = row["judges"].items()
    print_table(
        ("judge", *whens),
        ((escape(plain(name)), *(_placed(heard[when], row["target"]) for when in whens)) for name, heard in judged),
    )
    print_table(
        ("what it costs", *figures("after", "equaliser")),
        (
            (words, _figure(row["costs"][name], unit), _figure(row["equaliser_costs"][name], unit))
            for name, words, unit in COSTS
        ),
    )


COSTS = (
    ("pitch", "pitch kept, by Praat", "%"), ("notes", "notes kept, by Basic Pitch", "%"), ("onsets", "onsets, F", ""),
    ("loudness_db", "loudness over a second", "dB"), ("peak_db", "true peak", "dB"), ("pumping_db", "pumping", "dB"),
)  # fmt: skip


def _placed(heard: Mapping[str, Any], target: str) -> str:
    """First and second, and the place of what was wanted."""
    text = f"{', '.join(heard['first_two'])} (place {heard['rank']})"
    return f"[green]{text}" if heard["first_two"][0] == target.removeprefix("class:") else text


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value:.0%}" if unit == "%" else f"{value:+.1f} dB" if unit == "dB" else f"{value:.2f}"
