"""One call at a time: what keeps a state says so where two calls meet, rather than play the one into the other.

Kernels release the interpreter's lock and check nothing: they read and write where the state says. So whatever hands a
state to kernels takes a `Turn` for as long as a call lasts. Nobody waits for one: a thread that had to wait would play
late, and which of two calls comes first would be chance.

>>> turn = Turn("Dream")
>>> with turn:
...     with turn:
...         pass
Traceback (most recent call last):
dreampedal.engine.runtime.turns.OverlapError: Dream plays already, in another call: give each thread one of its own ...
>>> with turn:
...     "free again"
'free again'
"""

from __future__ import annotations

from threading import Lock
from typing import Never


class OverlapError(RuntimeError):
    """A call that began before another on the same object had ended. It changed nothing."""


class Turn:
    """Held by the call that is being played; an OverlapError for any that comes meanwhile.

    A copy, deep or by pickle, is a turn of its own, which nobody holds. `with` costs a quarter of a
    microsecond; where that counts, `take(False)` (whether it could be had), `refuse` and `leave` do the same by hand.
    """

    __slots__ = ("_own", "_whose", "leave", "take")

    def __init__(self, whose: str, own: str = "copy.copy(effect), or a stream each") -> None:
        self._whose, self._own = whose, own
        lock = Lock()
        self.take, self.leave = lock.acquire, lock.release

    def refuse(self) -> Never:
        """Raise the OverlapError."""
        raise OverlapError(
            f"{self._whose} plays already, in another call: give each thread one of its own ({self._own}), or let a "
            "threading.Lock see to it that they take turns"
        )

    def __enter__(self) -> None:
        if not self.take(False):
            self.refuse()

    def __exit__(self, *_: object) -> None:
        self.leave()

    def __reduce__(self) -> tuple[type[Turn], tuple[str, str]]:
        return Turn, (self._whose, self._own)
