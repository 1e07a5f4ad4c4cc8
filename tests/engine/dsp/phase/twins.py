"""The estimators once more: slow, obvious, in float64, by definition, with a heap and with whole overlap-adds."""

import heapq

import numpy as np

BEGINNING = -5e29


def heap_step(before, now, rise, turned, frames, tolerance):
    """Directions of a frame from those of the frame before, by a heap (Průša and Søndergaard 2016).

    Beside them, which bins they are certain for: those above the tolerance.
    """
    size, hop, bins = frames.window_samples, frames.hop_samples, frames.bins
    slope = np.zeros(bins)
    slope[1:-1] = (before[2:] - before[:-2]) + (now[2:] - now[:-2])
    along_time = 2 * np.pi * np.arange(bins) * hop / size + hop * size / frames.gamma / 4 * slope
    along_bins = -frames.gamma / (2 * hop * size) * rise
    steps = np.clip((along_bins[1:] + along_bins[:-1]) / 2, -np.pi, np.pi)

    floor = max(before.max(), now.max()) - tolerance
    sounds = now > floor
    waiting = [(-before[m], False, m) for m in range(bins) if before[m] > floor]
    if before[np.argmax(now)] <= floor:
        waiting.append((-BEGINNING, False, int(np.argmax(now))))
    heapq.heapify(waiting)
    phase, found = along_time.copy(), np.zeros(bins, bool)
    origin = np.arange(bins)
    while waiting:
        _, present, m = heapq.heappop(waiting)
        if not present and sounds[m] and not found[m]:
            found[m] = True
            heapq.heappush(waiting, (-now[m], True, m))
        if present:
            for other, step in ((m + 1, steps[m] if m + 1 < bins else 0), (m - 1, -steps[m - 1] if m else 0)):
                if 0 <= other < bins and sounds[other] and not found[other]:
                    found[other] = True
                    phase[other], origin[other] = phase[m] + step, origin[m]
                    heapq.heappush(waiting, (-now[other], True, other))
    from_first_sample = -2 * np.pi * round(frames.centre) / size * (np.arange(bins) - origin)
    directions = turned[origin] * np.exp(1j * (phase + from_first_sample))
    directions[[0, -1]] = np.where(directions[[0, -1]].real >= 0, 1, -1)
    return directions, sounds


def peak_step(magnitude, turned, frames):
    """Directions of a frame from those of the frame before, by SPSI (Beauregard, Harish and Wyse 2015)."""
    size, hop, bins = frames.window_samples, frames.hop_samples, frames.bins
    directions = np.zeros(bins, complex)
    for m in range(bins):
        low = high = m
        while low > 0 and magnitude[low - 1] > magnitude[low]:
            low -= 1
        while high < bins - 1 and magnitude[high + 1] >= magnitude[high]:
            high += 1
        peak = low if magnitude[low] >= magnitude[high] else high
        at = min(max(peak, 1), bins - 2)
        left, middle, right = magnitude[at - 1 : at + 2]
        curve = left - 2 * middle + right
        offset = np.clip(0.5 * (left - right) / curve, -0.5, 0.5) if curve < -1e-30 else 0
        phase = 2 * np.pi * ((peak + offset) * hop - (m - peak) * round(frames.centre)) / size
        directions[m] = turned[peak] * np.exp(1j * phase)
    return directions


class Refinement:
    """RTISI-LA and GSRTISI-LA without a running sum: every analysis overlap-adds all frames afresh."""

    def __init__(self, frames, windows, lookahead_frames, iterations, momentum, at_once, beginning, share):
        self.frames, self.windows, self.ahead = frames, windows.astype(float), lookahead_frames
        self.iterations, self.momentum, self.at_once = iterations, momentum, at_once
        self.beginning, self.share = beginning, share
        self.played, self.wanted, self.found = [], [], []

    def around(self, t):
        """The samples under frame t, of all frames there are."""
        size, hop = self.frames.window_samples, self.frames.hop_samples
        total = np.zeros(size)
        for u, frame in enumerate(self.played):
            part, shift = np.fft.irfft(frame) * self.frames.dual, (u - t) * hop
            if 0 <= shift < size:
                total[shift:] += part[: size - shift]
            elif -size < shift < 0:
                total[:shift] += part[-shift:]
        return total

    def turned(self, t, through):
        """A frame's analysis at the wanted magnitude."""
        return self.wanted[t] * through / np.maximum(np.abs(through), 1e-15)

    def push(self, magnitude):
        """Take the newest magnitudes; the frame that is finished by them."""
        newest = len(self.played)
        self.wanted.append(magnitude.astype(float))
        self.played.append(np.zeros(magnitude.size, complex))
        started = np.fft.rfft(self.around(newest) * self.windows[-1])
        predicted = self.beginning(newest) * magnitude
        self.played[newest] = self.turned(newest, started + self.share * predicted)
        self.found.append(self.played[newest])
        for iteration in range(self.iterations):
            changing = [t for t in range(newest, newest - self.ahead - 1, -1) if t >= 0]
            fresh = {}
            for t in changing:
                fresh[t] = np.fft.rfft(self.around(t) * self.windows[t - newest + self.ahead])
                if not self.at_once:
                    self.change(t, fresh[t], iteration == 0 and t == newest)
            if self.at_once:
                for t in changing:
                    self.change(t, fresh[t], iteration == 0 and t == newest)
        done = newest - self.ahead
        return self.played[done] if done >= 0 else np.zeros(magnitude.size, complex)

    def change(self, t, fresh, first):
        """Put the wanted magnitude on what is found, carried on by momentum."""
        carried = fresh if first else fresh + self.momentum * (fresh - self.found[t])
        self.found[t] = fresh
        self.played[t] = self.turned(t, carried)


def fitted(magnitude, frames, lookahead_frames, trust, window, tolerance):
    """RTPGHI whose frames are heard once among those around them: every overlap-add is of all frames afresh."""
    size, hop, dual = frames.window_samples, frames.hop_samples, frames.dual.astype(float)
    silence = np.zeros((3, frames.bins))
    padded = np.concatenate([silence, magnitude, silence])
    logs = np.log(np.maximum(padded, 1e-30))
    first = 3 - lookahead_frames  # the silent frame before the first is handed out as well
    played = [np.ones(frames.bins)]

    for t in range(first, 3 + len(magnitude)):
        sound = np.zeros((t + 1) * hop + size)
        for u, frame in enumerate(played[1:], first):
            sound[u * hop : u * hop + size] += np.fft.irfft(frame * padded[u]) * dual
        one_sided = [3 * logs[u] - 4 * logs[u - 1] + logs[u - 2] for u in (t, t + 1)]
        rise = logs[t + 1] - logs[t - 1] if lookahead_frames else one_sided[0]
        predicted, _ = heap_step(logs[t - 1], logs[t], rise, played[-1], frames, tolerance)
        coming, _ = heap_step(logs[t], logs[t + 1], one_sided[1], predicted, frames, tolerance)
        for u, directions in enumerate((predicted, coming)[: 1 + lookahead_frames], t):
            sound[u * hop : u * hop + size] += trust * np.fft.irfft(directions * padded[u]) * dual
        heard = np.fft.rfft(sound[t * hop : t * hop + size] * window)
        played.append(np.where(np.abs(heard) > 1e-15, heard / np.maximum(np.abs(heard), 1e-15), predicted))
    return magnitude * played[-len(magnitude) :]
