"""A small set of real sound to judge on: a recording as it is, without its highs and without its lows."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.signal import butter, sosfilt

from dreampedal.engine.inputs import LogBands, features
from dreampedal.engine.manifest import Bands
from dreampedal.export.zoo.table import build
from tests.conftest import read

CLASSES = ("bright", "dull", "whole")
SECONDS = 0.5
BLOCKS = 12
"""Seconds of the recording; each counts as a recording of its own."""


@dataclass(frozen=True)
class Clips:
    x: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    group_names: tuple
    classes: tuple
    input: object
    seconds: float

    def __len__(self):
        return len(self.labels)

    def take(self, mask):
        return replace(self, x=self.x[mask], labels=self.labels[mask], groups=self.groups[mask])


def sounds(input=None, seconds=SECONDS):
    """Clips of three classes, cut every tenth of a second from the recording that ships."""
    input = input or LogBands(bands=Bands(count=24))
    audio, rate = read("solo_egtr_em9")
    filters = (butter(4, 1200, "high", fs=rate, output="sos"), butter(4, 400, "low", fs=rate, output="sos"), None)
    x, labels, groups = [], [], []
    for label, sos in enumerate(filters):
        line = audio.mean(0) if sos is None else sosfilt(sos, audio.mean(0)).astype(np.float32)
        starts = np.arange(0, line.size - int(seconds * rate), rate // 10)
        for start in starts:
            x.append(features(input, line[start : start + int(seconds * rate)], rate))
            labels.append(label)
            groups.append(label * BLOCKS + min(start // rate, BLOCKS - 1))
    names = tuple(f"{name} {block}" for name in CLASSES for block in range(BLOCKS))
    arrays = np.stack(x).astype(np.float32), np.array(labels), np.array(groups)
    return Clips(*arrays, names, CLASSES, input, seconds)


def parts(clips):
    """Training, validation and test clips: a third of the seconds each, in turn."""
    part = clips.groups % BLOCKS % 3
    return clips.take(part == 0), clips.take(part == 1), clips.take(part == 2)


def taught(clips, name="columns", settings=None, steps=60, seed=0):
    """A network of the zoo that tells the classes apart, after a few steps of Adam."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    net = build(name, clips.classes, clips.input, clips.seconds, settings)
    x, labels = torch.from_numpy(clips.x), torch.from_numpy(clips.labels)
    net.normalise([x])
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    net.train()
    for _ in range(steps):
        some = torch.randperm(len(x))[:32]
        loss = torch.nn.functional.cross_entropy(net(x[some]), labels[some])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()
