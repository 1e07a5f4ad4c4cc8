"""What a model file is made of, proved before anything of it runs.

An ONNX file comes from anywhere. ONNX Runtime would open files that it names and run any operator in it, so the file is
read here first, as bytes, and refused unless it is small, complete in itself, made of known operators, and exactly what
its manifest declares.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreampedal.engine.model.format.interface import Shape, inputs, outputs
from dreampedal.engine.model.format.kinds import AnyManifest, read_manifest
from dreampedal.engine.model.format.manifest import GOLDEN_KEY, METADATA_KEY, ModelError
from dreampedal.engine.model.graph_rules import require_readable, require_runnable

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from onnx import ModelProto, TensorProto, ValueInfoProto

MAX_FILE_BYTES = 1 << 30
"""Largest file that is read at all: VGG-19 with its dense layers, 575 MB, is the largest network that is exported."""

MAX_NODES = 100_000

MAX_TEXT = {METADATA_KEY: 4 << 20, GOLDEN_KEY: 32 << 20}
"""Characters of the longest manifest and of the longest golden vectors: JSON takes many times as much once it is read.
"""

_BEGINNINGS = {
    b"version https://git-lfs": "a pointer of Git LFS, not the model (git lfs pull fetches that)",
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"pk\x03\x04": "a zip archive, as PyTorch saves its own",
}
"""How files begin that are often found in place of a model."""

OPERATORS = frozenset(
    {
        "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Conv", "ConvTranspose", "Div", "Elu",
        "Equal", "Erf", "Exp", "Expand", "GRU", "Gather", "Gelu", "Gemm", "Greater", "HardSigmoid", "Identity", "LSTM",
        "LeakyRelu", "Log", "LogSoftmax", "MatMul", "MaxPool", "Mul", "Neg", "Pad", "RMSNormalization", "Range",
        "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape", "ScatterElements", "Shape",
        "Sigmoid", "Sign", "Slice", "Split", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where",
    }
)  # fmt: skip
"""Operators of the standard domain that a model may hold: numbers in, numbers out, no subgraph, no file, no text.

They are those that the compiler writes: a test compares them with what its operators declare.
"""


def read_model(path: str | Path) -> tuple[ModelProto, AnyManifest]:
    """The graph and manifest of the model at `path`, proved sound.

    Raises:
        ModelError: that names the file, the field, what was found and what was expected.
    """
    model = parse(path)
    try:
        return model, proved(path, model)
    except ModelError:
        raise
    except (AttributeError, TypeError, ValueError) as error:  # names that are no text, values that fill no shape
        raise ModelError(path, "content", f"malformed ({error})", "a whole ONNX file") from error


def proved(path: str | Path, model: ModelProto) -> AnyManifest:
    """The manifest of a model that is complete in itself, made of known operators, and as declared."""
    text = metadata(path, model, METADATA_KEY)
    require_self_contained(path, model)
    require_known_operators(path, model)
    require_readable(path, model)
    manifest = read_manifest(path, text)
    require_declared(path, model, manifest)
    require_numbers(path, model)
    if (found := content_hash(model)) != manifest.content_hash:
        raise ModelError(path, "content hash of the weights", found, f"{manifest.content_hash}, as the manifest says")
    require_runnable(path, model)
    return manifest


def parse(path: str | Path) -> ModelProto:
    """The file as ONNX, read as bytes: nothing that it refers to is opened."""
    from google.protobuf.message import DecodeError
    from onnx import load_model_from_string

    try:
        found = Path(path).stat()
        size = found.st_size
        if not stat.S_ISREG(found.st_mode):  # reading a pipe would wait for ever
            kind = "a folder, a directory" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
            raise ModelError(path, "file", kind, "an ordinary file")
        if size > MAX_FILE_BYTES:
            raise ModelError(path, "size", f"{size} bytes", f"at most {MAX_FILE_BYTES}")
        content = Path(path).read_bytes()
    except OSError as error:
        raise ModelError(path, "file", error.strerror or error, "a model that can be read") from None
    try:
        model = load_model_from_string(content)
    except DecodeError:
        raise ModelError(path, "content", _instead_of_onnx(content), "a whole ONNX file") from None
    if not content:
        raise ModelError(path, "file", "empty", "a whole ONNX file")
    if not model.graph.node:
        raise ModelError(path, "graph", "empty", "a whole ONNX file with at least one node")
    return model


def _instead_of_onnx(content: bytes) -> str:
    """What a file is that is no ONNX, in words."""
    for beginning, words in _BEGINNINGS.items():
        if content.lstrip().lower().startswith(beginning):
            return words
    return f"{len(content)} bytes that are not ONNX, or only a part of it"


def metadata(path: str | Path, model: ModelProto, key: str) -> str:
    """The text under `key` in the file's metadata."""
    for entry in model.metadata_props:
        if entry.key == key:
            if len(entry.value) > (most := MAX_TEXT.get(key, MAX_FILE_BYTES)):
                raise ModelError(path, f"metadata '{key}'", f"{len(entry.value)} characters", f"at most {most}")
            return str(entry.value)
    raise ModelError(path, f"metadata '{key}'", "missing", "a file written by DreamPedal's exporter")


