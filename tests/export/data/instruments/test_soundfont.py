import os
import subprocess
import sys

import numpy as np
import pytest

from dreampedal.export.data.instruments.families import Note
from dreampedal.export.data.instruments.patches import Patches, open_instruments, read_patch
from dreampedal.export.data.instruments.soundfont import Soundfont, SoundfontError
from tests.export.soundfonts import FLUID, needs_fluid, pitch_hz, write_patch


def semitones(hz, key):
    return 12 * np.log2(hz / (440 * 2 ** ((key - 69) / 12)))


@needs_fluid
@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_a_note_of_a_soundfont_has_the_pitch_of_its_key(sample_rate):
    with Soundfont(FLUID, sample_rate) as font:
        for program in (24, 40, 73, 71):
            for key in (57, 64, 76):
                audio = font.render(Note(0, program, key, 100), seconds=0.6)
                assert abs(semitones(pitch_hz(audio[sample_rate // 5 :], sample_rate), key)) < 0.3


@needs_fluid
def test_a_louder_velocity_is_louder_and_a_note_that_is_let_go_dies():
    with Soundfont(FLUID, 44_100) as font:
        soft, loud = (font.render(Note(0, 56, 60, v), 0.5, 0.5) for v in (40, 110))
    assert soft.dtype == np.float32 and soft.shape == (44_100,)
    assert np.abs(loud).max() > 2 * np.abs(soft).max()
    assert np.abs(loud).max() < 1
    assert np.abs(loud[-2_000:]).max() < 0.05 * np.abs(loud).max()


@needs_fluid
def test_the_same_calls_give_the_same_samples():
    takes = []
    for _ in range(2):
        with Soundfont(FLUID, 44_100) as font:
            takes.append([font.render(Note(0, program, 60, 80), 0.2) for program in (0, 40)])
    assert all(np.array_equal(a, b) for a, b in zip(*takes, strict=True))


@needs_fluid
def test_every_process_gives_the_same_samples_whatever_it_has_imported():
    """JUCE seeds C's random numbers with the time, and FluidSynth dithers by them."""
    code = (
        "import hashlib, {imported}\nfrom dreampedal.export.data.instruments.families import Note\n"
        "from dreampedal.export.data.instruments.soundfont import Soundfont\n"
        f"with Soundfont({str(FLUID)!r}) as font: sound = font.render(Note(0, 73, 60, 80), 0.2)\n"
        "print(hashlib.sha256(sound).hexdigest())"
    )
    run = [[sys.executable, "-c", code.format(imported=name)] for name in ("numpy", "pedalboard", "pedalboard")]
    assert len({subprocess.run(each, check=True, capture_output=True, text=True).stdout for each in run}) == 1


@needs_fluid
def test_presets_are_those_of_the_families_and_their_variations():
    with Soundfont(FLUID) as font:
        presets = font.presets()
        assert {(0, 73), (0, 91), (8, 16)} <= set(presets) and (0, 47) not in presets and (128, 0) not in presets
        with pytest.raises(SoundfontError, match="no preset at bank 5, program 3"):
            font.render(Note(5, 3, 60, 80), 0.1)


def test_what_is_no_soundfont_is_refused(tmp_path, capfd):
    with pytest.raises(SoundfontError, match="no such soundfont"):
        Soundfont(tmp_path / "missing.sf2")
    text = tmp_path / "text.sf2"
    text.write_text("not a soundfont")
    pytest.importorskip("fluidsynth", reason="FluidSynth is not there (Debian: libfluidsynth3)", exc_type=ImportError)
    with pytest.raises(SoundfontError, match=r"text\.sf2: expected a soundfont"):
        Soundfont(text)
    assert capfd.readouterr().err == ""


@needs_fluid
def test_a_program_that_opens_a_font_says_nothing_of_its_own():
    """pyfluidsynth prints where it found the library, where the environment says CI."""
    program = f"from dreampedal.export.data.instruments.soundfont import Soundfont; Soundfont({str(FLUID)!r})"
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "CI": "true"}, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.fixture
def patches(tmp_path):
    write_patch(tmp_path / "073_Flute.pat")
    write_patch(tmp_path / "047_Timpani.pat")
    return tmp_path


def test_a_patch_plays_at_the_pitch_of_its_key_longer_than_its_recording(patches):
    instruments = open_instruments(patches, 48_000)
    assert isinstance(instruments, Patches) and instruments.presets() == [(0, 73)]
    for key in (60, 69, 81):
        audio = instruments.render(Note(0, 73, key, 127), 1.5, 0.3)
        assert audio.shape == (round(1.8 * 48_000),)
        assert abs(semitones(pitch_hz(audio[48_000:60_000], 48_000), key)) < 0.02
        assert np.abs(audio[48_000:72_000]).max() > 0.9 * np.abs(audio).max()
        assert np.abs(audio[-4_000:]).max() < 1e-3


def test_a_damaged_patch_is_named(patches):
    (patches / "000_Piano.pat").write_bytes(b"RIFF" + bytes(400))
    with pytest.raises(SoundfontError, match=r"000_Piano\.pat: expected a Gravis patch"):
        read_patch(patches / "000_Piano.pat")
    whole = (patches / "073_Flute.pat").read_bytes()
    (patches / "073_Flute.pat").write_bytes(whole[:1_000])
    with pytest.raises(SoundfontError, match="ends within a sample"):
        read_patch(patches / "073_Flute.pat")
    with pytest.raises(SoundfontError, match="expected a folder with patches"):
        Patches(patches / "nowhere")
