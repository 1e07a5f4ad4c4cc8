"""The stream of an effect whose model is a student: it answers every frame at once.

What is asked of it is a reach that it knows. Under the least that it was trained with its answer is scaled down, and
over the most it goes no further.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.spectral.base import NEPERS_PER_DB
from dreampedal.effects.spectral.frame.answers import follow, hear
from dreampedal.effects.spectral.network_stream import NetworkStream
from dreampedal.effects.spectral.networked import NetworkEffect
from dreampedal.engine.model import targets
from dreampedal.engine.model.student import StudentModel
from dreampedal.engine.runtime.bound import Bound

Array = NDArray[np.float32]


class StudentStream(NetworkStream):
    """A running effect that plays what a student answers; a signal leaves what `student` remembers, too."""

    def __init__(
        self, effect: NetworkEffect, model: StudentModel, sample_rate: float, channels: int, max_block: int
    ) -> None:
        self.manifest = model.manifest
        self.student = model.student(1 if effect.link else channels, effect.device)
        rows = self.student.channels
        self.added = self.student.added.reshape(rows, -1)
        self.hear, self.follow = Bound(hear), Bound(follow)
        super().__init__(effect, sample_rate, channels, max_block)

    def _forget(self) -> None:
        self._refresh()  # silence is answered by what is asked for now
        self.student.reset()

    def _recover(self) -> None:
        self.student.reset()
        self.state.wanted[:] = 0
        self.state.added[:] = 0

    def _find_offset(self, spectrum: Array) -> None:
        """Ask the student; what is frozen stays, and the student goes on hearing."""
        student, state = self.student, self.state
        self.hear(spectrum, state.features, self.limits.gate_db, student.features, state.awake)
        if self._is_late():
            return
        student.run()
        student.commit()
        if self.frozen:
            return
        self.follow(student.offset, self.scale, self.kept, state.awake, state.wanted)
        if self.added.size:
            self.follow(self.added, self.scale, self.kept, state.awake, state.added.reshape(self.added.shape))
            if not np.isfinite(state.added).all():
                state.wanted[:] = np.nan  # it is lost, and the student begins anew

    def _refresh(self) -> None:
        super()._refresh()
        least_db, most_db = self.manifest.reach_db
        asked_db = min(max(self.effect.reach_db, least_db), most_db)
        self.student.reach[0] = asked_db * NEPERS_PER_DB
        self.scale, self.kept = min(1.0, self.effect.reach_db / asked_db), self._kept()

    def _aim(self) -> None:
        self.student.target[:] = targets.parse(self.effect.target).shares(self.manifest.targets)
