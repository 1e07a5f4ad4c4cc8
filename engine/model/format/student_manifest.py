"""The manifest of a student: a network that answers with an offset at once, for what it was distilled for.

Its graph takes one frame of each channel, what is asked for, and what it remembers of the frames before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dreampedal.engine.model.format.manifest import (
    MAX_VALUES,
    Bands,
    Hop,
    Label,
    Positive,
    Size,
    Strict,
    Training,
    Window,
)

MAX_TARGETS = 4096
"""Targets of a student, and carriers too: far more than anybody distils, and few enough for any machine."""

Named = Annotated[str, Field(pattern=r"^[a-z0-9_]+(:[a-z0-9_]+)?$", max_length=200)]
"""A layer, a filter or a class, as a target names it: "conv3", "conv3:5", "class:flute"."""

Decibels = Annotated[float, Field(gt=0, le=96)]


class Teacher(Strict):
    """A network that a student was distilled from: its name, and the hash of its weights."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    content_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StudentManifest(Strict):
    """What the file of a student declares.

    Levels of its sound do not matter: beside the states of its layers it keeps a running power, the sum of
    exp(2 features) over the bands, which in endless silence is that of the floor.
    """

    format: Literal[1] = 1
    name: Label
    version: str
    kind: Literal["student"] = "student"
    sample_rates: Annotated[tuple[Positive, ...], Field(min_length=1)]
    """Sample rates in training, in Hz."""
    bands: Bands = Bands()
    window: Window = 2048
    hop: Hop = 512
    targets: Annotated[tuple[Named, ...], Field(min_length=1, max_length=MAX_TARGETS)]
    """What it was distilled for, in the order of their weights."""
    carriers: Annotated[tuple[Label, ...], Field(max_length=MAX_TARGETS)] = ()
    """Sounds made of the dry one that it adds, in the order of what it answers."""
    reach_db: tuple[Decibels, Decibels]
    """The least and the most reach that it was trained with."""
    states: Annotated[dict[Label, tuple[Size, Size]], Field(min_length=1)]
    """Shape of each state tensor for one channel: (columns, filters). Each depends on those before it."""
    teachers: tuple[Teacher, ...] = ()
    training: Training
    accuracy: dict[str, float] = Field(default_factory=dict)
    content_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the weights (`engine.model.structure.content_hash`)."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> StudentManifest:
        for field, names in (("targets", self.targets), ("carriers", self.carriers)):
            require_different(field, names)
        if "class" in self.targets:
            raise ValueError("targets: 'class' names no class: expected such as 'class:flute'")
        if "power" in self.states:
            raise ValueError("states: 'power' is the running power, which every student has")
        if self.reach_db[0] > self.reach_db[1]:
            raise ValueError(f"reach_db: {self.reach_db[0]:g} to {self.reach_db[1]:g}: expected the least one first")
        if (found := sum(columns * filters for columns, filters in self.states.values())) > MAX_VALUES:
            raise ValueError(f"states hold {found} numbers: expected at most {MAX_VALUES}")
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes among its targets."""
        return tuple(name.removeprefix("class:") for name in self.targets if name.startswith("class:"))


def require_different(field: str, names: Sequence[str]) -> None:
    """A ValueError where two of a field's names are the same."""
    if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
        raise ValueError(f"{field}: '{twice}' is named twice")
