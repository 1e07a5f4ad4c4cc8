"""Waiting times: importing, `--help`, and the first sound from a cold start with a warm and with an empty JIT cache.

Each figure is a whole process, the median of several; theirs is bare pedalboard doing the same where it can.
Run with `python bench/start.py`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from compile import from_empty_cache
from harness.report import median_seconds, report

IMPORT = "from dreampedal import Board, Dream"
FIRST = """
import numpy
from dreampedal import Board, Dream
Board([Dream()])(numpy.zeros((2, 4410), numpy.float32), 44100)
"""
THEIR_IMPORT = "from pedalboard import Pedalboard, Reverb"
THEIR_FIRST = """
import numpy
from pedalboard import Pedalboard, Reverb
Pedalboard([Reverb()])(numpy.zeros((2, 4410), numpy.float32), 44100)
"""


def python(code: str) -> Callable[[], object]:
    """A run of `code` in a process of its own."""
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)


def help_page() -> None:
    """`dreampedal --help`."""
    subprocess.run([sys.executable, "-m", "dreampedal", "--help"], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    imported, their_import, helped, first, their_first, bare = median_seconds(
        python(IMPORT), python(THEIR_IMPORT), help_page, python(FIRST), python(THEIR_FIRST), python("pass"), runs=7
    )
    (empty,) = median_seconds(lambda: from_empty_cache("-c", FIRST), runs=3, warmup=0)
    rows: list[dict[str, object]] = [
        {"what": IMPORT, "ours s": imported, "theirs s": their_import, "ratio": imported / their_import},
        {"what": "dreampedal --help", "ours s": helped, "theirs s": "-", "ratio": "-"},
        {"what": "first sound, warm cache", "ours s": first, "theirs s": their_first, "ratio": first / their_first},
        {"what": "first sound, no JIT cache", "ours s": empty, "theirs s": their_first, "ratio": empty / their_first},
        {"what": "python itself", "ours s": bare, "theirs s": bare, "ratio": 1.0},
    ]
    report("start", rows)


if __name__ == "__main__":
    main()
