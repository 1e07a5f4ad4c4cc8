"""The plain equalisers: what they do to spectra, loudness and pitch, and what their files may hold."""

import numpy as np
import pytest

from dreampedal.effects.spectral.measure import loudness_db
from dreampedal.engine.dsp.bands import BandLayout, log_band_features
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.judge.heard.equaliser import (
    SPECTRA,
    Curves,
    Matching,
    equalised,
    read_curves,
    spectrum_db,
    write_curves,
)
from dreampedal.export.judge.heard.onsets import onsets_f

pytestmark = pytest.mark.any_recording
CENTRES = BandLayout().centres_hz


def test_a_flat_curve_changes_nothing_and_a_level_is_no_curve(clip):
    audio, rate = clip("solo_cello")
    for level in (0.0, 7.0):
        # Outside of the bands, where a curve has faded out, a recording has next to nothing.
        inside = equalised(audio, rate, np.full(96, level))
        assert np.abs(inside - audio).max() < (1e-5 if not level else 0.05)


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_a_curve_is_what_a_band_of_noise_gains(rate):
    noise = np.random.default_rng(0).standard_normal((1, 2 * rate)).astype(np.float32) * np.float32(0.05)
    curve = np.where((CENTRES > 800) & (CENTRES < 3000), 12.0, 0.0)
    spectra = [np.abs(np.fft.rfft(sound[0])) ** 2 for sound in (noise, equalised(noise, rate, curve))]
    hz = np.fft.rfftfreq(2 * rate, 1 / rate)
    gained = [
        10 * np.log10(spectra[1][part].mean() / spectra[0][part].mean())
        for part in ((hz > 1000) & (hz < 2500), (hz > 200) & (hz < 600))
    ]
    assert gained[0] - gained[1] == pytest.approx(12, abs=0.3)


def test_loudness_stays_and_notes_begin_when_they_began(clip):
    audio, rate = clip("solo_piano")
    wet = equalised(audio, rate, np.linspace(-15, 15, 96))
    assert loudness_db(wet, rate) == pytest.approx(loudness_db(audio, rate), abs=0.01)
    assert onsets_f(audio, wet, rate) > 0.8


def test_matching_moves_a_recording_toward_the_spectrum_within_its_reach(clip):
    audio, rate = clip("solo_flute")
    features = log_band_features(audio.mean(0, keepdims=True), rate)[0]
    own = spectrum_db(features)
    wanted = own + 10 * np.sin(np.arange(96) / 12)
    wet = Matching({"flute": wanted}, reach_db=24)(audio, rate, "class:flute")
    after = spectrum_db(log_band_features(wet.mean(0, keepdims=True), rate)[0])
    loud = own > own.max() - 40

    def distance(curve):
        return np.std((curve - wanted)[loud])

    assert distance(after) < 0.5 * distance(own)
    short = Matching({"flute": wanted}, reach_db=0.5)(audio, rate, "class:flute")
    assert np.abs(spectrum_db(log_band_features(short.mean(0, keepdims=True), rate)[0]) - own)[loud].max() < 1.5


def test_level_is_no_part_of_a_spectrum(clip):
    audio, rate = clip("solo_flute")
    loud, soft = (log_band_features(level * audio[:1], rate)[0] for level in (np.float32(1), np.float32(0.25)))
    strong = spectrum_db(loud) > -40
    assert np.abs(spectrum_db(loud) - spectrum_db(soft))[strong].max() < 0.5


def test_files_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "curves.json"
    write_curves(path, {"flute": np.linspace(-3, 3, 96), "organ": np.zeros(96)})
    found = read_curves(path)
    assert list(found) == ["flute", "organ"] and np.abs(found["flute"] - np.linspace(-3, 3, 96)).max() < 0.006


def test_every_family_has_a_spectrum_and_no_two_are_alike():
    found = read_curves(SPECTRA)
    assert tuple(found) == CLASSES
    powers = {name: 10 ** (db / 10) for name, db in found.items()}
    centre = {name: float((power * np.log(CENTRES)).sum() / power.sum()) for name, power in powers.items()}
    assert min(centre, key=centre.get) == "bass"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "expected JSON"), ("[1, 2]", "expected JSON"), ('{"flute": [1, 2]}', r"flute has shape \(2,\)"),
        ('{"flute": "loud"}', "expected JSON"), (f'{{"flute": [{", ".join(["NaN"] * 96)}]}}', "finite"),
    ],
)  # fmt: skip
def test_what_is_no_curve_is_refused(tmp_path, text, said):
    path = tmp_path / "curves.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_curves(path)


@pytest.mark.parametrize("target", ["flute", "conv3", "class:kazoo"])
def test_another_target_is_refused(target):
    with pytest.raises(ValueError, match="expected class:NAME, one of flute"):
        Curves({"flute": np.zeros(96)})(np.zeros((1, 48_000), np.float32), 48_000, target)
