"""Phase over a whole spectrogram: each kernel beside its obvious twin, and what comes of it on recordings."""

import heapq

import numpy as np
import pytest

from dreampedal.engine.dsp.phase.offline.griffin_lim import correction, griffin_lim, random_start
from dreampedal.engine.dsp.phase.offline.pghi import TOLERANCE, pghi
from dreampedal.engine.dsp.phase.offline.streamed import STREAMED, streamed
from dreampedal.engine.dsp.stft import Frames, FrameState


def centred(signal, frames, window=None):
    """The spectrogram of `signal` (samples,), its frames centred: complex, (frames, bins), in float64."""
    size, hop = frames.window_samples, frames.hop_samples
    window = frames.window.astype(float) if window is None else window
    padded = np.pad(signal.astype(float), size // 2)
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window)


def inverse(spectrogram, frames, length):
    """Least squares: overlap-add over the sum of squared windows, cut to the signal."""
    size, hop, window = frames.window_samples, frames.hop_samples, frames.window.astype(float)
    summed, squares = np.zeros((2, (spectrogram.shape[0] - 1) * hop + size))
    for t, frame in enumerate(np.fft.irfft(spectrogram) * window):
        summed[t * hop : t * hop + size] += frame
        squares[t * hop : t * hop + size] += window**2
    return (summed / np.maximum(squares, 1e-9))[size // 2 : size // 2 + length]


def convergence_db(signal, magnitude, frames):
    """Spectral convergence C."""
    return 20 * np.log10(np.linalg.norm(np.abs(centred(signal, frames)) - magnitude) / np.linalg.norm(magnitude))


def planes(spectrogram):
    return np.stack([spectrogram.real, spectrogram.imag]).astype(np.float32)


@pytest.fixture
def guitar(clip):
    return clip("solo_egtr_em9")[0][0, :60_000]


@pytest.mark.parametrize("size, hop, kind", [(2048, 512, "hann"), (1024, 128, "hamming"), (256, 128, "hann")])
@pytest.mark.parametrize("length", [20_480, 20_500])
def test_no_iteration_is_least_squares_synthesis(size, hop, kind, length, guitar):
    frames = Frames(size, hop, kind)
    spectrogram = centred(guitar[:length], frames)
    found = griffin_lim(np.abs(spectrogram).astype(np.float32), planes(spectrogram), frames, length, 0)
    assert np.abs(found - guitar[:length]).max() < 2e-6
    assert correction(frames, spectrogram.shape[0], length)[:100].max() == 0


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.99])
def test_iterations_are_those_of_the_twin(momentum, guitar):
    """Perraudin, Balazs and Søndergaard 2013, algorithm 1, as it stands there."""
    frames, length = Frames(512, 128), 12_800
    magnitude = np.abs(centred(guitar[:length], frames)).astype(np.float32)
    start = random_start(magnitude, 3)
    found = griffin_lim(magnitude, start, frames, length, 6, momentum)
    c, last = start[0] + 1j * start[1], None
    for _ in range(6):
        projected = centred(inverse(c, frames, length), frames)
        ahead = projected if last is None else projected + momentum * (projected - last)
        c, last = magnitude * ahead / np.abs(ahead), projected
    wanted = inverse(c, frames, length)
    assert np.abs(found - wanted).max() < 2e-3 * np.abs(wanted).max()


