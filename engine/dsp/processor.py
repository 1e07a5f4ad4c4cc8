"""What the samples of this machine depend on besides libraries: its processor, and what kernels are compiled for.

Sums are rounded in another order on each kind of processor, by the kernels that numba compiles for it as by ONNX
Runtime, which chooses its own while it runs. A dream begins each frame where the last one ended, and iterated phases as
well, so that a last place that differs grows within a second or two: the same performance dreams alike, not the same
samples. (So it does where one sample of the input is changed in its last place.)
"""

from __future__ import annotations

import platform
import zlib
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
from numba.core import config as _config

from dreampedal.engine.dsp.fft.real import way

config: Any = _config
"""Numba fills it in from the environment."""


def model() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def processor() -> dict[str, str]:
    """Facts that must be the same for the same samples, each by its name."""
    there = llvm.get_host_cpu_features().flatten()
    used = there if config.CPU_FEATURES is None else config.CPU_FEATURES
    return {
        "model": model(),
        "machine": platform.machine(),
        "kernels": config.CPU_NAME or llvm.get_host_cpu_name(),
        "features": f"{zlib.crc32(there.encode()):08x} {zlib.crc32(used.encode()):08x}",
        "transforms": way().name,
    }


def in_words(facts: dict[str, str]) -> str:
    """A processor as `processor` describes it, for a reader.

    >>> in_words({"model": "AMD EPYC", "machine": "x86_64", "kernels": "znver4", "transforms": "plain"})
    'AMD EPYC (x86_64, kernels for znver4, plain transforms)'
    """
    plain = ", plain transforms" if facts.get("transforms") == "plain" else ""
    model, machine, kernels = (facts.get(name, "unknown") for name in ("model", "machine", "kernels"))
    return f"{model} ({machine}, kernels for {kernels}{plain})"
