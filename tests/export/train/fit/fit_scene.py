"""A small network and clips of real recordings, to be trained here or in a process of its own.

    python -m tests.export.train.fit.fit_scene FOLDER OUT [held]

trains in FOLDER and writes the weights to OUT. One that is `held` says so in the middle of its second epoch, and then
waits to be killed.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dreampedal.engine.model.format.inputs import Mel, features
from dreampedal.export.data.clips import Clips
from dreampedal.export.train.fit.fitting import fit
from dreampedal.export.train.fit.plan import Plan
from tests.conftest import ROOT, read

MEL = Mel(sample_rate=8000, window=256, hop=128, bands=16)
SECONDS = 0.25
CLASSES = ("bright", "plain")
PLAN = Plan(
    epochs=4, batch=16, optimiser="sgd", learning_rate=0.05, schedule="plateau", plateau_epochs=1, label_smoothing=0.1,
    mixup=0.2, averaging=0.9, adversarial_db=2, adversarial_steps=2, equaliser_db=3, gain_db=2, seed=3,
)  # fmt: skip
PLAIN = PLAN.changed(adversarial_db=0)


class Small(nn.Module):
    """A convolution with all that could make two trainings differ: batch norm, dropout, first weights.

    A `plain` one has no dropout: nothing in it is drawn while it is trained.
    """

    name, classes, input, seconds = "small", CLASSES, MEL, SECONDS

    def __init__(self, filters=8, seed=0, plain=False):
        super().__init__()
        self.settings = {"filters": filters}
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.conv, self.head = nn.Conv1d(MEL.bands, filters, 3), nn.Linear(filters, len(CLASSES))
        self.norm = nn.BatchNorm1d(filters)
        self.drop = nn.Identity() if plain else nn.Dropout(0.3)

    def forward(self, x):
        return self.head(self.drop(self.norm(self.conv(x)).relu().mean(-1)))


def clips(name="solo_egtr_em9", count=48, any_recording=True):
    """Clips of a recording, as they are and with their highs turned up; the classes say which.

    Where the recording is not there and any will do, they are those of the demo recording.
    """
    audio, rate = read(name, any_recording)
    mono = audio.mean(0)
    starts = np.linspace(0, mono.size - round(SECONDS * rate), count // 2).astype(int)
    x, labels = [], []
    for start in starts:
        plain = mono[start : start + round(SECONDS * rate)]
        for label, sound in enumerate((np.diff(plain, prepend=0) * 2, plain)):
            x.append(features(MEL, sound.astype(np.float32), rate))
            labels.append(label)
    return Clips(
        x=np.array(x, np.float16), labels=np.array(labels), groups=np.repeat(np.arange(len(starts)) // 4, 2),
        group_names=tuple(f"part{i}" for i in range(-(-len(starts) // 4))), classes=CLASSES, input=MEL, seconds=SECONDS,
    )  # fmt: skip


def same(first, second):
    """Whether two networks, or two sets of weights, are the same, bit for bit."""
    a, b = (net if isinstance(net, dict) else net.state_dict() for net in (first, second))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def figures(history):
    """A history without its times."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


def command(folder, out, held=False, torchrun=()):
    """The command that trains in a process of its own, and the environment for it."""
    line = [sys.executable, *torchrun, "-m", "tests.export.train.fit.fit_scene", str(folder), str(out)]
    line += held * ["held"]
    return {"args": line, "cwd": ROOT, "env": os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}}


def hold():
    """Say that all is as it is to be, and wait for the kill."""
    print("held", flush=True)
    while True:
        signal.pause()


def main(folder, out, held=""):
    rank = os.environ.get("RANK")
    net, plan = (Small(), PLAN) if rank is None else (Small(plain=True), PLAIN)
    places = itertools.count(1)  # of the second epoch, where the network is trained or attacked

    def holding(norm, _):
        if held and norm.training and (folder / "training.pt").exists() and next(places) == 3:
            hold()

    net.norm.register_forward_pre_hook(holding)
    fit(net, clips(), clips("speech_female_en", 24), plan, folder, device="cpu")
    torch.save(net.state_dict(), out if rank is None else f"{out}.{rank}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]), *sys.argv[3:])
