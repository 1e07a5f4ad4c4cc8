"""Carriers of one frame against the obvious NumPy, and what octaves are: half, a quarter and twice of a frequency."""

from itertools import pairwise

import numpy as np
import pytest

from dreampedal.effects.spectral.carriers.breath import NOISE_SAMPLES, PINK_HZ, SEED
from dreampedal.effects.spectral.carriers.frame import CARRIERS, CarrierState, CarrierTables, write_carriers
from dreampedal.effects.spectral.carriers.whole import FRAMES, carriers_of
from dreampedal.engine.dsp.stft import Frames, FrameState

RATE, ALL = 48_000, np.ones(4, bool)


def peaks_of(power):
    """Each peak with its first bin and the one after its last."""
    last, found = power.size - 1, []
    for k in range(1, last):
        around = [power[n] for n in range(max(k - 2, 0), min(k + 2, last) + 1) if n != k]
        if power[k] >= 1e-24 and power[k] > max(power[max(k - 2, 0) : k]) and power[k] >= max(around):
            found.append(k)
    valleys = [a + int(np.argmin(power[a:b])) for a, b in pairwise(found)]
    return zip(found, [0, *valleys], [*valleys, power.size], strict=True)


def twin(frame, number, state, hop, place, window):
    """All carriers of a complex frame; `state` maps an octave to the phase of each bin's peak."""
    bins = frame.size
    size, power = 2 * (bins - 1), np.abs(frame) ** 2
    made = np.zeros((4, 2 * size), complex)
    for peak, low, high in peaks_of(power):
        left, middle, right = np.sqrt(power[peak - 1 : peak + 2])
        curve = left - 2 * middle + right
        at = peak + (np.clip(0.5 * (left - right) / curve, -0.5, 0.5) if curve < 0 else 0)
        phase = np.angle(frame[peak]) + 2 * np.pi * peak * place / size
        to, divided = {2: 2 * phase}, phase
        for octave, times in ((0, 2), (1, 4)):
            expected = state[octave][peak] + 2 * np.pi * at * hop / size / times
            divided = np.angle(np.exp(1j * divided)) / 2
            divided += np.pi if np.cos(divided - expected) < 0 else 0
            state[octave][low:high] = to[octave] = divided
        for carrier, share in enumerate((-0.5, -0.75, 1.0)):
            by = int(np.floor(at * share + 0.5))
            turned = frame[low:high] * np.exp(1j * (to[carrier] - phase - 2 * np.pi * by * place / size))
            made[carrier, np.arange(low, high) + by] += turned  # below zero: at the end
    spectra = made[:, :bins].copy()
    spectra[:, 1:bins] += np.conj(made[:, :-bins:-1])
    noise = np.random.default_rng(SEED).standard_normal(NOISE_SAMPLES, np.float32)
    noise = np.roll(noise, -number * hop)[:size] * window
    pink = np.sqrt(PINK_HZ / np.maximum(np.arange(bins) * RATE / size, PINK_HZ))
    loud = np.sqrt(np.sum(window**2.0) * np.sum(pink**2))
    spectra[3] = np.fft.rfft(noise) * pink / loud * np.sqrt(power.sum())
    return spectra


@pytest.mark.any_recording
@pytest.mark.parametrize("frames", [FRAMES, Frames(1024, 64, "asymmetric")], ids=["studio", "live"])
def test_carriers_are_what_numpy_makes_of_a_recording(frames, clip):
    sound, _ = clip("solo_cello")
    state, tables = FrameState.silent(frames, 1), CarrierTables.of(frames, RATE)
    own, phases = CarrierState.silent(1, frames.bins), np.zeros((2, frames.bins))
    place, worst = int(np.argmax(frames.window)), 0.0
    for number in range(40):
        begin = 40_000 + number * frames.hop_samples
        spectrum = frames.analyse(np.ascontiguousarray(sound[:1, begin : begin + frames.hop_samples]), state)
        write_carriers(spectrum, number, tables, ALL, own)
        frame = spectrum[0, 0].astype(complex) + 1j * spectrum[1, 0]
        expected = twin(frame, number, phases, frames.hop_samples, place, frames.window)
        found = own.carriers[0, :, 0] + 1j * own.carriers[0, :, 1]
        off = np.linalg.norm(found - expected, axis=1) / np.maximum(np.linalg.norm(expected, axis=1), 1e-9)
        worst = np.maximum(worst, off)
    assert worst.max() < 2e-3, dict(zip(CARRIERS, worst, strict=True))


def played(spectra):
    """Overlap-added frames, (frames, bins) to samples."""
    frames = np.fft.irfft(spectra) * FRAMES.dual
    out = np.zeros((len(frames) - 1) * 512 + 2048)
    for n, frame in enumerate(frames):
        out[n * 512 : n * 512 + 2048] += frame
    return out[2048:-2048]


@pytest.mark.parametrize(("name", "ratio"), [("below", 0.5), ("deep", 0.25), ("above", 2.0)])
@pytest.mark.parametrize("hz", [311.13, 443.7, 1200.0])
def test_a_tone_becomes_one_tone_an_octave_away_and_as_loud(name, ratio, hz):
    n = np.arange(RATE)
    sound = 0.1 * np.sin(2 * np.pi * hz * n / RATE)
    out = played(carriers_of(sound.astype(np.float32)[None], [name])[0, 0])
    wave = np.exp(-2j * np.pi * hz * ratio * np.arange(out.size) / RATE)
    window = np.hanning(out.size)
    tone = 2 * np.sum(out * window * wave) / np.sum(window)
    rest = out - np.real(tone * np.conj(wave))
    assert -1.2 < 20 * np.log10(abs(tone) / 0.1) < 0.2
    assert 10 * np.log10(np.mean(rest**2) / np.mean(out**2)) < -25


def test_an_attack_stays_where_it_was_an_octave_up():
    sound = np.zeros((1, 12_000), np.float32)
    sound[0, 6000] = 1
    out = played(carriers_of(sound, ["above"])[0, 0])
    assert np.abs(np.arange(out.size) + 2048 - 6000)[np.abs(out) > 0.5 * np.abs(out).max()].max() <= 2


def test_breath_is_as_loud_as_the_sound_and_the_same_each_time():
    random = np.random.default_rng(0)
    sound = (0.1 * random.standard_normal((1, RATE))).astype(np.float32)
    found = carriers_of(sound, ["breath"])
    spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(sound[0], 2048)[::512] * FRAMES.window)
    assert abs(10 * np.log10(np.sum(abs(found) ** 2) / np.sum(abs(spectra) ** 2))) < 0.2
    assert np.array_equal(found, carriers_of(sound, ["breath"]))


def test_silence_has_no_carriers():
    assert not np.any(carriers_of(np.zeros((2, 4096), np.float32)))


@pytest.mark.parametrize(
    ("sound", "names", "message"),
    [
        (np.zeros((1, 2047)), ["below"], r"sounds of shape \(1, 2047\): expected \(n, samples\), 2048 at least"),
        (np.zeros(4096), ["below"], r"sounds of shape \(4096,\)"),
        (np.zeros((1, 4096)), ["under"], "carrier 'under': expected one of below, deep, above, breath"),
        (np.zeros((1, 4096)), ["below", "below"], "carriers below, below: expected each of them once"),
    ],
)
def test_what_has_no_carriers_is_refused(sound, names, message):
    with pytest.raises(ValueError, match=message):
        carriers_of(sound, names)
