"""The student: a causal network from the features of the past and a target to an offset, in one pass a hop.

It holds what a dream on many listeners would find (amortised inference, after Gershman and Goodman 2014). The target
steers every layer (feature-wise modulation, Perez et al. 2018), and so does the reach, so that one file serves a dream
of 6 dB and one of 24. Level does not matter: each frame is seen against a running loudness.

Of a network that resynthesises, `carriers` names sounds that are made of the dry one and added to it (see
`effects.spectral.carriers`); it says how loud each is in each band.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dreampedal.engine.dsp.bands import BandLayout

KEPT = 0.97
"""Of the running power, a frame later."""
LEAST_SHARE = 0.25
"""Of a frame's power, that the running power has at once: a note after silence is not seen as an explosion."""
SILENCE = 1e-7
"""Power that is added to the running power."""
LOWEST = -8.0
"""Nepers under the running loudness, below which bands look alike."""
GAIN = 6 * math.log(10) / 20
"""Nepers of offset for an output of 1: 6 dB."""
FULL_REACH = 24 * math.log(10) / 20
"""Nepers of reach that the network sees as 1."""
MOST_ADDED = 2.0
"""Amplitude of a carrier in a band, at most."""
KERNEL = 3


class Offsets(NamedTuple):
    """What a student answers at every frame.

    Fields:
        offset: nepers, (n, bands, frames), within the reach.
        added: amplitude of each carrier in each band, 0 to `MOST_ADDED`, (n, carriers, bands, frames).
    """

    offset: Tensor
    added: Tensor


class Student(nn.Module):
    """Features and a target to offsets.

    Args:
        targets: what it can be asked for, as texts of targets: "class:flute", "conv3:5".
        bands: rows of the features.
        filters: of every layer.
        dilations: of the layers after the first, in frames.
        carriers: names of what it adds, if anything.
    """

    def __init__(
        self,
        targets: Sequence[str],
        bands: int = 96,
        filters: int = 160,
        dilations: Sequence[int] = (2, 4, 8),
        carriers: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.targets, self.carriers, self.bands = tuple(targets), tuple(carriers), bands
        self.dilations, self.floor = tuple(dilations), BandLayout().floor
        self.first = nn.Conv1d(bands, filters, KERNEL)
        self.layers = nn.ModuleList(nn.Conv1d(filters, filters, KERNEL, dilation=d) for d in dilations)
        steering = [nn.Linear(len(targets) + 1, 2 * filters) for _ in range(1 + len(dilations))]
        self.head = nn.Conv1d(filters, bands, 1)
        self.curves = nn.Linear(len(targets), bands, bias=False)
        if carriers:
            self.adding = nn.Conv1d(filters, len(carriers) * bands, 1)
            self.adding_curves = nn.Linear(len(targets), len(carriers) * bands)
            nn.init.normal_(self.adding.weight, 0, 0.02)
            nn.init.zeros_(self.adding_curves.weight)
            nn.init.constant_(self.adding_curves.bias, -4.0)
        for steer in steering:
            nn.init.normal_(steer.weight, 0, 0.3)
            nn.init.zeros_(steer.bias)
        self.steering = nn.ModuleList(steering)
        nn.init.zeros_(self.curves.weight)
        nn.init.normal_(self.head.weight, 0, 0.02)

    @property
    def history_frames(self) -> int:
        """Frames before the newest that an offset depends on, the running loudness apart."""
        return (KERNEL - 1) * (1 + sum(self.dilations))

    def forward(self, features: Tensor, target: Tensor, reach: Tensor) -> Offsets:
        """After endless silence.

        Args:
            features: log bands, (n, bands, frames).
            target: weight of each target, 0 or more, that sum to 1, (n, targets).
            reach: nepers, (n,).
        """
        heard = nn.functional.pad(self.seen(features), (self.history_frames, 0), value=self.quiet)
        asked = torch.cat([target, reach[:, None] / FULL_REACH], 1)
        x = self._steered(0, self.first(heard), asked)
        for place, layer in enumerate(self.layers):
            x = x[..., (KERNEL - 1) * self.dilations[place] :] + self._steered(place + 1, layer(x), asked)
        return self._answer(x, target, reach)

    @property
    def quiet(self) -> float:
        """What is seen in silence."""
        return (max(self.floor - 0.5 * math.log(self._silent_power()), LOWEST) + 4) / 2

    def seen(self, features: Tensor) -> Tensor:
        """Bands against the running loudness of all that came before, about as large as 1."""
        power = torch.exp(2 * features).sum(1)
        running, course = torch.full_like(power[:, 0], self._silent_power() - SILENCE), []
        for frame in power.unbind(1):
            running = torch.maximum(KEPT * running + (1 - KEPT) * frame, LEAST_SHARE * frame)
            course.append(running)
        loudness = 0.5 * torch.log(torch.stack(course, 1) + SILENCE)
        return ((features - loudness[:, None]).clamp_min(LOWEST) + 4) / 2

    def _silent_power(self) -> float:
        return self.bands * math.exp(2 * self.floor) + SILENCE

    def _steered(self, place: int, x: Tensor, asked: Tensor) -> Tensor:
        gain, bias = self.steering[place](asked)[..., None].chunk(2, 1)
        return nn.functional.silu(x * (1 + gain) + bias)

    def _answer(self, x: Tensor, target: Tensor, reach: Tensor) -> Offsets:
        wanted = self.head(x) + self.curves(target)[..., None]
        edged = nn.functional.pad(wanted.transpose(1, 2), (1, 1), "replicate")
        wanted = nn.functional.avg_pool1d(edged, 3, 1).transpose(1, 2)
        most = reach[:, None, None]
        offset = most * torch.tanh(wanted * GAIN / most)
        shape = (x.shape[0], len(self.carriers), self.bands, x.shape[2])
        if not self.carriers:
            return Offsets(offset, x.new_zeros(shape))
        added = self.adding(x) + self.adding_curves(target)[..., None]
        return Offsets(offset, MOST_ADDED * torch.sigmoid(added).reshape(shape))
