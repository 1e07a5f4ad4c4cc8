"""What a search may choose: ranges and options, by the names of a network's settings and of `plan.` fields.

>>> space = read_space(["depth=2..6", "plan.learning_rate=1e-4..1e-2", "pooling=max,mean", "filters=[8,8],[16,16]"])
>>> space["depth"], space["plan.learning_rate"]
(Range(low=2, high=6, log=False), Range(low=0.0001, high=0.01, log=True))
>>> space["pooling"], space["filters"]
(Options(values=('max', 'mean')), Options(values=([8, 8], [16, 16])))
"""

from __future__ import annotations

import json
import math
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dreampedal.engine.runtime.names import suggestion
from dreampedal.export.train.fit.plan import Plan
from dreampedal.export.train.fit.settings import pairs, read_value

if TYPE_CHECKING:
    from optuna import Trial

LOG_RATIO = 50
"""From here on, a range of fractions between its ends is searched by ratio."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; whole ones if both are whole. `log`: by ratio."""

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: Trial, name: str) -> Any:
        """A value for a trial."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Options:
    """One of some values."""

    values: tuple[Any, ...]

    def suggest(self, trial: Trial, name: str) -> Any:
        """A value for a trial; options are kept as JSON, since Optuna stores no lists."""
        return json.loads(trial.suggest_categorical(name, [json.dumps(value) for value in self.values]))


Space = Mapping[str, Range | Options]


def read_space(texts: Iterable[str]) -> dict[str, Range | Options]:
    """A space from `key=low..high` and `key=a,b,c`.

    Raises:
        ValueError: where a range or a list of options cannot be read, or has nothing to choose from.
    """
    return {name: _read_choice(name, text) for name, text in pairs(texts).items()}


def space_for(settings: type[BaseModel], plan: Plan, given: Iterable[str] = ()) -> dict[str, Range | Options]:
    """What is worth a search where nobody said: every setting with a number or some words, and a little of the plan.

    Args:
        settings: the type of a network's settings; plan: whose learning rate is the middle of the range.
        given: names that have values already.

    >>> from dreampedal.export.nets.spectrograms import VggSettings
    >>> found = space_for(VggSettings, Plan(), given=["pooling"])
    >>> found["depth"], found["kernel"], "pooling" in found
    (Range(low=2, high=8, log=False), Options(values=('3x3', 'full_height')), False)
    """
    found = {name: choice for name, field in settings.model_fields.items() if (choice := _choice(field))}
    rate = plan.learning_rate
    found |= {
        "plan.learning_rate": Range(max(rate / 10, plan.least_learning_rate), min(rate * 10, 10.0), log=True),
        "plan.weight_decay": Range(1e-6, 1e-1, log=True),
        "plan.label_smoothing": Range(0.0, 0.2),
    }
    return {name: choice for name, choice in found.items() if name not in set(given)}


def check_names(space: Space, settings: type[BaseModel]) -> None:
    """A ValueError for the first name in a space that is neither a setting nor a field of the plan."""
    known = [*settings.model_fields, *(f"plan.{name}" for name in Plan.model_fields)]
    for name in space:
        if name not in known:
            raise ValueError(f"no setting {name!r}{suggestion(name, known)}; there are: {', '.join(known)}")


def suggested(space: Space, trial: Trial) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values for a trial: those of the network's settings, and those of the plan."""
    chosen = {name: choice.suggest(trial, name) for name, choice in space.items()}
    plan = {name.removeprefix("plan."): value for name, value in chosen.items() if name.startswith("plan.")}
    return {name: value for name, value in chosen.items() if not name.startswith("plan.")}, plan


def _read_choice(name: str, text: str) -> Range | Options:
    if ".." in text:
        low, high = (read_value(part) for part in text.split("..", 1))
        if not (_is_number(low) and _is_number(high) and low < high):
            raise ValueError(f"{name}={text}: expected two numbers, the smaller first, as in {name}=1..8")
        whole = isinstance(low, int) and isinstance(high, int)
        return Range(low, high, log=not whole and low > 0 and high / low >= LOG_RATIO)
    try:
        values = json.loads(f"[{text}]")
    except ValueError:
        values = [read_value(part) for part in text.split(",")]
    if len(values) < 2:
        raise ValueError(f"{name}={text}: expected a range as 1..8, or options as a,b; a fixed value goes with --set")
    return Options(tuple(values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _choice(field: FieldInfo) -> Range | Options | None:
    """What a setting may be, by its type, its bounds and its default."""
    kind, default = field.annotation, field.default
    if typing.get_origin(kind) is typing.Literal:
        return Options(typing.get_args(kind))
    if kind is bool:
        return Options((False, True))
    if kind not in (int, float) or not isinstance(default, int | float):
        return None
    low: Any = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
    high: Any = next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
    if kind is int:
        least = max(1 if low is None else low, default // 2)
        most = default * 2 if high is None else min(high, default * 2)
        return Range(int(least), int(most)) if least < most else None
    # A share, of dropout for example: from none to a half.
    return Range(0.0, 0.5) if low == 0 and default < 0.5 else None
