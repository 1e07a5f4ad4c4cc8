"""A take of a dream by a student: rendered again bit for bit, whatever was late and whatever was turned."""

import numpy as np
import pytest

from dreampedal import Board, Dream
from dreampedal.engine.live.player.changes import Set
from dreampedal.engine.live.take.reading import read_take
from dreampedal.engine.live.take.rendering import Rendering

from ..performance import Performance, build

pytest.importorskip("torch", reason="the student here is exported from torch")

RATE = 48_000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from ....export.compile.student_scene import CARRIERS, drawn, exported

    return str(exported(drawn(CARRIERS), tmp_path_factory.mktemp("models") / "tiny.onnx"))


@pytest.mark.parametrize("mode", ["studio", "live", "instant"])
def test_a_take_is_rendered_as_it_was_heard(mode, model, tmp_path):
    rng, t = np.random.default_rng(3), np.arange(2 * RATE) / RATE
    audio = np.stack([0.3 * np.sin(2 * np.pi * 220 * t) * (t % 0.5 < 0.3), 0.05 * rng.normal(size=t.size)])
    at = lambda: int(rng.integers(t.size))  # noqa: E731
    targets = "class:choir", "conv3:5", "class:flute + 0.5*conv3:5"
    changes = {at(): Set("0", "target", target) for target in targets}
    changes |= {at(): Set("0", "reach_db", float(rng.uniform(0, 30))) for _ in range(9)}
    changes |= {at(): Set("0", "freeze", bool(n % 2)) for n in range(4)}
    changes[at()] = "another", Board([Dream(model=model, target="conv3:5", mode=mode)])
    board = Board([Dream(model=model, target="class:flute", mode=mode)])
    performance = Performance(
        board, audio.astype(np.float32), RATE, changes, late=0.02, held=0.2, skipped=range(90, 95), seed=1
    )
    folder, heard = performance.recorded(tmp_path)
    rendering = Rendering(read_take(folder), build)
    np.testing.assert_array_equal(np.concatenate(list(rendering), axis=1), heard)
    assert rendering.as_heard and rendering.counts.held_hops > 5 and rendering.counts.swaps == 1
    assert read_take(folder).header.models == board[0].models()
