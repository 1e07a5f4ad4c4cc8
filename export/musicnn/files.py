"""The published networks as safe ONNX files that name tags, with no TensorFlow and no torch to run them.

export_published(published_wheel(), "msd_musicnn", "msd_musicnn.onnx")
"""

from __future__ import annotations

import os

from dreampedal.engine.model.format.clip_manifest import ClassifierManifest
from dreampedal.export.compile.classifier import Training, export_classifier
from dreampedal.export.musicnn.published import NOTICE, TRAINED_ON, load

PUBLISHED = {
    "mtt_musicnn": {"roc_auc_magnatagatune": 0.9067, "pr_auc_magnatagatune": 0.3831},
    "msd_musicnn": {"roc_auc_million_song": 0.8802, "pr_auc_million_song": 0.2891},
    "mtt_vgg": {"roc_auc_magnatagatune": 0.9030, "pr_auc_magnatagatune": 0.3823},
    "msd_vgg": {"roc_auc_million_song": 0.8768, "pr_auc_million_song": 0.2819},
}
"""Accuracy on the test parts of their sets, as the wheel reports it: areas under curves, means over tags."""


def export_published(wheel: str | os.PathLike[str], name: str, out: str | os.PathLike[str]) -> ClassifierManifest:
    """Write a published network as a classifier with its tags, its notice and what it was trained on.

    Args:
        wheel: of musicnn 0.1.0 (`wheel.published_wheel`).
        name: one of `published.NETWORKS`.
        out: the ONNX file.

    Raises:
        CheckpointError: for another wheel.
        ValueError: for an unknown name.
    """
    network = load(wheel, name)
    return export_classifier(
        network,
        out,
        name=name,
        training=Training(
            data=TRAINED_ON[name[:3]],
            licence=NOTICE,
            seed=0,
            notes="published weights of Pons and Serra 2019, out of the wheel of musicnn 0.1.0; the seed is not known",
        ),
        accuracy=PUBLISHED[name],
    )
