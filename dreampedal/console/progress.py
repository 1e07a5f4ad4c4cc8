"""A progress bar for verbs that take long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress

Follower = Callable[[str, int, int], None]
"""Called with what is going on, how much of it is done, and how much there is."""

Seen = dict[str, tuple[int, int]]
"""The last of it: what is going on is the last key, its value how much of it is done, and how much there is."""


@contextmanager
def bar(seen: Seen | None = None) -> Iterator[Follower]:
    """A progress bar on stderr that follows what is being done, and keeps it in `seen`; quiet where nobody looks."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bars: dict[str, Any] = {}

        def follow(what: str, done: int, total: int) -> None:
            if seen is not None:
                seen[what] = done, total
            if what not in bars:
                bars[what] = progress.add_task(what)
            progress.update(bars[what], completed=done, total=total)

        yield follow
