"""Kernels of estimated phase are compiled for those who ask, before what they set is played."""

import subprocess
import sys

COUNTED = """
import sys
import numpy as np
from dreampedal import Dream
from dreampedal.engine.dsp.phase.refinement import push_refined

def compiled():
    return len(push_refined.signatures)

effect = Dream(**eval(sys.argv[1]))
stream = effect.stream(44_100, 1)
stream.process(np.zeros((1, 4_096), np.float32))
print(compiled(), type(effect).fill.slow)
for name, value in eval(sys.argv[2]).items():
    setattr(effect, name, value)
    print(compiled(), type(effect).fill.slow)
noise = np.random.default_rng(0).standard_normal((1, 8_192)).astype(np.float32)
stream.process(noise)
print(compiled())
"""


def counted(made, *changes):
    """Signatures of the estimator, and whether setting a fill is slow: before, and after each change."""
    run = subprocess.run(
        [sys.executable, "-c", COUNTED, repr(made), *map(repr, changes or ({},))], check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    return run.stdout.splitlines()


def test_a_stream_that_does_not_estimate_compiles_nothing_for_it():
    assert counted({"mode": "studio"}, {"amount": 0.5, "fill": 0.0, "phase": "input"}) == [*["0 True"] * 4, "0"]


def test_what_asks_for_it_has_it_compiled_first():
    assert counted({"mode": "live"}, {"fill": 0.5, "phase": "estimate"}) == ["0 True", "1 False", "1 False", "1"]


def test_a_stream_that_estimates_from_its_beginning_has_all_of_it():
    assert counted({"fill": 0.2}) == ["1 False", "1"]
