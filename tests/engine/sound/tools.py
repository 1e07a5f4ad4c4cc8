"""Programs of others that make and decode sound files for tests."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest


def require(*programs):
    """Skip where a program is missing; a run of CI is not whole without it."""
    for program in programs:
        if shutil.which(program) is None:
            assert not os.environ.get("CI"), f"{program} is missing: its Debian package belongs into .ci/run"
            pytest.skip(f"{program} is not installed")


def run(*command, stdin=None):
    """What a program writes to standard output."""
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, input=stdin).stdout


def ffmpeg_decodes(path):
    """What ffmpeg makes of a file: float32 (channels, samples) and the rate; no samples where it refuses."""
    told = json.loads(run("ffprobe", "-v", "error", "-of", "json", "-show_streams", path))["streams"]
    stream = next(one for one in told if one["codec_type"] == "audio")
    data = run("ffmpeg", "-v", "error", "-i", path, "-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "f32le", "-")
    channels = stream["channels"]
    return np.frombuffer(data, "<f4").reshape(-1, channels).T, int(stream["sample_rate"])
