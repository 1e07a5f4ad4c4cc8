"""The command line in a process of its own, as a user has it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

HALL = """
title = "Hall"
description = "A little gain into a room."

[[effects]]
type = "pedalboard.Gain"
gain_db = 6

[[effects]]
type = "pedalboard.Reverb"
room_size = 0.4
"""


@dataclass
class Finished:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    def refused(self, *words):
        """Whether it ended with status 2, nothing on stdout and one line on stderr that has all `words`."""
        lines = self.err.splitlines()
        assert self.status == 2, self
        assert len(lines) == 1 and lines[0].startswith("dreampedal: "), self.err
        for word in words:
            assert str(word) in lines[0], lines[0]
        return True


def but_compiling(err):
    """What was said on stderr beside that kernels are compiled, which whoever is first to need them says."""
    return "".join(line for line in err.splitlines(keepends=True) if "compiling kernels for this machine" not in line)


def command(*arguments):
    return [sys.executable, "-m", "dreampedal", *map(str, arguments)]


@pytest.fixture
def dreampedal(tmp_path):
    """Run the command line in the test's folder, and wait for it."""

    def run(*arguments, preexec=None):
        finished = subprocess.run(
            command(*arguments), cwd=tmp_path, capture_output=True, text=True, timeout=120, preexec_fn=preexec
        )
        return Finished(finished.returncode, finished.stdout, but_compiling(finished.stderr))

    return run


@pytest.fixture
def without_portaudio(tmp_path, monkeypatch):
    """A machine where the library is not: the one who looks for it finds nothing, in every process of the test."""
    folder = tmp_path / "nothing here"
    folder.mkdir()
    hidden = "import ctypes.util\nfind = ctypes.util.find_library\n"
    hidden += "ctypes.util.find_library = lambda name: None if 'portaudio' in name else find(name)\n"
    (folder / "sitecustomize.py").write_text(hidden)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.fixture
def hall(tmp_path):
    """A preset of natives alone, which needs no model."""
    path = tmp_path / "hall.toml"
    path.write_text(HALL)
    return path


@pytest.fixture
def recording(tmp_path):
    """A function that writes noise to a file of any format: its path."""

    def write(name="in.wav", seconds=0.5, rate=44_100, channels=2, bits=16, seed=0, level=0.1):
        path = Path(tmp_path, name)
        noise = np.random.default_rng(seed).standard_normal((channels, round(seconds * rate)))
        with AudioFile(str(path), "w", rate, channels, bit_depth=bits) as file:
            file.write((level * noise).clip(-1, 1).astype(np.float32))
        return path

    return write


def read(path):
    """All samples of a file, and its rate."""
    with AudioFile(os.fspath(path)) as file:
        return file.read(file.frames), file.samplerate
