"""The presets that dream of songs, heard by the published network and not by the one that dreams."""

import numpy as np
import pytest

from dreampedal.effects.spectral import measure
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.presets import DEMO_RECORDING, load_preset

SHIPPED = sorted(path.stem for path in DEMO_RECORDING.parents[1].glob("*.toml"))


def dreams_of_songs(name):
    return [effect for effect in load_preset(name) if isinstance(effect, SpectralEffect) and effect.model == "songs"]


@pytest.fixture(scope="module")
def musicnn(wheel):
    from dreampedal.export.musicnn.published import load

    return load(wheel, "mtt_musicnn")


def random_like(offset, rng):
    """Noise with the power spectrum of `offset` over bands and frames."""
    phases = np.angle(np.fft.fft2(rng.standard_normal(offset.shape)))
    return np.real(np.fft.ifft2(np.abs(np.fft.fft2(offset)) * np.exp(1j * phases))).astype(np.float32)


@pytest.mark.parametrize("name", [name for name in SHIPPED if dreams_of_songs(name)])
def test_musicnn_itself_hears_the_tag(name, clip, musicnn):
    (effect,) = dreams_of_songs(name)
    tag = effect.target.removeprefix("class:")
    rng = np.random.default_rng(3)
    for recording in ("solo_egtr_em9", "speech_female_en"):
        audio, rate = clip(recording)
        audio = np.ascontiguousarray(audio[:, : round(3.5 * rate)])
        trace = measure.trace(effect, audio, rate)

        def heard(wet, audio=audio, rate=rate):
            return musicnn.tag_logits(measure.matched(wet, audio, rate), rate)[tag]

        drawn = [heard(measure.with_offset(effect, audio, rate, random_like(trace.offset, rng))) for _ in range(4)]
        wet = heard(trace.wet)
        assert wet > heard(audio) + 1, recording
        assert wet > np.mean(drawn), recording
