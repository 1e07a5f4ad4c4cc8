"""Phrases that tell their families apart at once: a tone of its own for each, with no soundfont."""

import numpy as np

from dreampedal.export.data.instruments.phrases import SAMPLES, Phrases


def tones(folder, count=44, families=11, name="tones"):
    """Phrases of one harmonic tone each, in a file of `folder`, as `rendered` gives them."""
    random = np.random.default_rng(3)
    seconds = np.arange(SAMPLES) / 48_000
    sounds = []
    for place in range(count):
        hz = 110 * 2 ** (place % families / 2 + random.uniform(-0.02, 0.02))
        tone = sum(np.sin(2 * np.pi * hz * n * seconds + random.uniform(0, 6)) / n for n in (1, 2, 3))
        sounds.append(np.round(8_000 * tone + 20 * random.standard_normal(SAMPLES)).astype(np.int16))
    path = folder / f"{name}-{count}-{families}.npy"
    np.save(path, np.stack(sounds))
    return Phrases(name, path, np.load(path, mmap_mode="r"), np.arange(count) % families)
