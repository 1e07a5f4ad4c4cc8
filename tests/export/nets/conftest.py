"""Networks small enough for a test, and real clips as each hears them."""

import numpy as np
import pytest
import torch

from dreampedal.engine.model.format.inputs import features
from dreampedal.export.nets.table import build

torch.set_num_threads(1)  # the networks are tiny, and tests run side by side

CLASSES = ("drum", "flute")

SMALL = {
    "raw": {},
    "gated": {"settings": {"filters": (8, 12), "dilations": (1, 2, 4, 8), "last": 16, "dropout": 0}, "seconds": 1.0},
    "vgg": {"settings": {"width": 8, "dropout": 0}},
    "lstm": {"settings": {"width": 32, "dropout": 0}},
    "residual": {"settings": {"width": 8, "dropout": 0}},
    "tdnn": {"settings": {"width": 16, "dropout": 0}},
    "dense": {"settings": {"dropout": 0}},
    "recurrent": {"settings": {"dropout": 0}},
    "conv": {"settings": {"dropout": 0}},
    "conv_recurrent": {"settings": {"dropout": 0}},
    "deep": {"settings": {"width": 4, "dropout": 0}, "seconds": 1.0},
    "columns": {"settings": {"filters": (16, 12, 12), "context_frames": 8}, "seconds": 1.0},
    "vgg19": {"settings": {"width": 8, "dense": 64, "size": 32, "dropout": 0}, "seconds": 1.0},
    "inception_v3": {"settings": {"width": 1 / 16, "size": 75, "dropout": 0}, "seconds": 1.0},
}
"""Settings for a test, of each network of the table."""

RECORDINGS = (
    "drums_break", "fiddle_irish", "mix_death_metal", "mix_house", "mix_orchestra_peer_gynt", "mix_rock", "solo_cello",
    "solo_egtr_em9",
)  # fmt: skip


@pytest.fixture
def small():
    """A function from a network's name to a small one with seeded weights."""

    def built(name, seed=0, classes=CLASSES, **changed):
        torch.manual_seed(seed)
        chosen = SMALL[name] | changed
        if "settings" in changed:
            chosen["settings"] = SMALL[name].get("settings", {}) | changed["settings"]
        return build(name, classes, **chosen)

    return built


@pytest.fixture
def heard(clip):
    """A function from a network to eight real clips as it hears them, (8, rows, frames), and their labels."""

    def encoded(net):
        rows = []
        for number, name in enumerate(RECORDINGS):
            audio, rate = clip(name)
            samples = round(net.seconds * rate)
            start = number * rate // 10
            rows.append(features(net.input, np.resize(audio[:, start:], (len(audio), samples)), rate))
        frames = net.task.shape[1]
        return torch.from_numpy(np.stack([row[:, :frames] for row in rows])), torch.arange(8) % 2

    return encoded
