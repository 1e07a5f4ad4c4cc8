"""Networks as training leaves them: every part with values that matter."""

from functools import reduce

import torch
from torch import nn

from dreampedal.engine.model.format.inputs import LogBands, frames_of
from dreampedal.engine.model.format.manifest import Bands
from dreampedal.export.compile.ascent import Training, export_ascent
from dreampedal.export.nets.causal import Network

torch.set_num_threads(1)  # the networks are tiny, and tests run side by side

TRAINING = Training(data="random numbers", licence="CC0-1.0", seed=0)


def trained(seed=0, activation="elu", **settings):
    """A causal network with weights, batch norms and normalisation drawn at random."""
    torch.manual_seed(seed)
    chosen = {"bands": 24, "filters": (12, 10, 8), "classes": ("bell", "choir", "drum"), "context_frames": 6}
    network = Network(**(chosen | settings), activation="elu")
    for block in network.layers.values():
        block.activation = ACTIVATIONS[activation]()
    network.mean.uniform_(-9, -4)
    network.std.uniform_(1, 3)
    settle(network)
    return network.eval()


def settle(module):
    """Give every batch norm statistics as if it had been trained."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.3)


ACTIVATIONS = {
    "elu": nn.ELU,
    "deep_elu": lambda: nn.ELU(1.7),
    "leaky_relu": lambda: nn.LeakyReLU(0.1),
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh_gelu": lambda: nn.GELU("tanh"),
    "identity": nn.Identity,
}


def exported(network, path, **settings):
    """The path of `network` as a model file."""
    export_ascent(network, path, **({"name": "tiny", "training": TRAINING} | settings))
    return path


class Joined(nn.ModuleList):
    """What several modules make of one input, joined: added, multiplied, or as filters of one tensor."""

    def __init__(self, join, branches):
        super().__init__(branches)
        self.join = join

    def forward(self, x):
        outputs = [branch(x) for branch in self]
        if self.join == "concatenation":
            return torch.cat(outputs, 1)
        return reduce(torch.add if self.join == "sum" else torch.mul, outputs)


class Windowed(nn.Module):
    """Modules in a row on normalised log bands, as channels or as an image; children with a convolution are layers."""

    def __init__(self, body, bands, frames, classes=()):
        super().__init__()
        self.body, self.classes, self.input = body, tuple(classes), LogBands(bands=Bands(count=bands))
        self.seconds = (frames + 0.5) * self.input.hop / 44_100
        assert frames_of(self.input, self.seconds, 44_100) == frames
        self.as_image = any(isinstance(module, nn.Conv2d) for module in body.modules())
        self.register_buffer("mean", torch.linspace(-7, -4, bands))
        self.register_buffer("std", torch.linspace(1, 3, bands))

    def layers(self):
        named = self.body.named_children()
        return {name: child for name, child in named if any(isinstance(m, CONVOLUTIONS) for m in child.modules())}

    def forward(self, x):
        x = (x - self.mean[:, None]) / self.std[:, None]
        y = self.body(x[:, None] if self.as_image else x)
        return y if self.classes else y.flatten(1)[:, :0]


CONVOLUTIONS = nn.Conv1d, nn.Conv2d
