"""The manifest: what a model says of itself, as JSON in the metadata of its ONNX file.

Everything that the engine and a user need to know is declared here, so that no file lies beside a model and nothing is
guessed from its graph. `engine.model.structure` checks that graph and manifest agree. `Manifest` is that of a model
that ascends on bands; `student_manifest` has that of one that answers at once, `clip_manifest` those of networks on
whole clips, and `kinds` reads them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, LiteralString, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

METADATA_KEY = "dreampedal"
"""Where the manifest lies in an ONNX file's metadata."""

GOLDEN_KEY = "dreampedal.golden"
"""Where the golden vectors lie."""

MAX_STEPS = 8
"""Steps of ascent that one file holds unrolled."""

OWN_CHAINS = 9
"""Moving columns up to which each number of them has a chain of its own; one more chain serves any number."""

MIN_WINDOW = 64
"""Samples of the smallest analysis window: at 8 kHz it is a quarter of that, the smallest transform there is."""

MAX_SIZE = 1 << 16
"""Filters of the largest layer, columns of the longest state, and samples of the longest window."""

MAX_VALUES = 1 << 23
"""Numbers in all states of a channel, and in the largest clip: 32 MB. A file that asks for more is refused."""

Label = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Positive = Annotated[int, Field(gt=0)]
Size = Annotated[int, Field(gt=0, le=MAX_SIZE)]


class ModelError(ValueError):
    """A model file that cannot be used: which file, which field of it, what was found and what was expected."""

    def __init__(self, file: object, field: str, found: object, expected: object) -> None:
        self.file, self.field, self.found, self.expected = str(file), field, str(found), str(expected)
        super().__init__(" ".join(f"{file}: {field} is {found}: expected {expected}".split()))


class Strict(BaseModel):
    """Declared data: no unknown field, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Bands(Strict):
    """The log-frequency bands that the model sees: `count` centres from `low_hz` to `high_hz`, floor in dB."""

    count: Annotated[int, Field(ge=2, le=4096)] = 96
    low_hz: Annotated[float, Field(gt=0)] = 50.0
    high_hz: Annotated[float, Field(gt=0, le=200_000, validate_default=True)] = 16_000.0
    floor_db: Annotated[float, Field(lt=0, ge=-300)] = -100.0

    @field_validator("high_hz")
    @classmethod
    def _lies_above_low(cls, high_hz: float, known: ValidationInfo) -> float:
        low_hz = known.data.get("low_hz", 0.0)
        if high_hz <= low_hz:
            raise _unfit("above bands.low_hz = {low_hz} Hz", low_hz=low_hz)
        return high_hz


class Normalisation(Strict):
    """Mean and standard deviation of each band in training; folded into the graph, kept here as a record."""

    mean: tuple[float, ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]


class Layer(Strict):
    """A layer that a target can name; `labels`, if any, name its filters."""

    name: Label
    filters: Size
    labels: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _labels_name_filters(self) -> Layer:
        if self.labels and len(self.labels) != self.filters:
            raise ValueError(f"{len(self.labels)} labels for {self.filters} filters of {self.name}")
        return self


Share = Annotated[float, Field(gt=0, lt=1)]
Setting = Annotated[float, Field(allow_inf_nan=False)] | bool | Annotated[str, Field(max_length=100)] | None


class Split(Strict):
    """How a set was split into training, validation and test, so that a model is judged on what was left aside.

    Fields:
        set: what the set was called, a name and no path; set_hash: of all that the deal goes by, "" where not known.
        shares: of training, validation and test; the seed is that of `Training`.
        column: of its table, that classes were read from; segmenting: how sounds were cut.
    """

    set: Annotated[str, Field(max_length=255, pattern=r"^[^/]*$")] = ""
    set_hash: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    shares: tuple[Share, Share, Share]
    column: Annotated[str, Field(max_length=255)] = "genre"
    segmenting: dict[Label, Setting] = {}

    @field_validator("shares")
    @classmethod
    def _add_up(cls, shares: tuple[float, float, float]) -> tuple[float, float, float]:
        if abs(sum(shares) - 1) > 1e-6:
            raise _unfit("shares that add up to 1")
        return shares


class Training(Strict):
    """Where the weights come from; `dealt` is told where they come from a set that was split into parts."""

    data: str
    licence: str
    seed: int
    notes: str = ""
    dealt: Split | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_not_told(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Files without a deal stay such as were written before there were any."""
        fields: dict[str, Any] = written(self)
        if self.dealt is None:
            fields.pop("dealt", None)
        return fields


