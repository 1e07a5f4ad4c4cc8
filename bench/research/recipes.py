"""The table of networks as declared data: what is trained, on what, how, and which published figure stands beside it.

A `Recipe` is a row. `runs.run` trains and judges it; `bench/research/networks.py` runs all and writes the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.research import changes
from dreampedal.engine.model.format.inputs import BandImage, Input, Mel
from dreampedal.export.data.batches import Change
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.train.fit.plan import Plan, plan_for

Data = Literal["styles", "genres", "notes"]
"""styles: soft against metal; genres: all seven, or those named; notes: 11 families of instruments."""


@dataclass(frozen=True)
class Recipe:
    """A row of the table.

    Fields:
        title: what it is, in words.
        network: in `zoo.NETWORKS`; `settings`, `input` and `seconds` are its own where they are not given.
        data: what it is trained and judged on; `classes` keeps only some.
        thesis: the published figure in words.
        plan: how it is trained.
        bar: accuracy that is to be reached, or None where the row is there to compare.
        cut: how recordings are cut into clips.
        folds: of recordings, for cross-validation; notes have none of their own: a tenth of the keys is kept.
        each_seed: "all": every seed has folds of its own and judges every recording; "one": seed n judges fold n of
            the same folds, so that the seeds together judge every recording once.
        validation: share of the training recordings on which plateau and early stopping look; 0: none is set aside,
            and the last epochs are taken.
        seeds: of the split, the first weights and the training.
        levelled: every clip is brought to the same level, so that loudness tells nothing.
        copies: changed copies of each clip to learn from (`sets.changes`).
        change: of each batch, as `Batches` takes it.
        start: a shipped model whose convolutions it begins with (`starts.from_model`).
        notes: settings of `sets.soundfonts.note_clips`.
    """

    title: str
    network: str
    data: Data
    thesis: str
    plan: Plan
    bar: float | None = None
    cut: Segmenting = field(default_factory=Segmenting)
    classes: tuple[str, ...] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    input: Input | None = None
    seconds: float | None = None
    folds: int = 5
    each_seed: Literal["all", "one"] = "all"
    validation: float = 0.0
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    levelled: bool = False
    copies: int = 0
    change: Change | None = None
    start: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


SIX_GENRES = ("ambient", "electronic", "jazz", "metal", "orchestral", "rock")
"""All but `soft`, which is a mood more than a genre, and the weakest label."""

FIVE_GENRES = ("ambient", "electronic", "metal", "orchestral", "rock")
"""Without `jazz` too, the other weak label."""

GENG = plan_for("raw").changed(batch=32, epochs=8)
"""Geng's but for the batch of 480, which is more clips than there are, and fewer epochs, of more steps each."""

NOTES = Plan(epochs=12, batch=64, learning_rate=3e-3, weight_decay=1e-2, averaging=0.995)
FEW_NOTES = NOTES.changed(epochs=6, learning_rate=2e-3)


def _image(title: str, network: str, thesis: str, **rest: Any) -> Recipe:
    """One of the four networks of Van Mieghem (2020)."""
    return Recipe(
        title=title, network=network, data="genres", classes=SIX_GENRES, plan=plan_for(network).changed(epochs=60),
        thesis=thesis, **rest, cut=Segmenting(seconds=3.0, hop_seconds=2.0), each_seed="one",
        validation=0.2,
    )  # fmt: skip


def _on_notes(title: str, thesis: str, settings: Mapping[str, Any], **rest: Any) -> Recipe:
    """A network on mel spectrograms of notes, 1 s (Spiteri 2022), with half the frames of `Mel()` at half the cost."""
    return Recipe(
        title=title, network="vgg", data="notes", thesis=thesis, settings=settings, plan=rest.pop("plan", NOTES),
        input=Mel(hop=512), cut=Segmenting(seconds=1.0), folds=0, **rest,
    )  # fmt: skip


STYLES = Recipe(
    "causal network that dreams live, 5 genres, 5 s", "columns", "genres", "",
    Plan(epochs=16, batch=48, learning_rate=1e-3, weight_decay=1e-2, mixup=0.2), each_seed="one",
    change=changes.music, start="notes", classes=FIVE_GENRES,
    settings={"context_frames": 32, "dropout": 0.3},
)  # fmt: skip

RECIPES: dict[str, Recipe] = {
    "raw": Recipe(
        "raw waveform, soft against metal, 5 s at 8 kHz", "raw", "styles", "80.83 % (Geng 2016)", GENG, bar=0.8083
    ),
    "raw_level": Recipe(
        "the same, every clip at the same level", "raw", "styles", "80.83 % (Geng 2016)", GENG, bar=0.8083,
        levelled=True, change=changes.louder_or_softer, each_seed="one",
    ),
    "dense": _image("dense, band images, 6 genres, 3 s", "dense", "42 % (Van Mieghem 2020)"),
    "recurrent": _image("two recurrent layers, likewise", "recurrent", "78 % (Van Mieghem 2020)"),
    "conv": _image("convolutional, likewise", "conv", "89 % (Van Mieghem 2020)"),
    "conv_recurrent": _image("convolution beside recurrence, likewise", "conv_recurrent", "90 % (Van Mieghem 2020)"),
    "conv_decibels": _image(
        "convolutional, the image in decibels", "conv", "", input=BandImage(scale="decibels")
    ),
    "vgg": _on_notes(
        "mel VGG-like, notes of 11 families, 1 s", "80.5 % (11 families), 94.9 % (Philharmonia; Spiteri 2022)",
        {"filters": (16, 24, 32, 48), "dropout": 0.1}, bar=0.95, seeds=(0,),
    ),
    "full_height": _on_notes(
        "full-height kernels at the cost of `vgg`", "asked for, not tried (Spiteri 2022)",
        {"filters": (208, 208, 208), "kernel": "full_height", "dropout": 0.1}, seeds=(0,),
    ),
    "vgg_3x3": _on_notes(
        "kernels of 3×3, a third of the keys", "", {"filters": (12, 16, 24, 32)}, seeds=(0, 1, 2),
        notes={"key_step": 3}, plan=FEW_NOTES,
    ),
    "vgg_full_height": _on_notes(
        "full-height kernels at equal cost, a third of the keys", "asked for, not tried (Spiteri 2022)",
        {"filters": (136, 136, 136), "kernel": "full_height"}, seeds=(0, 1, 2), notes={"key_step": 3},
        plan=FEW_NOTES,
    ),
    "styles": STYLES,
}  # fmt: skip
"""Every row that is trained here, by name; those of musicnn come from `export.musicnn`."""
