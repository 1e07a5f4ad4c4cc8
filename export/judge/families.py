"""What a model hears in notes and recordings that it never saw: accuracy, and what it takes for what.

The model is run as the engine runs it, from its ONNX file, a hop at a time; no torch.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.engine.dsp.bands import BandLayout, log_band_features
from dreampedal.engine.model.classifier import audible, frame_logits, softmax
from dreampedal.engine.model.model import Model
from dreampedal.engine.sound.reading import sound_in
from dreampedal.export.data.instruments.families import CLASSES, INSTRUMENTS, family_in, general_midi_notes
from dreampedal.export.data.instruments.notes import JUDGED, family_notes
from dreampedal.export.data.instruments.qt_resource import read_resources
from dreampedal.export.data.places import SOUNDS
from dreampedal.export.data.progress import Progress
from dreampedal.export.judge.pictures import draw_confusion
from dreampedal.export.metrics.scores import score

VELOCITIES = (40, 80, 120)
"""Velocities of the fixed list of notes on which accuracy is reported."""
STREAMS = 64
"""Notes heard side by side, as channels."""


def evaluate(
    model: Path,
    soundfonts: Sequence[Path] = (),
    recordings: Path | None = None,
    picture: Path | None = None,
    key_step: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge a model that names families.

    Args:
        model: the ONNX file.
        soundfonts: judged on every General MIDI program and key of every family, at three velocities.
        recordings: a folder of sound files, or a Qt resource file with some in it, whose names tell the instrument.
        picture: where to draw the confusion matrix of the soundfonts (.png), if wanted.
        key_step: take every so many keys; 1, the fixed list, takes all.

    Returns:
        For soundfonts: "notes", "accuracy" (each family, and "macro"), "confusion" (rows: true; columns: heard) and
        "classes"; for recordings: "recordings", a row each, and "recordings_accuracy".

    Raises:
        ModelError: if the model cannot be used.
        SoundfontError, ResourceError: if a file to judge on cannot be read.
        ValueError: if the model names other families, or there is nothing to judge on.
    """
    loaded = Model.load(model, device="cpu")
    if loaded.manifest.classes != CLASSES:
        raise ValueError(f"{model}: names {', '.join(loaded.manifest.classes) or 'nothing'}: expected the 11 families")
    if not soundfonts and recordings is None:
        raise ValueError("nothing to judge on: expected a soundfont or a folder of recordings")
    report: dict[str, Any] = {"model": str(model), "classes": list(CLASSES)}
    if soundfonts:
        report |= _on_soundfonts(loaded, soundfonts, picture, key_step, progress)
    if recordings is not None:
        report |= _on_recordings(loaded, recordings)
    return report


def _on_soundfonts(
    model: Model, soundfonts: Sequence[Path], picture: Path | None, key_step: int, progress: Progress | None
) -> dict[str, Any]:
    notes = family_notes(soundfonts, notes=general_midi_notes(VELOCITIES, key_step), progress=progress)
    logits = [
        frame_logits(model, notes.x[at : at + STREAMS].astype(np.float32))[:, JUDGED].mean(1)
        for at in range(0, len(notes), STREAMS)
    ]
    found = score(softmax(np.concatenate(logits)), notes.labels, notes.groups, CLASSES).by_clip
    fonts = [path.name for path in soundfonts]
    if picture is not None:
        draw_confusion(found, picture, f"{', '.join(fonts)}: macro {found.recall:.1%}")
    return {
        "soundfonts": fonts, "notes": len(notes), "accuracy": found.by_class(),
        "confusion": [list(row) for row in found.confusion],
    }  # fmt: skip


def _on_recordings(model: Model, source: Path) -> dict[str, Any]:
    rows = []
    for name, sound in _recordings(source):
        family = family_in(name)
        if family is None:
            continue
        logits = recording_logits(model, sound)
        mean = softmax(logits).mean(0)
        first, second = (CLASSES[place] for place in mean.argsort()[:-3:-1])
        share = float((logits.argmax(1) == CLASSES.index(family)).mean())
        rows.append({"name": name, "family": family, "heard": first, "second": second, "share": share})
    if not rows:
        raise ValueError(f"{source}: no recording whose name tells a family ({', '.join(sorted(INSTRUMENTS))})")
    right = [row["family"] == row["heard"] for row in rows]
    return {"recordings": rows, "recordings_accuracy": float(np.mean(right))}


def recording_logits(model: Model, sound: Path | bytes) -> NDArray[np.float32]:
    """Class logits at the audible frames of a recording, all channels mixed: (frames, classes)."""
    with io.BytesIO(sound) if isinstance(sound, bytes) else sound.open("rb") as stream:
        file = sound_in(stream, Path("a resource") if isinstance(sound, bytes) else sound)
        audio, rate = file.read(), file.sample_rate
    features = log_band_features(audio.mean(0, keepdims=True), rate)
    return np.asarray(frame_logits(model, features)[0][audible(features[0], BandLayout().floor)])


def _recordings(source: Path) -> list[tuple[str, Path | bytes]]:
    """Name and sound of every recording in a folder or a Qt resource file, in the order of their names."""
    if source.is_dir():
        return [(file.name, file) for file in sorted(source.rglob("*")) if file.suffix.lower() in SOUNDS]
    inside = sorted(read_resources(source).items())
    return [(path.name, body) for path, body in inside if path.suffix.lower() in SOUNDS]
