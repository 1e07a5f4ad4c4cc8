"""What was found out about natives, kept from run to run: a small file each in the user's cache folder.

A file that is damaged counts as none, and a folder that cannot be written keeps nothing: what is not kept is found out
again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from dreampedal.engine.runtime.files import written_whole


def remembered(key: dict[str, Any], find: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    """What `find` found for this key, now or in an earlier run. None is not kept."""
    path = place_of(key)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["key"] == key and isinstance(kept["found"], dict):
            found: dict[str, Any] = kept["found"]
            return found
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    new = find()
    if new is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as part:
                part.write_text(json.dumps({"key": key, "found": new}), encoding="utf-8")
        except (OSError, ValueError):
            pass
    return new


def place_of(key: dict[str, Any]) -> Path:
    """The file of a key."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return user_cache_path("dreampedal", appauthor=False) / "natives" / f"{digest[:32]}.json"
