"""`classify` and `export` as a user meets them; what they call has tests of its own."""

import pytest


def test_a_recording_is_named(dreampedal, recording):
    recording("guitar.wav", seconds=4)
    run = dreampedal("classify", "guitar.wav", "--model", "notes", "--clips", 6, "--json")
    assert run.status == 0 and run.err == ""
    (row,) = run.json
    assert row["model"] == "notes" and 1 <= row["clips"] <= 6
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    shares = list(row["probabilities"].values())
    assert shares == sorted(shares, reverse=True)


def test_a_table_for_each_file_and_a_line_for_each_that_is_none(dreampedal, recording, tmp_path):
    recording("long.wav", seconds=4)
    recording("short.wav", seconds=1)
    (tmp_path / "text.wav").write_text("words")
    run = dreampedal("classify", "long.wav", "text.wav", "short.wav", "--clips", 3, "--model", "notes")
    assert run.status == 2
    assert run.err.splitlines() == [line for line in run.err.splitlines() if line.startswith("dreampedal: text.wav")]
    assert "long.wav: notes, 3 clips of 3 s" in run.out and "short.wav: notes, 1 clip of 3 s, repeated" in run.out
    assert "probability" in run.out and "%" in run.out


def test_names_of_files_are_shown_and_not_obeyed(dreampedal, recording, tmp_path):
    name = "a\x1b[2J\nb.wav"
    recording("plain.wav", seconds=1).rename(tmp_path / name)
    (tmp_path / f"no{name}").write_text("words")
    run = dreampedal("classify", name, f"no{name}", "--model", "notes")
    assert run.status == 2 and len(run.err.splitlines()) == 1
    assert r"a\x1b[2J\nb.wav: notes" in run.out and r"noa\x1b[2J b.wav" in run.err
    assert "\x1b" not in run.out + run.err


@pytest.mark.parametrize("arguments, words", [
    (["classify", "none.wav"], ["none.wav: no such file"]),
    (["classify", "."], [". is a folder: expected a sound file"]),
    (["classify", "none.wav", "--model", "nots"], ["no model named 'nots'", "did you mean 'notes'"]),
    (["classify", "none.wav", "--clips", "0"], ["--clips"]),
    (["export", "none.safetensors", "-o", "tiny.onnx"], ["none.safetensors: no such file"]),
])  # fmt: skip
def test_bad_argument(dreampedal, arguments, words):
    assert dreampedal(*arguments).refused(*words)


def test_a_checkpoint_becomes_a_model_that_names(dreampedal, recording, tmp_path):
    torch = pytest.importorskip("torch")
    from dreampedal.export.nets.checkpoint import save
    from dreampedal.export.nets.table import build

    torch.manual_seed(0)
    save(build("columns", ("bell", "drum"), seconds=1.0, settings={"filters": [6], "dilations": [1]}),
         tmp_path / "tiny.safetensors", seed=3)  # fmt: skip
    run = dreampedal("export", "tiny.safetensors", "-o", "Tiny Bells.onnx", "--data", "noise", "--licence", "CC0-1.0")
    assert run.status == 0 and "tiny_bells, kind ascent" in run.out, run.err
    recording("guitar.wav", seconds=2)
    run = dreampedal("classify", "guitar.wav", "--model", "Tiny Bells.onnx", "--json")
    assert set(run.json[0]["probabilities"]) == {"bell", "drum"}


def test_a_model_that_stands_there_stays_until_the_new_one_is_proved(dreampedal, tmp_path):
    torch = pytest.importorskip("torch")
    from dreampedal.export.nets.checkpoint import save
    from dreampedal.export.nets.table import build

    net = build("columns", ("bell", "drum"), seconds=1.0, settings={"filters": [6], "dilations": [1]})
    with torch.no_grad():  # finite, and too large for what is made of them
        for values in net.parameters():
            values.fill_(1e13)
    save(net, tmp_path / "wild.safetensors")
    (tmp_path / "good.onnx").write_text("what stood there")
    assert dreampedal("export", "wild.safetensors", "-o", "good.onnx").refused(
        "good.onnx: golden", "nothing is written"
    )
    assert (tmp_path / "good.onnx").read_text() == "what stood there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.onnx", "wild.safetensors"]
