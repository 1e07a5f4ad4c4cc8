"""Figures of a row from its outcomes, with intervals over recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.export.judge.heard.judges import SEVEN
from dreampedal.export.judge.heard.sets import is_rendered

Outcome = Mapping[str, Any]

RESAMPLINGS = 2000
INTERVAL = 2.5, 97.5
"""Percentiles."""
COSTS = "pitch", "notes", "onsets"
DECIBELS = "loudness_db", "peak_db", "pumping_db"


def share(
    outcomes: Sequence[Outcome], value: Callable[[Outcome], float | None], seed: int = 0
) -> dict[str, Any] | None:
    """The mean of a value and its 95 % interval: recordings, not dreams, are drawn again (Efron 1979).

    Returns:
        "mean", "interval" (low, high), "count"; None where no outcome has the value.
    """
    by_recording: dict[str, list[float]] = {}
    for outcome in outcomes:
        if (found := value(outcome)) is not None:
            by_recording.setdefault(str(outcome["recording"]), []).append(float(found))
    if not by_recording:
        return None
    sums = np.array([sum(values) for values in by_recording.values()])
    counts = np.array([len(values) for values in by_recording.values()])
    drawn = np.random.default_rng(seed).integers(0, len(sums), (RESAMPLINGS, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.percentile(means, INTERVAL)
    mean, count = float(sums.sum() / counts.sum()), int(counts.sum())
    return {"mean": mean, "interval": [float(low), float(high)], "count": count}


def named(outcomes: Sequence[Outcome], judge: str, most: int = 1) -> dict[str, Any]:
    """How often a judge names the wanted family among its first `most`.

    Returns:
        "all" and "seven": of all families, and of the seven; "recordings": the same two where a recording was dreamed
        on, and no phrase of the soundfont that judges know by heart; "families": of each.
    """

    def first(outcome: Outcome) -> float:
        return float(outcome["ranks"][judge] <= most)

    seven = [outcome for outcome in outcomes if outcome["family"] in SEVEN]
    recorded = [outcome for outcome in outcomes if not is_rendered(str(outcome["recording"]))]
    families = sorted({str(outcome["family"]) for outcome in outcomes})
    return {
        "all": share(outcomes, first),
        "seven": share(seven, first),
        "recordings": {
            "all": share(recorded, first),
            "seven": share([outcome for outcome in recorded if outcome["family"] in SEVEN], first),
        },
        "families": {
            family: float(np.mean([first(one) for one in outcomes if one["family"] == family])) for family in families
        },
    }


def summary(outcomes: Sequence[Outcome], before: Sequence[Outcome]) -> dict[str, Any]:
    """The figures of a row.

    Args:
        outcomes: of the row; may be empty, and then so is what comes of them.
        before: of the dry sounds; of them, those of the same recordings and families count.

    Returns:
        By judge "first", "first_two" and "before" (`named`), "median_rank"; "pitch", "notes" and "onsets" (`share`);
        for each figure in dB its median and 95th percentile, of loudness that of its size.
    """
    pairs = {(outcome["recording"], outcome["family"]) for outcome in outcomes}
    dry = [outcome for outcome in before if (outcome["recording"], outcome["family"]) in pairs]
    judges = list(outcomes[0]["ranks"]) if outcomes else []
    heard = {
        judge: {
            "first": named(outcomes, judge), "first_two": named(outcomes, judge, 2), "before": named(dry, judge),
            "median_rank": float(np.median([outcome["ranks"][judge] for outcome in outcomes])),
        }
        for judge in judges
    }  # fmt: skip
    return {
        "dreams": len(outcomes),
        "judges": heard,
        **{cost: share(outcomes, lambda outcome, cost=cost: outcome[cost]) for cost in COSTS},  # type: ignore[misc]
        **{name: _decibels(outcomes, name) for name in DECIBELS},
    }


def _decibels(outcomes: Sequence[Outcome], name: str) -> dict[str, float] | None:
    found: NDArray[np.float64] = np.array([outcome[name] for outcome in outcomes], np.float64)
    if not found.size:
        return None
    found = np.abs(found) if name == "loudness_db" else found
    median, high = np.percentile(found, [50, 95])
    return {"median": float(median), "high": float(high)}


def better_by_family(
    candidates: Mapping[str, Sequence[Outcome]], judge: str, families: Sequence[str]
) -> dict[str, str]:
    """The candidate that names each family first most often on these outcomes, by one judge; the first of equals.

    Called with the tuning clips and the *other* judge, it chooses what a judge may then report.
    """

    def score(name: str, family: str) -> float:
        ranks = [outcome["ranks"][judge] for outcome in candidates[name] if outcome["family"] == family]
        # Where nothing tells two apart by what is named first, the mean place does.
        return float(sum(rank == 1 for rank in ranks) - 1e-3 * np.mean(ranks or [99]))

    return {family: max(candidates, key=lambda name, f=family: score(name, f)) for family in families}  # type: ignore[misc]


def chosen(candidates: Mapping[str, Sequence[Outcome]], choice: Mapping[str, str]) -> list[Outcome]:
    """The outcomes of each family's own candidate."""
    return [
        outcome for name, outcomes in candidates.items() for outcome in outcomes
        if choice.get(str(outcome["family"])) == name
    ]  # fmt: skip
