"""What the teacher, a published network, answers to sounds and to offsets on them: the targets of distillation.

A target is the teacher's logits for 3 s of a sound and an offset on its log bands. Offsets come in groups on the same
3 s, so that a student learns what a change changes: it is by its gradient that it will dream. They are drawn at random,
smooth over bands and frames, from an equaliser that stands to one that flickers.

More direct is the gradient of one of the teacher's tags with respect to the offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from dreampedal.export.data.progress import Progress
from dreampedal.export.musicnn.networks import FRAMES, Tagger
from dreampedal.export.musicnn.views import LAYOUT, Views, at_one_loudness, columns_of, moved, start_column
from dreampedal.export.nets.causal import Network
from dreampedal.export.train.augment import NEPERS

BEFORE = 28
"""Columns before the 3 s that the student gets too: as many as its convolutions reach back."""
MOST_COLUMNS = columns_of(48_000) + 1
STARTS = (20, 120)
"""Where the 3 s begin, in frames of mel bands."""
VARIANTS = 3
GAIN_DB = (-12.0, 6.0)
SPREAD_DB = (2.0, 12.0)
"""Range of an offset's RMS."""
LIMIT_DB = 30.0
TAGS_EACH = 4
"""Tags whose gradient is asked for at one offset."""


@dataclass(frozen=True)
class Excerpts:
    """3 s of sounds, with an offset on the log bands of each.

    Fields:
        clips: which sound of the views, int64 (n,).
        starts: where its 3 s begin, in frames of mel bands, int64 (n,).
        offsets: float16 (n, 96, columns); what is beyond the columns of 3 s at the sound's rate is not used.
    """

    clips: NDArray[np.int64]
    starts: NDArray[np.int64]
    offsets: Tensor

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def groups(self) -> NDArray[np.int64]:
        """Equal where the sound and its 3 s are the same: places from 0 on, int64 (n,)."""
        return np.asarray(np.unique(self.clips * 100_000 + self.starts, return_inverse=True)[1], np.int64)

    def features(self, views: Views, some: NDArray[np.int64]) -> Tensor:
        """Log bands of some of them, of sounds of one rate: (n, 96, BEFORE + columns of 3 s)."""
        rate = int(views.rates[self.clips[some[0]]])
        columns, offsets = columns_of(rate), self.offsets[some]
        x = torch.full((len(some), LAYOUT.count, BEFORE + columns), LAYOUT.floor)
        for row, (clip, start) in enumerate(zip(self.clips[some], self.starts[some], strict=True)):
            first = start_column(int(start), rate)
            begin = max(0, first - BEFORE)
            known = torch.from_numpy(views.bands[clip][:, begin : first + columns].astype(np.float32))
            place = begin - first + BEFORE
            x[row, :, place : place + known.shape[1]] = known
        x[..., BEFORE:] += offsets[..., :columns]
        x[..., :BEFORE] += offsets[..., :1]
        return x.clamp_min(LAYOUT.floor)


@dataclass(frozen=True)
class Targets(Excerpts):
    """What the teacher answers: `logits`, float32 (n, tags)."""

    logits: Tensor


@dataclass(frozen=True)
class Gradients(Excerpts):
    """Where the teacher's logit of a tag rises: `tags`, which one, int64 (n,); `gradients` of it with respect to the
    offset, float16 (n, 96, columns).
    """

    tags: NDArray[np.int64]
    gradients: Tensor


@torch.no_grad()
def answers(teacher: Tagger, views: Views, clip: int, starts: NDArray[np.int64], offsets: Tensor) -> Tensor:
    """The published network's logits for offsets on one sound: (n, tags).

    In bfloat16, which is nearly twice as fast and leaves logits right to about 0.1: nothing to a student.
    """
    rate = int(views.rates[clip])
    mel = torch.from_numpy(views.mel[clip].astype(np.float32))
    x = moved(torch.stack([mel[:, start : start + FRAMES] for start in starts]), _used(offsets, rate), rate)
    with torch.autocast("cpu", torch.bfloat16):
        logits: Tensor = teacher(x)
    return logits.float()


