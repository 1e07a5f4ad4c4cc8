"""The spectral effect: frames through a network, gradient ascent on an offset, and the offset as gain.

    block -> hop -> frame -> features -> K steps of ascent -> offset -> gain of each bin -> what is added -> guard

Everything happens a hop at a time with fixed shapes, so that no partition of the signal into blocks changes a sample.
The stream synthesises only what it *adds*, frame · (gain - 1): where the offset is 0 the output is the dry sound
itself, and `mix`, `listen` and the guard are weights on two aligned signals. `mode` says how the gains are played, and
so what latency they have (see `modes`); the model listens in the same way in each.

What a frame's offset does is heard for a while: later outputs of a causal layer see the frame through their older taps.
`lookahead_frames` waits for those outputs. `foresight_frames` reckons with them at no latency: the ascent also moves
frames that have not come yet, foreseen as the newest frame again, and keeps only what it found for the newest, as
model predictive control does (Rawlings, Mayne and Diehl 2017, section 1.1). On classes that live from the course of a
sound it multiplies what is gained.
"""

from __future__ import annotations

from dreampedal.effects.spectral.ascent_stream import AscentStream
from dreampedal.effects.spectral.network_stream import NetworkStream
from dreampedal.effects.spectral.networked import NetworkEffect
from dreampedal.effects.spectral.student_stream import StudentStream
from dreampedal.engine.host.contract.effect import require_stream
from dreampedal.engine.model.student import StudentModel


class SpectralEffect(NetworkEffect, family=True):
    """What effects that dream in the spectrum share. A subclass says how its target counts and what that means."""

    def stream(self, sample_rate: float, channels: int, max_block: int = 8192) -> NetworkStream:
        """A stream of this effect; changes of its parameters are heard from the next hop or sample on."""
        require_stream(sample_rate, channels, max_block)
        model = self.loaded_model()
        if isinstance(model, StudentModel):
            return StudentStream(self, model, sample_rate, channels, max_block)
        return AscentStream(self, model, sample_rate, channels, max_block)
