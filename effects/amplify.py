"""Amplify: filter amplification. The mean activation of the filters that were chosen goes up."""

from __future__ import annotations

from typing import ClassVar

from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.effects.spectral.listening import TargetText


class Amplify(SpectralEffect):
    """Ascends the mean activation of a filter, of several filters, or of a whole layer (Herbert-Voss 2016).

    >>> Amplify(target="conv2:5 + conv2:9", reach_db=12).reach_db
    12.0
    """

    energy: ClassVar[bool] = False
    target = TargetText("conv2", doc="What to amplify: filters and layers by mean activation, classes by logits.")