def targets(teacher: Tagger, views: Views, seed: int, progress: Progress | None = None) -> Targets:
    """For each sound, 3 s at a few places, each as it is (but for a gain) and with random offsets."""
    rng = np.random.default_rng(seed)
    starts = np.repeat(np.array(STARTS), VARIANTS)
    offsets, logits = [], []
    for clip in range(len(views)):
        drawn = [_random_offset(views, clip, int(start), n % VARIANTS, rng) for n, start in enumerate(starts)]
        offsets.append(torch.stack(drawn))
        logits.append(answers(teacher, views, clip, starts, offsets[-1]))
        if progress:
            progress("asking the published network", clip + 1, len(views))
    clips = np.repeat(np.arange(len(views)), len(starts))
    return Targets(clips, np.tile(starts, len(views)), torch.cat(offsets), torch.cat(logits))


def gradients(
    teacher: Tagger,
    views: Views,
    tags: NDArray[np.int64],
    count: int,
    seed: int,
    progress: Progress | None = None,
) -> Gradients:
    """The published network's gradient of a few of `tags`, at random offsets on `count` of the sounds."""
    rng = np.random.default_rng(seed)
    rows = []
    for done, clip in enumerate(rng.permutation(len(views))[:count]):
        rate, start = int(views.rates[clip]), int(rng.choice(STARTS))
        mel = torch.from_numpy(views.mel[clip].astype(np.float32))[None, :, start : start + FRAMES]
        drawn = _random_offset(views, int(clip), start, int(rng.integers(VARIANTS)), rng)
        offset = _used(drawn[None], rate).requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16):
            logits = teacher(moved(mel, offset, rate))[0]
        for tag in rng.choice(tags, min(TAGS_EACH, len(tags)), replace=False):
            (gradient,) = torch.autograd.grad(logits[tag], offset, retain_graph=True)
            whole = torch.nn.functional.pad(gradient[0], (0, MOST_COLUMNS - offset.shape[2])).half()
            rows.append((clip, start, tag, drawn, whole))
        if progress:
            progress("asking where it rises", done + 1, count)
    clips, starts, asked, offsets, found = zip(*rows, strict=True)
    where, when, which = (np.array(one, np.int64) for one in (clips, starts, asked))
    return Gradients(where, when, torch.stack(offsets), which, torch.stack(found))


def pooled(student: Network, x: Tensor) -> Tensor:
    """Logits from the mean of the last layer over all columns but those before: (n, 96, columns) to (n, classes)."""
    y = student.last_layer(x)[..., BEFORE - student.history_frames :]
    logits: Tensor = student.head(student.dropout(y).mean(2))
    return logits


def _used(offsets: Tensor, rate: int) -> Tensor:
    """The columns of 3 s at a rate, as float32."""
    return offsets[..., : columns_of(rate)].float()


def _random_offset(views: Views, clip: int, start: int, variant: int, rng: np.random.Generator) -> Tensor:
    """An offset for one sound, float16 (96, MOST_COLUMNS); variant 0 is a gain only."""
    rate = int(views.rates[clip])
    columns, first = columns_of(rate), start_column(start, rate)
    gain = rng.uniform(*GAIN_DB) * NEPERS
    offset = np.full((LAYOUT.count, MOST_COLUMNS), gain, np.float32)
    if variant:
        frames = float(rng.choice([1, 3, 10, 40, 0]))
        noise = rng.standard_normal((LAYOUT.count, columns if frames else 1))
        smooth = gaussian_filter(noise, (rng.uniform(1.5, 10), frames), mode="nearest")
        scaled = smooth / smooth.std() * rng.uniform(*SPREAD_DB) * NEPERS
        limited = np.clip(scaled, -LIMIT_DB * NEPERS, LIMIT_DB * NEPERS).astype(np.float32)
        whole = torch.from_numpy(np.broadcast_to(limited, (LAYOUT.count, columns)).copy())
        bands = torch.from_numpy(views.bands[clip][:, first : first + columns].astype(np.float32))
        whole = whole[:, : bands.shape[1]]
        offset[:, : bands.shape[1]] += at_one_loudness(bands[None], whole[None])[0].numpy()
    return torch.from_numpy(offset).half()


def smoother() -> Tensor:
    """Gaussian smoothing over 1.5 bands, as the effects have it by default: (96, 96)."""
    place = torch.arange(LAYOUT.count, dtype=torch.float32)
    kernel = torch.exp(-0.5 * ((place[:, None] - place) / 1.5) ** 2)
    return kernel / kernel.sum(1, keepdim=True)