def _can_be_transformed(window: int) -> int:
    if window < MIN_WINDOW or window & (window - 1):
        raise _unfit("a power of two from {least} samples up", least=MIN_WINDOW)
    return window


def _overlaps(hop: int, known: ValidationInfo) -> int:
    if "window" in known.data and hop > known.data["window"] // 2:
        raise _unfit("1 to {most} samples, half of the window", most=known.data["window"] // 2)
    return hop


Window = Annotated[Size, AfterValidator(_can_be_transformed)]
"""Samples of an analysis window at 44.1 and 48 kHz."""

Hop = Annotated[Positive, Field(validate_default=True), AfterValidator(_overlaps)]
"""Samples from one window to the next, at the same rates; declared after `window`."""


class Manifest(Strict):
    """What the file of a model that ascends declares.

    `columns` models are causal in time and run column by column with state; `window` models see `context_frames`
    columns at once and keep nothing.
    """

    format: Literal[1] = 1
    name: Label
    version: str
    kind: Literal["ascent"] = "ascent"
    runs_on: Literal["columns", "window"] = "columns"
    sample_rates: Annotated[tuple[Positive, ...], Field(min_length=1)]
    """Sample rates in training, in Hz."""
    bands: Bands = Bands()
    window: Window = 2048
    hop: Hop = 512
    context_frames: Annotated[int, Field(gt=0, le=65_536)]
    """W: columns that the head averages over, and the whole window of a `window` model."""
    normalisation: Annotated[Normalisation, Field(repr=False)]
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]
    classes: tuple[Label, ...] = ()
    states: dict[str, tuple[Size, Size]] = {}
    """Shape of each state tensor for one channel: (columns, filters)."""
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS)] = MAX_STEPS
    training: Training
    accuracy: dict[str, float] = {}
    content_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the weights (`engine.model.structure.content_hash`)."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Manifest:
        require_distinct(self.layers, self.classes)
        for field in ("mean", "std"):
            if (found := len(getattr(self.normalisation, field))) != self.bands.count:
                raise ValueError(f"normalisation.{field} has {found} values for {self.bands.count} bands")
        if self.runs_on == "window" and self.states:
            raise ValueError("states: a model that runs on the window keeps none")
        if (found := sum(columns * filters for columns, filters in self.states.values())) > MAX_VALUES:
            raise ValueError(f"states hold {found} numbers: expected at most {MAX_VALUES}")
        return self


def require_distinct(layers: Sequence[Layer], classes: Sequence[str]) -> None:
    """A ValueError where two layers or two classes share a name, or a layer has that of the classes."""
    names = [layer.name for layer in layers]
    if len(set(names)) != len(names) or "class" in names:
        raise ValueError(f"layers {', '.join(names)}: names must differ, and 'class' is no name of a layer")
    if len(set(classes)) != len(classes):
        raise ValueError("classes: names must differ")


Declared = TypeVar("Declared", bound=Strict)


def read_as(shape: type[Declared], file: object, text: str) -> Declared:
    """The declared data in `text`, found in `file`; a ModelError that names the first field that is wrong."""
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(("manifest", *(str(part) for part in first["loc"])))
        found = "missing" if first["type"] == "missing" else repr(first["input"])[:120]
        raise ModelError(file, field, found, first["msg"]) from None


def _unfit(expected: LiteralString, **values: float) -> PydanticCustomError:
    """What a field's validator raises: `expected`, with `values` in it, is what the message says after "expected"."""
    return PydanticCustomError("unfit", expected, values)
