"""Names in messages: the one that was probably meant, and lists of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(word: str, known: Iterable[str]) -> str:
    """`" (did you mean '...'?)"` where a known word is close to `word`, or nothing.

    >>> suggestion("amout", ["amount", "mix"])
    " (did you mean 'amount'?)"
    >>> suggestion("zzz", ["amount", "mix"])
    ''
    """
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def listed(names: Iterable[str]) -> str:
    """Names as a sentence has them.

    >>> listed(["a", "b"]), listed([])
    ('a, b', 'none')
    """
    return ", ".join(names) or "none"
