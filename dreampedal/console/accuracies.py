"""Accuracies as the command line writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def share_text(measures: Mapping[str, Any]) -> str:
    """An accuracy and its 95 % interval, from 0 to 1 both, in per cent.

    >>> share_text({"accuracy": 0.6643, "accuracy_interval": [0.583, 0.739]})
    '66.4% (58% to 74%)'
    """
    low, high = measures["accuracy_interval"]
    return f"{measures['accuracy']:.1%} ({low:.0%} to {high:.0%})"
