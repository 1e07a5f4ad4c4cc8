"""What tests of phase share: magnitudes of a sound, a run through an estimator, and how well the result fits."""

import numpy as np

from dreampedal.engine.dsp.phase import Estimator, convergence_db


def spectrogram(audio, frames):
    """Complex frames (frames, bins) of mono `audio`, in float64, until the last sample has left the window."""
    size, hop = frames.window_samples, frames.hop_samples
    count = (audio.size + size) // hop
    padded = np.zeros(size - hop + count * hop)
    padded[size - hop : size - hop + audio.size] = audio[: count * hop]
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * frames.window)


def magnitudes(audio, frames):
    """Float32 magnitudes (frames, bins) of mono `audio`."""
    return np.abs(spectrogram(audio, frames)).astype(np.float32)


def sound(spectra, frames):
    """The samples of complex frames (frames, bins), from the first hop on."""
    size, hop = frames.window_samples, frames.hop_samples
    line = np.zeros(size - hop + len(spectra) * hop)
    for t, frame in enumerate(np.fft.irfft(spectra) * frames.dual):
        line[t * hop : t * hop + size] += frame
    return line[size - hop :]


def estimated(magnitude, frames, **settings):
    """Complex frames with the estimated phase, one for each of `magnitude` (frames, bins)."""
    estimator = Estimator(frames, 1, **settings)
    silence = np.zeros((estimator.latency_frames, magnitude.shape[1]), np.float32)
    played = [estimator.push(row[np.newaxis]).copy() for row in np.concatenate([magnitude, silence])]
    spectra = np.array(played)[estimator.latency_frames :, :, 0]
    return spectra[:, 0] + 1j * spectra[:, 1]


def fit_db(magnitude, spectra, frames):
    """Spectral convergence of the sound that complex frames make."""
    return convergence_db(magnitude, magnitudes(sound(spectra, frames), frames)[: len(magnitude)])
