"""A few songs that are noises, and a published network that is none: what is taught and judged, without the wheel."""

import numpy as np
import pytest
import torch

from dreampedal.export.musicnn.networks import Tagger
from dreampedal.export.musicnn.records.teaching import TAGS
from dreampedal.export.train.distil.records.songs import Records

CLASSES = ("ambient", "jazz", "metal")
EACH = 8


class Small(Tagger):
    """Hears how loud twelve groups of bands are; its tags are those groups over and over."""

    def __init__(self, name="small"):
        super().__init__(name, ("classical", *TAGS))
        self.head = torch.nn.Linear(12, len(self.classes))
        with torch.no_grad():
            self.head.weight.copy_(torch.eye(12).repeat(3, 1)[: len(self.classes)] * 4)
            self.head.bias.fill_(-4.0)

    def hidden(self, x):
        return x.mean(2).unflatten(1, (12, 8)).mean(2)


@pytest.fixture
def small():
    return Small().eval().requires_grad_(False)


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    """Five seconds each: rumble is ambient, hiss is metal, what is between is jazz; two clips a song."""
    random, sounds = np.random.default_rng(0), []
    labels = np.arange(EACH * len(CLASSES)) % len(CLASSES)
    hz = np.fft.rfftfreq(240_000, 1 / 48_000)
    for label in labels:
        low, high = ((60, 400), (700, 1500), (3000, 7000))[label]
        noise = np.fft.rfft(random.standard_normal(240_000)) * ((hz > low) & (hz < high))
        line = np.fft.irfft(noise)
        sounds.append(np.round(6_000 * line / line.std()).clip(-32_768, 32_767).astype(np.int16))
    path = tmp_path_factory.mktemp("records") / "noises.npy"
    np.save(path, np.stack(sounds))
    groups = labels * 10 + np.arange(len(labels)) // 6
    return Records("noises", path, np.load(path, mmap_mode="r"), labels, groups, CLASSES)
