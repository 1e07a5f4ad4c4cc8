"""Dreams on samples and on windows of bands: the written gradient of any target against torch autograd."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from dreampedal.effects.dream import Dream
from dreampedal.effects.spectral import measure
from dreampedal.engine.model.clip_model import open_model
from dreampedal.engine.model.format.inputs import Waveform, features
from dreampedal.engine.model.format.manifest import ModelError
from dreampedal.engine.model.model import Model
from dreampedal.engine.model.targets import parse
from dreampedal.engine.model.verify import verify
from dreampedal.export.compile import golden
from dreampedal.export.compile.clips import forward, golden_clips
from dreampedal.export.compile.waveform import autograd, export_waveform, random_injections
from dreampedal.export.compile.window import export_window
from dreampedal.export.nets.checkpoint import save
from dreampedal.export.train.model_files import export_checkpoint

from .test_columns import FORMS, hand_over, plain, relative, wanted
from .write_scene import CLASSES, TRAINING, agreement, clips_for, off, small

pytestmark = pytest.mark.any_recording


@pytest.fixture(scope="module", params=["raw", "gated"])
def pair(request, tmp_path_factory):
    """A network on samples and its file."""
    net, path = small(request.param), tmp_path_factory.mktemp("model") / "tiny.onnx"
    export_waveform(net, path, name="tiny", training=TRAINING)
    return net, path


def test_the_file_is_the_network(pair):
    net, path = pair
    assert agreement(net, path) < 1e-4
    proof = verify(path)
    assert proof.golden_deviation < 1e-4
    assert proof.manifest.kind == "waveform" and proof.manifest.input == net.input
    assert proof.manifest.resampled == "added"


@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_is_torchs(form, pair):
    net, path = pair
    model, x = open_model(path, device="cpu"), clips_for(net)
    wishes = wanted(form, model.manifest, np.random.default_rng(0))
    found = model.run(["gradient"], {"x": x, **wishes})["gradient"]
    assert off(found, autograd(net, model.manifest, x, wishes)[1]) < 1e-4


def targets_of(layers):
    """Targets as a user writes them."""
    atoms = [st.just(name) for name in layers] + [st.builds("{}:{}".format, st.sampled_from(layers), st.integers(0, 4))]
    atom = st.one_of(*atoms, st.sampled_from([f"class:{name}" for name in CLASSES]))
    weights = st.floats(0.1, 3).map(lambda weight: round(weight, 2))
    return st.lists(st.builds("{}*{}".format, weights, atom), min_size=1, max_size=3).map(" + ".join)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), energy=st.booleans(), seed=st.integers(0, 99))
def test_any_target(pair, data, energy, seed):
    net, path = pair
    target = data.draw(targets_of(list(net.layers())))
    x = torch.as_tensor(clips_for(net, seed)).requires_grad_()
    heard, logits = forward(net, x)
    total = 0
    for term in target.split(" + "):
        weight, _, atom = term.partition("*")
        name, _, part = atom.partition(":")
        if name == "class":
            value = logits[:, CLASSES.index(part)].sum()
        else:
            y = heard[name].flatten(2)
            y = y[:, int(part)][:, None] if part else y
            value = (0.5 * y * y if energy else y).mean((1, 2)).sum()
        total = total + float(weight) * value
    (expected,) = torch.autograd.grad(total, x)
    found = open_model(path, device="cpu").gradient(x.detach().numpy(), target, energy)
    assert np.abs(found - expected.numpy()).max() <= 1e-4 * max(float(expected.abs().max()), 1e-6)


def test_a_target_that_is_not_there(pair):
    net, path = pair
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        open_model(path).gradient(clips_for(net), "conv9")
    with pytest.raises(ValueError, match=r"expected \(n, 1, "):
        open_model(path).logits(np.zeros((1, 1, 7), np.float32))


def test_nothing_plays_it_yet(pair):
    _, path = pair
    with pytest.raises(ModelError, match=r"manifest\.kind is waveform: expected ascent"):
        Model.load(path)


class Everything(nn.Module):
    """One of each operator that has an adjoint, in branches that are added up."""

    classes, input, seconds = ("low", "high"), Waveform(sample_rate=8000), 0.01

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(1, 6, 3, padding=1), nn.ELU())
        self.norm, self.tall = nn.BatchNorm1d(6), nn.Conv2d(1, 2, (3, 2), stride=(2, 1), padding=(1, 0))
        self.mix, self.head = nn.Linear(6, 6), nn.Linear(6, 2)

    def layers(self):
        return {"first": self.first, "norm": self.norm}

    def forward(self, x):
        y = self.first(x)
        normed = self.norm(y)
        left, right = normed.chunk(2, 1)
        found = [
            torch.cat([left.sigmoid() * right, nn.functional.glu(y, 1)], 1).mean(-1),
            nn.functional.pad(y[:, :, 3:40], (2, 1)).amax(-1) / 3,
            self.mix(nn.functional.leaky_relu(y, 0.2).transpose(1, 2)).sum(1) * 0.01,
            y[:, :, 5] - y[..., -1],
            nn.functional.max_pool1d(normed, 3, 2, 1).tanh().mean(-1),
            nn.functional.avg_pool1d(y, 4, 2, 1, count_include_pad=False)[:, :, ::1].mean(-1),
            nn.functional.elu(self.tall(y[:, None]), 0.7).flatten(1, 2).mean(-1, keepdim=True).squeeze(-1),
            (y * y.mean(-1, keepdim=True)).relu().mean(-1),
            nn.functional.silu(y).mean(-1)
            + nn.functional.gelu(y).mean(-1)
            - nn.functional.gelu(normed, approximate="tanh").mean(-1),
        ]
        return self.head(sum(found))


def test_every_operator_that_has_an_adjoint(tmp_path):
    torch.manual_seed(0)
    net = Everything().eval()
    net.norm.running_mean.normal_()
    net.norm.running_var.uniform_(0.5, 2)
    manifest = export_waveform(net, tmp_path / "all.onnx", name="all", training=TRAINING)
    x, wishes = golden_clips(net.input, manifest.shape, 5), random_injections(manifest, 5)
    logits, expected = autograd(net, manifest, x, wishes)
    found = open_model(tmp_path / "all.onnx", device="cpu").run(["logits", "gradient"], {"x": x, **wishes})
    assert off(found["logits"], logits) < 1e-4 and off(found["gradient"], expected) < 1e-4
    assert verify(tmp_path / "all.onnx").golden_deviation < 1e-4


class Picks(Everything):
    """A network that sorts what it hears."""

    def layers(self):
        return {"first": self.first}

    def forward(self, x):
        return self.head(self.first(x).sort(-1).values[..., -1])


def test_what_has_no_adjoint_is_named_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"operator TopK at .* has no adjoint here"):
        export_waveform(Picks(), tmp_path / "picks.onnx", name="picks", training=TRAINING)
    with pytest.raises(ValueError, match="a network on mel: expected one on samples"):
        export_waveform(small("vgg"), tmp_path / "picks.onnx", name="picks", training=TRAINING)
    assert not list(tmp_path.iterdir())


def test_a_deep_network_dreams_on_the_window(tmp_path):
    net, path = small("deep"), tmp_path / "deep.onnx"
    manifest = export_window(net, path, name="deep", training=TRAINING)
    assert verify(path).golden_deviation < 1e-4
    model, rng = Model.load(path, device="cpu"), np.random.default_rng(0)
    for form in FORMS:
        given_ = plain(manifest, manifest.context_frames, 2) | wanted(form, manifest, rng)
        given_["features"] = golden.random_features(rng, manifest, manifest.context_frames)
        ascent = model.ascent(2, 1)
        hand_over(ascent, given_)
        ascent.run()
        expected = golden.climb(lambda features: forward(net, features), given_, manifest, 1)
        assert relative(ascent.result, expected) < 1e-4, form


@pytest.fixture(scope="module")
def image_network(tmp_path_factory):
    """VGG-19 on log bands, and the model that its checkpoint becomes."""
    net, folder = small("vgg19"), tmp_path_factory.mktemp("model")
    save(net, folder / "vgg19.safetensors")
    export_checkpoint(folder / "vgg19.safetensors", folder / "vgg19.onnx")
    return net, folder / "vgg19.onnx"


def test_an_image_network_climbs_any_of_its_layers_on_a_recording(image_network, clip):
    net, path = image_network
    model, proof = Model.load(path, device="cpu"), verify(path)
    manifest = model.manifest
    assert (manifest.kind, manifest.runs_on, manifest.context_frames) == ("ascent", "window", net.task.shape[1])
    assert proof.golden_deviation < 1e-4
    audio, rate = clip("solo_flute")
    heard = features(net.input, audio[:, rate : 2 * rate], rate)[None, :, : manifest.context_frames]
    wishes = parse("conv3_1").injections(manifest.layers, manifest.classes, energy=True)
    given_ = plain(manifest, manifest.context_frames, 1) | {"features": heard, "classes": wishes.classes}
    given_ |= {f"{kind}_{name}": value for kind in "uv" for name, value in getattr(wishes, kind).items()}
    ascent = model.ascent(1, 2)
    hand_over(ascent, given_)
    ascent.run()
    expected = golden.climb(lambda features: forward(net, features), given_, manifest, 2)
    assert relative(ascent.result, expected) < 1e-4
    with torch.no_grad():
        before, after = (net.activations(torch.from_numpy(x))["conv3_1"] for x in (heard, heard + ascent.result))
    assert after.square().mean() > 1.2 * before.square().mean() > 0


def test_an_effect_dreams_on_the_window(image_network, clip):
    """What it is asked for is heard more in what comes out, which is the same however the sound is cut."""
    _, path = image_network
    audio, rate = clip("solo_flute")
    audio = np.ascontiguousarray(audio[:, rate : rate + rate // 2])
    for lookahead in (0, 2):
        dream = Dream(model=str(path), target="conv3_1", lookahead_frames=lookahead)
        wet = dream(audio, rate)
        before, after = (measure.heard(dream, sound, rate) for sound in (audio, measure.matched(wet, audio, rate)))
        assert after > 1.1 * before > 0
        assert np.array_equal(played(dream, audio, rate, [audio.shape[1]]), played(dream, audio, rate, [1, 700, 333]))
    silent = Dream(model=str(path), target="conv3_1", amount=0.0)
    assert np.abs(silent(audio, rate) - audio).max() < 1e-6


def played(effect, audio, rate, sizes):
    """A stream's output, given in blocks of these sizes in turn."""
    stream, at, out = effect.stream(rate, audio.shape[0], audio.shape[1]), 0, []
    for size in itertools.cycle(sizes):
        out.append(stream.process(np.ascontiguousarray(audio[:, at : at + size])).copy())
        at += size
        if at >= audio.shape[1]:
            return np.concatenate(out, axis=1)
