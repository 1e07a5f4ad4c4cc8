"""Networks on a whole window against torch autograd: every kind of layer, with settings drawn at random."""

from collections import OrderedDict

import numpy as np
import onnx
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from dreampedal.engine.model.model import Model
from dreampedal.engine.model.verify import verify
from dreampedal.export.compile import golden
from dreampedal.export.compile.clips import forward
from dreampedal.export.compile.window import export_window

from .networks import ACTIVATIONS, TRAINING, Joined, Windowed, settle
from .test_columns import FORMS, hand_over, plain, relative, wanted

BANDS, FRAMES = 12, 10
AXES = {
    1: (nn.Conv1d, nn.BatchNorm1d, nn.AvgPool1d, nn.MaxPool1d),
    2: (nn.Conv2d, nn.BatchNorm2d, nn.AvgPool2d, nn.MaxPool2d),
}
MEANS = {1: lambda: nn.AdaptiveAvgPool1d(1), 2: lambda: nn.AdaptiveAvgPool2d((None, 1))}


def exported(net, path):
    export_window(net, path, name="tiny", training=TRAINING)
    return path


def deviations(net, path, form, channels=2, seed=0):
    """Relative error of one step, for an objective that reaches everywhere."""
    model = Model.load(path)
    rng = np.random.default_rng(seed)
    inputs = plain(model.manifest, FRAMES, channels) | wanted(form, model.manifest, rng)
    inputs["features"] = golden.random_features(rng, model.manifest, FRAMES, channels)
    ascent = model.ascent(channels, 1)
    hand_over(ascent, {name: value for name, value in inputs.items() if model.manifest.classes or name != "classes"})
    ascent.run()
    return relative(ascent.result, golden.climb(lambda features: forward(net, features), inputs, model.manifest, 1))


