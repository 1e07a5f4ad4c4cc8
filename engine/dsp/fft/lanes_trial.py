"""Whether the vectors of `lanes` compile on this processor, with this numba, and compute what they should."""

from __future__ import annotations

import numpy as np

from dreampedal.engine.dsp.fft.compiling import FASTMATH, Plane
from dreampedal.engine.dsp.fft.lanes import (
    WIDTH,
    add_pairs,
    backwards,
    conjugate,
    load,
    load_next,
    load_one,
    load_pairs,
    store,
    store_first,
    transposed,
    turned,
)
from dreampedal.engine.runtime.jit import njit


def trouble() -> str:
    """Why vectors cannot be used, in a line; empty if all that the passes are made of compiles and is right.

    Whole numbers go in, so what comes out is exact on every processor. The kernel is kept in numba's cache.
    """
    numbers = np.arange(1, 4 * WIDTH + 1, dtype=np.float32)
    re, im = numbers[:WIDTH], numbers[WIDTH : 2 * WIDTH] * np.float32(3)
    z = re + 1j * im
    rows = z * (numbers[:WIDTH] + 1j * numbers[WIDTH : 2 * WIDTH]) - (2 + 3j) * z
    pairs = (numbers[: 2 * WIDTH] * numbers[2 * WIDTH :]).reshape(-1, 2)
    rows = np.stack([z, 2 * z, rows, -1j * rows, rows.conj(), rows[::-1], z + 1j * z, pairs[:, 0] + 1j * pairs[:, 1]])
    found, onto = np.zeros((2, WIDTH * WIDTH + 1), np.float32), np.ones(2 * WIDTH, np.float32)
    try:
        _trial(re, im, numbers, found[0], found[1], onto)
    except Exception as error:  # an API that has changed, a vector that LLVM does not know: the reason is told
        return said(error)
    wanted = np.append(rows.T, 1 + 1j)
    added = 1 + np.stack([re, im], axis=1).reshape(-1) * numbers[: 2 * WIDTH]
    if np.array_equal(found[0] + 1j * found[1], wanted) and np.array_equal(onto, added):
        return ""
    return "they compile, and compute something else than they should"


def said(error: Exception) -> str:
    """An error in a line: numba's take a page.

    >>> said(TypeError("no such vector\\n  while compiling"))
    'TypeError: no such vector while compiling'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]


@njit(cache=True, nogil=True, fastmath=FASTMATH)
def _trial(re: Plane, im: Plane, numbers: Plane, to_re: Plane, to_im: Plane, onto: Plane) -> None:
    """Everything of `lanes` once."""
    z = load(re, im, 0)
    y = z * load_next(numbers, 0) - z * load_one(numbers, 1)
    rows = (
        z, z * np.float32(2), y, turned(y), conjugate(y), backwards(y), z + conjugate(turned(conjugate(z))),
        load_pairs(numbers[: 2 * WIDTH], numbers[2 * WIDTH :], 0),
    )  # fmt: skip
    columns = transposed(rows)
    for n in range(WIDTH):
        store(to_re, to_im, WIDTH * n, columns[n])
    add_pairs(onto, numbers, 0, z)
    store_first(to_re, to_im, WIDTH * WIDTH, load(numbers, numbers, 0))
