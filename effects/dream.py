"""Dream: audio DeepDream. Whatever a layer already hears is turned up, and turned up again in the next frame."""

from __future__ import annotations

from typing import Any, ClassVar

from dreampedal.effects.spectral.carriers.frame import CARRIERS
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.effects.spectral.listening import TargetText
from dreampedal.effects.spectral.networked import LEARNED
from dreampedal.effects.spectral.resynthesis import Resynthesis
from dreampedal.engine.host.contract.parameters import Text
from dreampedal.engine.model import targets
from dreampedal.engine.model.library import library
from dreampedal.engine.model.model import Model
from dreampedal.engine.model.student import StudentModel

AUTO, ASCENT = "auto", "notes"


class Dream(Resynthesis, SpectralEffect):
    """Ascends the energy ½y² of layers and filters, or the logits of classes (Mordvintsev 2015; Spiteri 2022).

    >>> Dream(target="conv2 + 0.5*class:flute", amount=0.7)  # doctest: +ELLIPSIS
    Dream(target='conv2 + 0.5*class:flute', model='notes', device='auto', amount=0.7, ...)

    The model may also be a student: a network that learned offline, from many listeners, what such a dream comes to,
    and answers each frame in one pass. With `model="auto"` it follows the target when the effect is made: the first of
    `library.students` that was distilled for all of its terms, and may add what `below`, `deep`, `above` or `breath`
    turn up; or else the ascent model `notes`, as it is where `steps`, `foresight_frames` or `smoothing` is given, which
    only an ascent has. The effect goes by the name of what was chosen from then on, so that presets and takes name it.
    A later target, and what is turned up later, has to suit that model.

    Of a student:

    - `target`: a mixture of what it was distilled for, with weights of 0 and more; only their ratio counts.
    - `reach_db`: it is asked for as much; under the least that it was trained with its answer is scaled down, and over
      the most it goes no further.
    - `memory_seconds`: below the gate an answer is let go, and fades in this time; above, it is played as it is.
    - `lookahead_frames`: the sound waits so many frames for its offset, which has heard that much more.
    - `freeze`: holds the answer; the student goes on hearing.
    - `link`: all channels share one answer to their sum; else each has its own.
    - `gate_db`, `low_hz`, `high_hz`, `amount`, `mix`, `fill`, `phase`: as in any other dream. It hears all bands.
    - `steps`, `foresight_frames`, `smoothing`: refused if they are set, since it has no use for them.
    """

    energy: ClassVar[bool] = True
    kinds: ClassVar[tuple[type[Model | StudentModel], ...]] = (Model, StudentModel)
    target = TargetText("conv3", doc="What to dream of: layers and filters by energy, classes by logits.")
    model = Text(
        AUTO, fixed=True, doc="A name in the library, the path of a file, or 'auto': one that suits the target."
    )

    def __init__(self, **values: Any) -> None:
        if values.get("model", AUTO) == AUTO:
            target = type(self).target.checked(values.get("target", self.target), f"{type(self).__name__}.target")
            adds = [name for name in CARRIERS if values.get(name)]
            student = None if LEARNED.keys() & values.keys() else library.student_for(targets.parse(target), adds)
            values["model"] = student or ASCENT
        super().__init__(**values)
