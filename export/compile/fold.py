"""From a trained torch network to plain layers: normalisation and batch norms folded into the convolutions.

A causal network pads with the response to silence, never with zeros, so that what scales or shifts the input of a
convolution can always be folded into it exactly.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dreampedal.export.compile.chains.columns import CausalLayer, CausalNetwork
from dreampedal.export.compile.operators import activation_of, activations
from dreampedal.export.compile.operators.shapes import Identity
from dreampedal.export.nets.causal import Network

Affine = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Scale and shift of each filter."""

_PASSED = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Identity)
"""Modules that do nothing outside of training."""


def causal_network(network: Network, prefix: str = "") -> CausalNetwork:
    """A causal network as plain layers, whose names begin with `prefix`.

    Each layer holds an `nn.Conv1d` over time with bands or filters as channels, without padding and with stride 1, at
    most one batch norm before and after the activation, and the activation, whose output a target means by the layer.

    Raises:
        ValueError: that names the module which cannot be written.
    """
    mean, std = doubles(network.mean).ravel(), doubles(network.std).ravel()
    pending: Affine = (1 / std, -mean / std)
    layers = []
    for name, block in network.layers.items():
        layer, pending = _causal_layer(prefix + name, _leaves(block), pending)
        layers.append(layer)
    scale, shift = pending
    weight, bias = doubles(network.head.weight), doubles(network.head.bias)
    single = _single(weight * scale), _single(bias + weight @ shift)
    return CausalNetwork(tuple(layers), *single, network.context_frames, prefix)


def _leaves(module: nn.Module) -> list[nn.Module]:
    """The modules without children within `module`, in order, without those that only act in training."""
    return [m for m in module.modules() if not any(True for _ in m.children()) and not isinstance(m, _PASSED)]


def doubles(tensor: torch.Tensor | nn.Module) -> NDArray[np.float64]:
    """A parameter or buffer as float64: folding rounds once, at the end."""
    assert isinstance(tensor, torch.Tensor)
    return tensor.detach().cpu().double().numpy()


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, np.float32)


def _batch_norm(module: nn.modules.batchnorm._BatchNorm) -> Affine:
    """A trained batch norm as scale and shift."""
    assert module.running_mean is not None and module.running_var is not None
    scale = 1 / np.sqrt(doubles(module.running_var) + module.eps)
    if module.affine:
        scale = scale * doubles(module.weight)
    shift = -doubles(module.running_mean) * scale
    return scale, shift + doubles(module.bias) if module.affine else shift


def _dense(module: nn.Conv1d) -> NDArray[np.float64]:
    """The weights with groups spelled out as zeros: (filters, inputs, taps)."""
    weight = doubles(module.weight)
    filters, inputs = module.out_channels // module.groups, module.in_channels // module.groups
    whole = np.zeros((module.out_channels, module.in_channels, weight.shape[2]))
    for group in range(module.groups):
        rows, columns = slice(group * filters, (group + 1) * filters), slice(group * inputs, (group + 1) * inputs)
        whole[rows, columns] = weight[rows]
    return whole


def _causal_layer(name: str, modules: list[nn.Module], pending: Affine) -> tuple[CausalLayer, Affine]:
    """A layer with what came before it folded in, and what the next one has to fold in."""
    following = iter(modules)
    conv = next(following, None)
    if not isinstance(conv, nn.Conv1d) or conv.stride != (1,) or conv.padding not in ((0,), "valid"):
        raise ValueError(f"{name} starts with {conv}: expected an nn.Conv1d with stride 1 and no padding of its own")
    scale, shift = pending
    weight = _dense(conv)
    bias = np.zeros(len(weight)) if conv.bias is None else doubles(conv.bias)
    bias, weight = bias + np.einsum("fik,i->f", weight, shift), weight * scale[:, np.newaxis]
    chosen, after = None, (np.ones(len(weight)), np.zeros(len(weight)))
    for module in following:
        if isinstance(module, nn.BatchNorm1d):
            scale, shift = _batch_norm(module)
            if chosen is None:
                weight, bias = weight * scale[:, np.newaxis, np.newaxis], bias * scale + shift
            else:
                after = (after[0] * scale, after[1] * scale + shift)
        elif chosen is None and (chosen := activation_of(module)):
            continue
        else:
            known = ", ".join(cls.module.__name__ for cls in activations())
            raise ValueError(f"{name} holds {module}: expected a batch norm and one of {known}")
    layer = CausalLayer(name, _single(weight), _single(bias), conv.dilation[0], chosen or Identity("Identity"))
    return layer, after
