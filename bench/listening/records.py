"""Which genres and tags can be heard at all: offline ascent on the listeners that teach, named by networks that do not.

    python -m bench.listening.records GENRES CLIPS WORK --soundfont FluidR3_GM.sf2 ...

Every genre of the model `styles` and every tag of `songs` is dreamed on recordings that are not of it: 40 steps through
resynthesis and random rooms, within 18 dB. Genres are named by a head on the VGG that knows the Million Song Dataset,
tags by the VGG that knows MagnaTagATune; neither taught anybody. Beside the table stands how often the judge of genres
names songs of the validation part right. WORK keeps sounds, listeners and every row that is found, so that a run goes
on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pedalboard.io import AudioFile

from bench.harness.report import report
from dreampedal.engine.runtime.files import written_whole
from dreampedal.export.data.instruments.phrases import Phrases, rendered
from dreampedal.export.data.recordings import open_set
from dreampedal.export.musicnn.published import load
from dreampedal.export.musicnn.records.hearing import Published
from dreampedal.export.musicnn.records.judging import (
    OF_GENRES,
    OF_TAGS,
    GenreJudge,
    accuracy,
    genre_judge,
    tag_probabilities,
)  # fmt: skip
from dreampedal.export.musicnn.records.teaching import GENRES, LISTENERS, TAGS, TEACHER, hearings, lessons_of
from dreampedal.export.musicnn.wheel import published_wheel
from dreampedal.export.train.distil.hearing import Hearing
from dreampedal.export.train.distil.records.climbing import Climb, climbed
from dreampedal.export.train.distil.records.naming import NamingPlan
from dreampedal.export.train.distil.records.songs import Records, kept_records

SECONDS = 3.1
"""Of a recording: as much as a judge hears at once."""
ASKED = 0.25
"""How often the published network is asked for every time that another listener is; it costs ten times as much."""
OWN = {
    "mix_death_metal": {"metal", "rock", "drums"},
    "mix_house": {"electronic", "techno", "dance", "beat", "drums", "synth"},
    "mix_orchestra_peer_gynt": {"orchestral", "strings", "violin", "cello"},
    "mix_rock": {"rock", "drums", "guitar"},
    "solo_cello": {"cello", "strings", "solo"},
    "solo_egtr_em9": {"guitar", "solo"},
    "solo_flute": {"flute", "solo"},
    "solo_piano": {"piano", "solo"},
    "fiddle_irish": {"violin", "strings", "solo"},
    "drums_break": {"drums", "beat"},
    "speech_female_en": {"female"},
    "speech_male_en": set[str](),
}
"""What a recording is already; that is not dreamed on it."""


KINDS = {"genre": GENRES, "tag": TAGS}
"""What is dreamed; what is a genre and a tag is judged as both."""
NAMES = tuple(dict.fromkeys((*GENRES, *TAGS)))


@dataclass(frozen=True)
class Judges:
    """Who names what comes out: genres by one, tags by the other."""

    of_genres: GenreJudge
    of_tags: Published

    def said(self, sound: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Probabilities by kind, in the order of `KINDS`."""
        return {"genre": self.of_genres.probabilities(sound), "tag": tag_probabilities(self.of_tags, sound)}


def heard_clip(path: Path) -> NDArray[np.float32]:
    """The first 3.1 s of a recording, mono at 48 kHz."""
    with AudioFile(str(path)).resampled_to(48_000) as file:
        return np.asarray(file.read(round(SECONDS * 48_000)).mean(0), np.float32)


def rows_of(name: str, clip: str, before: Mapping[str, NDArray], after: Mapping[str, NDArray]) -> list[dict[str, Any]]:
    """One dream: what the judge of genres or of tags, or each of them, said before and after."""
    rows = []
    for kind, names in KINDS.items():
        if name in names:
            place = names.index(name)
            ranks = {f"rank_{when}": ranked(said[kind], place) for when, said in (("before", before), ("after", after))}
            said = {"before": round(float(before[kind][place]), 4), "after": round(float(after[kind][place]), 4)}
            rows.append({"kind": kind, "target": name, "clip": clip} | ranks | said)
    return rows


def ranked(probabilities: NDArray[np.float64], place: int) -> int:
    """Rank of one, from 1.

    >>> ranked(np.array([0.1, 0.5, 0.4]), 2)
    2
    """
    return 1 + int((probabilities > probabilities[place]).sum())


