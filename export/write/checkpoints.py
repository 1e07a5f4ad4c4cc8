"""From a checkpoint to a model file of the kind that its network can be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dreampedal.engine.clip_manifest import AnyManifest
from dreampedal.engine.inputs import LogBands
from dreampedal.engine.manifest import Training

from ..ascent import export_ascent
from ..zoo.checkpoint import described, load
from ..zoo.columns import Columns
from ..zoo.net import Net
from .classifier import export_classifier
from .waveform import export_waveform
from .window import export_window_net

KINDS = "auto", "ascent", "classifier", "waveform"


def export_checkpoint(
    checkpoint: Path,
    out: Path,
    *,
    name: str | None = None,
    kind: str = "auto",
    data: str | None = None,
    licence: str | None = None,
) -> AnyManifest:
    """Write the network in a checkpoint as a model file.

    Args:
        name: a label; else the stem of `out`, made one.
        kind: "auto" takes the kind that the network can dream as: ascent on bands, waveform on samples; one that cannot
            dream becomes a classifier, which any network can be.
        data, licence: of what it was trained on; else what the checkpoint says of it.

    Raises:
        ValueError: for a checkpoint that cannot be read, or a kind that its network cannot be.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r}: expected {', '.join(KINDS)}")
    if out.suffix != ".onnx":
        raise ValueError(f"{out}: expected a name that ends in .onnx")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent}: no such folder; create it first")
    net, extra = load(checkpoint), described(checkpoint).extra
    if name is not None and not re.fullmatch(r"[a-z0-9_]+", name):
        raise ValueError(f"name {name!r}: expected lower-case letters, digits and underscores")
    told: dict[str, Any] = {
        "name": name or re.sub(r"[^a-z0-9_]+", "_", out.stem.lower()).strip("_") or "model",
        "training": _training(extra, data, licence),
        "accuracy": _accuracy(extra),
    }
    possible = {"waveform": "waveform", "columns": "ascent", "window": "ascent", None: "classifier"}[net.dreams]
    chosen = possible if kind == "auto" else kind
    if chosen not in ("classifier", possible):
        expected = " or ".join(sorted({"classifier", possible}))
        raise ValueError(f"{checkpoint}: {net.name} cannot be {chosen}: expected {expected}")
    if chosen == "classifier":
        return export_classifier(net, out, **told)
    if chosen == "waveform":
        return export_waveform(net, out, **told)
    return _ascent(net, out, told)


def _ascent(net: Net, out: Path, told: dict[str, Any]) -> AnyManifest:
    if net.dreams == "window":
        return export_window_net(net, out, **told)
    heard = net.input
    assert isinstance(heard, LogBands) and isinstance(net, Columns)
    return export_ascent(net.network, out, bands=heard.bands, window=heard.window, hop=heard.hop, **told)


def _training(extra: dict[str, Any], data: str | None, licence: str | None) -> Training:
    """Where the weights come from, as far as is known."""
    seed = extra.get("seed")
    return Training(
        data=data or str(extra.get("data", "not said")),
        licence=licence or str(extra.get("licence", "not said")),
        seed=seed if isinstance(seed, int) else 0,
        notes=str(extra.get("notes", "")),
    )


def _accuracy(extra: dict[str, Any]) -> dict[str, float]:
    """Figures of accuracy by name, where the checkpoint keeps them."""
    found = extra.get("accuracy")
    return {str(key): float(value) for key, value in found.items()} if isinstance(found, dict) else {}
