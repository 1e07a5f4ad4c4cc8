"""Real recordings for every test.

`clip(name)` reads one of the recordings in `../shared/data/clips` beside the checkout; where they are not, every name
gives the demo recording that ships, and the header of the run says so.
"""

import atexit
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from pedalboard.io import AudioFile

from .rig import plugged_in, rig  # noqa: F401


def _remove(folder, maker):
    """Remove a folder at the end of the process that made it, and of none that was forked from it."""
    if os.getpid() == maker:
        shutil.rmtree(folder, ignore_errors=True)


# Nothing that a user keeps on this machine is seen by a test, nor by a process that a test starts.
if "PYTEST_CURRENT_TEST" not in os.environ:  # or the test's own stands there already
    os.environ["DREAMPEDAL_HOME"] = tempfile.mkdtemp(prefix="dreampedal-home-")
    atexit.register(_remove, os.environ["DREAMPEDAL_HOME"], os.getpid())

# Nor is an audio server of theirs: tests play through one of their own (see rig.py), or through none.
os.environ["JACK_DEFAULT_SERVER"] = "none"
os.environ["JACK_NO_START_SERVER"] = "1"

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]
CLIPS = ROOT.parent / "shared" / "data" / "clips"
DEMO = ROOT / "presets" / "recordings" / "solo_egtr_em9.flac"


def pytest_report_header():
    return f"recordings: {'all clips' if CLIPS.is_dir() else 'only the demo recording that ships'}"


@lru_cache
def read(name):
    path = CLIPS / f"{name}.flac"
    with AudioFile(str(path if path.exists() else DEMO)) as file:
        return file.read(file.frames), file.samplerate


@pytest.fixture
def clip():
    """A function from a recording's name to (float32 of shape (channels, samples), rate in Hz)."""

    def copied(name):
        audio, rate = read(name)
        return np.array(audio), rate

    return copied


@pytest.fixture
def clips():
    """Names of all recordings that are there."""
    return sorted(path.stem for path in CLIPS.glob("*.flac")) or [DEMO.stem]


@pytest.fixture(scope="session")
def wheel():
    """The published wheel of musicnn, which `make unit` fetches; a run of CI is not whole without it."""
    from dreampedal.export.musicnn.wheel import published_wheel

    try:
        return published_wheel(download=False)
    except FileNotFoundError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
