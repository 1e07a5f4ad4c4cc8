"""`verify` and `export`: a model file is proved, and a checkpoint becomes one."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from os import PathLike
from pathlib import Path

from dreampedal.console.console import print_json, say
from dreampedal.effects.dream import Dream
from dreampedal.engine.model.format.kinds import AnyManifest
from dreampedal.engine.model.format.manifest import Manifest, ModelError
from dreampedal.engine.model.format.student_manifest import StudentManifest
from dreampedal.engine.model.library import library
from dreampedal.engine.model.structure import read_model
from dreampedal.engine.model.verify import Proof
from dreampedal.engine.model.verify import verify as prove
from dreampedal.engine.runtime.files import written_whole
from dreampedal.networks.options import Export


def verify(model: str | PathLike[str], as_json: bool) -> None:
    """Prove a model, by name or path, and say what was proved; a ValueError names the first thing that is wrong."""
    file = library.find("model", model)
    _, manifest = read_model(file)
    target = None
    if isinstance(manifest, Manifest):
        target = manifest.layers[-1].name
    elif isinstance(manifest, StudentManifest):
        target = manifest.targets[0]
    proof = prove(file, (lambda: Dream(model=str(file), target=target)) if target else None)
    if as_json:
        print_json(asdict(proof) | {"file": str(file), "manifest": manifest.model_dump(mode="json")})
    else:
        _show(file, manifest, proof)


def export(options: Export) -> None:
    """Write a checkpoint as a model and prove it."""
    checkpoint, out = options.checkpoint, options.out
    if not checkpoint.is_file():
        from dreampedal.export.nets.checkpoint import absent

        raise ValueError(absent(checkpoint))
    from dreampedal.export.train.model_files import export_checkpoint, name_for

    if out.suffix != ".onnx":
        raise ValueError(f"{out}: expected a name that ends in .onnx")
    name = name_for(out) if options.name is None else options.name
    with written_whole(out) as part:  # what stood there before is replaced by a model that was proved
        manifest = export_checkpoint(
            checkpoint, part, name=name, kind=options.kind, data=options.data, licence=options.licence
        )
        try:
            proof = prove(part)
        except ModelError as error:
            raise ModelError(out, error.field, error.found, f"{error.expected}; nothing is written") from None
    if options.as_json:
        print_json({"file": str(out), "kind": manifest.kind, "name": manifest.name, "bytes": proof.file_bytes,
                    "golden_deviation": proof.golden_deviation})  # fmt: skip
        return
    say(f"{out}: {manifest.name}, kind {manifest.kind}, {proof.file_bytes / 1e6:.2f} MB")
    print(_golden(proof))


def _show(file: Path, manifest: AnyManifest, proof: Proof) -> None:
    """What a model is, and what was proved of it."""
    say(f"{file}: {manifest.name} {manifest.version}, {proof.file_bytes / 1e6:.2f} MB, {proof.nodes} nodes")
    if isinstance(manifest, StudentManifest):
        least, most = manifest.reach_db
        say(f"  kind: {manifest.kind}, for a reach of {least:g} to {most:g} dB")
        say(f"  targets: {', '.join(manifest.targets)}")
        say(f"  carriers: {', '.join(manifest.carriers) or 'none'}")
        say(f"  teachers: {', '.join(teacher.name for teacher in manifest.teachers) or 'not told'}")
    else:
        if not isinstance(manifest, Manifest):
            say(f"  kind: {manifest.kind}, on {manifest.input.kind} of {manifest.seconds:g} s")
        layers = ", ".join(f"{layer.name} ({layer.filters})" for layer in manifest.layers)
        say(f"  layers: {layers or 'none'}")
        say(f"  classes: {', '.join(manifest.classes) or 'none'}")
    licence = textwrap.shorten(manifest.training.licence, 100, placeholder=" ... (all of it: --json)")
    say(f"  trained on: {manifest.training.data} ({licence})")
    print(_golden(proof))
    if proof.partitions:
        print(f"  partition law: the same samples in {proof.partitions} ways of cutting a signal")


def _golden(proof: Proof) -> str:
    return f"  golden takes: {proof.takes} replayed, off by {proof.golden_deviation:.1g} of the largest value at most"
