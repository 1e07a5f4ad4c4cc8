"""Files half as large: weights that sixteen bits hold exactly are stored in sixteen bits.

`rounded` makes a network's large weights such numbers before anything else is done with it, so that nothing is lost
between the network in torch and its file; the file turns them back into float32 when it is loaded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from dreampedal.engine.model.format.manifest import METADATA_KEY
from dreampedal.engine.model.structure import content_hash, read_model
from dreampedal.engine.runtime.files import written_whole

LEAST_VALUES = 1024
"""Tensors with fewer values stay as they are."""

Net = TypeVar("Net", bound=nn.Module)


@torch.no_grad()
def rounded(network: Net) -> Net:
    """The network with the weights of its convolutions and linear layers rounded to half precision, in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
            module.weight.copy_(module.weight.half().float())
    return network


def store_halves(path: str | os.PathLike[str]) -> None:
    """Write a model file again with every large weight that half precision holds exactly stored in half precision."""
    model, manifest = read_model(os.fspath(path))
    graph, turned = model.graph, []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LEAST_VALUES:
            continue
        halves = values.astype(np.float16)
        if np.array_equal(halves.astype(np.float32), values):
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(halves, f"{name}.half"))
            turned.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*turned, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    held = {entry.key: entry.value for entry in model.metadata_props}
    manifest = manifest.model_copy(update={"content_hash": content_hash(model)})
    helper.set_model_props(model, held | {METADATA_KEY: manifest.model_dump_json()})
    onnx.checker.check_model(model)
    with written_whole(Path(path)) as part:
        part.write_bytes(model.SerializeToString())
        read_model(part)
