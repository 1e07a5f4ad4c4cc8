"""A small set of real sound to judge on: a recording as it is, without its highs and without its lows."""

import numpy as np
import torch
from pedalboard.io import AudioFile
from scipy.signal import butter, sosfilt

from dreampedal.engine.model.format.inputs import LogBands, features
from dreampedal.engine.model.format.manifest import Bands
from dreampedal.export.data.clips import Clips
from dreampedal.export.nets.table import build
from tests.conftest import read

CLASSES = ("bright", "dull", "whole")
SECONDS = 0.5
BLOCKS = 12
"""Seconds of the recording; each counts as a recording of its own."""


def lines():
    """The recording as each class has it, mono, and its rate."""
    audio, rate = read("solo_egtr_em9")
    filters = (butter(4, 1200, "high", fs=rate, output="sos"), butter(4, 400, "low", fs=rate, output="sos"), None)
    mono = audio.mean(0)
    return [(mono if sos is None else sosfilt(sos, mono).astype(np.float32), rate) for sos in filters]


def write_folder(root):
    """A folder of folders: each class's recording, a file a second."""
    for name, (line, rate) in zip(CLASSES, lines(), strict=True):
        (root / name).mkdir(parents=True)
        for block in range(line.size // rate):
            with AudioFile(str(root / name / f"{block:02d}.wav"), "w", rate, 1) as file:
                file.write(line[None, block * rate : (block + 1) * rate])
    return root


def sounds(input=None, seconds=SECONDS):
    """Clips of three classes, cut every tenth of a second from the recording that ships."""
    input = input or LogBands(bands=Bands(count=24))
    x, labels, groups = [], [], []
    for label, (line, rate) in enumerate(lines()):
        length = int(seconds * rate)
        for start in np.arange(0, line.size - length, rate // 10):
            x.append(features(input, line[start : start + length], rate))
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
    x, labels = torch.from_numpy(clips.x[:]), torch.from_numpy(clips.labels)
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
