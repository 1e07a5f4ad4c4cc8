"""Programs that a reader starts from: each runs as it stands, on the recording that ships."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

from dreampedal import phase
from dreampedal.presets import demo_recording

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(f"examples_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def guitar(tmp_path):
    """Two seconds of the demo recording, as a file."""
    audio, rate = demo_recording()
    path = tmp_path / "guitar.wav"
    with AudioFile(str(path), "w", rate, audio.shape[0], bit_depth=32) as file:
        file.write(audio[:, : 2 * int(rate)])
    return path


def heard(path):
    with AudioFile(str(path)) as file:
        return file.read(file.frames), file.samplerate


def test_every_example_is_tested():
    assert {path.stem for path in FOLDER.glob("*.py")} == {
        "board_on_a_file", "gain_effect", "live_with_midi", "own_model", "phase_of_a_spectrogram",
    }  # fmt: skip


def test_gain_effect(guitar, tmp_path):
    example("gain_effect").main(str(guitar), str(tmp_path / "out.wav"))
    dry, wet = heard(guitar)[0], heard(tmp_path / "out.wav")[0]
    np.testing.assert_allclose(wet, dry * 10 ** (-3 / 20), atol=2**-14)  # written in 16 bits


def test_gain_effect_fades_to_a_new_value_and_is_the_same_however_it_is_cut():
    gain = example("gain_effect").SoftGain(gain_db=-60.0)
    stream = gain.stream(48_000, 1)
    stream.process(np.ones((1, 100), np.float32))
    gain.gain_db = 0.0
    cut = np.concatenate([stream.process(np.ones((1, n), np.float32)) for n in (1, 7, 0, 4000)], axis=1)[0]
    assert np.all(np.diff(cut) >= 0) and cut[0] < 0.01 and cut[-1] == pytest.approx(1, abs=0.02)
    assert np.diff(cut).max() < 0.002
    whole = gain.stream(48_000, 1)
    whole.gain = 10 ** (-60 / 20)
    np.testing.assert_allclose(whole.process(np.ones((1, 4008), np.float32))[0], cut, atol=1e-6)


def test_board_on_a_file(guitar, tmp_path):
    example("board_on_a_file").main(str(guitar), str(tmp_path / "out.wav"))
    (dry, rate), (wet, _) = heard(guitar), heard(tmp_path / "out.wav")
    assert wet.shape == (dry.shape[0], dry.shape[1] + int(rate))
    assert 0.01 < np.abs(wet).max() <= 1


@pytest.mark.live
@pytest.mark.xdist_group("audio")
def test_live_with_midi(rig):
    report = example("live_with_midi").main(seconds=1.0)
    assert report is not None


@pytest.mark.slow
def test_own_model(guitar, tmp_path):
    audio, rate = demo_recording()
    for name, sign in (("plucked", 1), ("reversed", -1)):
        for part in range(6):
            piece = audio[:, part * int(rate) : (part + 1) * int(rate)][:, ::sign]
            path = tmp_path / "sounds" / name / f"{part}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            with AudioFile(str(path), "w", rate, audio.shape[0]) as file:
                file.write(np.ascontiguousarray(piece))
    example("own_model").main(tmp_path / "sounds", str(guitar), str(tmp_path / "out.wav"), "--epochs", "2")
    assert np.abs(heard(tmp_path / "out.wav")[0]).max() > 0.01


def test_phase_of_a_spectrogram(guitar, tmp_path):
    program = example("phase_of_a_spectrogram")
    frames = program.main(str(guitar), str(tmp_path / "out.wav"))
    (dry, rate), (again, _) = heard(guitar), heard(tmp_path / "out.wav")
    wanted, found = (program.spectrogram(sound, rate) for sound in (dry, again))
    count = min(wanted.shape[2], found.shape[2])
    wanted, found = wanted[:, :, :count], found[:, :, :count]
    assert np.linalg.norm(found - wanted) < 0.1 * np.linalg.norm(wanted)
    assert frames.shape[1:] == (2, *wanted.shape[:2])
    assert phase.Frames(program.WINDOW, program.HOP).bins == wanted.shape[1]
