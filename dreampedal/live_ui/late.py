"""Why blocks were late, in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

CAUSES = {"late_slow": "worker slow", "late_bursts": "callbacks in bursts", "late_system": "system or device"}
"""The counters of a report that make up its late blocks, and what they are called."""


def late_text(report: Mapping[str, Any]) -> str:
    """How many blocks were late, and of those how many for each cause.

    >>> late_text({"late_blocks": 0}), late_text({"late_blocks": 5, "late_slow": 3, "late_bursts": 0, "late_system": 2})
    ('late 0', 'late 5 (worker slow 3, system or device 2)')
    """
    parts = [f"{words} {report[name]:,}" for name, words in CAUSES.items() if report.get(name)]
    return f"late {report['late_blocks']:,}{' (' if parts else ''}{', '.join(parts)}{')' if parts else ''}"


def why_late(report: Mapping[str, Any]) -> str:
    """The cause of most late blocks and a remedy, in one line; empty where none was late.

    >>> why_late({"late_slow": 0, "late_bursts": 9, "late_system": 1, "together": 1024, "block_size": 128})
    'late since 1,024 samples come at a time: take --block 1024, or --buffers 8'
    """
    counts = {name: int(report.get(name, 0)) for name in CAUSES}
    if not any(counts.values()):
        return ""
    most = max(counts, key=counts.__getitem__)
    if most == "late_slow":
        return "late since the board is slow: take a larger --block, --buffers, or fewer steps"
    if most == "late_system":
        return "late since the system was busy: close other programs, or take more --buffers"
    together = int(report["together"])
    remedy = f"take --block {together}, or --buffers {ceil(together / report['block_size'])}"
    return f"late since {together:,} samples come at a time: {remedy}"
