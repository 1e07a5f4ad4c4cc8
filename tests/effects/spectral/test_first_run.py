"""The process that compiles the kernels plays the same samples as those that find them in numba's cache."""

import os
import subprocess
import sys

PLAY = """
import hashlib, sys
import numpy as np
from dreampedal import Dream
noise = 0.1 * np.random.default_rng(0).standard_normal((2, 20_000)).astype(np.float32)
for mode in ("live", "instant"):
    print(hashlib.sha1(Dream(mode=mode, reach_db=36.0)(noise, 48_000).tobytes()).hexdigest())
"""


def test_the_first_run_sounds_like_every_other(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    played = [
        subprocess.run(
            [sys.executable, "-c", PLAY], env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert len(played[0].split()) == 2 and len(set(played[0].split())) == 2
    assert played[0] == played[1]
