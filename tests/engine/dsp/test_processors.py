"""The numeric part of the suite again, with kernels compiled for other processors, and in plain loops.

Each run is a process with a cache of its own in `build/processors`, so that only the first one compiles.
"""

import os
import subprocess
import sys

import pytest

from ...elsewhere import ROOT, compiled_for
from ...stress import STRESSED

SAMPLE = [
    "tests/engine/dsp/fft/test_real.py::test_forward_equals_float64_twin",
    "tests/engine/dsp/test_stft.py",
    "tests/engine/dsp/test_bands.py",
    "tests/engine/dsp/phase/test_twins.py::test_refinement_is_that_of_whole_overlap_adds",
]

NUMERIC = [
    "tests/engine/dsp/phase",
    "tests/engine/dsp/fft/test_real.py",
    "tests/engine/dsp/test_stft.py",
    "tests/engine/dsp/test_bands.py",
    "tests/effects/spectral/frame/test_fill.py",
    "tests/effects/spectral/frame/test_guard.py",
    "tests/engine/dsp/test_windows.py",
    "tests/effects/spectral/frame/test_kernels.py",
    "tests/effects/spectral/modes/test_modes_alike.py",
    "tests/engine/model/format/test_inputs.py",
    "tests/engine/model/test_verify.py",
    "tests/engine/model/test_ascent.py",
    "tests/effects",
    "tests/presets",
    "tests/engine/live/take/test_take.py",
    "tests/engine/live/take/test_take_rendering.py",
    "tests/engine/live/exchange/test_exchange.py",
    "tests/engine/live/player/test_player.py",
]


def require_green(tests, changed):
    """Run `tests` in a process whose environment is `changed`, and show what it said if one of them fails."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests], cwd=ROOT,
        env=os.environ | changed, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]


def test_a_sample_passes_on_the_plainest_processor():
    require_green(SAMPLE, compiled_for("generic"))


@pytest.mark.stress
@pytest.mark.skipif(not STRESSED, reason="make stress runs all of it")
@pytest.mark.parametrize("name", ["generic", "x86-64-v3"])
def test_all_of_it_passes_on_other_processors(name):
    require_green(NUMERIC, compiled_for(name))


@pytest.mark.stress
@pytest.mark.skipif(not STRESSED, reason="make stress runs all of it")
def test_all_of_it_passes_in_plain_loops():
    require_green(NUMERIC, {"DREAMPEDAL_FFT": "plain"})
