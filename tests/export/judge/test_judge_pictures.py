"""Pictures say what they show: read from the text of their vector form."""

import re

import numpy as np
import pytest
import torch

from dreampedal.engine.model.format.inputs import LogBands, Mel, Waveform
from dreampedal.engine.model.format.manifest import Bands
from dreampedal.export.judge.kernel_pictures import draw_activations, draw_kernels, draw_most_similar, rows_hz
from dreampedal.export.judge.pictures import draw_confusion, draw_pruning, draw_reliability
from dreampedal.export.judge.prune.pruned import Pruned, Step, Tuning, size
from dreampedal.export.metrics.scores import score
from dreampedal.export.nets.table import build

CLASSES = ("drum", "flute")


@pytest.fixture
def texts(tmp_path):
    """A function from what draws to every text in its picture."""

    def drawn(draw, *arguments, **more):
        draw(*arguments, path=tmp_path / "one.svg", **more)
        return re.findall("<!-- (.*) -->", (tmp_path / "one.svg").read_text())

    return drawn


@pytest.fixture(scope="module")
def net():
    """A first layer over bands, and kernels that share nothing with one another."""
    net = build("columns", CLASSES, LogBands(bands=Bands(count=16)), 0.5, {"filters": (3, 2), "dilations": (1, 1)})
    kernels = next(part for part in net.layers()["conv1"].modules() if isinstance(part, torch.nn.Conv1d)).weight
    with torch.no_grad():
        kernels.zero_()
        for filter in range(3):
            kernels[filter, filter] = 1.0
    return net


def scores(count):
    """Of so many drums and twelve flutes, all heard right, each with its own confidence."""
    sure = np.linspace(0.55, 0.99, count + 12)
    p = np.stack([sure, 1 - sure], 1)
    p[count:] = p[count:, ::-1]
    return score(p, [0] * count + [1] * 12, None, CLASSES).by_clip


def test_a_row_of_few_has_counts(texts):
    assert "3/3" in texts(draw_confusion, scores(3)) and "100" in texts(draw_confusion, scores(3))
    assert not any("/" in text for text in texts(draw_confusion, scores(12)))


def test_bins_of_few_are_told_apart(texts):
    few, many = (texts(draw_reliability, scores(count).reliability) for count in (3, 600))
    assert "of fewer than 5" in few and "the network" in few
    assert "of fewer than 5" not in many


def test_activations_have_hertz_seconds_and_a_scale(texts):
    x = np.random.default_rng(0).normal(size=(96, 40)).astype(np.float32)
    layers, heard = {"conv1": x[:4]}, {"drum": 0.9, "flute": 0.1}
    found = texts(draw_activations, x, layers, heard, 0.5, input=LogBands())
    assert {"input, Hz", "1000", "10000"} <= set(found) and found.count("s") == 2
    assert "input" in texts(draw_activations, x[:1], layers, heard, 0.5, input=Waveform())


@pytest.mark.parametrize("input", [Mel(), Mel.musicnn(), Mel(scale="htk", bands=200), LogBands()])
def test_rows_rise_between_the_ends_of_an_input(input):
    hz = rows_hz(input)
    low, high = (input.low_hz, input.top_hz) if isinstance(input, Mel) else (input.bands.low_hz, input.bands.high_hz)
    assert len(hz) == input.rows and (np.diff(hz) >= 0).all()
    assert low - 1e-6 <= hz[0] < hz[-1] <= high + 1e-6


def test_kernels_name_their_axes_and_colours(texts, net):
    first = texts(draw_kernels, net, "conv1")
    assert {"time", "low to high", "weight, each kernel by its own largest"} <= set(first)
    assert {"time", "3 channels"} <= set(texts(draw_kernels, net, "conv2"))
    raw = build("raw", CLASSES, None, 0.2, {"filters": (4, 3, 5), "dense": 6})
    assert {"time", "weight, each kernel by its own largest"} <= set(texts(draw_kernels, raw, "conv1"))


def test_kernels_that_are_not_alike_are_not_called_so(texts, net):
    assert any("no two are alike" in text for text in texts(draw_most_similar, net, "conv1"))
    same = build("columns", CLASSES, net.input, 0.5, {"filters": (3, 2), "dilations": (1, 1)})
    with torch.no_grad():
        for part in same.layers()["conv1"].modules():
            if isinstance(part, torch.nn.Conv1d):
                part.weight[1] = part.weight[0]
    assert any("most alike" in text for text in texts(draw_most_similar, same, "conv1"))


def test_pruning_shows_the_trainings_and_the_limit(texts, net):
    steps = (Step((), 4, 0.94, 0.1), Step((), 3, 0.8, 0.3))
    pruned = Pruned(net, size(net), size(net), (0.95, 0.93), None, None, steps, (Tuning(2, 3, 0.8, 0.93),))
    found = texts(draw_pruning, pruned, 0.02)
    assert {"right, validation clips, %", "kernels gone, %", "trained a little more"} <= set(found)
    assert "the limit, 2 points lost" in found
    untrained = Pruned(net, size(net), size(net), (0.95, 0.94), None, None, steps[:1])
    assert "trained a little more" not in texts(draw_pruning, untrained, 0.01)
