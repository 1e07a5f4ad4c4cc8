"""Real recordings for every test.

`clip(name)` reads one of the recordings in `../shared/data/clips` beside the checkout, or in the folder that
`DREAMPEDAL_CLIPS` names. Where it is not, the test is skipped and says which one it needs. A test that shows the same
with any recording is marked `any_recording`: where the clips are not, it gets the demo recording that ships. In a file
that is marked so, `very_recording` marks a test that needs what it names after all.
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

from .quick import pytest_addoption, pytest_configure, pytest_ignore_collect  # noqa: F401
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
CLIPS = Path(os.environ.get("DREAMPEDAL_CLIPS", ROOT.parent / "shared" / "data" / "clips"))
DEMO = ROOT / "presets" / "recordings" / "solo_egtr_em9.flac"


def pytest_report_header():
    found = f"those in {CLIPS}" if CLIPS.is_dir() else f"only the demo recording that ships, as {CLIPS} is not there"
    return f"recordings: {found}"


@lru_cache
def read(name, any_recording=False):
    """A recording, (float32 of shape (channels, samples), rate in Hz), for a test that needs this very one.

    With `any_recording` the demo recording stands for it where there are no clips at all. One that is missing among
    others is no checkout without clips: its name is wrong, or the folder is not whole.
    """
    path = DEMO if name == DEMO.stem or (any_recording and not CLIPS.is_dir()) else CLIPS / f"{name}.flac"
    if not path.exists():
        reason = f"the recording {name} is not here: expected {path}"
        if CLIPS.is_dir() and os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with AudioFile(str(path)) as file:
        return file.read(file.frames), file.samplerate


def any_will_do(request):
    """Whether the test that asks is marked so."""
    marked = request.node.get_closest_marker
    return marked("any_recording") is not None and marked("very_recording") is None


@pytest.fixture
def clip(request):
    """A function from a recording's name to (float32 of shape (channels, samples), rate in Hz)."""
    any_recording = any_will_do(request)

    def copied(name):
        audio, rate = read(name, any_recording)
        return np.array(audio), rate

    return copied


@pytest.fixture
def clips(request):
    """Names of all recordings: a claim about them all is skipped where they are not."""
    found = sorted(path.stem for path in CLIPS.glob("*.flac"))
    if not found and any_will_do(request):
        return [DEMO.stem]
    if not found:
        pytest.skip(f"the recordings are not here: expected them in {CLIPS}")
    return found


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
