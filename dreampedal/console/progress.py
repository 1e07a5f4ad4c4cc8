"""A progress bar for verbs that take long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress

if TYPE_CHECKING:
    from dreampedal.export.progress import Progress as Heard


@contextmanager
def bar(seen: dict[str, tuple[int, int]] | None = None) -> Iterator[Heard]:
    """A progress bar on stderr that follows what is being done; quiet where nobody looks. `seen` keeps the last of it.

    What is going on is the last key of `seen`, its value how much of it is done, and how much there is.
    """
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bars: dict[str, Any] = {}

        def heard(what: str, done: int, total: int) -> None:
            if seen is not None:
                seen[what] = done, total
            if what not in bars:
                bars[what] = progress.add_task(what)
            progress.update(bars[what], completed=done, total=total)

        yield heard
