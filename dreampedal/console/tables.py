"""Tables on standard output, and accuracies in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text


def print_table(
    columns: Iterable[str | Column], rows: Iterable[Iterable[str | Text]], title: str | None = None
) -> None:
    """A table without lines; texts may have rich's markup, so `escape` what a user has named."""
    table = Table(*columns, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def figures(*names: str) -> list[Column]:
    """Columns of numbers."""
    return [Column(name, justify="right", no_wrap=True) for name in names]


def share_text(measures: Mapping[str, Any]) -> str:
    """An accuracy and its 95 % interval, from 0 to 1 both, in per cent.

    >>> share_text({"accuracy": 0.6643, "accuracy_interval": [0.583, 0.739]})
    '66.4% (58% to 74%)'
    """
    low, high = measures["accuracy_interval"]
    return f"{measures['accuracy']:.1%} ({low:.0%} to {high:.0%})"
