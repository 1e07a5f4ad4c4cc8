"""Kernels bound to one caller, which gives them arguments of the same types each time."""

from __future__ import annotations

from typing import Any

from numba import typeof


class Bound:
    """A kernel whose first call finds what is compiled for its arguments; later calls go straight there.

    numba otherwise looks at every field of every named tuple in each call. That costs a microsecond, which is what
    some kernels take. Nothing is checked any more: arguments must have the types, and arrays the layout, of the first.

    >>> from dreampedal.engine.runtime.jit import njit
    >>> half = Bound(njit()(lambda pair: pair[0] / 2))
    >>> half((3.0, 1)), half((5.0, 2))
    (1.5, 2.5)
    """

    __slots__ = ("_entry", "_kernel")

    def __init__(self, kernel: Any) -> None:
        self._kernel, self._entry = kernel, None

    def __reduce__(self) -> tuple[Any, tuple[Any]]:
        """What is compiled lies elsewhere in another process."""
        return Bound, (self._kernel,)

    def __call__(self, *arguments: Any) -> Any:
        if self._entry is not None:
            return self._entry(*arguments)
        result = self._kernel(*arguments)
        if hasattr(self._kernel, "overloads"):  # NUMBA_DISABLE_JIT leaves functions as they are
            types = tuple(typeof(each) for each in arguments)  # type: ignore[no-untyped-call]
            self._entry = self._kernel.overloads[types].entry_point
        return result
