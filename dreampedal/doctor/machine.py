"""What a machine and its libraries are, as far as playing live depends on them."""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "scipy", "numba", "onnxruntime-gpu", "onnxruntime", "pedalboard", "sounddevice", "python-rtmidi")


def machine() -> dict[str, Any]:
    """Versions, processors, where models run, and what the system grants. Every value is plain."""
    import onnxruntime

    from dreampedal.engine.dsp.processor import model
    from dreampedal.engine.model.device import why_no_cuda

    missing = why_no_cuda()
    return {
        "dreampedal": metadata.version("dreampedal"),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": model(),
        "cores": os.cpu_count(),
        "packages": versions(),
        "providers": onnxruntime.get_available_providers(),
        "gpu": missing is None,
        "gpu_note": missing or "CUDA works",
        "kernels": kernels(),
        "transforms": transforms(),
        "real_time": real_time(),
        "governor": governor(),
        "portaudio": portaudio(),
    }


def versions() -> dict[str, str]:
    """The packages that are installed, by name."""
    return {name: found.version for name in PACKAGES for found in metadata.distributions(name=name)}


def governor() -> str | None:
    """How Linux chooses the processor's clock; None where it does not say."""
    try:
        return Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").read_text().strip()
    except OSError:
        return None


def real_time() -> bool | None:
    """Whether the system grants real-time priority; None where it is not asked for."""
    if not hasattr(os, "sched_setscheduler"):
        return None
    from dreampedal.engine.live.interpreter import ask_for_real_time

    return _in_a_thread(ask_for_real_time)


def kernels() -> str:
    """Where numba keeps what it compiled: `kept in` a folder, else every start compiles anew."""
    from dreampedal.engine.dsp.stft import analyse
    from dreampedal.engine.runtime.jit import kept_in

    folder = kept_in(analyse)
    if folder is None:
        return "compiled at every start: set NUMBA_CACHE_DIR to a folder that can be written"
    return f"kept in {folder}"


def transforms() -> str:
    """How the FFT is computed here: in vectors, or in plain loops and why."""
    from dreampedal.engine.dsp.fft.real import way

    found = way()
    return f"in plain loops, some five times slower: {found.why}" if found.why else "in vectors"


def portaudio() -> str | None:
    """The version of PortAudio; None where there is none."""
    try:
        import sounddevice
    except OSError:
        return None
    return str(sounddevice.get_portaudio_version()[1].partition(",")[0])


def _in_a_thread(ask: Callable[[], bool]) -> bool:
    """The answer of a thread of its own, which keeps its priority for itself."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()
    thread.join()
    return answers[0]


def advice(facts: dict[str, Any]) -> list[str]:
    """What could be better, each in a line.

    >>> advice({"real_time": True, "governor": "performance", "portaudio": "PortAudio V19", "kernels": "kept in /x"})
    []
    """
    found = []
    if facts["real_time"] is False and sys.platform == "linux":
        found.append("no real-time priority: add `@audio - rtprio 90` to /etc/security/limits.d/audio.conf, join audio")
    if facts["governor"] not in (None, "performance"):
        found.append(f"processor's clock: {facts['governor']}; `cpupower frequency-set -g performance` steadies it")
    if facts["portaudio"] is None:
        found.append("no PortAudio library: install libportaudio2 (Debian, Ubuntu) or portaudio (Fedora, Arch, brew)")
    if not facts["kernels"].startswith("kept"):
        found.append(f"kernels are {facts['kernels']}")
    return found
