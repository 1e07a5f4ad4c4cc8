"""What goes into the graph of a model and what comes out: names and shapes, as its manifest has them.

`engine.model.structure` refuses a file whose graph is anything else.
"""

from __future__ import annotations

from dreampedal.engine.model.format.clip_manifest import ClipManifest, WaveformManifest
from dreampedal.engine.model.format.kinds import AnyManifest
from dreampedal.engine.model.format.manifest import OWN_CHAINS, Manifest
from dreampedal.engine.model.format.student_manifest import StudentManifest

Shape = tuple[int | str, ...]
"""Sizes of a tensor. Free ones have names: "C" channels, "T" moving columns, "N" clips, "P_conv1" positions of conv1's
output."""


def inputs(manifest: AnyManifest) -> dict[str, Shape]:
    """Name and shape of every input of a model."""
    if isinstance(manifest, StudentManifest):
        return _student_inputs(manifest)
    return _ascent_inputs(manifest) if isinstance(manifest, Manifest) else _clip_inputs(manifest)


def outputs(manifest: AnyManifest) -> dict[str, Shape]:
    """Name and shape of every output of a model, of which a session computes those that are wanted."""
    if isinstance(manifest, StudentManifest):
        return _student_outputs(manifest)
    return _ascent_outputs(manifest) if isinstance(manifest, Manifest) else _clip_outputs(manifest)


def sizes(shape: Shape, channels: int, columns: int = 1) -> tuple[int, ...]:
    """The shape of an input for so many channels and moving columns."""
    free = {"C": channels, "T": columns}
    return tuple(size if isinstance(size, int) else free[size] for size in shape)


def _clip_inputs(manifest: ClipManifest) -> dict[str, Shape]:
    """Clips; and for a network that dreams what to climb, as `u`, `v` and `classes` of an ascent."""
    expected: dict[str, Shape] = {"x": ("N", *manifest.shape)}
    if isinstance(manifest, WaveformManifest):
        for layer in manifest.layers:
            expected[f"u_{layer.name}"] = expected[f"v_{layer.name}"] = (layer.filters,)
        expected["classes"] = (len(manifest.classes),)
    return expected


def _clip_outputs(manifest: ClipManifest) -> dict[str, Shape]:
    """Logits, `y_LAYER`, and the `gradient` with respect to the samples of a network that dreams."""
    expected: dict[str, Shape] = {"logits": ("N", len(manifest.classes))}
    for layer in manifest.layers:
        expected[f"y_{layer.name}"] = ("N", layer.filters, f"P_{layer.name}")
    if isinstance(manifest, WaveformManifest):
        expected["gradient"] = ("N", *manifest.shape)
    return expected


def _ascent_inputs(manifest: Manifest) -> dict[str, Shape]:
    """Features, where the ascent starts, how it moves, what it climbs, and the states."""
    bands = manifest.bands.count
    columns = "T" if manifest.runs_on == "columns" else manifest.context_frames
    expected: dict[str, Shape] = {
        "features": ("C", bands, columns),
        "offset": ("C", bands, columns),
        "shape": (bands, bands),
        "level": ("C", bands),
        "mask": (bands,),
        "rate": (1,),
        "reach": (1,),
    }
    for layer in manifest.layers:
        expected[f"u_{layer.name}"] = expected[f"v_{layer.name}"] = (layer.filters,)
    if manifest.classes:
        expected["classes"] = (len(manifest.classes),)
    return expected | {f"state_{name}": ("C", *shape) for name, shape in manifest.states.items()}


def _ascent_outputs(manifest: Manifest) -> dict[str, Shape]:
    """Name and shape of every tap: `CHAIN_offset_STEP`, `CHAIN_state_STEP_NAME`, `CHAIN_y_LAYER`, `CHAIN_logits`."""
    bands, expected = manifest.bands.count, dict[str, Shape]()
    on_columns = manifest.runs_on == "columns"
    chains: dict[str, int | str] = {"window": manifest.context_frames}
    if on_columns:
        chains = {f"t{columns}": columns for columns in range(1, OWN_CHAINS + 1)} | {"tn": "T"}
    for chain, columns in chains.items():
        for step in range(1, manifest.steps + 1):
            expected[f"{chain}_offset_{step}"] = ("C", bands, columns)
        for layer in manifest.layers:
            expected[f"{chain}_y_{layer.name}"] = ("C", layer.filters, columns if on_columns else f"P_{layer.name}")
        if manifest.classes:
            expected[f"{chain}_logits"] = ("C", len(manifest.classes))
        for name, shape in manifest.states.items():
            for step in range(manifest.steps + 1):
                expected[f"{chain}_state_{step}_{name}"] = ("C", *shape)
    return expected


def _student_inputs(manifest: StudentManifest) -> dict[str, Shape]:
    """One frame, weights of targets that sum to 1, reach in nepers, the running power, and the states."""
    return {
        "features": ("C", manifest.bands.count),
        "target": (len(manifest.targets),),
        "reach": (1,),
        "power": ("C", 1),
    } | {f"state_{name}": ("C", *shape) for name, shape in manifest.states.items()}


def _student_outputs(manifest: StudentManifest) -> dict[str, Shape]:
    """The offset in nepers, how loud each carrier is if there are any, and what is to be remembered (`next_`)."""
    bands = manifest.bands.count
    expected: dict[str, Shape] = {"offset": ("C", bands)}
    if manifest.carriers:
        expected["added"] = ("C", len(manifest.carriers), bands)
    expected["next_power"] = ("C", 1)
    return expected | {f"next_{name}": ("C", *shape) for name, shape in manifest.states.items()}
