"""The table of networks: by name, what each is called, where it comes from, what it hears and how it is built.

>>> net = build("conv", ("drum", "flute"))
>>> net.name, net.classes, net.task.shape, list(net.layers())
('conv', ('drum', 'flute'), (12, 29), ['conv1', 'conv2', 'dense'])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dreampedal.engine.model.format.inputs import BandImage, Input, LogBands, Mel, Waveform
from dreampedal.engine.model.format.manifest import Strict
from dreampedal.export.nets.band_images import (
    Conv,
    ConvRecurrent,
    ConvRecurrentSettings,
    ConvSettings,
    Dense,
    DenseSettings,
    Recurrent,
    RecurrentSettings,
)
from dreampedal.export.nets.columns import Columns, ColumnsSettings
from dreampedal.export.nets.inception import InceptionSettings, InceptionV3
from dreampedal.export.nets.net import Net, Task
from dreampedal.export.nets.spectrograms import (
    Deep,
    DeepSettings,
    Lstm,
    LstmSettings,
    Residual,
    ResidualSettings,
    Tdnn,
    TdnnSettings,
    Vgg,
    VggSettings,
)
from dreampedal.export.nets.vgg19 import Vgg19, Vgg19Settings
from dreampedal.export.nets.waves import Gated, GatedSettings, Raw, RawSettings

SPECTRA = ("mel", "log_bands", "image", "envelope")
"""Kinds of input that are rows of something over time."""


@dataclass(frozen=True)
class Builder:
    """A row of the table.

    Fields:
        name: by which it is built.
        title: what it is, in a few words.
        source: whose idea it is.
        settings: the type of its settings; all have defaults.
        input, seconds: what it hears unless told otherwise.
        make: from task and settings to the network, its weights drawn from torch's generator.
        hears: kinds of input that it can be built for.
    """

    name: str
    title: str
    source: str
    settings: type[Strict]
    input: Input
    seconds: float
    make: type[Net]
    hears: tuple[str, ...] = SPECTRA


NETWORKS: dict[str, Builder] = {
    builder.name: builder
    for builder in (
        Builder(
            "raw", "strided convolutions on raw samples", "Geng 2016",
            RawSettings, Waveform(sample_rate=8000), 5.0, Raw, ("waveform",),
        ),
        Builder(
            "gated", "gated dilated convolutions on raw samples", "after Geng 2016; van den Oord et al. 2016",
            GatedSettings, Waveform(sample_rate=48_000), 5.0, Gated, ("waveform",),
        ),
        Builder(
            "vgg", "small kernels, or full-height ones, on a mel spectrogram",
            "Spiteri 2022; Simonyan and Zisserman 2015", VggSettings, Mel(), 1.0, Vgg,
        ),
        Builder(
            "lstm", "long short-term memory on a mel spectrogram",
            "asked for by Spiteri 2022; Hochreiter and Schmidhuber 1997", LstmSettings, Mel(), 1.0, Lstm,
        ),
        Builder(
            "residual", "residual blocks on a mel spectrogram", "He et al. 2016; Hershey et al. 2017",
            ResidualSettings, Mel(), 1.0, Residual,
        ),
        Builder(
            "tdnn", "time-delay layers on cepstra", "after Snyder et al. 2018", TdnnSettings, Mel(), 1.0, Tdnn,
        ),
        Builder("dense", "dense layers on a band image", "Van Mieghem 2020", DenseSettings, BandImage(), 3.0, Dense),
        Builder(
            "recurrent", "two recurrent layers on a band image", "Van Mieghem 2020",
            RecurrentSettings, BandImage(), 3.0, Recurrent,
        ),
        Builder("conv", "convolutions on a band image", "Van Mieghem 2020", ConvSettings, BandImage(), 3.0, Conv),
        Builder(
            "conv_recurrent", "convolutions beside recurrence on a band image", "Van Mieghem 2020",
            ConvRecurrentSettings, BandImage(), 3.0, ConvRecurrent,
        ),
        Builder(
            "deep", "8 to 16 convolutions on log bands, for a GPU", "after Simonyan and Zisserman 2015",
            DeepSettings, LogBands(), 5.0, Deep,
        ),
        Builder(
            "columns", "causal full-height convolutions on log bands, which dream live", "DreamPedal",
            ColumnsSettings, LogBands(), 5.0, Columns, ("log_bands",),
        ),
        Builder(
            "vgg19", "VGG-19 on a spectrogram as an image", "Simonyan and Zisserman 2015; Gatys et al. 2016",
            Vgg19Settings, Mel(), 3.0, Vgg19,
        ),
        Builder(
            "inception_v3", "Inception v3 on a spectrogram as an image", "Szegedy et al. 2016",
            InceptionSettings, Mel(), 3.0, InceptionV3,
        ),
    )
}  # fmt: skip


def build(
    name: str,
    classes: Sequence[str],
    input: Input | Mapping[str, Any] | None = None,
    seconds: float | None = None,
    settings: Strict | Mapping[str, Any] | None = None,
    sample_rate: int = 44_100,
) -> Net:
    """A network with fresh weights, the same for the same state of torch's generator.

    Args:
        name: in the table.
        classes: labels to tell apart.
        input, seconds: what it hears; the builder's own if None.
        settings: that differ from the defaults.
        sample_rate: of the sounds, in Hz, for inputs without a rate of their own.

    Raises:
        ValueError: that names what does not fit: the name, a class, a setting, the input, or the length of the clip.
    """
    builder = NETWORKS.get(name)
    if builder is None:
        raise ValueError(f"no network {name!r}: expected one of {', '.join(NETWORKS)}")
    try:
        chosen_input = _INPUT.validate_python(builder.input if input is None else input)
        given = settings.model_dump() if isinstance(settings, Strict) else dict(settings or {})
        chosen = builder.settings.model_validate(given)
    except ValidationError as error:
        raise ValueError(f"{name}: {_first(error)}") from None
    if chosen_input.kind not in builder.hears:
        raise ValueError(f"{name} cannot hear {chosen_input.kind!r}: expected {' or '.join(builder.hears)}")
    try:
        length = builder.seconds if seconds is None else seconds
        net = builder.make(Task(tuple(classes), chosen_input, float(length), sample_rate), chosen)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    net.name = name
    return net


_INPUT: TypeAdapter[Input] = TypeAdapter(Input)


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, in one line."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    found = f"{field} is {first['input']!r:.80}: " if field else ""
    return f"{found}{first['msg'].removeprefix('Value error, ')}"
