"""What gains could make of one sound: offline ascent on an ensemble, through resynthesis and random rooms.

It finds the offset of a whole recording by itself, with the future known and as many steps as wanted, so it says which
targets can be heard at all before a student is taught them (expectation over transformation, Athalye et al. 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from dreampedal.export.nets.listeners.layouts import NEPERS, power_of, spectra
from dreampedal.export.train.distil import played
from dreampedal.export.train.distil.hearing import Hearing
from dreampedal.export.train.distil.rooms import Rooms


@dataclass(frozen=True)
class Climb:
    """How an offset is found.

    Fields:
        steps, rate_db: of Adam, and how far it moves a band in one.
        reach_db: that the offset stays within.
        heard_by: listeners that are asked in a step; stretches: of the sound that they hear, each of `samples`.
    """

    steps: int = 40
    rate_db: float = 1.5
    reach_db: float = 18.0
    heard_by: int = 2
    stretches: int = 2
    samples: int = 96_768
    rooms: Rooms = field(default_factory=Rooms)


def climbed(
    sound: NDArray[np.float32],
    target: Tensor,
    hearings: Sequence[Hearing],
    chances: Sequence[float],
    how: Climb,
    seed: int,
) -> NDArray[np.float32]:
    """The sound with gains that listeners take for the target, as long as it was.

    Args:
        sound: mono at 48 kHz, float32 (samples,), at least as long as a stretch.
        target: weights of targets as the hearings know them, (targets,).
        chances: of each hearing to be asked, not all 0.
    """
    random, rng = Generator().manual_seed(seed), np.random.default_rng(seed)
    shares = np.array(chances) / sum(chances)
    before, behind = played.WINDOW, played.WINDOW + -len(sound) % played.HOP
    line = torch.from_numpy(np.pad(sound, (before, behind), "reflect"))[None]
    dry, reach = spectra(line), torch.tensor([how.reach_db * NEPERS])
    power = dry.real**2 + dry.imag**2
    free = torch.zeros(1, played.to_bands().shape[1], dry.shape[1], requires_grad=True)
    optimiser = torch.optim.Adam([free], how.rate_db * NEPERS)
    for _ in range(how.steps):
        wet = played.overlap_added(dry * played.gains(_offset(free, power, reach)))
        begins = before + rng.integers(0, len(sound) - how.samples + 1, how.stretches)
        heard = torch.stack([wet[0, begin : begin + how.samples] for begin in begins])
        chosen = [hearings[place] for place in rng.choice(len(hearings), how.heard_by, replace=False, p=shares)]
        views = [one.layout.features(power_of(heard, one.layout.window, one.layout.hop)) for one in chosen]
        views = how.rooms(views, [one.layout for one in chosen], random)
        asked = target.expand(how.stretches, -1)
        loss = torch.stack([one.missed(view, asked) for one, view in zip(chosen, views, strict=True)]).mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    with torch.no_grad():
        wet = played.overlap_added(dry * played.gains(_offset(free, power, reach)))
    return np.asarray(wet[0, before : before + len(sound)].numpy())


def _offset(free: Tensor, power: Tensor, reach: Tensor) -> Tensor:
    """Smooth over three bands and five frames, within the reach, each frame as loud as it was."""
    smooth = nn.functional.avg_pool2d(free[:, None], (3, 5), 1, (1, 2))[:, 0]
    return played.matched(power, reach * torch.tanh(smooth / reach), reach)
