"""From a checkpoint to a model file of the kind that its network can be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.engine.model.format.kinds import AnyManifest
from dreampedal.engine.model.format.manifest import Split, Training
from dreampedal.engine.model.structure import MAX_FILE_BYTES
from dreampedal.export.compile.ascent import export_ascent
from dreampedal.export.compile.classifier import export_classifier
from dreampedal.export.compile.model_file import require_room
from dreampedal.export.compile.waveform import export_waveform
from dreampedal.export.compile.window import export_window
from dreampedal.export.data.labels import folded
from dreampedal.export.data.splits import SHARES
from dreampedal.export.nets.checkpoint import load
from dreampedal.export.nets.columns import Columns
from dreampedal.export.nets.net import Net
from dreampedal.export.train.fit.kept import kept_in
from dreampedal.export.train.fit.settings import checked

KINDS = "auto", "ascent", "classifier", "waveform"


def export_checkpoint(
    checkpoint: Path,
    out: Path,
    *,
    name: str | None = None,
    kind: str = "auto",
    data: str | None = None,
    licence: str | None = None,
    most_bytes: int = MAX_FILE_BYTES,
) -> AnyManifest:
    """Write the network in a checkpoint as a model file.

    Args:
        name: a label; else the stem of `out`, made one.
        kind: "auto" takes the kind that the network can dream as: ascent on bands, waveform on samples; one that cannot
            dream becomes a classifier, which any network can be.
        data, licence: of what it was trained on; else what the checkpoint says of it.
        most_bytes: of the file; the engine opens none that is larger than the default.

    Raises:
        ValueError: for a checkpoint that cannot be read, a kind that its network cannot be, or one too large for a
            file. Nothing is written then.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r}: expected {', '.join(KINDS)}")
    check_out(out, ".onnx")
    net, kept = load(checkpoint), kept_in(checkpoint)
    require_room(checkpoint, {of: values.nbytes for of, values in net.named_parameters()}, most_bytes)
    if name is not None and not re.fullmatch(r"[a-z0-9_]+", name):
        raise ValueError(f"name {name!r}: expected lower-case letters, digits and underscores")
    told: dict[str, Any] = {
        "name": name or name_for(out),
        "training": Training(
            data=data or kept.get("data", "not said"),
            licence=licence or kept.get("licence", "not said"),
            seed=kept.get("seed", 0),
            notes=kept.get("notes", ""),
            dealt=_split(checkpoint, kept),
        ),
        "accuracy": kept.get("accuracy", {}),
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


def check_out(out: Path, *endings: str) -> None:
    """A ValueError, before hours of work, unless a file of such a name can be written there."""
    if out.suffix not in endings:
        raise ValueError(f"{out}: expected a name that ends in {' or '.join(endings)}")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent}: no such folder; create it first")
    if out.is_dir():
        raise ValueError(f"{out} is a folder: expected the name of a file")


def name_for(out: Path) -> str:
    """The name of a model in a file, where it is given none.

    >>> name_for(Path("models/Tiny-Net 2.onnx")), name_for(Path("Flöte.onnx")), name_for(Path("♪.onnx"))
    ('tiny_net_2', 'flote', 'model')
    """
    return re.sub(r"[^a-z0-9_]+", "_", folded(out.stem)).strip("_") or "model"


def _split(checkpoint: Path, kept: Mapping[str, Any]) -> Split | None:
    """How the set of the training was split, where the checkpoint says of which set it is."""
    if not (kept.get("set") or kept.get("set_hash")):
        return None
    told = {name: kept[name] for name in ("set_hash", "column", "segmenting") if name in kept}
    told |= {"set": Path(kept.get("set", "")).name, "shares": tuple(kept.get("shares", SHARES))}
    return checked(Split, told, f"{checkpoint}: its set")


def _ascent(net: Net, out: Path, told: dict[str, Any]) -> AnyManifest:
    if net.dreams == "window":
        return export_window(net, out, **told)
    heard = net.input
    assert isinstance(heard, LogBands) and isinstance(net, Columns)
    return export_ascent(net.network, out, input=heard, **told)
