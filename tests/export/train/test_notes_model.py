import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from dreampedal.engine.model.model import Model
from dreampedal.export.data.instruments import notes as notes_module
from dreampedal.export.data.instruments.families import CLASSES, FAMILIES, Note
from dreampedal.export.data.instruments.notes import FRAMES, NoteSet
from dreampedal.export.metrics.measures import accuracies, confusion
from dreampedal.export.nets.causal import Network
from dreampedal.export.train import notes_model as training
from dreampedal.export.train.augment import FLOOR
from dreampedal.export.train.notes_model import Plan, balance, stretches, train, train_notes

TINY = Plan(filters=(12, 12), dilations=(1, 2), context_frames=4, steps=15, rising=5, falling=5, batch=32, frames=24)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny networks are slower on more threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def notes():
    """Notes that tell their family apart by which bands sound; ten a family, twice as many of the first program."""
    random = np.random.default_rng(5)
    listed, features = [], []
    for place, family in enumerate(FAMILIES):
        for number in range(12):
            program = family.programs[0 if number < 8 else 1]
            listed.append(Note(0, program, family.low_key + number, 80))
            feature = np.full((96, FRAMES), FLOOR)
            feature[8 * place : 8 * place + 8, :60] = -2 + 0.2 * random.standard_normal((8, 60))
            features.append(feature)
    return NoteSet(np.array(features, np.float16), tuple(listed), np.zeros(len(listed), int), ("made up",))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(notes):
    first, again, other = (train(notes, TINY, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_a_few_steps_learn_what_is_easy(notes):
    network = train(notes, Plan(**{**vars(TINY), "steps": 100, "averaging": 0.9}), seed=0)
    heard = training.note_logits(network, notes.features).argmax(1)
    assert (heard == notes.labels).mean() > 0.8


def test_training_ends_when_its_time_is_over(notes):
    seen = []
    train(notes, Plan(**{**vars(TINY), "steps": 10_000}), minutes=0.01, progress=lambda *at: seen.append(at))
    assert seen[0] == ("training", 0, 10_000) and seen[-1][1] < 9_000


def test_families_weigh_the_same_and_programs_within_them(notes):
    weights = balance(notes).numpy()
    by_family = [weights[notes.labels == place].sum() for place in range(len(CLASSES))]
    assert np.allclose(by_family, by_family[0])
    programs = np.array([note.program for note in notes.notes])
    first, second = FAMILIES[0].programs[:2]
    assert np.isclose(weights[programs == first].sum(), weights[programs == second].sum())


def test_a_stretch_starts_with_silence_exactly_up_to_its_onset(notes):
    features, labels = torch.from_numpy(notes.features), torch.from_numpy(notes.labels)
    still = training.Recipe(
        curve_db=0, tilt_db=0, shift_bands=0, cut_share=0, reverb_share=0, decay_db=0, noise_db=(300, 300), band_masks=0
    )
    plan = Plan(**{**vars(TINY), "recipe": still, "mixed_share": 0, "latest": 1})
    x, targets, onsets = stretches(features, labels, balance(notes), plan, torch.Generator().manual_seed(0))
    assert x.shape == (32, 96, 24) and torch.equal(targets.sum(1), torch.ones(32))
    for note, onset in zip(x, onsets.tolist(), strict=True):
        silence = note[:, :onset]
        assert (silence < note.min() + 0.01).all() and note[:, onset].max() > note.min() + 1
    assert onsets.min() == 0 and onsets.max() == plan.earliest


def test_the_short_way_to_logits_after_silence_is_exact():
    torch.manual_seed(0)
    network = Network(classes=CLASSES, filters=(16, 16), dilations=(1, 4), context_frames=6).eval()
    x = FLOOR + 8 * torch.rand(3, 96, 20)
    with torch.no_grad():
        assert torch.allclose(training.logits_after_silence(network, x), network.logits_at_frames(x), atol=1e-5)


def test_a_network_is_causal_and_starts_in_silence():
    torch.manual_seed(0)
    network = Network(classes=CLASSES, filters=(16, 16, 16), activation="leaky_relu", context_frames=5).eval()
    x = FLOOR + 8 * torch.rand(2, 96, 50)
    later = x.clone()
    later[..., 30:] = 0
    with torch.no_grad():
        before, after = network.logits_at_frames(x), network.logits_at_frames(later)
        silent = torch.nn.functional.pad(x, (network.receptive_frames, 0), value=FLOOR)
        assert torch.allclose(before[..., :30], after[..., :30], atol=1e-5)
        assert (before[..., 30] != after[..., 30]).any()
        assert torch.allclose(network.logits_at_frames(silent)[..., -50:], before, atol=1e-5)
        assert torch.allclose(network(x), before[..., -1], atol=1e-5)
        named = network.activations(x)
    assert {name: tuple(y.shape) for name, y in named.items()} == {f"conv{i}": (2, 16, 50) for i in (1, 2, 3)}
    assert network.receptive_frames == 2 * (1 + 2 + 4) + 5


def test_bad_networks_are_refused():
    with pytest.raises(ValueError, match="2 layers and 3 dilations"):
        Network(filters=(8, 8))
    with pytest.raises(ValueError, match="activation 'relu': expected one of elu, leaky_relu"):
        Network(activation="relu")


def test_confusion_and_macro_accuracy_are_scikit_learns():
    random = np.random.default_rng(0)
    true, heard = random.integers(0, 10, 500), random.integers(0, 11, 500)
    matrix = confusion(true, heard, 11)
    assert np.array_equal(matrix, confusion_matrix(true, heard, labels=range(11)))
    shares = accuracies(matrix)
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        assert np.isclose(shares["macro"], balanced_accuracy_score(true, heard))
    assert CLASSES[10] not in shares


def test_from_patches_to_a_model_that_runs(tmp_path, monkeypatch):
    from tests.export.soundfonts import write_patch

    monkeypatch.setattr(notes_module, "user_cache_path", lambda name: tmp_path / "cache")
    folder = tmp_path / "patches"
    folder.mkdir()
    for number, family in enumerate(FAMILIES):
        write_patch(folder / f"{family.programs[0]:03d}_patch.pat", hz=300 + 40 * number)
    out = tmp_path / "tiny.onnx"
    report = train_notes([folder], out, seed=3, plan=TINY, key_step=12)
    assert report["seed"] == 3 and report["notes"] > 100 and 0 <= report["accuracy_unseen"]["macro"] <= 1
    manifest = Model.load(out, device="cpu").manifest
    assert manifest.classes == CLASSES and [layer.filters for layer in manifest.layers] == [12, 12]
    assert manifest.training.seed == 3 and "patches" in manifest.training.data


def test_soundfonts_that_leave_a_family_out_are_named(tmp_path, monkeypatch):
    from tests.export.soundfonts import write_patch

    monkeypatch.setattr(notes_module, "user_cache_path", lambda name: tmp_path / "cache")
    write_patch(tmp_path / "073_Flute.pat")
    with pytest.raises(ValueError, match="no notes of bass, brass, guitar"):
        train_notes([tmp_path], tmp_path / "x.onnx", plan=TINY, key_step=12)
