import json

import numpy as np
import pytest
import torch
from pedalboard.io import AudioFile

from dreampedal.engine.model.classifier import frame_logits
from dreampedal.engine.model.model import Model
from dreampedal.export.compile.ascent import Training, export_ascent
from dreampedal.export.data.instruments import soundfonts
from dreampedal.export.data.instruments.families import CLASSES, FAMILIES
from dreampedal.export.judge.families import VELOCITIES, evaluate
from dreampedal.export.nets.causal import Network
from dreampedal.export.train.augment import FLOOR
from tests.export.soundfonts import write_patch

RECORD = Training(data="nothing", licence="CC0-1.0", seed=0)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return Network(classes=CLASSES, filters=(8, 8), dilations=(1, 2), context_frames=4).eval()


@pytest.fixture(scope="module")
def model(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    export_ascent(network, path, name="small", training=RECORD)
    return path


def test_the_engine_hears_what_torch_hears(network, model):
    x = (FLOOR + 9 * torch.rand(5, 96, 30)).float()
    with torch.no_grad():
        expected = network.logits_at_frames(x).transpose(1, 2).numpy()
    assert np.allclose(frame_logits(Model.load(model, device="cpu"), x.numpy()), expected, atol=1e-4)


def test_a_report_on_a_soundfont_counts_every_note_once(model, tmp_path, monkeypatch):
    monkeypatch.setattr(soundfonts, "user_cache_path", lambda name: tmp_path / "cache")
    folder = tmp_path / "patches"
    folder.mkdir()
    for family in FAMILIES:
        write_patch(folder / f"{family.programs[0]:03d}_patch.pat")
    report = evaluate(model, [folder], picture=tmp_path / "confusion.png", key_step=12)
    matrix = np.array(report["confusion"])
    played = [len(VELOCITIES) * len(list(family.keys)[::12]) for family in FAMILIES]
    assert matrix.sum(1).tolist() == played and report["notes"] == sum(played)
    shares = [matrix[i, i] / matrix[i].sum() for i in range(11)]
    assert np.isclose(report["accuracy"]["macro"], np.mean(shares))
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")
    json.dumps(report)


def test_recordings_are_judged_by_the_family_in_their_name(model, tmp_path):
    for name in ("solo_flute", "violin 2", "drum_kit"):
        with AudioFile(str(tmp_path / f"{name}.wav"), "w", 44_100, 2) as file:
            file.write(0.3 * np.sin(np.arange(40_000) / 20)[None].repeat(2, 0).astype(np.float32))
    report = evaluate(model, recordings=tmp_path)
    assert [(row["name"], row["family"]) for row in report["recordings"]] == [
        ("solo_flute.wav", "flute"), ("violin 2.wav", "string"),
    ]  # fmt: skip
    right = [row["heard"] == row["family"] for row in report["recordings"]]
    assert report["recordings_accuracy"] == np.mean(right)
    json.dumps(report)


def test_what_cannot_be_judged_is_said(model, network, tmp_path):
    with pytest.raises(ValueError, match="nothing to judge on"):
        evaluate(model)
    with pytest.raises(ValueError, match="no recording whose name tells a family"):
        evaluate(model, recordings=tmp_path)
    nameless = Network(filters=(8,), dilations=(1,), context_frames=2)
    export_ascent(nameless, tmp_path / "nameless.onnx", name="nameless", training=RECORD)
    with pytest.raises(ValueError, match="names nothing: expected the 11 families"):
        evaluate(tmp_path / "nameless.onnx", recordings=tmp_path)


def test_a_picture_needs_its_folder(model, tmp_path, monkeypatch):
    monkeypatch.setattr(soundfonts, "user_cache_path", lambda name: tmp_path / "cache")
    write_patch(tmp_path / "073_Flute.pat")
    with pytest.raises(ValueError, match="no such folder"):
        evaluate(model, [tmp_path], picture=tmp_path / "nowhere" / "x.png", key_step=12)
