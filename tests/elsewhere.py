"""What tests of processors share: how another process is told to compile for another one than this."""

import platform
from pathlib import Path

import llvmlite.binding as llvm
import pytest

ROOT = Path(__file__).resolve().parents[1]


def compiled_for(name):
    """What the environment of a process needs whose kernels are compiled for `name`, with a cache of their own.

    `generic` has SSE2 alone, `x86-64-v3` AVX2 and no AVX-512: any x86-64 of the last ten years can stand in for both.
    """
    if platform.machine() not in ("x86_64", "AMD64") or not llvm.get_host_cpu_features().get("avx2"):
        pytest.skip("this processor cannot stand in for others: expected an x86-64 with AVX2")
    cache = ROOT / "build" / "processors" / name
    return {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(cache)}
