"""A process that has played may be forked: the child plays the same samples, and ends."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("forks.py")

WAYS = [
    "with_os_fork", "with_multiprocessing", "with_joblib", "with_a_data_loader", "with_threads_that_open_sessions",
    "with_threads_that_compile",
]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
@pytest.mark.parametrize("way", WAYS)
def test_children_of_a_process_that_has_played(way):
    command = [sys.executable, str(SCRIPT), way]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        told, wrong = process.communicate(timeout=120)
    finally:
        with suppress(ProcessLookupError):  # children that hang would outlive it
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, told) == (0, "played\n"), wrong


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_nothing_is_told_to_the_maker_of_a_library():
    """Its thread would be one more than there were."""
    code = (
        "import os, dreampedal, numpy\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "import onnxruntime\n"
        "print(len(os.listdir('/proc/self/task')) - before, os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 1\n"