def summed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a target: those first come first that rise most."""
    found = []
    for kind, name in dict.fromkeys((one["kind"], one["target"]) for one in rows):
        some = [one for one in rows if (one["kind"], one["target"]) == (kind, name)]
        before, after = (np.mean([one[key] for one in some]) for key in ("before", "after"))
        found.append(
            {
                "kind": kind, "target": name, "clips": len(some),
                "first_before": sum(one["rank_before"] == 1 for one in some),
                "first_after": sum(one["rank_after"] == 1 for one in some),
                "rank_before": float(np.median([one["rank_before"] for one in some])),
                "rank_after": float(np.median([one["rank_after"] for one in some])),
                "before": round(float(before), 4), "after": round(float(after), 4),
            }
        )  # fmt: skip
    return sorted(found, key=lambda one: (one["kind"], -one["first_after"] / one["clips"], -one["after"]))


def kept_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a run before."""
    return list(json.loads(path.read_text())) if path.exists() else []


def main() -> None:
    given = arguments()
    torch.set_num_threads(1)
    wheel, sounds = published_wheel(), given.work / "sounds"
    train, val = (
        kept_records(open_set(given.genres, part=part), cache=sounds, name=f"songs_{part}") for part in ("train", "val")
    )
    judging = [Published(load(wheel, name), halves=True) for name in OF_GENRES]
    judges = Judges(genre_judge(judging, train, GENRES), Published(load(wheel, OF_TAGS), TAGS, True))
    right = dict(zip(("clips", "recordings"), accuracy(judges.of_genres, val), strict=True))
    print(f"the judge of genres names {right['clips']:.0%} of clips and {right['recordings']:.0%} of songs right")
    teachers, climb = taught(given, train), Climb(reach_db=given.reach, stretches=1)
    rows = kept_rows(given.work / "rows.json")
    done = {(one["target"], one["clip"]) for one in rows}
    for clip in given.clips:
        left = [one for one in given.targets or NAMES if one not in OWN[clip] and (one, clip) not in done]
        sound = heard_clip(given.recordings / f"{clip}.flac")
        before = judges.said(sound) if left else {}
        for name in left:
            target = torch.zeros(1, len(NAMES))
            target[0, NAMES.index(name)] = 1
            wet = climbed(sound, target, teachers, [ASKED, *[1.0] * (len(teachers) - 1)], climb, seed=0)
            rows += rows_of(name, clip, before, judges.said(wet))
            with written_whole(given.work / "rows.json") as part:
                part.write_text(json.dumps(rows))
    report("records", summed(rows), judge_right=right, teachers=[one.name for one in teachers], dreams=rows)


def taught(given: argparse.Namespace, train: Records) -> list[Hearing]:
    """The listeners that teach."""
    teacher = load(published_wheel(), TEACHER)
    fonts: list[Phrases] = [
        rendered(font, given.phrases, seed, given.work / "sounds") for seed, font in enumerate(given.soundfont, 1)
    ]
    lessons = lessons_of(train, fonts, Published(teacher, halves=True))
    chosen = [one for one in LISTENERS if not given.listeners or one.name.removeprefix("records_") in given.listeners]
    return [*hearings(NAMES, lessons, teacher, NamingPlan(steps=given.steps), given.work / "listeners", chosen)]


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("genres", type=Path, help="the set of songs, with a manifest.csv")
    parser.add_argument("recordings", type=Path, help="folder of the clips that are dreamed on")
    parser.add_argument("work", type=Path, help="folder for sounds, listeners and rows")
    parser.add_argument("--soundfont", type=Path, action="append", default=[], help="whose phrases are learned from")
    parser.add_argument("--phrases", type=int, default=6600, help="of each soundfont")
    parser.add_argument("--steps", type=int, default=NamingPlan().steps, help="of a listener's training")
    parser.add_argument("--listeners", nargs="*", default=[], help="small listeners that teach; all if none is named")
    parser.add_argument("--clips", nargs="*", default=list(OWN), choices=list(OWN), help="to dream on")
    parser.add_argument("--targets", nargs="*", default=[], help="genres and tags; all if none is named")
    parser.add_argument("--reach", type=float, default=18.0, help="of the offsets, in dB")
    return parser.parse_args()


if __name__ == "__main__":
    main()
