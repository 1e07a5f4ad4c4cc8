"""Dream: audio DeepDream. Whatever a layer already hears is turned up, and turned up again in the next frame."""

from __future__ import annotations

from typing import ClassVar

from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.effects.spectral.listening import TargetText


class Dream(SpectralEffect):
    """Ascends the energy ½y² of layers and filters, or the logits of classes (Mordvintsev 2015; Spiteri 2022).

    >>> Dream(target="conv2 + 0.5*class:flute", amount=0.7)  # doctest: +ELLIPSIS
    Dream(target='conv2 + 0.5*class:flute', model='notes', device='auto', amount=0.7, ...)
    """

    energy: ClassVar[bool] = True
    target = TargetText("conv3", doc="What to dream of: layers and filters by energy, classes by logits.")
