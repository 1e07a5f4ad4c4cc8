"""Every kind of manifest, and the one that a file has."""

from __future__ import annotations

import json

from dreampedal.engine.model.format.clip_manifest import ClassifierManifest, WaveformManifest
from dreampedal.engine.model.format.manifest import Manifest, ModelError, read_as
from dreampedal.engine.model.format.student_manifest import StudentManifest

AnyManifest = Manifest | StudentManifest | ClassifierManifest | WaveformManifest

_KINDS: dict[str, type[AnyManifest]] = {
    "ascent": Manifest, "student": StudentManifest, "waveform": WaveformManifest, "classifier": ClassifierManifest,
}  # fmt: skip


def read_manifest(file: object, text: str) -> AnyManifest:
    """The manifest in `text`, found in `file`, of the kind that it says; a ModelError names the first wrong field."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None  # what is wrong with it is said below
    kind = said.get("kind", "ascent") if isinstance(said, dict) else "ascent"
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ModelError(file, "manifest.kind", repr(kind)[:120], "ascent, student, waveform or classifier")
    return read_as(_KINDS[kind], file, text)
