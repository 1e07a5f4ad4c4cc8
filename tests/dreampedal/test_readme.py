"""The recipes of the README do what it says."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from pedalboard.io import AudioFile

import dreampedal as package
from dreampedal.presets.boards import parse

TEXT = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def blocks(language):
    found = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    return [text for kind, text in found if kind == language]


@pytest.mark.parametrize("code", blocks("python"))
def test_python(code, recording, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recording("guitar.wav")
    exec(code, vars(package) | {name: getattr(package, name) for name in package.__all__})
    if "out.wav" in code:
        with AudioFile("guitar.wav") as dry, AudioFile("out.wav") as wet:
            assert wet.frames == dry.frames


@pytest.mark.parametrize("text", blocks("toml"))
def test_toml(text):
    assert tomllib.loads(text) and len(parse(text, "README").board)


def test_command_line(dreampedal, recording, tmp_path):
    for folder in ("takes", "dreamed"):
        (tmp_path / folder).mkdir()
    for name in ("guitar.wav", "takes/a.flac", "takes/b.flac"):
        recording(name)
    lines = [line for block in blocks("") for line in block.splitlines() if line.startswith("dreampedal ")]
    assert len(lines) >= 3
    for line in lines:
        words = [str(path) for word in shlex.split(line)[1:] for path in sorted(tmp_path.glob(word)) or [word]]
        run = dreampedal(*words)
        assert (run.status, run.err) == (0, ""), line
