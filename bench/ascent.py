"""Eight steps of ascent on a model, against the loop that a user would write with torch autograd.

    python bench/ascent.py [MODEL.onnx]

Both climb the same objective on the newest columns of features, one thread each, ten hops in a row and in turn: on one
column, and on the five that `Dream` moves unless told otherwise. The torch loop sees exactly the columns that the
objective depends on; its offsets are compared with ours.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from harness.report import median_seconds, report
from numpy.typing import NDArray
from torch import Tensor

from dreampedal.engine.model.ascent import Ascent
from dreampedal.engine.model.model import Model
from dreampedal.engine.model.structure import parse
from dreampedal.export.compile.ascent import Training, export_ascent
from dreampedal.export.nets.causal import Network

SHIPPED = Path(__file__).parents[1] / "presets" / "models" / "notes.onnx"
STEPS = 8
COLUMNS = 1, 5
HOPS = 10

FORMS = {
    "mean activation of a filter": ("filter", 1.0, 0.0, 0.0),
    "energy of all layers": ("all", 0.0, 1.0, 0.0),
    "dot product with a reference": ("reference", 1.0, 0.0, 0.0),
    "squared distance to a reference": ("reference", 1.0, -1.0, 0.0),
    "class logit": ("none", 0.0, 0.0, 1.0),
    "layers, filters and classes": ("all", 1.0, 0.5, 1.0),
}
"""What is climbed: which filters, and the weights of u, v and the classes in `u·y + ½v·y² + classes·logits`."""


def network_of(model: Model) -> Network:
    """The model's network in torch, rebuilt from the weights in its file, which have the normalisation in them."""
    graph, manifest = parse(model.path).graph, model.manifest
    weights = {
        re.sub(r"(conv\d+)", r"layers.\1.conv", tensor.name): torch.tensor(onnx.numpy_helper.to_array(tensor))
        for tensor in graph.initializer
        if "." in tensor.name
    }
    taps = weights["layers.conv1.conv.weight"].shape[2]
    columns = [manifest.states.get(layer.name, (0, 0))[0] for layer in manifest.layers]
    network = Network(
        manifest.bands.count, manifest.classes, [layer.filters for layer in manifest.layers], taps,
        [max(count // max(taps - 1, 1), 1) for count in columns],
        "leaky_relu" if any(node.op_type == "LeakyRelu" for node in graph.node) else "elu",
        batch_norm=False, context_frames=manifest.context_frames,
    )  # fmt: skip
    network.load_state_dict(weights | {"mean": torch.zeros_like(network.mean), "std": torch.ones_like(network.std)})
    return network.eval()


def newest(network: Network, x: Tensor, columns: int, with_head: bool) -> tuple[dict[str, Tensor], Tensor | None]:
    """Activations of the newest columns, and the logits after the last one."""
    found = {}
    for name, block in network.layers.items():
        x = block(x)
        found[name] = x[:, :, -columns:]
    return found, network.head(x[:, :, -network.context_frames :].mean(2)) if with_head else None


def torch_loop(network: Network, ascent: Ascent, window: NDArray[np.float32]) -> Callable[[], NDArray[np.float32]]:
    """What a user would write: features and an offset that wants a gradient, forward, backward, a normalised step."""
    u = {name: torch.tensor(value)[:, None] for name, value in ascent.u.items() if value.any()}
    v = {name: torch.tensor(value)[:, None] for name, value in ascent.v.items() if value.any()}
    classes = torch.tensor(ascent.classes) if ascent.classes.any() else None
    columns = ascent.columns
    seen = network.history_frames + (network.context_frames if classes is not None else columns)
    features = torch.tensor(window[:, :, -seen:])
    rate, reach = float(ascent.rate[0]), float(ascent.reach[0])

    def climb() -> NDArray[np.float32]:
        offset = torch.zeros(features[:, :, -columns:].shape)
        for _ in range(STEPS):
            offset.requires_grad_()
            moving = torch.cat([features[:, :, :-columns], features[:, :, -columns:] + offset], 2)
            activations, logits = newest(network, moving, columns, classes is not None)
            terms = [(activations[name] * weight).sum(1).mean() for name, weight in u.items()]
            terms += [0.5 * (activations[name].square() * weight).sum(1).mean() for name, weight in v.items()]
            if logits is not None:
                terms.append((logits * classes).sum())
            (g,) = torch.autograd.grad(sum(terms), offset)
            with torch.no_grad():
                offset = (offset + rate * g / g.square().mean().sqrt()).clamp(-reach, reach)
        return offset.numpy()

    return climb


def set_form(ascent: Ascent, form: str, rng: np.random.Generator) -> None:
    """Hand one form of objective over."""
    chosen, u, v, classes = FORMS[form]
    names = list(ascent.u)
    for name in names:
        filters = np.zeros(len(ascent.u[name]), np.float32)
        if chosen == "all" or (chosen == "reference" and name == names[-1]):
            filters[:] = rng.normal(size=len(filters)) if chosen == "reference" else 1 / len(filters)
        elif chosen == "filter" and name == names[-1]:
            filters[0] = 1
        ascent.u[name][:] = u * filters
        ascent.v[name][:] = v * (filters != 0) if chosen == "reference" else v * filters
    ascent.classes[:] = 0
    ascent.classes[:1] = classes


def repeated(work: Callable[[], object]) -> Callable[[], None]:
    """Work as it comes in rendering: hop after hop."""

    def hops() -> None:
        for _ in range(HOPS):
            work()

    return hops


def listened(model: Model, columns: int, window: NDArray[np.float32]) -> Ascent:
    """An ascent that has heard `window` up to the columns that move."""
    ascent = model.ascent(channels=1, steps=STEPS, columns=columns)
    for column in range(window.shape[2] - columns + 1):
        ascent.features[:] = window[:, :, column : column + columns]
        if column < window.shape[2] - columns:
            ascent.run(0)
            ascent.commit()
    return ascent


def compared(model: Model, network: Network, columns: int, form: str) -> dict[str, Any]:
    """A row of the table."""
    rng = np.random.default_rng(0)
    shape = 1, model.manifest.bands.count, network.history_frames + max(network.context_frames, columns)
    window = rng.normal(-6, 2, shape).astype(np.float32)
    ascent = listened(model, columns, window)
    set_form(ascent, form, rng)
    theirs = torch_loop(network, ascent, window)
    hops = [repeated(work) for work in (ascent.run, theirs)]
    ours_seconds, their_seconds = (seconds / HOPS for seconds in median_seconds(*hops, runs=30))
    return {
        "objective": form,
        "columns": columns,
        "ours ms": 1e3 * ours_seconds,
        "torch ms": 1e3 * their_seconds,
        "ratio": their_seconds / ours_seconds,
        "largest difference (nepers)": float(np.abs(ascent.result - theirs()).max()),
    }


def three_by_64(path: Path) -> Model:
    """A network of three layers of 64 filters with random weights: the size that the design names, for its speed."""
    torch.manual_seed(0)
    network = Network(classes=("one", "other"), filters=(64, 64, 64), dilations=(1, 2, 4))
    export_ascent(network, path, name="random", training=Training(data="random weights", licence="CC0-1.0", seed=0))
    return Model.load(path, device="cpu")


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        models = [Model.load(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED, device="cpu")]
        models.append(three_by_64(Path(folder) / "random.onnx"))
        rows = []
        for model in models:
            size = "-".join(str(layer.filters) for layer in model.manifest.layers)
            network = network_of(model)
            found = [compared(model, network, columns, form) for columns in COLUMNS for form in FORMS]
            rows += [{"network": f"{model.manifest.name} {size}"} | row for row in found]
    report("ascent", rows, steps=STEPS, threads=1)


if __name__ == "__main__":
    main()
