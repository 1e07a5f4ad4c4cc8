"""What numbers and arrays from outside have to be before anything is computed of them."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def is_whole(value: Any, low: int, high: int) -> bool:
    """Whether a value is a whole number from `low` to `high`, of Python's or NumPy's; True and 2.0 are none.

    >>> is_whole(np.int64(2), 1, 4), is_whole(2.0, 1, 4), is_whole(True, 1, 4), is_whole(5, 1, 4)
    (True, False, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(low <= value <= high)


def is_real(value: Any) -> bool:
    """Whether a value is a real number (it may be NaN or infinite); True is none.

    >>> is_real(np.float32(0.5)), is_real(1), is_real("1"), is_real(True), is_real(1j)
    (True, True, False, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool)


def real_numbers(name: str, values: ArrayLike, kinds: str = "fiu") -> NDArray[np.float32]:
    """`values` in float32, contiguous, aligned and writeable, as kernels take them; beyond float32 they are infinite.

    A ValueError for complex numbers, texts and whatever else has none of the `kinds` of NumPy.

    >>> real_numbers("magnitudes", [[1, 2]])
    array([[1., 2.]], dtype=float32)
    """
    if isinstance(values, np.ndarray) and values.dtype == np.float32 and values.flags.carray:
        return values
    given = np.asarray(values)
    if given.dtype.kind not in kinds:
        raise ValueError(f"{name} of type {given.dtype}: expected real numbers")
    with np.errstate(over="ignore", under="ignore"):
        return np.array(given, np.float32, order="C")
