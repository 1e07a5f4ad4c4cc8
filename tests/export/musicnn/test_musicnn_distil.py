"""What the published network would hear of an offset, and a student that learns from it and dreams."""

import numpy as np
import pytest
import torch

from dreampedal.effects.spectral import measure
from dreampedal.engine.dsp.bands import BandLayout
from dreampedal.engine.model.format.inputs import Mel, features
from dreampedal.export.musicnn.distil import Distillation, agreement, directions, new_student, taught
from dreampedal.export.musicnn.networks import FRAMES, Musicnn
from dreampedal.export.musicnn.published import TAGS
from dreampedal.export.musicnn.teacher import gradients, targets
from dreampedal.export.musicnn.views import at_one_loudness, columns_of, moved, views
from dreampedal.export.nets.columns import ColumnsSettings
from dreampedal.export.train.fit.plan import Plan

SECONDS = 5
SMALL = ColumnsSettings(filters=(12, 12, 12))
FAST = Plan(learning_rate=1e-2, weight_decay=1e-2, clip_norm=2.0)


@pytest.fixture(scope="module")
def teacher():
    """musicnn with weights drawn at random, settled as batch norm settles."""
    torch.manual_seed(3)
    network = Musicnn("mtt_musicnn", TAGS["mtt"])
    network.train()
    for _ in range(2):
        network(torch.rand(2, 96, FRAMES) * 3)
    return network.eval()


@pytest.fixture(scope="module")
def sounds():
    """Two sounds in both views: notes that decay, at two rates."""
    rng = np.random.default_rng(0)
    made = []
    for rate in (44_100, 48_000):
        time = np.arange(SECONDS * rate) / rate
        tones = sum(
            np.sin(2 * np.pi * hz * time) * np.exp(-3 * (time % step)) for hz, step in ((220, 0.5), (1870, 0.3))
        )
        made.append((0.1 * tones + 1e-3 * rng.standard_normal(time.size)).astype(np.float32)[None])
    return views([(made[0], 44_100), (made[1], 48_000)])


@pytest.mark.parametrize("recording", ["mix_rock", "solo_egtr_em9"])
def test_what_an_offset_does_is_known_without_rendering_it(recording, clip):
    from dreampedal import Dream

    audio, rate = clip(recording)
    audio = np.ascontiguousarray(audio.mean(0, keepdims=True)[:, : int(3.2 * rate)])
    effect = Dream(target="class:flute")
    offset = measure.trace(effect, audio, rate).offset
    wet = measure.with_offset(effect, audio, rate, offset)
    dry, rendered = (torch.tensor(features(Mel.musicnn(), sound, rate)[:, :FRAMES])[None] for sound in (audio, wet))
    foreseen = moved(dry, torch.tensor(offset[..., : columns_of(int(rate))]), int(rate))
    missed, changed = (foreseen - rendered).square().mean().sqrt(), (dry - rendered).square().mean().sqrt()
    assert missed < 0.3 * changed


@pytest.mark.any_recording
def test_an_offset_at_one_loudness_adds_none(clip):
    from dreampedal.engine.dsp.bands import log_band_features

    audio, rate = clip("mix_rock")
    bands = torch.from_numpy(log_band_features(audio[:1, : 3 * int(rate)], rate)).double()
    weight = torch.from_numpy(measure_weights())[:, None]
    offset = at_one_loudness(bands, torch.randn(bands.shape, dtype=torch.double))
    loudness = [(weight * torch.exp(2 * x)).sum().item() for x in (bands, bands + offset)]
    assert loudness[1] == pytest.approx(loudness[0], rel=1e-9)


def measure_weights():
    from dreampedal.effects.spectral.frame.guard import k_gain

    return k_gain(BandLayout().centres_hz)


def test_targets_hold_what_the_teacher_says(teacher, sounds):
    known = targets(teacher, sounds, seed=0)
    assert len(np.unique(known.groups)) == 4
    for row in (0, 4, 9):
        rate = int(sounds.rates[known.clips[row]])
        start = known.starts[row]
        mel = torch.from_numpy(sounds.mel[known.clips[row]].astype(np.float32))[None, :, start : start + FRAMES]
        offset = known.offsets[row][None, :, : columns_of(rate)].float()
        assert torch.allclose(teacher(moved(mel, offset, rate))[0], known.logits[row], atol=0.1)


def test_a_student_learns_what_its_teacher_answers(teacher, sounds):
    torch.manual_seed(0)
    how = Distillation(SMALL, FAST, steps=(30, 0), groups=2)
    known = targets(teacher, sounds, seed=0)
    fresh = new_student(teacher, sounds, known, how)
    student, again = (taught(fresh, sounds, known, None, how, 5) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(student.parameters(), again.parameters(), strict=True))
    before, after = (np.median(agreement(network, sounds, known)[1]) for network in (fresh.eval(), student))
    assert after > before + 0.2


def test_a_student_learns_where_its_teacher_rises(teacher, sounds):
    known = targets(teacher, sounds, seed=0)
    rising = gradients(teacher, sounds, np.arange(50), 2, seed=1)
    how = Distillation(SMALL, FAST, steps=(0, 40), groups=2, gradients=3)
    fresh = new_student(teacher, sounds, known, how)
    student = taught(fresh, sounds, known, rising, how, 5)

    def nearness(network):
        rates = sounds.rates[rising.clips]
        found = [directions(network.eval(), sounds, rising, np.flatnonzero(rates == rate)) for rate in (44_100, 48_000)]
        return float(torch.cat([over_time for over_time, _ in found]).mean().detach())

    assert nearness(student) > nearness(fresh) + 0.2


def test_a_gradient_is_where_the_teacher_rises(teacher, sounds):
    rising = gradients(teacher, sounds, np.arange(50), 1, seed=2)
    clip, start, tag = int(rising.clips[0]), int(rising.starts[0]), int(rising.tags[0])
    step = 0.02 * rising.gradients[0].float() / rising.gradients[0].float().square().mean().sqrt()
    offsets = torch.stack([rising.offsets[0].float() + sign * step for sign in (-1, 1)])
    rate = int(sounds.rates[clip])
    mel = torch.from_numpy(sounds.mel[clip].astype(np.float32))[None, :, start : start + FRAMES]
    with torch.no_grad():
        below, above = (teacher(moved(mel, offset[None, :, : columns_of(rate)], rate))[0, tag] for offset in offsets)
    assert above > below
