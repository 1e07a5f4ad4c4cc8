"""The table of what is heard: every method on every recording toward every family that is not its own.

What was measured once is kept in a folder, by a hash of method, recording, judges and measures, so that a table that
was interrupted goes on, and a new row costs only itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from dreampedal.export.data.progress import Progress
from dreampedal.export.judge.heard.costs import costs
from dreampedal.export.judge.heard.judges import Judge
from dreampedal.export.judge.heard.methods import Method
from dreampedal.export.judge.heard.pitch import Notes
from dreampedal.export.judge.heard.sets import SAMPLE_RATE, Sound

MEASURES = 1
"""Raised whenever a measure changes, so that what was kept is measured again."""

Outcome = dict[str, Any]
"""Of one dream: "recording", "own", "family", "ranks" (1 is named first) by judge, and the figures of `costs`."""


@dataclass(frozen=True)
class Bench:
    """What every method is measured with.

    Fields:
        judges: who take no part in any of them; notes: the second opinion on pitch, if there is one.
        cache: a folder for what was measured; it is made.
    """

    judges: Sequence[Judge]
    cache: Path
    notes: Notes | None = None

    @property
    def identity(self) -> str:
        """What outcomes depend on, but for the method."""
        return " ".join([str(MEASURES), *(judge.content_hash for judge in self.judges), str(self.notes is not None)])

    def outcomes(
        self, method: Method, sounds: Sequence[Sound], jobs: int = 1, progress: Progress | None = None
    ) -> list[Outcome]:
        """What comes of a method: an outcome for each sound and each of the method's families but the sound's own.

        Args:
            jobs: sounds dreamed of at the same time.
            progress: told how many sounds are done.
        """
        kept, lock, done = _Kept(self.cache, f"{self.identity} {method.key}"), Lock(), 0

        def measured(sound: Sound) -> list[Outcome]:
            nonlocal done
            families = [family for family in method.families if family != sound.family]
            found = kept.of(sound, families)
            if found is None:
                found = self._measured(method, sound, families)
                with lock:
                    kept.add(sound, families, found)
            with lock:
                done += 1
                if progress:
                    progress(f"{method.name} {method.mode}".strip(), done, len(sounds))
            return found

        if jobs == 1:
            return [outcome for sound in sounds for outcome in measured(sound)]
        with ThreadPoolExecutor(jobs) as pool:
            return [outcome for some in pool.map(measured, sounds) for outcome in some]

    def _measured(self, method: Method, sound: Sound, families: Sequence[str]) -> list[Outcome]:
        if not families:
            return []
        wet = [method.play(sound.audio, SAMPLE_RATE, f"class:{family}") for family in families]
        heard = {judge.name: judge.hear([(one, SAMPLE_RATE) for one in wet]) for judge in self.judges}
        return [
            {
                "recording": sound.name, "own": sound.family, "family": family,
                "ranks": {judge: verdicts[place].rank(family) for judge, verdicts in heard.items()},
            }
            | costs(sound.audio, wet[place], SAMPLE_RATE, self.notes).to_json()
            for place, family in enumerate(families)
        ]  # fmt: skip


class _Kept:
    """Outcomes in one file of lines, each of one sound."""

    def __init__(self, folder: Path, identity: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.jsonl"
        self._found: dict[str, list[Outcome]] = {}
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:  # the last line of a run that was killed
                continue
            self._found[entry["key"]] = entry["outcomes"]

    def of(self, sound: Sound, families: Iterable[str]) -> list[Outcome] | None:
        """What was measured before, or None."""
        found = self._found.get(_key(sound, families))
        return None if found is None else [outcome | {"recording": sound.name} for outcome in found]

    def add(self, sound: Sound, families: Iterable[str], outcomes: list[Outcome]) -> None:
        """Keep what was measured."""
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"key": _key(sound, families), "outcomes": outcomes}) + "\n")


def _key(sound: Sound, families: Iterable[str]) -> str:
    return f"{sound.key} {sound.family} {' '.join(families)}"
