"""The training of an ensemble: what batches hold, repeatable, resumable, and from phrases to a model."""

import numpy as np
import pytest
import torch

from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.engine.model.verify import verify
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.data.instruments.phrases import SAMPLES, Phrases
from dreampedal.export.train import ensemble
from dreampedal.export.train.ensemble import MEMBERS, PLAN, Member, Stretches, clips_of, taught, train_ensemble

TINY = MEMBERS[0].settings.model_copy(update={"filters": (6, 5), "dilations": (1, 2), "context_frames": 6})
SHORT = PLAN.changed(epochs=2, batch=22)


def phrases(folder, name, families=range(11), count=44):
    """Phrases that tell their family apart by pitch."""
    random = np.random.default_rng(len(name))
    labels = np.array([list(families)[place % len(families)] for place in range(count)], np.int64)
    time = np.arange(SAMPLES) / 48_000
    hz = 110 * 1.6 ** labels[:, None] * random.uniform(0.98, 1.02, (count, 1))
    sounds = np.round(8000 * np.sin(2 * np.pi * hz * time)).astype(np.int16)
    return Phrases(name, folder / f"{name}.npy", sounds, labels)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return clips_of([phrases(tmp_path_factory.mktemp("phrases"), "one")])


def test_clips_are_what_the_engine_hears_of_phrases(clips):
    assert clips.x.shape == (44, 96, 132) and clips.input == LogBands()
    loudest = clips.x[:, :, 10:].mean(2).argmax(1)
    assert all(np.diff(loudest[:11]) > 0)  # eleven pitches, each above the last


def test_a_stretch_lies_in_its_phrase_and_keeps_its_class(clips):
    targets = torch.eye(11)[torch.from_numpy(clips.labels)]
    x, wanted = Stretches(frames=40, mixed_share=0.0)(
        torch.from_numpy(np.asarray(clips.x)).float(), targets, torch.Generator().manual_seed(0)
    )
    assert x.shape == (44, 96, 40) and torch.equal(wanted, targets)
    assert x.isfinite().all() and x.max() <= 0


def test_the_same_seed_gives_the_same_bits_also_after_a_stop(clips, tmp_path):
    whole = taught(clips, SHORT, TINY).state_dict()

    class StoppedError(Exception):
        pass

    def stop(what, done, total):
        if done > total // 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        taught(clips, SHORT, TINY, tmp_path, stop)
    again = taught(clips, SHORT, TINY, tmp_path).state_dict()
    other = taught(clips, SHORT.changed(seed=1), TINY).state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert not torch.equal(whole["causal.head.weight"], other["causal.head.weight"])


def test_adversarial_members_learn_otherwise(clips):
    plain, robust = (taught(clips, SHORT.changed(adversarial_db=budget), TINY).state_dict() for budget in (0.0, 3.0))
    assert not torch.equal(plain["causal.head.weight"], robust["causal.head.weight"])
    assert all(weight.isfinite().all() for weight in robust.values())


@pytest.fixture
def fonts(tmp_path, monkeypatch):
    """Three soundfonts; the last has no organ, and stands for a folder."""
    made = {
        "one.sf2": phrases(tmp_path, "one"), "two.sf2": phrases(tmp_path, "two"),
        "few": phrases(tmp_path, "few", [family for family in range(11) if CLASSES[family] != "organ"], 40),
    }  # fmt: skip
    (tmp_path / "few").mkdir()
    told = []

    def rendered(path, count, seed, cache, progress):
        told.append((path.name, count, seed))
        return made[path.name]

    monkeypatch.setattr(ensemble, "rendered", rendered)
    return [tmp_path / name for name in made], told


def test_from_soundfonts_to_a_model_that_is_proved(fonts, tmp_path):
    places, told = fonts
    members = (Member(TINY), Member(TINY, (1, 2), adversarial_db=2.0), Member(TINY, (7,)))
    report = train_ensemble(places, tmp_path / "e.onnx", steps=2, phrases=40, members=members, run=tmp_path / "run")
    assert told == [("one.sf2", 40, 1), ("two.sf2", 40, 2), ("few", 20, 3)]
    assert [row["soundfonts"] for row in report["members"]] == [
        ["one", "two", "few"],
        ["two", "few"],
        ["one", "two", "few"],
    ]
    proof = verify(tmp_path / "e.onnx")
    assert proof.manifest.classes == CLASSES and proof.manifest.steps == 4
    assert [layer.name for layer in proof.manifest.layers] == [f"{name}_conv{n}" for name in "abc" for n in (1, 2)]
    assert set(proof.manifest.accuracy) == {f"unseen_phrases_{name}" for name in "abc"}
    assert {path.name for path in (tmp_path / "run").iterdir()} == set("abc")


def test_a_family_without_phrases_is_named_before_anything_is_trained(fonts, tmp_path):
    with pytest.raises(ValueError, match=r"^few: no phrases of organ$"):
        train_ensemble(fonts[0], tmp_path / "e.onnx", members=(Member(TINY), Member(TINY, (2,))))
    assert not (tmp_path / "e.onnx").exists()


def test_the_members_differ_and_fit_together():
    assert len({member.settings for member in MEMBERS}) == len(MEMBERS) == 4
    assert len({member.settings.context_frames for member in MEMBERS}) == 1
    assert {member.fonts for member in MEMBERS} == {(), (0, 1), (1, 2), (0, 2)}