@st.composite
def stacks(draw):
    """A network of one to three blocks, each a convolution with whatever may stand around it, and perhaps a head."""
    axes = draw(st.sampled_from([1, 2]))
    convolution, norm, average, greatest = AXES[axes]
    torch.manual_seed(draw(st.integers(0, 999)))
    children, filters = OrderedDict(), BANDS if axes == 1 else 1
    x = torch.zeros(2, *((filters, FRAMES) if axes == 1 else (1, BANDS, FRAMES)))
    each = st.integers

    def add(name, *modules):
        nonlocal x
        block = nn.Sequential(*modules)
        settle(block)
        with torch.no_grad():
            x = block.eval()(x)
        children[name] = block

    for number in range(draw(each(1, 3))):
        groups = draw(st.sampled_from([1, 2, 3, filters]))
        assume(filters % groups == 0)
        width = groups * draw(each(1, 3))
        kernel = tuple(draw(each(1, 3)) for _ in range(axes))
        dilation = tuple(draw(each(1, 2)) for _ in range(axes))
        reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        assume(all(size > r for size, r in zip(x.shape[2:], reach, strict=True)))
        stride = tuple(draw(each(1, 2)) for _ in range(axes))
        padding = draw(st.sampled_from([0, 1, 2, "same"]))
        stride = 1 if padding == "same" else stride
        conv = convolution(filters, width, kernel, stride, padding, dilation, groups, bias=draw(st.booleans()))
        shape = draw(st.permutations(["norm", "activation", "none"]))
        chosen = ACTIVATIONS[draw(st.sampled_from(sorted(ACTIVATIONS)))]()
        parts = {"norm": norm(width), "activation": chosen, "none": nn.Identity()}
        ahead = [norm(filters)] if draw(st.booleans()) else []
        add(f"conv{number + 1}", *ahead, conv, *(parts[part] for part in shape))
        filters = width
        if (join := draw(st.sampled_from([None, "gate", "product", "sum", "concatenation"]))) == "gate":
            add(f"join{number + 1}", convolution(filters, 2 * filters, 1), nn.GLU(1))
        elif join:
            add(f"join{number + 1}", Joined(join, [convolution(filters, filters, 1), nn.Tanh(), nn.Sigmoid()]))
            filters = x.shape[1]
        if draw(st.booleans()) and min(x.shape[2:]) >= 3:
            size = tuple(draw(each(1, 3)) for _ in range(axes))
            stride = tuple(draw(each(1, 3)) for _ in range(axes))
            padding = tuple(draw(each(0, k // 2)) for k in size)
            if draw(st.booleans()):
                add(f"pool{number + 1}", average(size, stride, padding, count_include_pad=draw(st.booleans())))
            else:
                add(f"pool{number + 1}", greatest(size, stride, padding))
    classes = ()
    if draw(st.booleans()):
        classes = ("bell", "choir")
        flat = MEANS[axes]()(x).flatten(1).shape[1]
        add("head", MEANS[axes](), nn.Flatten(), nn.Dropout(0.5), nn.Linear(flat, 2))
    return Windowed(nn.Sequential(children), BANDS, FRAMES, classes).eval()


@settings(deadline=None, max_examples=15)
@given(net=stacks(), form=st.sampled_from(sorted(FORMS)), channels=st.sampled_from([1, 2, 6]))
def test_the_gradient_is_torchs(net, form, channels, tmp_path_factory):
    assume(net.classes or form != "class logits")
    path = exported(net, tmp_path_factory.mktemp("model") / "tiny.onnx")
    assert deviations(net, path, form, channels) < 1e-4


def small(axes, *inner):
    """A network with one of each: convolution, what is tested, convolution, head."""
    torch.manual_seed(1)
    convolution = AXES[axes][0]
    first = nn.Sequential(convolution(BANDS if axes == 1 else 1, 4, 3, padding=1), nn.ELU())
    last = nn.Sequential(convolution(4, 5, 2), nn.ELU())
    body = OrderedDict(conv1=first, middle=nn.Sequential(*inner), conv2=last)
    with torch.no_grad():
        x = nn.Sequential(body).eval()(torch.zeros((1, BANDS, FRAMES) if axes == 1 else (1, 1, BANDS, FRAMES)))
        count = MEANS[axes]()(x).flatten(1).shape[1]
    body["head"] = nn.Sequential(MEANS[axes](), nn.Flatten(), nn.Linear(count, 2))
    net = Windowed(nn.Sequential(body), BANDS, FRAMES, ("bell", "choir"))
    settle(net)
    return net.eval()


LAYERS = {
    "nothing": lambda axes: nn.Identity(),
    "stride": lambda axes: AXES[axes][0](4, 4, 3, stride=2),
    "dilation": lambda axes: AXES[axes][0](4, 4, 2, dilation=2),
    "groups": lambda axes: AXES[axes][0](4, 4, 3, groups=2),
    "padded batch norm": lambda axes: nn.Sequential(AXES[axes][1](4), AXES[axes][0](4, 4, 3, padding=1)),
    "batch norm ahead": lambda axes: nn.Sequential(AXES[axes][1](4), AXES[axes][0](4, 4, 3, groups=2)),
    "batch norm behind": lambda axes: nn.Sequential(AXES[axes][0](4, 4, 3), AXES[axes][1](4), nn.ReLU()),
    "average": lambda axes: AXES[axes][2](3, 2, 1),
    "average of what is there": lambda axes: AXES[axes][2](3, 2, 1, count_include_pad=False),
    "overlapping average": lambda axes: AXES[axes][2](3, 1),
    "max": lambda axes: AXES[axes][3](2),
    "overlapping max": lambda axes: AXES[axes][3](3, 1, 1),
    "dilated max": lambda axes: AXES[axes][3](2, 2, dilation=2),
    "gated linear unit": lambda axes: nn.Sequential(AXES[axes][0](4, 6, 3), nn.GLU(1), AXES[axes][0](3, 4, 1)),
    "product": lambda axes: Joined("product", [AXES[axes][0](4, 4, 3, padding=1), nn.Identity(), nn.Sigmoid()]),
    "sum": lambda axes: Joined("sum", [nn.Identity(), nn.Sequential(AXES[axes][0](4, 4, 1), nn.Tanh())]),
    "concatenation": lambda axes: nn.Sequential(
        Joined("concatenation", [AXES[axes][0](4, 2, 3, padding=1), AXES[axes][0](4, 3, 1), nn.Identity()]),
        AXES[axes][0](9, 4, 1),
    ),
    "WaveNet's gate": lambda axes: Joined(
        "product",
        [nn.Sequential(AXES[axes][0](4, 4, 2), nn.Tanh()), nn.Sequential(AXES[axes][0](4, 4, 2), nn.Sigmoid())],
    ),
    "every activation": lambda axes: Joined("sum", [make() for make in ACTIVATIONS.values()]),
}  # fmt: skip


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer(layer, axes, tmp_path):
    net = small(axes, LAYERS[layer](axes))
    path = exported(net, tmp_path / "tiny.onnx")
    for form in FORMS:
        assert deviations(net, path, form) < 1e-4, form
    proof = verify(path)
    assert proof.manifest.runs_on == "window" and proof.golden_deviation < 1e-4


@pytest.mark.parametrize(("layer", "kept"), [("batch norm behind", 0), ("padded batch norm", 1)])
def test_a_batch_norm_is_folded_where_that_is_exact(layer, kept, tmp_path):
    graph = onnx.load(exported(small(2, LAYERS[layer](2)), tmp_path / "tiny.onnx")).graph
    norms = {tuple(node.input[1:]) for node in graph.node if node.op_type == "BatchNormalization"}
    assert len(norms) == kept


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (nn.Softplus(), "operator .* has no adjoint here"),
        (nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), "operator Pad .* mirrors or cuts"),
        (nn.MaxPool2d(2, ceil_mode=True), "operator MaxPool .* rounds up"),
    ],
)
def test_what_cannot_be_written_is_named(part, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        exported(small(2, part), tmp_path / "tiny.onnx")
    assert not list(tmp_path.iterdir())


def test_classes_must_fit_the_head(tmp_path):
    net = small(1, nn.Identity())
    net.classes = ("a", "b", "c")
    with pytest.raises(ValueError, match="3 classes"):
        exported(net, tmp_path / "tiny.onnx")
