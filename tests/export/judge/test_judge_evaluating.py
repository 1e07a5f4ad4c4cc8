"""Checkpoints and models of every kind, judged on a folder of sounds."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from dreampedal.engine.model.structure import read_model
from dreampedal.export.compile.ascent import Training, export_ascent
from dreampedal.export.compile.classifier import export_classifier
from dreampedal.export.data.recordings import open_set
from dreampedal.export.data.splits import split
from dreampedal.export.judge.classifiers import open_classifier
from dreampedal.export.judge.evaluating import Judged, encoded, evaluate_on, prune_on
from dreampedal.export.judge.prune.settings import Pruning
from dreampedal.export.metrics.scores import probabilities
from dreampedal.export.nets.checkpoint import load, save
from dreampedal.export.nets.table import build
from dreampedal.export.train.folder import Order, train_folder
from dreampedal.export.train.model_files import export_checkpoint
from tests.export.judge.recording_parts import CLASSES, SECONDS, parts, sounds, taught, write_folder

RECORD = Training(data="nothing", licence="CC0-1.0", seed=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("set") / "filtered")


@pytest.fixture(scope="module")
def net():
    return taught(parts(sounds())[0], "columns", {"filters": (12, 8, 8), "context_frames": 8})


@pytest.fixture(scope="module")
def checkpoint(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "net.safetensors"
    kept = {"seed": 3, "shares": [0.5, 0.25, 0.25], "segmenting": {"seconds": SECONDS}, "set": "filtered"}
    save(net, path, **kept)
    return path


@pytest.fixture(scope="module")
def whole(net, tmp_path_factory):
    """The same network as a model that hears whole clips."""
    path = tmp_path_factory.mktemp("model") / "whole.onnx"
    export_classifier(net, path, name="whole", training=RECORD)
    return path


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    """What is encoded goes where nobody else looks."""
    place = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dreampedal.export.data.store.user_cache_path", lambda _: place)
        yield


def test_a_checkpoint_is_judged_on_what_its_training_left_aside(checkpoint, folder, tmp_path):
    report = evaluate_on(checkpoint, Judged(folder), tmp_path / "pictures")
    left = split(open_set(folder), seed=3, shares=(0.5, 0.25, 0.25))[2]
    assert report["part"] == "test"
    assert [row["name"] for row in report["recordings"]] == sorted(left.groups)
    assert report["by_recording"]["accuracy"] > 0.8
    right = np.mean([row["is"] == row["heard"] for row in report["recordings"]])
    assert right == pytest.approx(report["by_recording"]["accuracy"])
    json.dumps(report, allow_nan=False)
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert {"confusion_clips.png", "reliability_recordings.png", "kernels_conv1.png", "alike_conv3.png"} < names
    assert {f"activations_{name}.png" for name in CLASSES} < names
    assert all((tmp_path / "pictures" / name).read_bytes().startswith(b"\x89PNG") for name in names)
    assert len(report["pictures"]) == len(names)


def test_what_is_pruned_is_trained_on_the_changed_copies_that_it_learned_from(net, folder, tmp_path):
    kept = {"seed": 3, "shares": [0.5, 0.25, 0.25], "segmenting": {"seconds": SECONDS}, "set": "filtered"}
    save(net, tmp_path / "copied.safetensors", **kept, copies=1)
    classifier = open_classifier(tmp_path / "copied.safetensors")
    train, val = encoded(classifier, Judged(folder), ("training", "validation"), to_learn=True)
    assert train.changed.sum() == (~train.changed).sum() > 0 and not val.changed.any()
    (judged,) = encoded(classifier, Judged(folder), ("training",))
    np.testing.assert_array_equal(judged.x, np.asarray(train.x)[~train.changed])


def test_a_set_of_another_name_is_judged_whole(checkpoint, folder, tmp_path):
    (tmp_path / "else").symlink_to(folder)
    report = evaluate_on(checkpoint, Judged(tmp_path / "else"))
    assert report["part"] == "all" and report["by_recording"]["count"] == len(open_set(folder))
    aside = evaluate_on(checkpoint, Judged(tmp_path / "else", part="validation"))
    assert aside["by_recording"]["count"] == len(split(open_set(folder), seed=3, shares=(0.5, 0.25, 0.25))[1])


def test_the_same_network_in_every_file_gets_the_same_figures(checkpoint, whole, net, folder, tmp_path):
    export_ascent(net.network, tmp_path / "live.onnx", name="live", training=RECORD)
    judged = Judged(folder, part="all", segments={"seconds": SECONDS})
    torch_report = evaluate_on(checkpoint, judged)
    for model in (whole, tmp_path / "live.onnx"):
        report = evaluate_on(model, judged, tmp_path / "pictures")
        for by in ("by_clip", "by_recording"):
            assert report[by]["confusion"] == torch_report[by]["confusion"], model
        assert report["by_clip"]["loss"] == pytest.approx(torch_report["by_clip"]["loss"], rel=0.02)
        assert len(report["pictures"]) == 4


def test_a_model_is_judged_on_what_its_training_left_aside_as_its_checkpoint_is(folder, tmp_path):
    """Whatever the set is called where it is judged, and with the clips cut as in training."""
    order = Order(folder, "dense", plan={"epochs": 1}, seed=3, segments={"seconds": SECONDS, "hop_seconds": 0.2})
    train_folder(order, tmp_path / "net.safetensors")
    export_checkpoint(tmp_path / "net.safetensors", tmp_path / "net.onnx")
    (tmp_path / "renamed").symlink_to(folder)
    expected = evaluate_on(tmp_path / "net.safetensors", Judged(folder))
    for place in (folder, tmp_path / "renamed"):
        found = evaluate_on(tmp_path / "net.onnx", Judged(place))
        assert found["part"] == expected["part"] == "test" and found["notes"] == expected["notes"]
        assert [row["name"] for row in found["recordings"]] == [row["name"] for row in expected["recordings"]]
        assert found["by_clip"]["confusion"] == expected["by_clip"]["confusion"]
    assert str(folder.parent) not in read_model(tmp_path / "net.onnx")[1].model_dump_json()


def test_a_model_that_does_not_tell_its_set_is_judged_with_a_note(whole, checkpoint, folder):
    """Shipped models and older files know no set: what they are judged on may be what they learned from."""
    note = "the set may hold recordings that it was trained on"
    report = evaluate_on(whole, Judged(folder, segments={"seconds": SECONDS}))
    assert report["part"] == "all" and note in report["notes"]
    assert note not in evaluate_on(checkpoint, Judged(folder))["notes"]


def test_a_set_with_some_of_the_classes_in_another_order(checkpoint, folder, tmp_path):
    for name, other in (("whole", "a"), ("bright", "b")):
        (tmp_path / other).symlink_to(folder / name)
    (tmp_path / "a").rename(tmp_path / "whole")
    (tmp_path / "b").rename(tmp_path / "bright")
    report = evaluate_on(checkpoint, Judged(tmp_path))
    assert "no recording of dull" in report["notes"]
    assert report["by_recording"]["classes"]["dull"]["recall"] is None
    assert report["by_recording"]["accuracy"] > 0.8


def test_a_column_of_the_manifest_names_the_part(checkpoint, folder, tmp_path):
    rows = [f"{folder.name}/{one.path.relative_to(folder)},{one.label},{'held' if i % 4 == 0 else 'seen'}"
            for i, one in enumerate(open_set(folder).recordings)]  # fmt: skip
    (folder.parent / "manifest.csv").write_text("\n".join(["clip,style,split", *rows]))
    report = evaluate_on(checkpoint, Judged(folder.parent, column="style", part="held"))
    assert report["by_recording"]["count"] == len(rows[::4])


def test_a_set_has_one_name_however_it_is_named(checkpoint, folder, tmp_path):
    """Named by its table, a set is still the one that the checkpoint was trained on: only the test part is heard."""
    copy = tmp_path / folder.name
    copy.mkdir()
    rows = []
    for one in open_set(folder).recordings:
        (copy / one.label).mkdir(exist_ok=True)
        (copy / one.path.relative_to(folder)).symlink_to(one.path)
        rows.append(f"{one.path.relative_to(folder)},{one.group},{one.label}")
    (copy / "manifest.csv").write_text("\n".join(["clip,track,genre", *rows]))
    by_folder, by_table = (evaluate_on(checkpoint, Judged(path)) for path in (copy, copy / "manifest.csv"))
    assert by_table == by_folder and by_table["part"] == "test" and by_table["set"] == str(copy)


def test_a_set_that_has_changed_since_the_training_is_not_dealt_anew(folder, tmp_path):
    """Its parts would be others, and some of what was learned from would be in the test."""
    train_folder(Order(folder, "dense", plan={"epochs": 1}, seed=3), tmp_path / "net.safetensors")
    for place in (tmp_path / "renamed", tmp_path / folder.name):
        shutil.copytree(folder, place)
    of = evaluate_on(tmp_path / "net.safetensors", Judged(folder))
    renamed = evaluate_on(tmp_path / "net.safetensors", Judged(tmp_path / "renamed"))
    assert renamed["part"] == of["part"] == "test" and renamed["recordings"] == of["recordings"]
    one = next((tmp_path / folder.name / "whole").iterdir())
    one.rename(one.with_stem("another"))
    for judged in (Judged(tmp_path / folder.name), Judged(tmp_path / folder.name, part="validation")):
        with pytest.raises(ValueError, match="other recordings than dense was trained on, or other groups: expected"):
            evaluate_on(tmp_path / "net.safetensors", judged)
    assert evaluate_on(tmp_path / "net.safetensors", Judged(tmp_path / folder.name, part="all"))["part"] == "all"


def test_clips_of_other_classes_are_not_taken_for_the_networks(net):
    clips = sounds()
    with pytest.raises(ValueError, match="clips of whole, dull, bright: expected the network's, bright, dull, whole"):
        probabilities(net, replace(clips, classes=clips.classes[::-1]))


def test_a_pruned_checkpoint_is_written_with_its_report(checkpoint, folder, tmp_path):
    report = prune_on(checkpoint, Judged(folder), tmp_path / "small.safetensors", Pruning(), tmp_path / "pictures")
    small = load(tmp_path / "small.safetensors")
    assert sum(small.settings.filters) == report["after"]["kernels"] < report["before"]["kernels"] == 28
    classifier = open_classifier(tmp_path / "small.safetensors")
    assert classifier.extra["pruning"]["after"] == report["after"] and classifier.extra["seed"] == 3
    again = evaluate_on(tmp_path / "small.safetensors", Judged(folder))
    assert again["by_clip"]["accuracy"] == report["test_after"]["by_clip"]["accuracy"]
    assert (tmp_path / "pictures" / "pruning.png").exists()


def test_a_pruned_network_is_exported_and_hears_the_same(checkpoint, folder, tmp_path):
    settings = Pruning(at_once=8, tries=1, tunings=1)
    report = prune_on(checkpoint, Judged(folder), tmp_path / "small.onnx", settings, tuning_epochs=1)
    _, manifest = read_model(tmp_path / "small.onnx")
    assert [layer.filters for layer in manifest.layers] == list(report["after"]["filters"].values())
    assert manifest.accuracy["by_clip"] == round(report["test_after"]["by_clip"]["accuracy"], 4)
    again = evaluate_on(tmp_path / "small.onnx", Judged(folder))
    left = split(open_set(folder), seed=3, shares=(0.5, 0.25, 0.25))[2]
    assert [row["name"] for row in again["recordings"]] == sorted(left.groups)
    assert again["by_clip"]["accuracy"] == pytest.approx(report["test_after"]["by_clip"]["accuracy"], abs=0.1)


def test_no_recording_is_in_two_parts(checkpoint, folder):
    classifier = open_classifier(checkpoint)
    three = encoded(classifier, Judged(folder), ("training", "validation", "test"))
    names = [{clips.group_names[group] for group in clips.groups} for clips in three]
    assert sum(map(len, names)) == len(set.union(*names)) == len(open_set(folder))


def test_what_cannot_be_judged_is_said(checkpoint, whole, net, folder, tmp_path):
    other = build("columns", ("bright", "dull"), net.input, SECONDS, {"filters": (4,), "dilations": (1,)})
    save(other, tmp_path / "two.safetensors")
    with pytest.raises(ValueError, match="the set has whole, which columns does not know"):
        evaluate_on(tmp_path / "two.safetensors", Judged(folder))
    with pytest.raises(ValueError, match=r"whole\.onnx: expected a checkpoint"):
        prune_on(whole, Judged(folder), tmp_path / "out.safetensors", Pruning())
    with pytest.raises(ValueError, match=r"expected a name that ends in \.safetensors or \.onnx"):
        prune_on(checkpoint, Judged(folder), tmp_path / "out.pt", Pruning())
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        prune_on(checkpoint, Judged(folder), tmp_path / "nowhere" / "out.safetensors", Pruning())
    (tmp_path / "out.safetensors").mkdir()
    with pytest.raises(ValueError, match=r"out\.safetensors is a folder: expected the name of a file"):
        prune_on(checkpoint, Judged(folder), tmp_path / "out.safetensors", Pruning(limit=1))
    other.probabilities = "sigmoid"
    export_classifier(other, tmp_path / "tags.onnx", name="tags", training=RECORD)
    with pytest.raises(ValueError, match="tags that do not exclude each other"):
        open_classifier(tmp_path / "tags.onnx")


def test_a_network_of_no_numbers_is_refused(net):
    clips = sounds()
    broken = build("columns", net.classes, net.input, net.seconds, net.settings)
    with torch.no_grad():
        broken.causal.head.bias[0] = float("nan")
    with pytest.raises(ValueError, match="columns answers with NaN or infinity"):
        probabilities(broken, clips)
