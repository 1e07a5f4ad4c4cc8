"""Small networks of the zoo, as training leaves them, and what their files make of clips."""

import numpy as np
import torch

from dreampedal.engine.model.clip_model import open_model
from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.export.compile.ascent import Training
from dreampedal.export.compile.clips import golden_clips
from dreampedal.export.nets.table import build

from .networks import settle

CLASSES = ("bell", "choir", "drum")

TRAINING = Training(data="random numbers", licence="CC0-1.0", seed=0)

SMALL = {
    "raw": {"seconds": 0.25, "settings": {"dense": 16}},
    "gated": {
        "seconds": 0.25,
        "settings": {"filters": (6, 5), "kernels": (16, 8), "strides": (8, 4), "dilations": (1, 3), "last": 7},
    },
    "vgg": {"seconds": 0.3, "settings": {"filters": (4, 6), "dense": 8}},
    "conv_recurrent": {},
    "deep": {"seconds": 0.2, "settings": {"filters": (3, 3, 4, 4, 4, 4, 5, 5)}},
    "columns": {"seconds": 1.0, "settings": {"filters": (6, 5), "dilations": (1, 2)}},
    "vgg19": {"input": LogBands(), "seconds": 0.2, "settings": {"width": 2, "dense": 6, "size": 32}},
}


def small(name, seed=0):
    """A network with batch norms and normalisation that matter."""
    torch.manual_seed(seed)
    net = build(name, CLASSES, **SMALL[name])
    settle(net)
    net.mean.add_(torch.randn_like(net.mean) * 0.1)
    net.std.mul_(1.5)
    return net.eval()


def clips_for(net, seed=7):
    """Clips of noise within the range of what a network hears."""
    return golden_clips(net.input, net.task.shape, seed)


def off(found, expected):
    """The largest deviation as a share of the largest value."""
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-9)


def agreement(net, path):
    """How far the file's logits and layers are from torch's."""
    model, x = open_model(path, device="cpu"), clips_for(net)
    with torch.no_grad():
        logits, heard = net(torch.as_tensor(x)).numpy(), net.activations(torch.as_tensor(x))
    worst = np.abs(model.logits(x) - logits).max()
    for name, y in model.activations(x).items():
        worst = max(worst, off(y, heard[name].reshape(*heard[name].shape[:2], -1).numpy()))
    return worst
