"""Networks as training leaves them: every part with values that matter."""

import torch
from torch import nn

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
    "identity": nn.Identity,
}


def exported(network, path, **settings):
    """The path of `network` as a model file."""
    export_ascent(network, path, **({"name": "tiny", "training": TRAINING} | settings))
    return path
