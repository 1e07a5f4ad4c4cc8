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
from dreampedal.engine.model.classifier import audible, softmax
from dreampedal.engine.model.classifier import frame_logits as heard
from dreampedal.engine.model.model import Model
from dreampedal.engine.runtime.files import written_whole
from dreampedal.engine.sound.reading import sound_in
from dreampedal.export.data.instruments.families import CLASSES, general_midi_notes
from dreampedal.export.data.instruments.notes import JUDGED, load_notes
from dreampedal.export.data.instruments.qt_resource import read_resources
from dreampedal.export.metrics.measures import accuracies, confusion
from dreampedal.export.progress import Progress

VELOCITIES = (40, 80, 120)
"""Velocities of the fixed list of notes on which accuracy is reported."""
STREAMS = 64
"""Notes heard side by side, as channels."""
SOUNDS = (".flac", ".wav", ".ogg", ".mp3", ".aiff", ".aif")

INSTRUMENTS = {
    "piano": "keyboard", "harpsichord": "keyboard", "xylophone": "mallet", "marimba": "mallet",
    "glockenspiel": "mallet", "organ": "organ", "guitar": "guitar", "bass": "bass", "violin": "string",
    "viola": "string", "cello": "string", "contrabass": "string", "harp": "string", "choir": "vocal",
    "trumpet": "brass", "horn": "brass", "trombone": "brass", "tuba": "brass", "saxophone": "reed",
    "clarinet": "reed", "oboe": "reed", "bassoon": "reed", "flute": "flute", "piccolo": "flute", "recorder": "flute",
}  # fmt: skip
"""Families of instruments by a word in the name of a recording; what is not here (drums, accordion) is in none."""


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
    notes = load_notes(soundfonts, notes=general_midi_notes(VELOCITIES, key_step), progress=progress)
    logits = np.concatenate(
        [
            heard(model, notes.features[at : at + STREAMS].astype(np.float32))[:, JUDGED].mean(1)
            for at in range(0, len(notes), STREAMS)
        ]
    )
    matrix = confusion(notes.labels, logits.argmax(1), len(CLASSES))
    if picture is not None:
        draw(matrix, picture, f"{', '.join(notes.fonts)}: macro {accuracies(matrix)['macro']:.1%}")
    return {
        "soundfonts": list(notes.fonts), "notes": len(notes), "accuracy": accuracies(matrix),
        "confusion": matrix.tolist(),
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
    return heard(model, features)[0][audible(features[0], BandLayout().floor)]


def family_in(name: str) -> str | None:
    """The family that a recording's name tells, or None.

    >>> family_in("flute_traversiere.ogg"), family_in("solo_egtr.wav"), family_in("electric guitar 2.flac")
    ('flute', None, 'guitar')
    """
    words = "".join(c if c.isalpha() else " " for c in Path(name).stem.lower()).split()
    return next((INSTRUMENTS[word] for word in words if word in INSTRUMENTS), None)


def _recordings(source: Path) -> list[tuple[str, Path | bytes]]:
    """Name and sound of every recording in a folder or a Qt resource file, in the order of their names."""
    if source.is_dir():
        return [(file.name, file) for file in sorted(source.rglob("*")) if file.suffix.lower() in SOUNDS]
    inside = sorted(read_resources(source).items())
    return [(path.name, body) for path, body in inside if path.suffix.lower() in SOUNDS]


def draw(matrix: NDArray[np.int64], path: Path, title: str) -> None:
    """The confusion matrix as a picture: a row a true family, in per cent of its notes."""
    import matplotlib.figure

    shares = 100 * matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    figure = matplotlib.figure.Figure(figsize=(8, 7.2), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="magma", vmin=0, vmax=100)
    for row, column in np.ndindex(*shares.shape):
        ink = "black" if shares[row, column] > 60 else "white"
        axes.text(column, row, f"{shares[row, column]:.0f}", ha="center", va="center", color=ink, fontsize=9)
    axes.set(title=title, xlabel="heard", ylabel="played (per cent of the family's notes)")
    axes.set_xticks(range(len(CLASSES)), CLASSES, rotation=45, ha="right")
    axes.set_yticks(range(len(CLASSES)), CLASSES)
    with written_whole(path) as part:
        figure.savefig(part, dpi=120)
