"""The chains of a model that dreams on bands: its graph from the features to any number of steps.

A graph holds a chain for each number of moving columns (`t1` to `t9`, and `tn` for any), or one for the whole `window`.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from dreampedal.engine.model.format.manifest import Manifest
from dreampedal.engine.model.sessions import Array, Sessions


class Chains:
    """The sessions of such a model by chain and number of steps, and how its layers answer to silence."""

    def __init__(self, sessions: Sessions, manifest: Manifest) -> None:
        self.path, self.manifest = sessions.path, manifest
        self.sessions = sessions

    def session(self, chain: str, steps: int, device: str) -> Any:
        """The session that ends at a number of steps."""
        return self.sessions.session(self.taps(chain, steps), device)

    def taps(self, chain: str, steps: int) -> list[str]:
        """Outputs to compute: activations and logits (0 steps) or the offset, and the states that it leads to."""
        if steps == 0:
            layers = [f"{chain}_y_{layer.name}" for layer in self.manifest.layers]
            taps = layers + ([f"{chain}_logits"] if self.manifest.classes else [])
        else:
            taps = [f"{chain}_offset_{steps}"]
        return taps + [f"{chain}_state_{steps}_{name}" for name in self.manifest.states]

    @cached_property
    def silence(self) -> dict[str, Array]:
        """State of each layer after endless silence, one channel: (1, columns, filters).

        A layer's input in silence is one column, repeated. It depends on the states before it only, so a pass for each
        state makes them all right.
        """
        if not self.manifest.states:
            return {}
        floor = self.manifest.bands.floor_db * np.log(10) / 20
        feeds: dict[str, Array] = {
            f"state_{name}": np.zeros((1, *shape), np.float32) for name, shape in self.manifest.states.items()
        }
        feeds["features"] = np.full((1, self.manifest.bands.count, 1), floor, np.float32)
        feeds["offset"] = np.zeros_like(feeds["features"])
        names = {f"t1_state_0_{name}": f"state_{name}" for name in self.manifest.states}
        session = self.session("t1", 0, "cpu")
        needed = {value.name for value in session.get_inputs()}
        for _ in names:
            fed = {name: value for name, value in feeds.items() if name in needed}
            for name, state in zip(names.values(), self.sessions.run(session, list(names), fed), strict=True):
                feeds[name] = np.repeat(state[:, -1:], state.shape[1], axis=1)
        return {name: feeds[f"state_{name}"] for name in self.manifest.states}

    def positions(self, layer: str, columns: int) -> int:
        """Positions of a layer's output on `columns` columns."""
        if self.manifest.runs_on == "columns":
            return columns
        features = np.zeros((1, self.manifest.bands.count, columns), np.float32)
        session = self.session("window", 0, "cpu")
        given = {"features": features, "offset": features}
        return int(self.sessions.run(session, [f"window_y_{layer}"], given)[0].shape[2])
