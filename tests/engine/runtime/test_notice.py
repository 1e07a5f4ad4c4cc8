"""Whoever runs the library is told once that kernels are compiled, and only where no cache holds them."""

import os
import subprocess
import sys

import pytest

KERNELS = """
from dreampedal.engine.runtime.jit import njit
from dreampedal.engine.runtime.notice import before_compiling

@njit(cache=True, nogil=True)
def halved(x):
    return x / 2

@njit(cache=True, nogil=True)
def doubled(x):
    return x * 2
"""
PLAYED = """
from kernels import before_compiling, doubled, halved
before_compiling({tell})
print("begun")
print(halved(3.0), doubled(3.0))
"""


@pytest.fixture
def said(tmp_path):
    """What a process that uses two kernels prints."""
    (tmp_path / "kernels.py").write_text(KERNELS)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run(tell="lambda: print('compiling')"):
        code = [sys.executable, "-c", PLAYED.format(tell=tell)]
        done = subprocess.run(code, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
        return done.stdout.splitlines()

    return run


def test_it_is_told_once_and_only_where_something_is_compiled(said):
    assert said() == ["begun", "compiling", "1.5 6.0"]
    assert said() == ["begun", "1.5 6.0"]


def test_nobody_need_be_told(said):
    assert said("None") == ["begun", "1.5 6.0"]
