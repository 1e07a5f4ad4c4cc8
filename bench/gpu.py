"""Ascent on a GPU and on the CPU: where a model should run.

    python bench/gpu.py [MODEL.onnx]

The shipped model, which moves one column, and a deep two-dimensional network of twelve convolutions on 96 bands × 32
frames, for 1 to 16 streams at once, a step and eight. A run takes features from the host and brings the offset back:
copies are part of it. On CUDA memory is bound once, and the graph is captured where ONNX Runtime can do so.
Where no GPU is, the CPU's figures stand alone and the table says so. Of fewer than 1,000 runs, p99.9 is the longest.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness.report import report
from torch import Tensor, nn

from dreampedal.engine.model.ascent import Ascent
from dreampedal.engine.model.device import make_session, why_no_cuda
from dreampedal.engine.model.format.inputs import LogBands
from dreampedal.engine.model.model import Model
from dreampedal.export.compile.window import Training, export_window

SHIPPED = Path(__file__).parents[1] / "presets" / "models" / "notes.onnx"
STREAMS = 1, 2, 4, 8, 16
STEPS = 1, 8
FRAMES = 32
SECONDS, MOST_RUNS, FEWEST_RUNS = 2.0, 5000, 20


class Deep(nn.Module):
    """Twelve convolutions of 3×3 in four blocks, each with batch norm and ELU, halved between the blocks."""

    classes, input = tuple(f"class_{number}" for number in range(11)), LogBands()
    seconds = (FRAMES + 0.5) * input.hop / 44_100

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential()
        channels = 1
        for block, filters in enumerate((16, 32, 64, 64)):
            for turn in range(3):
                conv = nn.Conv2d(channels, filters, 3, padding=1)
                name = f"conv{3 * block + turn + 1}"
                self.body.add_module(name, nn.Sequential(conv, nn.BatchNorm2d(filters), nn.ELU()))
                channels = filters
            if block < 3:
                self.body.add_module(f"pool{block + 1}", nn.AvgPool2d(2))
        self.body.add_module("head", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 11)))

    def layers(self) -> dict[str, nn.Module]:
        """The convolutions."""
        return {name: child for name, child in self.body.named_children() if name.startswith("conv")}

    def forward(self, features: Tensor) -> Tensor:
        """Logits of log bands, (n, bands, frames)."""
        return self.body((features[:, None] + 6) / 3)


def write_deep_model(path: Path) -> Path:
    """The deep network with random weights, as a model."""
    export_window(Deep(), path, name="deep", training=Training(data="random weights", licence="CC0-1.0", seed=0))
    return path


def prepared(model: Model, streams: int, steps: int, device: str) -> Ascent:
    """An ascent on noise, every form of objective at once."""
    rng = np.random.default_rng(0)
    ascent = model.ascent(streams, steps, device=device)
    ascent.features[:] = rng.normal(-6, 2, ascent.features.shape)
    for name in ascent.u:
        ascent.u[name][:], ascent.v[name][:] = 1 / len(ascent.u[name]), 0.1
    ascent.classes[:1] = 1
    return ascent


class Captured:
    """The same ascent on CUDA with all memory on the device, as a graph that is captured once and launched whole."""

    def __init__(self, ascent: Ascent, steps: int) -> None:
        from onnxruntime import OrtValue

        chains = ascent.chains
        chain = "window" if chains.manifest.runs_on == "window" else "t1"
        part = chains.sessions.part(chains.taps(chain, steps))
        self.session = make_session(part, "cuda", enable_cuda_graph="1")
        self.binding, self.ascent = self.session.io_binding(), ascent
        self.values: dict[str, Any] = {}
        for value in self.session.get_inputs():
            self.values[value.name] = OrtValue.ortvalue_from_numpy(ascent.inputs[value.name], "cuda", 0)
            self.binding.bind_ortvalue_input(value.name, self.values[value.name])
        for value in self.session.get_outputs():
            known = ascent.inputs["state_" + value.name.split("_", 3)[3]] if "_state_" in value.name else ascent.result
            self.values[value.name] = OrtValue.ortvalue_from_shape_and_type(list(known.shape), np.float32, "cuda", 0)
            self.binding.bind_ortvalue_output(value.name, self.values[value.name])
        self.result = self.values[f"{chain}_offset_{steps}"]
        self.run()

    def run(self) -> None:
        """One hop, copies included."""
        for name in ("features", "offset"):
            self.values[name].update_inplace(self.ascent.inputs[name])
        self.session.run_with_iobinding(self.binding)
        self.ascent.result[:] = self.result.numpy()


def capture(ascent: Ascent, steps: int) -> Callable[[], None] | None:
    """A captured run, or None where ONNX Runtime cannot capture this graph."""
    try:
        return Captured(ascent, steps).run
    except Exception as error:  # ONNX Runtime's errors have no base class of their own
        print(f"not captured: {str(error).splitlines()[0][:110]}", file=sys.stderr)
        return None


def timed(run: Callable[[], object]) -> tuple[float, float, int]:
    """Median and p99.9 in ms, and of how many runs."""
    for _ in range(10):
        run()
    taken: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(taken) < FEWEST_RUNS or (time.perf_counter() < end and len(taken) < MOST_RUNS):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return 1e3 * float(np.median(taken)), 1e3 * float(np.quantile(taken, 0.999, method="higher")), len(taken)


def measured(name: str, model: Model, cuda: bool) -> Iterator[dict[str, Any]]:
    """A row for each number of streams and steps."""
    for streams in STREAMS:
        for steps in STEPS:
            cpu = prepared(model, streams, steps, "cpu")
            median, tail, runs = timed(cpu.run)
            row: dict[str, Any] = {"network": name, "streams": streams, "steps": steps}
            row |= {"CPU ms": median, "CPU p99.9": tail, "CPU runs": runs}
            row |= dict.fromkeys(("CUDA ms", "CUDA p99.9", "captured ms", "captured p99.9", "CPU / CUDA", "apart"), "-")
            if cuda:
                gpu = prepared(model, streams, steps, "cuda")
                row["CUDA ms"], row["CUDA p99.9"], _ = timed(gpu.run)
                row["apart"] = float(np.abs(gpu.result - cpu.result).max())
                best = row["CUDA ms"]
                if run := capture(gpu, steps):
                    row["captured ms"], row["captured p99.9"], _ = timed(run)
                    row["apart"] = max(row["apart"], float(np.abs(gpu.result - cpu.result).max()))
                    best = min(best, row["captured ms"])
                row["CPU / CUDA"] = median / best
            yield row


def main() -> None:
    missing = why_no_cuda()
    print(f"CUDA: {missing}; the CPU alone is measured" if missing else "CUDA: found")
    shipped = Model.load(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
    with tempfile.TemporaryDirectory() as folder:
        deep = Model.load(write_deep_model(Path(folder) / "deep.onnx"))
    rows = [*measured(shipped.manifest.name, shipped, not missing), *measured("deep 2-D", deep, not missing)]
    report("gpu", rows, cuda=missing or "found", threads=1)


if __name__ == "__main__":
    main()
