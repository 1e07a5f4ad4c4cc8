"""Every network of the table: shapes and parameters by hand, gradients, silence, seeds, and what it can learn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dct

from dreampedal.engine.model.format.inputs import BandImage, Envelope, LogBands, Mel, Waveform, features
from dreampedal.export.compile.clips import traced
from dreampedal.export.nets.blocks import GatedBlock
from dreampedal.export.nets.costs import parameters
from dreampedal.export.nets.table import NETWORKS, build
from dreampedal.export.nets.vgg19 import as_image, averaging

pytestmark = pytest.mark.any_recording

TWO = ("metal", "soft")


def sizes(net):
    """Shape of each layer's output for one clip, without the clip's own axis."""
    net.eval()
    with torch.no_grad():
        found = net.activations(torch.zeros(1, *net.task.shape))
    return {name: tuple(y.shape[1:]) for name, y in found.items()}


def test_raw_is_the_network_of_geng():
    net = build("raw", TWO)
    # 40,000 samples; (n - kernel) // stride + 1 positions after each convolution.
    assert sizes(net) == {"conv1": (8, 19_997), "conv2": (8, 4_992), "conv3": (8, 1_217), "dense": (256,)}
    convolutions = 8 * 1 * 8 + 8 * 8 * 32 + 8 * 8 * 128
    norms = 2 * 1 + 3 * 2 * 8
    assert parameters(net) == convolutions + norms + (8 * 1_217 * 256 + 256) + (256 * 2 + 2)
    assert net.dreams == "waveform"


def test_gates_run_at_a_128th_of_the_rate_and_keep_their_size():
    net = build("gated", TWO, seconds=1.0)
    found = sizes(net)
    # (48,000 - 64) // 16 + 1 = 2,997, and (2,997 - 32) // 8 + 1 = 371.
    assert [found[name] for name in ("conv1", "conv2", "gated1", "gated7", "last")] == [
        (16, 2_997), (32, 371), (32, 371), (32, 371), (128, 371),
    ]  # fmt: skip
    front = 2 + (16 * 64 + 32) + (32 * 16 * 32 + 64)
    gates = 7 * (2 * (32 * 32 * 3 + 32) + 32 * 32 + 64)
    assert parameters(net) == front + gates + (128 * 32 + 256) + (2 * 128 + 2)
    # (3 - 1) · (1 + 2 + ... + 64) = 254 of its samples back: 0.68 s at 375 Hz.
    assert sum(block.history for block in net.body.children() if isinstance(block, GatedBlock)) == 254


def test_gates_hear_only_the_past(small):
    net = small("gated").eval()
    x = torch.randn(1, 1, 48_000)
    later = x.clone()
    later[..., 24_000:] = 0
    with torch.no_grad():
        first, second = net.activations(x)["gated4"], net.activations(later)["gated4"]
    same = (first == second).all(1)[0]
    assert same[:184].all() and not same[190:].any()  # the sample in the middle is at position 187.5


@pytest.mark.parametrize(
    "settings, layers, count",
    [
        (
            {},
            {"conv1": (32, 96, 86), "conv2": (64, 48, 43), "conv3": (128, 24, 21), "conv4": (256, 12, 10)},
            9 * (32 + 32 * 64 + 64 * 128 + 128 * 256) + 2 * 480 + (256 * 6 * 128 + 128) + 258,
        ),
        (
            {"kernel": "full_height", "width": 20, "depth": 2},
            {"conv1": (20, 86), "conv2": (40, 43)},
            3 * (96 * 20 + 20 * 40) + 2 * 60 + (40 * 128 + 128) + 258,
        ),
        (
            {"pooling": "none", "filters": (4, 6, 5)},
            {"conv1": (4, 48, 43), "conv2": (6, 24, 22), "conv3": (5, 12, 11)},
            9 * (4 + 24 + 30) + 2 * 15 + (5 * 12 * 128 + 128) + 258,
        ),
    ],
)
def test_vgg_has_the_layers_of_its_settings(settings, layers, count):
    net = build("vgg", TWO, settings=settings)
    assert sizes(net) == {**layers, "dense": (128,)}
    assert parameters(net) == count
    assert net.settings.filters == tuple(shape[0] for shape in layers.values())
    assert net.settings.depth == len(layers)


def test_networks_on_band_images_have_the_sizes_of_12_by_29():
    assert sizes(build("dense", TWO)) == {"dense1": (128,), "dense2": (64,)}
    assert parameters(build("dense", TWO)) == (348 * 128 + 128) + (128 * 64 + 64) + (64 * 2 + 2)
    assert sizes(build("recurrent", TWO)) == {"recurrent1": (64, 29), "recurrent2": (64, 29)}
    lstm = 4 * 64 * (12 + 64 + 2) + 4 * 64 * (64 + 64 + 2)
    assert parameters(build("recurrent", TWO)) == lstm + 64 * 2 + 2
    assert sizes(build("conv", TWO)) == {"conv1": (32, 12, 29), "conv2": (64, 6, 14), "dense": (128,)}
    convolutions = 9 * (32 + 32 * 64) + 2 * 96
    assert parameters(build("conv", TWO)) == convolutions + (64 * 3 * 7 * 128 + 128) + 258
    both = build("conv_recurrent", TWO)
    assert list(sizes(both)) == ["conv1", "conv2", "recurrent1", "recurrent2", "dense"]
    assert parameters(both) == convolutions + lstm + ((64 * 3 * 7 + 64) * 128 + 128) + 258


def test_lstm_has_four_gates_a_unit():
    net = build("lstm", TWO)
    assert sizes(net) == {"lstm1": (128, 86), "lstm2": (128, 86)}
    assert parameters(net) == 4 * 128 * (96 + 128 + 2) + 4 * 128 * (128 + 128 + 2) + 258


@pytest.mark.parametrize("depth, last", [(8, (8, 12, 10)), (16, (8, 3, 2))])
def test_deep_halves_after_every_second_convolution(depth, last):
    net = build("deep", TWO, seconds=1.0, settings={"depth": depth, "width": 1})
    assert len(sizes(net)) == depth
    assert sizes(net)[f"conv{depth}"] == last  # 96 by 86, halved three times before conv8 and five times before conv16
    assert net.dreams == "window"


def test_image_networks_have_as_many_parameters_as_published():
    thousand = tuple(f"class_{number}" for number in range(1000))
    with torch.device("meta"):
        assert parameters(build("vgg19", thousand)) == 143_667_240
        assert parameters(build("inception_v3", thousand)) == 23_834_568
        assert parameters(build("inception_v3", thousand, settings={"auxiliary": True})) == 27_161_264


def test_image_networks_see_the_published_sizes(small):
    vgg = sizes(small("vgg19", settings={"size": 224}))
    assert len([name for name in vgg if name.startswith("conv")]) == 16
    assert [vgg[f"conv{block}_1"] for block in range(1, 6)] == [
        (8, 224, 224), (16, 112, 112), (32, 56, 56), (64, 28, 28), (64, 14, 14),
    ]  # fmt: skip
    inception = sizes(small("inception_v3", settings={"size": 299}))
    assert [inception[name] for name in ("conv2d_4a_3x3", "mixed_5d", "mixed_6e", "mixed_7c")] == [
        (12, 71, 71), (18, 35, 35), (48, 17, 17), (128, 8, 8),
    ]  # fmt: skip


@given(rows=st.integers(1, 100), frames=st.integers(1, 400), size=st.integers(1, 120))
def test_images_are_resized_as_pictures_are(rows, frames, size):
    x = torch.randn(2, rows, frames)
    expected = torch.nn.functional.interpolate(x[:, None], (size, size), mode="bilinear", antialias=True)
    assert torch.allclose(as_image(x, size), expected.expand(-1, 3, -1, -1), atol=1e-4)
    share = torch.from_numpy(averaging(frames, size))
    assert torch.allclose(x @ share.T, torch.nn.functional.adaptive_avg_pool1d(x, size), atol=1e-5)


def test_residual_blocks_keep_their_size_and_each_wider_convolution_halves_it():
    found = sizes(build("residual", TWO, settings={"width": 8, "blocks": 3}))
    assert found == {
        "conv1": (8, 24, 43), "block1": (8, 24, 43), "conv2": (16, 12, 22), "block2": (16, 12, 22),
        "conv3": (24, 6, 11), "block3": (24, 6, 11), "conv4": (32, 3, 6),
    }  # fmt: skip


def test_cepstra_are_those_of_the_cosine_transform_and_no_level_is_heard(heard):
    net = build("tdnn", TWO, settings={"width": 16}).eval()
    x, _ = heard(net)
    net.normalise([x])
    normalised = (x - net.mean[:, None]) / net.std[:, None]
    expected = dct(normalised.numpy(), axis=1, norm="ortho")[:, 1:25]
    found = torch.nn.functional.conv1d(normalised, net.basis)
    assert np.allclose(found, expected, atol=1e-4)
    assert torch.allclose(net(x + 3), net(x), atol=1e-3)
    with pytest.raises(ValueError, match="96 cepstra of 96 rows: expected fewer"):
        build("tdnn", TWO, settings={"cepstra": 96})


@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_reaches_every_parameter(name, small, heard):
    net = small(name)
    x, labels = heard(net)
    net.normalise([x])
    torch.nn.functional.cross_entropy(net(x), labels).backward()
    unreached = [part for part, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not unreached


def test_gradient_of_the_second_head_reaches_it(small):
    net = small("inception_v3", settings={"auxiliary": True, "size": 299, "width": 1 / 32})
    first, second = net.with_auxiliary(torch.randn(2, *net.task.shape))
    (first.sum() + second.square().sum()).backward()
    assert all(weight.grad is not None for weight in net.parameters())
    with pytest.raises(ValueError, match="without its second head"):
        small("inception_v3").with_auxiliary(torch.zeros(1, *net.task.shape))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.very_recording
def test_over_fits_eight_clips(name, small, heard):
    net = small(name)
    x, labels = heard(net)
    net.normalise([x])
    # VGG-19 has no batch norm to bear a high rate.
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-4 if name == "vgg19" else 3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), labels)
        loss.backward()
        optimiser.step()
        if loss < 0.02:
            break
    assert loss < 0.1
    assert (net(x).argmax(1) == labels).all()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("training", [True, False])
def test_silence_is_a_number(name, training, small):
    net = small(name).train(training)
    silence = features(net.input, torch.zeros(round(net.seconds * 44_100)).numpy(), 44_100)
    x = torch.from_numpy(silence).expand(2, -1, -1)
    assert net(x).isfinite().all()
    assert all(y.isfinite().all() for y in net.activations(x).values())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_seed_gives_the_same_weights(name, small):
    first, again, other = (small(name, seed=seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(first[part], again[part]) for part in first)
    assert not all(torch.equal(first[part], other[part]) for part in first)


@pytest.mark.parametrize("name", NETWORKS)
def test_activations_are_those_of_the_forward_pass(name, small, heard):
    net = small(name).eval()
    x, _ = heard(net)
    with torch.no_grad():
        found = net.activations(x)
    assert list(found) == list(net.layers())
    assert all(y.shape[0] == len(x) and y.any() for y in found.values())
    assert not any(module._forward_hooks for module in net.modules())


def test_features_are_normalised_over_all_clips(small, heard):
    net = small("vgg")
    x, _ = heard(net)
    net.normalise(iter([x[:3], x[3:]]))
    heard_by_body = (x - net.mean[:, None]) / net.std[:, None]
    assert heard_by_body.mean((0, 2)).abs().max() < 1e-4
    assert heard_by_body.square().mean().item() == pytest.approx(1, abs=1e-4)
    for unfit in ([], [torch.full_like(x, -13.8)]):
        with pytest.raises(ValueError, match="expected"):
            net.normalise(unfit)


def test_columns_hear_what_the_network_that_plays_hears(small, heard):
    net = small("columns").eval()
    x, _ = heard(net)
    net.normalise([x])
    with torch.no_grad():
        played = net.network.logits_at_frames(x)[..., net.causal.receptive_frames - 1 :]
        assert torch.allclose(net(x), played.mean(-1), atol=1e-5)
    assert net.dreams == "columns"


@pytest.mark.parametrize("name, settings", [("deep", {}), ("vgg", {}), ("vgg", {"kernel": "full_height"})])
def test_rows_on_log_bands_can_be_written_as_windows(name, settings, small):
    net = small(name, input=LogBands(), seconds=1.0, settings=settings).eval()
    trace, shape = traced(net)
    assert net.dreams == "window"
    assert shape == net.task.shape and list(trace.layers) == list(net.layers()) and trace.classes == 2


@pytest.mark.parametrize(
    ("name", "dreams"),
    [("vgg19", "window"), ("inception_v3", "window"), ("lstm", None), ("recurrent", None), ("conv_recurrent", None)],
)
def test_what_hears_log_bands_dreams_unless_it_recurs(name, dreams, small):
    assert small(name, input=LogBands(), seconds=1.0).dreams == dreams
    assert small(name).dreams is None


@given(seconds=st.floats(0.75, 4), kernel=st.sampled_from(["3x3", "full_height"]))
def test_a_network_of_any_size_hears_clips_of_any_length(seconds, kernel):
    net = build("vgg", TWO, settings={"width": 2, "kernel": kernel, "depth": 3}).eval()
    longer = build("vgg", TWO, seconds=seconds, settings={"width": 2, "kernel": kernel, "depth": 3})
    assert net(torch.zeros(1, *longer.task.shape)).shape == (1, 2)


@pytest.mark.parametrize("name", ["vgg", "lstm", "dense", "recurrent", "conv", "conv_recurrent"])
@pytest.mark.parametrize("input", [Envelope(), LogBands(), Mel.musicnn(), BandImage(bands=3)])
def test_spectra_of_all_kinds_are_heard(name, input, small):
    net = small(name, input=input, seconds=2.0)
    assert net(torch.randn(2, *net.task.shape)).shape == (2, 2)


@pytest.mark.parametrize(
    "name, arguments, message",
    [
        ("vgg16", {}, "no network 'vgg16': expected one of raw, gated"),
        ("vgg", {"classes": ("a",)}, "expected at least two"),
        ("vgg", {"classes": ("a", "a")}, "'a' is there twice"),
        ("vgg", {"classes": ("a", "b/c")}, "class 'b/c': expected lower-case"),
        ("vgg", {"settings": {"depht": 3}}, "vgg: depht is 3"),
        ("vgg", {"settings": {"width": 0}}, "vgg: width is 0: .*greater than 0"),
        ("vgg", {"settings": {"kernel": "5x5"}}, "vgg: kernel is '5x5'"),
        ("vgg", {"input": Waveform()}, "vgg cannot hear 'waveform': expected mel or"),
        ("vgg", {"input": {"kind": "smell"}}, "smell"),
        ("vgg", {"seconds": 0.1}, "vgg: 0.1 s are 8 columns: expected at least 16"),
        ("vgg", {"seconds": -1}, "expected a clip"),
        ("raw", {"seconds": 0.1}, "raw: 0.1 s leave 92 samples for conv3 with its kernel of 128"),
        ("raw", {"settings": {"filters": (8, 8)}}, "raw: 2 filters, 3 kernels and 3 strides"),
        ("columns", {"input": Mel()}, "columns cannot hear 'mel'"),
        ("columns", {"seconds": 0.2}, "columns: 0.2 s are 17 columns: expected at least 58"),
        ("deep", {"settings": {"depth": 4}}, "depth is 4"),
        ("inception_v3", {"settings": {"auxiliary": True, "size": 200}}, "size is 200: expected at least 299"),
    ],
)
def test_what_does_not_fit_is_named(name, arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        build(name, **({"classes": TWO} | arguments))
    assert "\n" not in str(caught.value)


def test_features_of_another_shape_are_refused(small):
    with pytest.raises(ValueError, match="raw heard features of 1 by 1 by 39999: expected n by 1 by 40000"):
        small("raw")(torch.zeros(1, 1, 39_999))
    with pytest.raises(ValueError, match="vgg heard features of 2 by 12 by 29: expected n by 96 by any"):
        small("vgg")(torch.zeros(2, 12, 29))
