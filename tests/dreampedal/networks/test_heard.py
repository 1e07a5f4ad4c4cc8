"""`judge` as a user meets it: a dream that it makes, a dream that was made, and what it refuses."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from pedalboard.io import AudioFile

COSTS = {"pitch", "notes", "onsets", "loudness_db", "peak_db", "pumping_db"}


@pytest.fixture(scope="module")
def judges(tmp_path_factory):
    """Two networks that hear whatever their first weights hear: how a judge is taught has tests of its own."""
    torch = pytest.importorskip("torch")
    from dreampedal.engine.model.format.manifest import Training
    from dreampedal.export.compile.classifier import export_classifier
    from dreampedal.export.judge.heard.schooling import RECIPES

    folder, found = tmp_path_factory.mktemp("judges"), []
    for recipe in RECIPES:
        torch.manual_seed(0)
        path = folder / f"{recipe.name}.onnx"
        net = replace(recipe, settings=recipe.settings | {"width": 4}).network_of()
        export_classifier(net, path, name=recipe.name, training=Training(data="none", licence="none", seed=0))
        found += ["--judge", path]
    return found


@pytest.fixture
def judge(dreampedal, judges):
    """Run the verb with those two."""
    return lambda *arguments: dreampedal("judge", *arguments, *judges)


def write(path, audio, rate=48_000):
    with AudioFile(str(path), "w", rate, audio.shape[0]) as file:
        file.write(audio)


def test_a_recording_is_dreamed_of_and_judged(judge, recording):
    recording("guitar.wav", seconds=2)
    run = judge("guitar.wav", "--target", "class:flute", "--set", "steps=1", "--set", "reach_db=12", "--json")
    assert run.status == 0, run.err
    (row,) = run.json
    assert row["target"] == "class:flute" and row["equaliser_reach_db"] == 12
    assert len(row["judges"]) == 2 and set(row["costs"]) == set(row["equaliser_costs"]) == COSTS
    for heard in row["judges"].values():
        for when in ("before", "after", "equaliser"):
            assert len(heard[when]["first_two"]) == 2 and 1 <= heard[when]["rank"] <= heard[when]["of"] == 11
            assert (heard[when]["rank"] == 1) == (heard[when]["first_two"][0] == "flute")


def test_a_preset_knows_its_target_and_a_table_is_shown(judge, recording, tmp_path):
    recording("guitar.wav", seconds=1)
    run = judge("guitar.wav", "--preset", "organ_loft", "--set", "reach_db=12", "--pictures", "seen")
    assert run.status == 0, run.err
    assert "guitar.wav toward class:organ, 1.0 s" in run.out
    for words in ("judge_image", "judge_cepstra", "before", "after", "equaliser", "onsets, F", "pumping"):
        assert words in run.out
    assert (tmp_path / "seen" / "guitar-organ.png").read_bytes().startswith(b"\x89PNG")


def test_a_dream_that_was_made_is_compared_with_its_dry_sound(judge, tmp_path):
    dry = 0.2 * np.random.default_rng(0).standard_normal((1, 96_000)).astype(np.float32)
    write(tmp_path / "dry.wav", dry)
    write(tmp_path / "wet.wav", dry[:, :95_900] * np.float32(0.5))
    run = judge("wet.wav", "--dry", "dry.wav", "--target", "class:brass", "--json")
    assert run.status == 0, run.err
    (row,) = run.json
    assert row["costs"]["loudness_db"] == pytest.approx(-6.02, abs=0.1)
    assert row["costs"]["peak_db"] == pytest.approx(-6.02, abs=0.1)
    for heard in row["judges"].values():
        assert heard["before"] == heard["after"]


def test_without_praat_it_says_once_what_to_install(judge, recording, tmp_path, monkeypatch):
    recording("guitar.wav", seconds=1)
    folder = tmp_path / "nothing here"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['parselmouth'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    run = judge("guitar.wav", "--dry", "guitar.wav", "--target", "class:brass")
    assert run.status == 0
    assert [line for line in run.err.splitlines() if "bench" in line] == [
        "dreampedal: pitch is not measured: pip install 'dreampedal[bench]' brings Praat"
    ]


def test_one_bad_file_does_not_stop_the_others(judge, recording, tmp_path):
    recording("guitar.wav", seconds=1)
    write(tmp_path / "silent.wav", np.zeros((1, 48_000), np.float32))
    write(tmp_path / "short.wav", np.full((1, 4_800), 0.1, np.float32))
    files = ("silent.wav", "guitar.wav", "short.wav", "none.wav")
    run = judge(*files, "--target", "class:brass", "--set", "steps=1", "--json")
    assert run.status == 2
    assert [row["file"] for row in run.json] == list(files) and "judges" in run.json[1]
    errors = [line for line in run.err.splitlines() if line.startswith("dreampedal: ")]
    assert "silent.wav: silent: nothing in it reaches -80 dBFS; expected a sound" in errors[0]
    assert "short.wav: too short: 0.1 s of sound; expected at least 0.5 s" in errors[1]
    assert "none.wav: no such file" in errors[2]


@pytest.mark.parametrize("arguments, words", [
    (["guitar.wav"], ["--target is missing: class:flute, or a --preset that dreams of a family"]),
    (["guitar.wav", "--target", "conv3"], ["target 'conv3': expected class:NAME, one of bass, brass"]),
    (["guitar.wav", "--target", "class:kazoo"], ["kazoo"]),
    (["guitar.wav", "--preset", "deep_layer"], ["preset deep_layer dreams of no single family", "--target"]),
    (["guitar.wav", "--preset", "organ_loft", "--model", "notes"], ["expected --preset or --model"]),
    (["guitar.wav", "--target", "class:flute", "--model", "styles"], ["flute"]),
    (["guitar.wav", "--target", "class:flute", "--judge", "notes"], ["classifier, the kind of a judge"]),
    (["guitar.wav", "--target", "class:flute", "--set", "reach=3"], ["no such parameter", "reach_db"]),
    (["guitar.wav", "--target", "class:flute", "--mode", "dead"], ["dead", "studio, live"]),
    (["a.wav", "b.wav", "--dry", "c.wav", "--target", "class:flute"], ["2 dreams and 1 --dry"]),
    (["a.wav", "--dry", "c.wav", "--target", "class:flute", "--mode", "live"], ["--dry is for a dream that was made"]),
])  # fmt: skip
def test_bad_argument(judge, recording, arguments, words):
    recording("guitar.wav", seconds=1)
    assert judge(*arguments).refused(*words)


def test_another_length_or_rate_is_no_dream_of_the_same_sound(judge, tmp_path):
    noise = 0.2 * np.random.default_rng(0).standard_normal((1, 96_000)).astype(np.float32)
    write(tmp_path / "dry.wav", noise)
    write(tmp_path / "half.wav", noise[:, :48_000])
    write(tmp_path / "slow.wav", noise, 44_100)
    arguments = ("--dry", "dry.wav", "--target", "class:flute")
    assert judge("half.wav", *arguments).refused("half.wav lasts 1.00 s, the dry sound 2.00 s")
    assert judge("slow.wav", *arguments).refused("slow.wav has 44100 Hz, the dry sound 48000")


def test_no_torch_is_needed():
    code = "import sys; sys.modules['torch'] = None; import dreampedal.networks.heard"
    subprocess.run([sys.executable, "-c", code], check=True)
