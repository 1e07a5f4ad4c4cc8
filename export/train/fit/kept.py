"""What a checkpoint keeps of how its network came about: checked before anything goes by it.

A file may come from anywhere, and what stands in it beside the weights is the writer's own. Here everything that
DreamPedal writes there has its type; what others add stays as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, ValidationInfo, field_validator

from dreampedal.engine.model.format.manifest import ModelError
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.data.splits import SHARES
from dreampedal.export.nets.checkpoint import described
from dreampedal.export.train.fit.plan import Plan

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=0, lt=2**63)]


class Kept(BaseModel):
    """What stands beside the weights; any field may be missing, none may be null, and more may be there.

    Fields:
        seed, shares, column, set, set_hash: of the split into training, validation and test, and of what: its name,
            and what tells whether it is split as it was (`data.splits.set_hash`).
        segmenting, copies: how sounds were cut, and changed copies of each clip.
        plan, history, best_epoch: of the training; history has a row an epoch.
        scores, accuracy: by part, and by "by_clip" and "by_recording".
        data, licence, notes: in words.
    """

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    seed: Count = 0
    shares: tuple[Share, Share, Share] = SHARES
    column: str = "genre"
    set: str = ""
    set_hash: str = ""
    segmenting: dict[str, JsonValue] = {}
    copies: Count = 0
    plan: dict[str, JsonValue] = {}
    history: list[dict[str, float]] = []
    best_epoch: Count = 0
    scores: dict[str, JsonValue] = {}
    accuracy: dict[str, float] = {}
    data: str = ""
    licence: str = ""
    notes: str = ""

    @field_validator("segmenting", "plan")
    @classmethod
    def _fits(cls, values: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        kinds: dict[str, type[BaseModel]] = {"segmenting": Segmenting, "plan": Plan}
        kinds[str(info.field_name)].model_validate(values)
        return values

    @field_validator("shares")
    @classmethod
    def _add_up(cls, shares: tuple[float, float, float]) -> tuple[float, float, float]:
        if abs(sum(shares) - 1) > 1e-6:
            raise ValueError("shares that add up to 1")
        return shares


def kept_in(checkpoint: str | Path) -> dict[str, Any]:
    """What a checkpoint keeps beside its weights, by name; empty where it keeps nothing.

    Raises:
        ModelError: that names the file and the first value in it that cannot be. A ValueError.
        OSError: if the file cannot be read.
    """
    extra = described(checkpoint).extra
    try:
        Kept.model_validate_json(json.dumps(extra))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(("metadata.extra", *(str(part) for part in first["loc"])))
        expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        raise ModelError(checkpoint, field, f"{first['input']!r:.80}", expected) from None
    return dict(extra)