def content_hash(model: ModelProto) -> str:
    """SHA-256 over the name, type, shape and values of every initialiser, in the order of their names."""
    from onnx.numpy_helper import to_array

    digest = hashlib.sha256()
    for tensor in sorted(model.graph.initializer, key=lambda tensor: tensor.name):
        values = to_array(tensor)
        digest.update(f"{tensor.name} {values.dtype.str} {values.shape};".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def require_numbers(path: str | Path, model: ModelProto) -> None:
    """Refuse weights that are no numbers. A single infinity is none of them, but a limit of the graph."""
    import numpy as np
    from onnx.numpy_helper import to_array

    for tensor in model.graph.initializer:
        values = to_array(tensor)
        if values.dtype.kind == "f" and (np.isnan(values).any() or (values.size > 1 and np.isinf(values).any())):
            raise ModelError(path, f"weights '{tensor.name}'", "holding NaN or infinity", "finite numbers")


def require_self_contained(path: str | Path, model: ModelProto) -> None:
    """Refuse tensors that lie in other files, wherever they hide: initialisers, attributes, subgraphs, functions."""
    from onnx import TensorProto

    for tensor in _tensors(model):
        if tensor.data_location != TensorProto.DEFAULT or tensor.external_data:
            where = next((entry.value for entry in tensor.external_data if entry.key == "location"), "elsewhere")
            raise ModelError(path, f"tensor '{tensor.name}'", f"stored in '{where}'", "every tensor inside the file")
    for field in ("functions", "training_info", "configuration"):
        if getattr(model, field, ()):
            raise ModelError(path, field, "present", "none")
    if model.graph.sparse_initializer:
        raise ModelError(path, "sparse initialisers", "present", "none")


def require_known_operators(path: str | Path, model: ModelProto) -> None:
    """Refuse operators off the list, other domains, subgraphs, and graphs out of bounds."""
    if len(model.graph.node) > MAX_NODES:
        raise ModelError(path, "nodes", len(model.graph.node), f"at most {MAX_NODES}")
    for domain in (entry.domain for entry in model.opset_import):
        if domain not in ("", "ai.onnx"):
            raise ModelError(path, "operator set", f"'{domain}'", "the standard one only")
    for node in model.graph.node:
        if not all(isinstance(name, str) for name in (*node.input, *node.output, node.name, node.op_type)):
            raise ModelError(path, "names in the graph", "not text", "UTF-8")
        where = f"operator of node '{node.name or ', '.join(node.output)}'"
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
            found = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
            raise ModelError(path, where, found, f"one of {', '.join(sorted(OPERATORS))}")
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise ModelError(path, where, f"{node.op_type} with a subgraph", "operators without")


def require_declared(path: str | Path, model: ModelProto, manifest: AnyManifest) -> None:
    """Refuse a graph whose inputs or outputs are not exactly those that its manifest stands for."""
    graph = model.graph
    held = {tensor.name for tensor in graph.initializer}
    for what, values, expected in (
        ("input", graph.input, inputs(manifest)),
        ("output", graph.output, outputs(manifest)),
    ):
        found = {value.name: _shape(path, value) for value in values}
        for name in found.keys() - expected.keys():
            raise ModelError(path, f"{what} '{name}'", "undeclared", f"one of the manifest's: {_few(expected)}")
        for name in expected.keys() - found.keys():
            raise ModelError(path, f"{what} '{name}'", "missing", f"shape {_words(expected[name])}")
        for name, shape in found.items():
            if shape != expected[name]:
                raise ModelError(path, f"shape of {what} '{name}'", _words(shape), _words(expected[name]))
        if len(values) != len(found):
            raise ModelError(path, f"{what}s", "named twice", "one of each name")
        if what == "input" and held & found.keys():
            raise ModelError(path, f"inputs {_few(held & found.keys())}", "also weights", "inputs without a default")


def _shape(path: str | Path, value: ValueInfoProto) -> Shape:
    from onnx import TensorProto

    tensor = value.type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT:
        raise ModelError(path, f"type of '{value.name}'", TensorProto.DataType.Name(tensor.elem_type), "FLOAT")
    return tuple(size.dim_param or size.dim_value for size in tensor.shape.dim)


def _tensors(message: Message) -> Iterator[TensorProto]:
    """Every tensor in a message, and in the messages that it holds."""
    from onnx import TensorProto

    if isinstance(message, TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type:
            for held in value if hasattr(value, "__len__") else (value,):
                yield from _tensors(held)


def _words(shape: Shape) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _few(names: Any) -> str:
    names = sorted(names)
    return ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
