"""What live and instant play with: windows that give back the signal, filters of least delay, smooth cross-fades."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter, sosfilt

from dreampedal.effects import Dream
from dreampedal.effects.spectral import measure
from dreampedal.effects.spectral.frame.guard import MARGIN_DB, k_weighting
from dreampedal.effects.spectral.frame.kernels import shift
from dreampedal.effects.spectral.frame.minimum_phase import MinimumPhase
from dreampedal.effects.spectral.frame.state import SpectralState, StreamSpec
from dreampedal.effects.spectral.modes.instant import QUICK_MARGIN_DB, QUICK_SECONDS, Instant, filtered
from dreampedal.effects.spectral.modes.live import Live
from dreampedal.engine.dsp.bands import BandLayout, lay
from dreampedal.engine.dsp.rates import dividing_hop
from dreampedal.engine.dsp.stft import Frames
from dreampedal.engine.dsp.windows import asymmetric_pair

from ....conftest import read

pytestmark = pytest.mark.any_recording


class Filters(NamedTuple):
    """What `filtered` reads."""

    taps: np.ndarray
    adds: np.ndarray


LAYOUT = BandLayout()
RATE = 48_000


def spec(sample_rate=RATE, channels=1, window=2048, hop=512, lookahead_frames=0):
    return StreamSpec(Frames(window, hop), LAYOUT, sample_rate, channels, 1, lookahead_frames)


def offsets(rng, count, nepers):
    """Smooth offsets of so many nepers RMS, (count, 1, bands)."""
    drawn = np.apply_along_axis(np.convolve, 1, rng.normal(size=(count, LAYOUT.count)), np.hanning(9), mode="same")
    return (nepers * drawn / np.sqrt(np.mean(drawn**2))).astype(np.float32)[:, None]


@pytest.fixture(scope="module")
def dreamed():
    """Offsets of a dream on a second of the guitar, (frames, 1, bands), and its rate."""
    audio, rate = read("solo_egtr_em9")
    effect = Dream(target="class:vocal", model="notes", reach_db=36.0)
    offset = measure.trace(effect, np.ascontiguousarray(audio[:, :44_100]), rate).offset
    return np.ascontiguousarray(offset.transpose(2, 0, 1)), rate


def played(renderer, signal, offset_of, block=64):
    """`signal` through a renderer that is handed an offset each hop of the model; what is added, and the dry sound.

    The guard's DC filter passes everything here.
    """
    where = renderer.spec
    out, hop = [], where.frames.hop_samples
    renderer.select_bands(np.ones(LAYOUT.count, np.bool_))
    for only in ([0.0, 1.0], [1.0, 0.0]):
        state = SpectralState.silent(where, renderer.hop, renderer.waited_samples)
        state.guard = state.guard._replace(pole=1.0)
        state.io.ramp[:4] = only * 2
        renderer.reset()
        parts = []
        for start in range(0, signal.shape[1] // renderer.hop * renderer.hop, renderer.hop):
            part, done = np.zeros((where.channels, renderer.hop), np.float32), 0
            while done < renderer.hop:
                cut = np.ascontiguousarray(signal[:, start + done : start + min(done + block, renderer.hop)])
                shown = np.zeros_like(cut)
                reached = renderer.render(cut, 0, shown, state)
                part[:, done : done + reached] = shown
                state.position += reached
                done += reached
            parts.append(part)
            if (start + renderer.hop) % hop == 0:
                state.played.offset[:] = offset_of((start + renderer.hop) // hop)
                renderer.follow(state)
            renderer.advance(state)
            shift(state.io.line, renderer.hop)
            state.position = 0
        out.append(np.concatenate(parts, axis=1))
    return out[0], out[1]


def twin(offset, sample_rate, size):
    """The minimum-phase response in float64, bins of a transform of `size`; and the log gains."""
    bands = lay(LAYOUT, sample_rate, size)
    there = np.interp(bands.below + bands.toward.astype(float), np.arange(LAYOUT.count), offset.astype(float))
    logs = there * bands.reach
    cepstrum = np.fft.irfft(logs, size)
    cepstrum[1 : size // 2] *= 2
    cepstrum[size // 2 + 1 :] = 0
    return np.exp(np.fft.rfft(cepstrum)), logs


@pytest.mark.parametrize("size, support", [(1024, 256), (2048, 512), (512, 128), (1024, 240), (16, 8), (4096, 1024)])
def test_the_windows_of_live_give_back_the_signal(size, support):
    analysis, synthesis = asymmetric_pair(size, support // 4, overlap=4)
    product = (analysis * synthesis)[-support:]
    assert not synthesis[:-support].any() and (analysis > 0).all()
    assert np.abs(product.reshape(4, support // 4).sum(axis=0) - 1).max() < 1e-12
    hann = np.sin(np.pi * (np.arange(support) + 0.5) / support) ** 2
    assert np.abs(product - 0.5 * hann).max() < 1e-12


@pytest.mark.parametrize("sample_rate, octaves", [(22_050, -1), (44_100, 0), (96_000, 1)])
@pytest.mark.parametrize("gain_db", [-2.0, 2.0])
def test_one_gain_for_all_bands_is_that_gain_to_120_db(gain_db, sample_rate, octaves, clip):
    audio, _ = clip("mix_rock")
    frames = int(2048 * 2.0**octaves), int(512 * 2.0**octaves)
    renderer = Live(spec(sample_rate, 2, *frames))
    gain = 10 ** (gain_db / 20)
    renderer.phase.respond = lambda offset, response: bool(response[:, 0].fill(gain - 1) or True)
    added, dry = played(renderer, audio[:, :60_000], lambda hop: 0.1)
    settled = slice(round(0.1 * sample_rate), None)  # from silence, the guard fades in
    assert np.array_equal(dry[:, renderer.latency :], audio[:, : dry.shape[1] - renderer.latency])
    error = added[:, settled] - (gain - 1) * dry[:, settled]
    assert np.sqrt(np.mean(error**2)) < 1e-6 * np.sqrt(np.mean(dry**2))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("size, sample_rate", [(1024, 48_000), (2048, 44_100), (4096, 96_000), (512, 8_000)])
def test_the_response_is_its_twin(seed, size, sample_rate):
    offset = offsets(np.random.default_rng(seed), 1, [0.3, 1.0, 2.5][seed % 3])[0]
    expected, logs = twin(offset[0], sample_rate, size)
    response = np.zeros((1, 2, size // 2 + 1), np.float32)
    assert MinimumPhase(LAYOUT, sample_rate, size).respond(offset, response)
    found = 1 + response[0, 0] + 1j * response[0, 1]
    assert np.abs(20 * np.log10(np.abs(found)) - 20 / np.log(10) * logs).max() < 0.02
    assert np.abs(found - expected).max() < 2e-4 * np.abs(expected).max()


def test_no_offset_adds_nothing_at_all():
    response = np.ones((2, 2, 513), np.float32)
    one = np.zeros((2, LAYOUT.count), np.float32)
    assert not MinimumPhase(LAYOUT, RATE, 1024).respond(one, response) and not response.any()
    one[1, 40] = 0.5
    assert MinimumPhase(LAYOUT, RATE, 1024).respond(one, response) and not response[0].any() and response[1].any()


@pytest.mark.parametrize("frame", range(30, 80, 5))
def test_no_filter_of_the_same_magnitude_has_its_energy_sooner(frame, dreamed):
    """Oppenheim and Schafer 2010, section 5.6.3: up to any sample, a minimum-phase filter has let out the most."""
    (offset, rate), size = dreamed, 2048
    response = np.zeros((1, 2, size // 2 + 1), np.float32)
    MinimumPhase(LAYOUT, rate, size).respond(offset[frame], response)
    least = 1 + response[0, 0] + 1j * response[0, 1]
    energy = np.cumsum(np.fft.irfft(least) ** 2)
    w = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    for pole in (0.5, -0.9, 0.98):
        other = np.fft.irfft(least * (w - pole) / (1 - pole * w))
        assert (np.cumsum(other**2) <= energy + 1e-3 * energy[-1]).all()
    centred = np.fft.fftshift(np.fft.irfft(np.abs(least)))
    assert (np.cumsum(centred**2) <= energy + 1e-3 * energy[-1]).all()
    assert energy[size // 4] > 0.95 * energy[-1]


@pytest.mark.parametrize("frame", range(30, 80, 5))
def test_the_taps_of_instant_have_the_gains_that_were_wanted(frame, dreamed):
    """Half a window of taps resolves two bins: below 200 Hz, where bands lie closer than that, gains run together."""
    offset, rate = dreamed
    renderer, state = Instant(spec(rate)), SpectralState.silent(spec(rate), 64, 0)
    state.played.offset[:] = offset[frame]
    renderer.follow(state)
    taps = renderer.state.taps[renderer.newest, 0, ::-1].astype(float)
    taps[0] += 1
    found, (_, logs) = np.log(np.abs(np.fft.rfft(taps, 2048))), twin(offset[frame, 0], rate, 2048)
    hz, apart_db = np.arange(1025) * rate / 2048, 20 / np.log(10) * np.abs(found - logs)
    assert np.ptp(logs) > 1
    assert np.quantile(apart_db[hz > 200], 0.99) < 2 and np.median(apart_db) < 0.05


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1), age=st.integers(0, 300), count=st.integers(1, 64), adds=st.integers(0, 3),
    newest=st.integers(0, 1),
)  # fmt: skip
def test_filtered_is_its_twin(seed, age, count, adds, newest):
    rng, fade, size = np.random.default_rng(seed), 256, 40
    line, taps = rng.normal(size=200).astype(np.float32), rng.normal(size=(2, 2, size)).astype(np.float32)
    on, out, at = np.array([bool(adds & 1), bool(adds & 2)]), np.zeros(count, np.float32), 100
    own = Filters(taps, on)
    filtered(line, at, 1, own, newest, age, fade, out)
    each = [np.convolve(line, taps[n, 1, ::-1] * on[n])[at : at + count] for n in (1 - newest, newest)]
    weight = np.minimum((age + np.arange(count) + 1) / fade, 1)
    np.testing.assert_allclose(out, each[0] + weight * (each[1] - each[0]), atol=2e-5)


@pytest.mark.parametrize("make", [Live, Instant])
@pytest.mark.parametrize("hz", [110.0, 1000.0, 5000.0])
def test_offsets_that_jump_leave_no_step(make, hz):
    """Between two offsets 12 dB apart, no step is larger than the louder sine's own, and the fade's slope."""
    sine = (0.1 * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE)).astype(np.float32)[None]
    renderer = make(spec())
    added, dry = played(renderer, sine, lambda hop: 0.5 * np.log(2) * (-1) ** hop)
    wet = (added + dry)[:, 4096:]
    peak, fade = np.abs(wet).max(), 128
    assert 0.11 < peak < 0.1 * 2**0.5 * 1.1
    assert np.abs(np.diff(wet)).max() < 2 * np.pi * hz / RATE * peak * 1.05 + 0.1 * 2**0.5 / fade
    spread = np.abs(np.fft.rfft(wet[0] * np.blackman(wet.shape[1])))
    far = np.abs(np.fft.rfftfreq(wet.shape[1], 1 / RATE) - hz) > 3000
    assert (spread[far] ** 2).sum() < 1e-6 * (spread**2).sum()  # no clicks: -60 dB away from the sine


@pytest.mark.parametrize("mode", ["live", "instant"])
def test_a_new_note_does_not_burst(mode, clip):
    """Gains found for a quiet tail, up to 48 dB, meet a stroke: for 5 ms it may be so much louder and no more."""
    audio, rate = clip("drums_break")
    audio = np.ascontiguousarray(audio[:1, : 5 * rate])
    effect = Dream(target="class:vocal - 0.5*class:guitar", reach_db=48.0, memory_seconds=0.5, mode=mode)
    wet, sections = effect(audio, rate), np.insert(k_weighting(rate), 3, 1.0, axis=1)
    quick = 1 - np.exp(-1 / QUICK_SECONDS / rate)
    before, after = (lfilter([quick], [1, quick - 1], sosfilt(sections, x[0].astype(float)) ** 2) for x in (audio, wet))
    loud = before > 1e-5
    change_db = 10 * np.log10(after[loud] / before[loud])
    assert np.quantile(change_db, 0.999) < MARGIN_DB + QUICK_MARGIN_DB + 3.0
    assert change_db.max() < 10.0


def test_a_hop_that_is_no_power_of_two_is_served():
    for hop in (300, 512, 384, 1000):
        for renderer in (Live(spec(hop=hop)), Instant(spec(hop=hop))):
            assert hop % renderer.hop == 0 and renderer.hop == dividing_hop(hop, 64)
    assert Live(spec(hop=300)).latency == 4 * 60 <= 256
    signal = np.random.default_rng(0).normal(0, 0.1, (1, 12_000)).astype(np.float32)
    for make in (Live, Instant):
        added, dry = played(make(spec(hop=300)), signal, lambda hop: 0.2)
        assert np.isfinite(added).all() and np.abs(added).max() > 1e-3
        assert np.array_equal(
            dry[:, make(spec(hop=300)).latency :], signal[:, : dry.shape[1]][:, : 12_000 - 240 * (make is Live)]
        )
