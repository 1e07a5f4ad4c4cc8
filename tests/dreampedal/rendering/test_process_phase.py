"""`process --phase` and `--set fill`: the samples of the Python call, and one line for what does not fit."""

import numpy as np
import pytest
from pedalboard.io import AudioFile

from dreampedal import Dream

DREAM = """
title = "Flute"
description = "A flute in anything."

[[effects]]
type = "Dream"
target = "class:flute"
"""


@pytest.fixture
def flute(tmp_path):
    path = tmp_path / "flute.toml"
    path.write_text(DREAM)
    return path


def read(path):
    with AudioFile(str(path)) as file:
        return file.read(file.frames), file.samplerate


@pytest.mark.parametrize(
    "options, how",
    [
        (["--phase", "estimate"], {"phase": "estimate"}),
        (["--phase", "input"], {}),
        (["--set", "fill=0.5"], {"fill": 0.5}),
        (["--phase", "estimate", "--set", "fill=1", "--set", "mode=live"], {"fill": 1, "mode": "live"}),
    ],
)
def test_writes_the_samples_of_the_python_call(options, how, dreampedal, recording, flute, tmp_path):
    source = recording(bits=32, seconds=1)
    how = how | ({"phase": "estimate"} if "estimate" in options else {})
    assert dreampedal("process", source, "-o", "out.wav", "--preset", flute, *options).status == 0
    audio, rate = read(source)
    assert np.array_equal(read(tmp_path / "out.wav")[0], Dream(target="class:flute", **how)(audio, rate))


def test_what_an_estimated_phase_waits_for_is_said(dreampedal, recording, flute):
    said = dreampedal(
        "process", recording(seconds=0.2), "-o", "out.wav", "--preset", flute, "--set", "phase_lookahead_frames=3"
    )
    assert said.status == 0 and ", look-ahead 35 ms, in " in said.out, "3 hops of 512 samples at 44.1 kHz"


@pytest.mark.parametrize(
    "options, words",
    [
        (["--phase", "guess"], ["--phase guess", "expected input or estimate"]),
        (["--set", "fill=2"], ["fill = 2", "expected a number from 0 to 1"]),
        (["--set", "fill=nan"], ["fill = nan", "expected a number from 0 to 1"]),
        (["--set", "phase_lookahead_frames=50"], ["phase_lookahead_frames = 50", "expected a whole number from 0"]),
        (["--phase", "estimate", "--set", "mode=instant"], ["phase = 'estimate'", "mode = 'instant'"]),
        (["--set", "fill=0.5", "--set", "mode=instant"], ["fill = 0.5", "mode = 'instant'"]),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(options, words, dreampedal, recording, flute, tmp_path):
    assert dreampedal("process", recording(), "-o", "out.wav", "--preset", flute, *options).refused(*words)
    assert not (tmp_path / "out.wav").exists()


def test_a_preset_with_nothing_to_estimate_for_says_so(dreampedal, recording, hall):
    run = dreampedal("process", recording(), "-o", "out.wav", "--preset", hall, "--phase", "estimate")
    assert run.refused("phase=estimate", "no such parameter")
