"""Plugins are tried in a process of their own, which may crash without harm; what was found out is kept.

What a process answered (`probe`) is a small file in the user's cache folder. One that is damaged counts as none, and a
folder that cannot be written keeps nothing: what is not kept is found out again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pedalboard
from platformdirs import user_cache_path

from dreampedal.engine.runtime.files import written_whole

PROBE_SECONDS = 120.0
"""What a plugin may take to load and to play four seconds of noise."""

Request = dict[str, Any]
"""What a process is asked to do, and with what: plain data, as JSON has it."""


class Unplayable(ValueError):  # noqa: N818 - a name of the public surface
    """A plugin that crashed or hung when it was tried in a process of its own."""


def require_loads(path: str, name: str | None, state: bytes = b"") -> None:
    """`Unplayable` if a plugin crashes or hangs as it is loaded from its file, and given this state."""
    request = {"do": "load", "path": path, "name": name, "state": base64.b64encode(state).decode()}
    tried(request, {"what": "loads"}, f"{name} of {path}" if name else path)


def tried(request: Request, key: Request, plugin: str) -> dict[str, Any] | None:
    """What a process found out about a plugin of `request["path"]`, now or before; None if none could be started.

    `Unplayable`, with `plugin` in it, if the process crashed or hung.
    """
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    key = _key_of_file(request["path"]) | key | {"of": digest}
    answer = remembered(key, request)
    if answer and "refused" in answer:
        raise Unplayable(
            f"{plugin} {answer['refused']} when it was tried in a process of its own, so it is not played here "
            f"(to have it tried again, delete {place_of(key)})"
        )
    return answer


def remembered(key: Request, request: Request) -> dict[str, Any] | None:
    """What a process answered for this key, now or in an earlier run. None is not kept."""
    path = place_of(key)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["key"] == key and isinstance(kept["found"], dict):
            found: dict[str, Any] = kept["found"]
            return found
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    new = _asked(request)
    if new is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as part:
                part.write_text(json.dumps({"key": key, "found": new}), encoding="utf-8")
        except (OSError, ValueError):
            pass
    return new


def place_of(key: Request) -> Path:
    """The file of a key."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return user_cache_path("dreampedal", appauthor=False) / "natives" / f"{digest[:32]}.json"


def _key_of_file(path: str) -> dict[str, Any]:
    """What changes when a plugin's file is another; of a bundle, its newest file."""
    newest = max((_changed(os.path.join(at, file)) for at, _, files in os.walk(path) for file in files), default=0)
    return {"path": path, "changed": newest or _changed(path), "pedalboard": str(vars(pedalboard)["__version__"])}


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _asked(request: Request) -> dict[str, Any] | None:
    """What a process of its own answers; `refused` tells how it ended without one; None if none could be started."""
    command = [sys.executable or "python3", "-P", "-m", "dreampedal.engine.host.natives.probe"]
    try:
        done = subprocess.run(
            command, input=json.dumps(request).encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=PROBE_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"refused": f"gave no answer in {PROBE_SECONDS:g} seconds"}
    except OSError:
        return None
    try:
        answer = json.loads(done.stdout)
        return answer if isinstance(answer, dict) else None
    except ValueError:
        return {"refused": _end(done.returncode)} if done.returncode != 1 else None  # 1: an error of Python's


def _end(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"ended the process with status {status}"
    try:
        return f"crashed ({signal.Signals(-status).name})"
    except ValueError:
        return f"crashed (signal {-status})"
