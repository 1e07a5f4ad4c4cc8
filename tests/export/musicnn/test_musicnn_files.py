"""The published networks and our heads on them as files: equal to torch, proved, and carrying their notice."""

import csv

import numpy as np
import pytest
import torch

from dreampedal.engine.model.classifier import Classifier
from dreampedal.engine.model.format.inputs import features
from dreampedal.engine.model.verify import verify
from dreampedal.export.musicnn.files import export_published
from dreampedal.export.musicnn.genres import train_genres
from dreampedal.export.musicnn.published import NOTICE, load

from ...conftest import CLIPS

GENRES = CLIPS.parent / "genres"


@pytest.mark.parametrize("name", ["mtt_musicnn", "msd_vgg"])
@pytest.mark.any_recording
def test_a_published_network_is_the_same_in_its_file(wheel, name, tmp_path, clip):
    path = tmp_path / f"{name}.onnx"
    manifest = export_published(wheel, name, path)
    network, audio = load(wheel, name), clip("mix_rock")
    mel = features(manifest.input, *audio)
    clips = np.stack([mel[:, start : start + manifest.shape[1]] for start in (0, 60)])
    with torch.no_grad():
        expected = network(torch.from_numpy(clips)).numpy()
    assert np.abs(Classifier.load(path).logits(clips) - expected).max() < 1e-4 * max(1, np.abs(expected).max())
    assert verify(path).golden_deviation < 1e-4
    assert manifest.training.licence == NOTICE
    assert "MagnaTagATune" in manifest.training.data or "Million Song" in manifest.training.data


def test_genres_are_learned_from_a_folder_and_named_from_a_file(wheel, tmp_path):
    if not GENRES.is_dir():
        pytest.skip("the clips of genres are not here")
    with open(GENRES / "manifest.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["genre"] in ("metal", "ambient")]
    tracks = sorted({(row["genre"], row["track"]) for row in rows})
    kept = {track for genre in ("metal", "ambient") for track in [t for g, t in tracks if g == genre][:5]}
    chosen = [row for row in rows if row["track"] in kept and row["clip"].endswith("_1.ogg")]
    with open(tmp_path / "manifest.csv", "w", newline="") as file:
        table = csv.DictWriter(file, ["clip", "track", "genre"], extrasaction="ignore")
        table.writeheader()
        table.writerows(chosen)
    for row in chosen:
        (tmp_path / row["clip"]).parent.mkdir(exist_ok=True)
        (tmp_path / row["clip"]).symlink_to(GENRES / row["clip"])
    report = train_genres(wheel, tmp_path, tmp_path / "genres.onnx")
    assert report["clips"]["accuracy"] > 0.8
    named = Classifier.load(tmp_path / "genres.onnx")
    assert named.classes == ("ambient", "metal")
    assert (tmp_path / "genres.onnx").stat().st_size < 4e6
    assert verify(tmp_path / "genres.onnx").golden_deviation < 1e-4
