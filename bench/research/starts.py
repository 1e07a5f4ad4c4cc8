"""A network that begins where another one ended: the convolutions of the shipped notes model, on log bands.

What tells instruments apart is a good beginning for what tells styles of music apart, where recordings are few.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dreampedal.engine.model.model import Model
from dreampedal.export.data.clips import Clips
from dreampedal.export.nets.columns import Columns
from dreampedal.export.nets.net import Net


@torch.no_grad()
def from_model(net: Net, clips: Clips, model: Path) -> None:
    """Give a `Columns` network the convolutions of an `ascent` model that runs on columns, exactly.

    The model's file has its batch norms and its normalisation folded into the convolutions. Here each batch norm is set
    to what it would have measured on the clips, so that it changes nothing until it is trained.

    Args:
        net: already normalised (`Net.normalise`), with the model's filters, kernel and dilations.
        clips: that it will be trained on.
        model: an ONNX file.

    Raises:
        ValueError: if the network is of another kind, or a layer of the model has another shape.
        ModelError: if the file cannot be read.
    """
    if not isinstance(net, Columns):
        raise ValueError(f"{net.name} cannot begin with {model}: expected a columns network")
    weights = weights_of(model)
    x = torch.from_numpy(np.asarray(clips.x[:: max(1, len(clips) // 128)], np.float32))
    x = (x - net.mean[:, None]) / net.std[:, None]
    for name, block in net.causal.blocks.items():
        kernel, bias = weights.get(f"{name}.weight"), weights.get(f"{name}.bias")
        if kernel is None or bias is None or kernel.shape != block.conv.weight.shape:
            found = "none" if kernel is None else tuple(kernel.shape)
            raise ValueError(f"{model}: {name} has weights {found}: expected {tuple(block.conv.weight.shape)}")
        if name == next(iter(net.causal.layers)):
            # The file hears features as they are, the network hears them normalised.
            bias = bias + (kernel * net.mean[:, None]).sum((1, 2))
            kernel = kernel * net.std[:, None]
        block.conv.weight.copy_(kernel)
        block.conv.bias.copy_(bias)
        heard = block.conv(x)
        mean, variance = heard.mean((0, 2)), heard.var((0, 2), unbiased=False)
        block.norm.running_mean.copy_(mean)
        block.norm.running_var.copy_(variance)
        block.norm.weight.copy_((variance + block.norm.eps).sqrt())
        block.norm.bias.copy_(mean)
        x = block.activation(heard)


def weights_of(model: Path) -> dict[str, torch.Tensor]:
    """The named weights in a model file, once the file has been proved safe to read."""
    Model.load(model, device="cpu")
    import onnx
    from onnx import numpy_helper

    held = onnx.load(str(model), load_external_data=False).graph.initializer
    return {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in held if "." in one.name}
