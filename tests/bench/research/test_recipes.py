"""Rows of the table of networks: what they begin with, how they are changed, and how they are judged."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pedalboard.io import AudioFile

from bench.research import changes, pruning, runs, sounds
from bench.research.recipes import RECIPES, SIX_GENRES
from bench.research.sounds import Sources
from bench.research.starts import from_model, weights_of
from dreampedal import presets
from dreampedal.engine.dsp.bands import log_band_features
from dreampedal.engine.model.classifier import frame_logits
from dreampedal.engine.model.format.inputs import LogBands, Waveform
from dreampedal.engine.model.model import Model
from dreampedal.export.data.clips import Clips
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.metrics.scores import score
from dreampedal.export.nets.costs import multiply_adds
from dreampedal.export.nets.table import NETWORKS, build
from dreampedal.export.train.fit.plan import Plan

pytestmark = pytest.mark.any_recording

NOTES = Path(presets.__file__).parent / "models" / "notes.onnx"


@pytest.fixture
def bands(clip):
    """Log bands of 5 s of two recordings, (2, 96, 430)."""
    found = [clip(name) for name in ("solo_flute", "mix_rock")]
    return torch.from_numpy(np.stack([log_band_features(a.mean(0)[None], rate)[0][:, :340] for a, rate in found]))


@pytest.fixture
def genres(tmp_path, clip):
    """A set of two genres in its published form: a track is a second of a recording in two clips."""
    sources = {"metal": ("mix_death_metal", "drums_break"), "ambient": ("solo_cello", "mix_orchestra_peer_gynt")}
    lines = ["clip,track,genre,style2,split"]
    for genre, names in sources.items():
        for track, name in enumerate(name for name in names for _ in range(2)):
            audio, rate = clip(name)
            for part in range(2):
                path = tmp_path / f"{genre}_{track}_{part}.wav"
                first = int((0.5 * part + track) * rate)
                with AudioFile(str(path), "w", samplerate=rate, num_channels=1) as file:
                    # No two tracks are the same sound, even where every name gives the recording that ships.
                    file.write(audio[:1, first : first + rate // 2] * (1.0 if genre == "metal" else 0.5))
                lines.append(f"{path.name},{genre}{track},{genre},{'metal' if genre == 'metal' else 'soft'},train")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    return Sources(tmp_path)


def test_every_row_can_be_built_and_has_a_plan():
    for name, recipe in RECIPES.items():
        classes = recipe.classes or ("metal", "soft")
        net = build(recipe.network, classes, recipe.input, recipe.seconds, recipe.settings)
        assert net.classes == classes, name
        assert recipe.cut.seconds == (recipe.seconds or NETWORKS[recipe.network].seconds), name
    assert len(SIX_GENRES) == 6


@pytest.mark.parametrize(("small", "high"), [("vgg", "full_height"), ("vgg_3x3", "vgg_full_height")])
def test_full_height_kernels_cost_what_small_ones_do(small, high):
    cost = [
        multiply_adds(build("vgg", ("a", "b"), RECIPES[name].input, settings=RECIPES[name].settings))
        for name in (small, high)
    ]
    assert abs(cost[0] / cost[1] - 1) < 0.05
    assert RECIPES[small].plan == RECIPES[high].plan and RECIPES[small].notes == RECIPES[high].notes


def test_a_network_begins_where_the_shipped_model_ended(bands):
    model = Model.load(NOTES, device="cpu")
    settings = {"filters": (128, 96, 96), "context_frames": model.manifest.context_frames}
    net = build("columns", model.manifest.classes, LogBands(), 5.0, settings).eval()
    net.normalise([bands])
    clips = Clips(
        bands.numpy(), np.array([0, 1]), np.array([0, 1]), ("x", "y"), model.manifest.classes, LogBands(), 5.0
    )
    from_model(net, clips, NOTES)
    weights = weights_of(NOTES)
    with torch.no_grad():
        net.causal.head.weight.copy_(weights["head.weight"])
        net.causal.head.bias.copy_(weights["head.bias"])
        ours = net.network.eval().logits_at_frames(bands)
    # The engine hears the model's own file, a column at a time, after endless silence as torch does here.
    theirs = frame_logits(model, bands.numpy()).transpose(0, 2, 1)
    assert np.abs(ours.numpy() - theirs).max() < 1e-3


def test_a_network_cannot_begin_with_another_kind(bands):
    clips = Clips(bands.numpy(), np.array([0, 1]), np.array([0, 1]), ("x", "y"), ("a", "b"), LogBands(), 5.0)
    with pytest.raises(ValueError, match="expected a columns network"):
        from_model(build("deep", ("a", "b")), clips, NOTES)
    with pytest.raises(ValueError, match=r"conv1 has weights \(128, 96, 3\): expected \(32, 96, 3\)"):
        from_model(build("columns", ("a", "b"), settings={"filters": (32, 96, 96)}), clips, NOTES)


def test_changes_follow_their_seed_and_keep_what_is_heard(bands):
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    one, same, other = (changes.music(bands, torch.zeros(len(bands), 2), seed)[0] for seed in seeds)
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.shape == (2, 96, changes.STRETCH_FRAMES) and one.isfinite().all()
    assert (one.amax((1, 2)) <= -2.0 * np.log(10) / 20 + 1e-4).all()
    samples = torch.randn(4, 1, 800, generator=torch.Generator().manual_seed(3))
    turned, _ = changes.louder_or_softer(samples, torch.zeros(len(samples), 2), torch.Generator().manual_seed(4))
    gain = torch.fft.rfft(turned).abs() / torch.fft.rfft(samples).abs()
    assert torch.allclose(gain, gain[..., :1].expand_as(gain), rtol=1e-3)
    assert (20 * gain[..., 0].log10()).abs().max() <= 6.001


SMALL = replace(
    RECIPES["dense"], classes=None, plan=Plan(epochs=6, batch=8, averaging=0.0, learning_rate=5e-3), validation=0.0,
    cut=Segmenting(seconds=0.5), seconds=0.5, input=None, folds=2, seeds=(0, 1),
)  # fmt: skip


@pytest.mark.very_recording
def test_the_seeds_together_judge_every_recording(genres, monkeypatch, tmp_path):
    monkeypatch.setattr("dreampedal.export.data.store.user_cache_path", lambda name: tmp_path / "cache")
    found = runs.run(SMALL, genres)
    assert found["clips"] == 16 and found["recordings"] == 8
    assert len(found["clip"]["seeds"]) == 2
    assert np.isclose(found["clip"]["mean"], np.mean(found["clip"]["seeds"]))
    low, high = found["clip"]["interval_recordings"]
    assert 0 <= low <= found["clip"]["mean"] <= high <= 1
    low, high = found["clip"]["interval_seeds_and_folds"]
    assert found["clip"]["interval_seeds"] is None and 0 <= low <= found["clip"]["mean"] <= high <= 1
    every = runs.run(replace(SMALL, each_seed="all"), genres)
    assert every["clips"] == 16 and every["recording"]["mean"] >= 0.5
    assert every["clip"]["interval_seeds_and_folds"] is None and len(every["clip"]["interval_seeds"]) == 2


def test_a_recording_on_both_sides_of_a_fold_is_refused(genres, monkeypatch, tmp_path):
    monkeypatch.setattr("dreampedal.export.data.store.user_cache_path", lambda name: tmp_path / "cache")
    for track in (1, 2, 3):
        shutil.copy(genres.genres / "metal_0_0.wav", genres.genres / f"metal_{track}_1.wav")
    with pytest.raises(ValueError, match=r"metal_.*wav and .*metal_.*wav are the same sound on two sides of a fold"):
        runs.run(SMALL, genres)


def test_intervals_over_any_number_of_seeds():
    rng, labels = np.random.default_rng(7), np.arange(60) % 2
    seeds = []
    for _ in range(9):
        sure = np.clip(0.7 * labels + 0.15 + rng.normal(0, 0.4, 60), 0, 1)
        seeds.append(score(np.stack([1 - sure, sure], 1), labels, np.arange(60), ("a", "b")).by_clip)
    figure = runs.figure(seeds, seeds)
    values = [one.accuracy for one in seeds]
    low, high = figure["interval_seeds"]
    reach = 2.306 * np.std(values, ddof=1) / 3
    assert (low, high) == (pytest.approx(np.mean(values) - reach, abs=1e-4), pytest.approx(low + 2 * reach, abs=1e-4))
    assert runs.figure(seeds[:1], seeds[:1])["interval_seeds"] is None


def test_a_class_that_was_not_judged_has_no_recall():
    names = ("metal", "ambient", "jazz")
    sure = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    parts = [score(sure, [0, 1], None, names), score(sure, [0, 0], None, names)]
    assert [runs._recall(parts, name) for name in names] == [0.75, 1.0, None]


@pytest.mark.parametrize("enough", [0.25, 1.0])
def test_a_pruned_row_stands_beside_the_whole_network_trained_as_long(genres, enough, monkeypatch, tmp_path):
    for place in ("dreampedal.export.data.store", "bench.research.runs"):
        monkeypatch.setattr(f"{place}.user_cache_path", lambda name: tmp_path / "cache")
    small = replace(SMALL, network="conv", settings={"filters": (4, 3), "dense": 4}, plan=Plan(epochs=1, batch=8))
    monkeypatch.setattr(pruning, "RECIPES", {"conv": small})
    monkeypatch.setattr(pruning, "LIMIT", 1.0)
    row = pruning.pruned(pruning.Row("conv", enough, 2, 1, 1), genres)
    assert set(row["elsewhere"]) == {"before", "whole, trained as long"} and row["report"]["tuned"]
    assert row["gone"] == row["report"]["gone"] >= min(enough, 0.5) and row["bar_gone"] == 0.5


def test_a_training_is_kept_by_everything_that_it_depends_on(bands):
    clips = Clips(bands.numpy(), np.array([0, 1]), np.array([0, 1]), ("x", "y"), ("a", "b"), LogBands(), 5.0)
    other = replace(clips, x=clips.x + 0.1)
    recipe = RECIPES["styles"]
    torch.manual_seed(0)
    net, again = (build("columns", ("a", "b"), settings={"filters": (8, 8, 8)}) for _ in range(2))
    others = {
        "start": None, "change": changes.louder_or_softer, "copies": 7, "levelled": not recipe.levelled,
    }  # fmt: skip
    places = [
        runs._place(recipe, net, clips, clips, recipe.plan),
        runs._place(recipe, again, clips, clips, recipe.plan),
        runs._place(recipe, net, other, clips, recipe.plan),
        runs._place(recipe, net, clips, other, recipe.plan),
        runs._place(recipe, net, clips, clips, recipe.plan.changed(epochs=99)),
        *(runs._place(replace(recipe, **{key: value}), net, clips, clips, recipe.plan)
          for key, value in others.items()),
    ]  # fmt: skip
    assert recipe.start and len(set(places)) == len(places)
    assert runs._place(recipe, net, clips, clips, recipe.plan) == places[0]


def test_level_tells_nothing_once_it_is_taken_away(bands):
    gains = torch.tensor([0.01, 0.1, 2.0])[:, None, None]
    x = torch.randn(3, 1, 4000, generator=torch.Generator().manual_seed(5)) * gains
    places = np.arange(3)
    clips = Clips(x.numpy(), places % 2, places, ("a", "b", "c"), ("a", "b"), Waveform(sample_rate=8000), 0.5)
    level = np.sqrt(np.mean(np.square(sounds.levelled(clips).x), axis=(1, 2)))
    assert np.allclose(level, sounds.LEVEL, rtol=1e-4)


def test_loudness_alone_tells_loud_from_soft_whichever_class_is_loud():
    rng = np.random.default_rng(6)
    labels = np.arange(40) % 2
    for loud in (0, 1):
        gain = np.where(labels == loud, 0.5, 0.05)[:, None, None]
        x = (rng.standard_normal((40, 1, 800)) * gain).astype(np.float32)
        clips = Clips(x, labels, labels, ("a", "b"), ("a", "b"), Waveform(sample_rate=8000), 0.1)
        assert sounds.right_by_level(clips, clips.take(labels == 0)).all()
        assert sounds.right_by_level(clips, clips).all()
