"""The note network: what its batches hold, and from soundfonts to a model."""

import numpy as np
import pytest
import torch

from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.engine.model.model import Model
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.instruments import soundfonts
from dreampedal.export.data.instruments.families import CLASSES, FAMILIES
from dreampedal.export.data.instruments.notes import JUDGED, SECONDS
from dreampedal.export.metrics.scores import probabilities
from dreampedal.export.nets.columns import ColumnsSettings
from dreampedal.export.nets.net import Task
from dreampedal.export.train.augment import Recipe
from dreampedal.export.train.notes import PLAN, FrameByFrame, Stretches, train, train_notes
from tests.export.soundfonts import write_patch

FLOOR = BandLayout().floor
TINY = ColumnsSettings(filters=(12, 12), dilations=(1, 2), context_frames=4)
SHORT = PLAN.changed(epochs=4, batch=32)
STILL = Recipe(
    curve_db=0, tilt_db=0, shift_bands=0, cut_share=0, reverb_share=0, decay_db=0, noise_db=(300, 300), band_masks=0
)


@pytest.fixture(scope="module")
def notes():
    """Notes that tell their family apart by which bands sound, twelve a family."""
    random = np.random.default_rng(5)
    x = np.full((132, 96, 116), FLOOR, np.float16)
    for place in range(132):
        family = place // 12
        x[place, 8 * family : 8 * family + 8, :60] = -2 + 0.2 * random.standard_normal((8, 60))
    names = tuple(f"{family.programs[0]}:{key}" for family in FAMILIES for key in range(12))
    return Clips(x, np.arange(132) // 12, np.arange(132), names, CLASSES, LogBands(), SECONDS)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(notes):
    first, again, other = (train(notes, SHORT.changed(seed=seed), TINY).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["causal.head.weight"], other["causal.head.weight"])


def test_a_few_steps_learn_what_is_easy(notes):
    net = train(notes, SHORT.changed(epochs=25, averaging=0.9), TINY)
    assert (probabilities(net, notes).argmax(1) == notes.labels).mean() > 0.8


def test_a_stretch_starts_with_silence_exactly_up_to_its_onset_and_is_asked_after_it(notes):
    stretches = Stretches(frames=24, latest=1, mixed_share=0.0, smoothing=0.0, recipe=STILL)
    targets = torch.nn.functional.one_hot(torch.from_numpy(notes.labels)).float()
    x, asked = stretches(torch.from_numpy(notes.x).float(), targets, torch.Generator().manual_seed(0))
    assert x.shape == (132, 96, 24) and asked.shape == (132, 11, 6)
    assert torch.isclose(asked.sum(), torch.tensor(132.0)) and torch.equal(asked.sum(2).argmax(1), targets.argmax(1))
    sounding = x.amax(1) > x.amin((1, 2))[:, None] + 1
    onsets = sounding.float().argmax(1)
    assert onsets.min() == 0 and onsets.max() == 12
    first = 3 + 4 * (asked.sum(1) > 0).float().argmax(1)
    assert ((first >= onsets + 4) & (first < onsets + 8)).all()


def test_logits_at_frames_are_the_causal_networks_own():
    torch.manual_seed(0)
    settings = ColumnsSettings(filters=(16, 16), dilations=(1, 4), context_frames=6)
    net = FrameByFrame(Task(CLASSES, LogBands(), SECONDS), settings).eval()
    x = FLOOR + 8 * torch.rand(3, 96, 50)
    with torch.no_grad():
        expected = net.network.eval().logits_at_frames(x)
        assert torch.allclose(net(x), expected[..., JUDGED].mean(-1), atol=1e-5)


def test_from_patches_to_a_model_that_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(soundfonts, "user_cache_path", lambda name: tmp_path / "cache")
    folder, seen = tmp_path / "patches", []
    folder.mkdir()
    for number, family in enumerate(FAMILIES):
        write_patch(folder / f"{family.programs[0]:03d}_patch.pat", hz=300 + 40 * number)
    out = tmp_path / "tiny.onnx"
    report = train_notes(
        [folder], out, seed=3, steps=15, settings=TINY, key_step=12, progress=lambda *at: seen.append(at)
    )
    assert report["seed"] == 3 and report["notes"] > 100 and 0 <= report["accuracy_unseen"]["macro"] <= 1
    assert {what for what, _, _ in seen} == {"notes of patches", "training"} and seen[-1][2] >= 15
    manifest = Model.load(out, device="cpu").manifest
    assert manifest.classes == CLASSES and [layer.filters for layer in manifest.layers] == [12, 12]
    assert manifest.training.seed == 3 and "patches" in manifest.training.data


def test_soundfonts_that_leave_a_family_out_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(soundfonts, "user_cache_path", lambda name: tmp_path / "cache")
    write_patch(tmp_path / "073_Flute.pat")
    with pytest.raises(ValueError, match="no notes of bass, brass, guitar"):
        train_notes([tmp_path], tmp_path / "x.onnx", steps=15, settings=TINY, key_step=12)
