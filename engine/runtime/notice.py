"""Telling that kernels are compiled: the library says nothing, and whoever runs it may have something to say."""

from __future__ import annotations

from collections.abc import Callable

_told: list[Callable[[], object]] = []


def before_compiling(tell: Callable[[], object] | None) -> None:
    """Have `tell` called once, when the first kernel is compiled that no cache holds; None to have nothing called.

    >>> before_compiling(lambda: print("a moment, please"))
    >>> compiling(), compiling()
    a moment, please
    (None, None)
    """
    _told[:] = [tell] if tell else []


def compiling() -> None:
    """A kernel is about to be compiled."""
    while _told:
        _told.pop()()
