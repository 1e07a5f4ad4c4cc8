"""When the kernels of estimated phase are compiled: not with the first sound, which seldom asks for them.

They are half of what a spectral effect compiles. A stream that fills in or estimates from its beginning has them
compiled with the others; any other, once one of its parameters asks for it, before that parameter is set.
"""

from __future__ import annotations

from threading import RLock
from typing import Any

from dreampedal.engine.host.contract.effect import Effect

_streamed: set[str] = set()
"""Modes that streams of this process play in."""

_compiled: set[str] = set()
"""Those of them whose kernels of estimated phase are compiled, or read from the cache."""

_one_at_a_time = RLock()


def is_asked(effect: Any) -> bool:
    """Whether a spectral effect is set to what only estimated phase gives."""
    return bool(effect.fill > 0 or effect.phase == "estimate" or effect.phase_lookahead_frames)


def streamed(mode: str, with_estimates: bool) -> None:
    """A stream in this mode is ready."""
    _streamed.add(mode)
    if with_estimates:
        _compiled.add(mode)


def are_missing() -> bool:
    """Whether a stream plays that would have to compile before it could estimate."""
    return not _streamed <= _compiled


def compile_for(effect: Effect) -> None:
    """Compile what an effect needs to estimate in its mode, on a stream of its own; nothing if that was done."""
    settings = dict(effect.parameters)
    with _one_at_a_time:
        if settings["mode"] in _streamed - _compiled:
            type(effect)(**settings | {"fill": 1.0, "phase": "estimate"}).stream(44_100, 1, 1)
