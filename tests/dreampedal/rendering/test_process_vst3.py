"""`process` with VST3 plugins in a preset: in several workers, with settings, and no word of the plugins' own."""

import numpy as np
import pytest

from dreampedal import Board, load_plugin, load_preset, save_preset

from ...engine.host.natives.vst3 import CRASHES, doctored, vst3
from ..conftest import read


@pytest.fixture
def preset(tmp_path):
    board = Board([load_plugin(vst3("ZaMaximX2")), load_plugin(vst3("ZamComp"), {"threshold_db": -30.0})])
    return save_preset(board, tmp_path / "mine.toml")


def test_recordings_in_several_workers(dreampedal, recording, preset, tmp_path):
    (tmp_path / "out").mkdir()
    names = ["a.wav", "b.wav", "c.wav"]
    sources = [recording(name, bits=32, seed=seed) for seed, name in enumerate(names)]
    run = dreampedal("process", *sources, "-o", "out", "--preset", preset, "--jobs", 2)
    assert (run.status, run.err) == (0, "")
    for name, source in zip(names, sources, strict=True):
        audio, rate = read(source)
        np.testing.assert_array_equal(read(tmp_path / "out" / name)[0], load_preset(preset)(audio, rate))


def test_a_setting_of_a_plugin(dreampedal, recording, preset, tmp_path):
    source = recording("in.wav", bits=32)
    told = "--set", "1.makeup_db=6.5"
    assert dreampedal("process", source, "-o", "out.wav", "--preset", preset, *told).status == 0
    board = load_preset(preset)
    board[1] = load_plugin(vst3("ZamComp"), {"threshold_db": -30.0, "makeup_db": 6.5})
    np.testing.assert_array_equal(read(tmp_path / "out.wav")[0], board(*read(source)))
    for setting, word in (("1.treshold_db=-10", "did you mean 'threshold_db'"), ("1.threshold_db=500", "out of range")):
        assert dreampedal("process", source, "-o", "out.wav", "--preset", preset, "--set", setting).refused(word)


def test_a_plugin_that_crashes(dreampedal, recording, preset, tmp_path):
    path = doctored("ZamComp", tmp_path, CRASHES)
    preset.write_text(preset.read_text().replace(vst3("ZamComp"), path))
    run = dreampedal("process", recording(), "-o", "out.wav", "--preset", preset)
    assert run.refused("mine.toml: effects[1]", "ZamComp.vst3", "crashed (SIGILL)")
    assert not (tmp_path / "out.wav").exists()
