"""The wheel of musicnn 0.1.0, which carries the published weights: fetched by pip once and kept.

Nothing in it is run or installed; it is read as the zip that it is.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from platformdirs import user_cache_path

from dreampedal.export.musicnn.checkpoint import CheckpointError

NAME = "musicnn-0.1.0-py3-none-any.whl"
SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
PLACE = "DREAMPEDAL_MUSICNN"
"""A variable of the environment that names the wheel where it lies elsewhere."""


def published_wheel(download: bool = True) -> Path:
    """The wheel's path: where the environment says, or in the user's cache, where pip puts it the first time.

    Raises:
        FileNotFoundError: if it is not there and `download` is False, or pip could not fetch it.
        CheckpointError: if the file is another one.
    """
    named = os.environ.get(PLACE)
    path = Path(named) if named else user_cache_path("dreampedal") / NAME
    if not path.exists() and download and not named:
        path.parent.mkdir(parents=True, exist_ok=True)
        fetch = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(path.parent), "musicnn==0.1.0"]
        done = subprocess.run(fetch, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FileNotFoundError(f"{NAME} could not be fetched: {done.stderr.strip()[-300:]}")
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is not there: fetch it with pip download --no-deps musicnn==0.1.0, and name it in {PLACE}"
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise CheckpointError(f"{path} has SHA-256 {found}: expected {NAME}, {SHA256}")
    return path
