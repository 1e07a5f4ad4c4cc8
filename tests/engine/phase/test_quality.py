"""How well the estimated sound fits its magnitudes, on every recording, a little above what was measured."""

import numpy as np
import pytest

from dreampedal.engine.phase import convergence_db
from dreampedal.engine.stft import Frames

from .frames_of import estimated, fit_db, magnitudes, sound, spectrogram

CASES = [
    (2048, 512, -14.5, {"method": "spsi"}),
    (2048, 512, -17.5, {"method": "rtpghi_plain", "lookahead_frames": 1}),
    (2048, 256, -20.5, {"method": "rtpghi_plain", "lookahead_frames": 1}),
    (2048, 512, -15.3, {"method": "rtpghi_plain"}),
    (2048, 512, -20.4, {"method": "rtpghi", "lookahead_frames": 1}),
    (2048, 256, -24.4, {"method": "rtpghi", "lookahead_frames": 1}),
    (2048, 512, -16.6, {"method": "rtpghi"}),
    (2048, 512, -28.2, {"method": "rtisi", "lookahead_frames": 3}),
    (2048, 512, -29.2, {"method": "gsrtisi", "lookahead_frames": 3}),
    (2048, 512, -29.2, {"method": "hybrid", "lookahead_frames": 3}),
    (2048, 256, -32.5, {"method": "hybrid", "lookahead_frames": 3}),
    (1024, 128, -34.0, {"method": "hybrid", "lookahead_frames": 3}),
    (1024, 128, -32.8, {"method": "gsrtisi", "lookahead_frames": 3}),
    (2048, 256, -22.3, {"method": "gsrtisi"}),
    (512, 64, -33.5, {"method": "gsrtisi", "lookahead_frames": 2}),
]


@pytest.mark.parametrize(("window", "hop", "threshold_db", "settings"), CASES)
def test_fit(clip, clips, window, hop, threshold_db, settings):
    frames = Frames(window, hop)
    fits = []
    for name in clips:
        magnitude = magnitudes(clip(name)[0].mean(0)[44_100:110_250], frames)
        fits.append(fit_db(magnitude, estimated(magnitude, frames, **settings), frames))
    assert np.mean(fits) < threshold_db


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_frame_heard_among_its_neighbours_fits_better_on_every_recording(clip, clips, ahead):
    frames = Frames(2048, 512)
    for name in clips:
        magnitude = magnitudes(clip(name)[0].mean(0)[44_100:110_250], frames)
        plain, fitted = (
            fit_db(magnitude, estimated(magnitude, frames, method=method, lookahead_frames=ahead), frames)
            for method in ("rtpghi_plain", "rtpghi")
        )
        assert fitted < plain - 0.2, name


def test_the_true_phase_fits_exactly(clip):
    frames = Frames(1024, 256)
    spectra = spectrogram(clip("solo_cello")[0][0, :44_100], frames)
    assert fit_db(np.abs(spectra).astype(np.float32), spectra, frames) < -120


def test_more_lookahead_and_more_iterations_fit_better(clip):
    frames = Frames(1024, 256)
    magnitude = magnitudes(clip("mix_rock")[0][0, 44_100:88_200], frames)

    def fit(**settings):
        return fit_db(magnitude, estimated(magnitude, frames, method="gsrtisi", **settings), frames)

    ahead = [fit(lookahead_frames=k) for k in (0, 1, 3)]
    assert ahead == sorted(ahead, reverse=True)
    iterated = [fit(lookahead_frames=3, iterations=n) for n in (1, 4, 16)]
    assert iterated == sorted(iterated, reverse=True)


@pytest.mark.parametrize("kind", ["hamming", "blackman", "gauss", "asymmetric"])
def test_other_windows(clip, clips, kind):
    frames = Frames(1024, 128, kind)
    fits = {"rtpghi": [], "gsrtisi": []}
    for name in clips:
        magnitude = magnitudes(clip(name)[0].mean(0)[44_100:66_150], frames)
        for method, own in fits.items():
            ahead = 1 if method == "rtpghi" else 3
            own.append(fit_db(magnitude, estimated(magnitude, frames, method=method, lookahead_frames=ahead), frames))
    assert np.mean(fits["rtpghi"]) < -10
    assert np.mean(fits["gsrtisi"]) < -20


def test_a_steady_sine_is_nearly_exact():
    frames = Frames(1024, 128)
    magnitude = magnitudes(np.sin(0.31 * np.arange(44_100)), frames)[20:-20]
    for method, ahead, threshold_db in (("spsi", 0, -15), ("rtpghi", 1, -20), ("hybrid", 3, -40)):
        spectra = estimated(magnitude, frames, method=method, lookahead_frames=ahead)
        heard = magnitudes(sound(spectra, frames), frames)[: len(magnitude)]
        assert convergence_db(magnitude[20:-20], heard[20:-20]) < threshold_db


def test_convergence_refuses_what_has_no_meaning():
    with pytest.raises(ValueError, match="silent"):
        convergence_db(np.zeros((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="expected that of the target"):
        convergence_db(np.ones((2, 3)), np.ones((3, 2)))
    assert convergence_db(np.ones((2, 3)), np.ones((2, 3))) == float("-inf")