def test_pghi_integrates_as_the_twin_does(guitar):
    frames, rng = Frames(256, 64), np.random.default_rng(4)
    magnitude = np.abs(centred(guitar[:3200], frames)) * rng.uniform(0.5, 1, (51, 129))
    magnitude = magnitude.astype(np.float32)
    found = pghi(magnitude, frames)
    log = np.log(np.maximum(magnitude.astype(float), TOLERANCE * magnitude.max()))
    slopes = np.gradient(log)
    over_time = 2 * np.pi / 256 * 64 * np.arange(129) + 64 * 256 / frames.gamma * slopes[1]
    over_bins = -frames.gamma / (64 * 256) * slopes[0]
    phase = np.full(magnitude.shape, np.nan)
    for first in np.argsort(-magnitude.ravel(), kind="stable"):
        place = divmod(int(first), 129)
        if not np.isnan(phase[place]) or magnitude[place] <= TOLERANCE * magnitude.max():
            continue
        phase[place], heap = 0, [(-magnitude[place], place)]
        while heap:
            _, (t, k) = heapq.heappop(heap)
            around = ((t + 1, k, over_time), (t - 1, k, over_time), (t, k + 1, over_bins), (t, k - 1, over_bins))
            for s, m, rate in around:
                inside = 0 <= s < 51 and 0 <= m < 129
                if inside and np.isnan(phase[s, m]) and magnitude[s, m] > TOLERANCE * magnitude.max():
                    phase[s, m] = phase[t, k] + ((s - t) + (m - k)) * (rate[t, k] + rate[s, m]) / 2
                    heapq.heappush(heap, (-magnitude[s, m], (s, m)))
    known = ~np.isnan(phase)
    wanted = magnitude * np.exp(1j * (phase + np.pi * (np.arange(129) % 2)))
    assert known.mean() > 0.9
    assert np.abs((found[0] + 1j * found[1]) - wanted)[known].max() < 1e-3 * magnitude.max()
    assert np.allclose(np.hypot(*found), magnitude, rtol=1e-5, atol=1e-7)


@pytest.mark.any_recording
def test_on_every_recording_each_step_is_better_than_the_last(clip, clips):
    """C with Hann 2,048, hop 512: random phases, Griffin-Lim, its fast form, and the fast form begun with PGHI."""
    frames, rows = Frames(2048, 512), []
    for name in clips:
        signal = clip(name)[0][0, : 2 * 44_100]
        magnitude = np.abs(centred(signal, frames)).astype(np.float32)
        length, guess = (magnitude.shape[0] - 1) * 512, pghi(magnitude, frames)
        signals = [
            griffin_lim(magnitude, random_start(magnitude), frames, length, 0),
            griffin_lim(magnitude, random_start(magnitude), frames, length, 32, 0.0),
            griffin_lim(magnitude, random_start(magnitude), frames, length, 32, 0.99),
            griffin_lim(magnitude, guess, frames, length, 0),
            griffin_lim(magnitude, guess, frames, length, 32, 0.99),
        ]
        rows.append([convergence_db(each, magnitude, frames) for each in signals])
    by_chance, plain, fast, heap, both = np.mean(rows, axis=0)
    assert by_chance > -8 and plain < -13 and fast < -19 and heap < -18 and both < -26
    assert plain < by_chance and fast < plain - 2 and both < min(fast, heap) - 3


@pytest.mark.parametrize("method", STREAMED)
def test_a_stream_plays_the_very_samples_of_the_whole(method, guitar):
    from dreampedal.engine.dsp.phase.streaming import Estimator

    frames, ahead = Frames(1024, 256), {"spsi": 0, "rtpghi": 1, "rtpghi_plain": 1}.get(method, 2)
    spectrogram = np.abs(centred(guitar[:25_600], frames)).astype(np.float32)
    spectra = streamed(spectrogram[None], frames, method, ahead, 3)
    whole = griffin_lim(spectrogram, spectra[0], frames, 25_600, 0)
    estimator, state, out = Estimator(frames, 1, method, ahead, 3), FrameState.silent(frames, 1), []
    for magnitude in [*spectrogram, *np.zeros((ahead, 513), np.float32)]:
        played = frames.synthesise(np.ascontiguousarray(estimator.push(magnitude[None])), state)
        out.append(played[0].copy())
    live = np.concatenate(out)[ahead * 256 :]
    inside = slice(1024, 24_000)
    assert np.array_equal(whole[inside], live[512:][inside])


def test_random_phases_are_the_same_for_the_same_seed():
    magnitude = np.ones((5, 129), np.float32)
    assert np.array_equal(random_start(magnitude, 7), random_start(magnitude, 7))
    assert not np.array_equal(random_start(magnitude, 7), random_start(magnitude, 8))
    assert np.allclose(np.hypot(*random_start(magnitude)), 1, atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 1e-42, 1e-30])
def test_next_to_silence_is_no_trouble(level):
    frames, magnitude = Frames(256, 64), np.full((8, 129), level, np.float32)
    for start in (random_start(magnitude), pghi(magnitude, frames)):
        found = griffin_lim(magnitude, start, frames, 448, 8)
        assert np.isfinite(found).all() and np.abs(found).max() <= 1e3 * level
