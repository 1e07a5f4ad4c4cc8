"""Endless knobs: they send how far they were turned, not where they stand, in one of three encodings.

A click up and one down, and two of each, which a fast turn of many makes use of:

| encoding | up | down | also called |
| --- | --- | --- | --- |
| `twos` | 1, 2 | 127, 126 | two's complement, relative 1 |
| `offset` | 65, 66 | 63, 62 | binary offset, relative 2 |
| `sign` | 1, 2 | 65, 66 | sign bit, signed magnitude, relative 3 |

>>> clicks("twos", 126), clicks("offset", 66), clicks("sign", 66)
(-2, 2, -2)
"""

from __future__ import annotations

ENCODINGS = ("twos", "offset", "sign")

MOST_AT_ONCE = 24
"""Clicks that one message of a fast turn tells at most, where an encoding is to be recognised; once it is known, any
number counts."""

_SIGNS = 3
"""Signs of an endless knob that are asked for."""

_MOST_MESSAGES = 256
"""Messages after which a control is believed to be what it was taken for."""


def clicks(encoding: str, value: int) -> int:
    """How far a value of 7 bits says that a knob was turned, below 0 for down."""
    if encoding == "twos":
        return value - 128 if value >= 64 else value
    if encoding == "offset":
        return value - 64
    return -(value & 63) if value & 64 else value


class Encoding:
    """Which encoding the values of one controller are in, if they are in one.

    A knob that stands somewhere goes through the values between, and does not send one twice. An endless one sends the
    same value again and again, or goes from one end of the values to the other. So three such signs, a movement in each
    direction, and no value that only one encoding can explain, tell it; one direction alone cannot: 65 is up in one and
    down in another.

    >>> encoding = Encoding()
    >>> [encoding.told_by(value) for value in (65, 65, 65, 65, 63)]
    ['', '', '', '', 'offset']
    """

    def __init__(self) -> None:
        self._possible = set(ENCODINGS)
        self._signs = self._count = 0
        self._last: int | None = None
        self._ways: dict[str, set[bool]] = {encoding: set() for encoding in ENCODINGS}

    @property
    def is_none(self) -> bool:
        """Whether this is no endless knob, for certain or after a long time."""
        return not self._possible or self._count >= _MOST_MESSAGES

    def told_by(self, value: int) -> str:
        """The encoding that all values up to this one tell, or nothing."""
        self._possible = {each for each in self._possible if 0 < abs(clicks(each, value)) <= MOST_AT_ONCE}
        for encoding in self._possible:
            self._ways[encoding].add(clicks(encoding, value) > 0)
        if self._last is not None:
            self._signs += value == self._last or abs(value - self._last) > 2 * MOST_AT_ONCE
        self._last = value
        self._count += 1
        if len(self._possible) == 1 and self._signs >= _SIGNS:
            [encoding] = self._possible
            return encoding if len(self._ways[encoding]) == 2 else ""
        return ""
