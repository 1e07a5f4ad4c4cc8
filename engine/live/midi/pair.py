"""Two controllers that are one of 14 bits: n has the upper 7, n + 32 the lower 7; data entry likewise, 6 and 38.

They come as two messages, and nothing says which of them ends a movement. The standard has the upper half first, which
also sets the lower one to 0, so that a sender may leave a lower half of 0 out. Some send the lower half first, and many
leave out a half that has not changed. What a sender does is seen from what it sends:

- *Upper first*, until there are signs of the contrary. A new upper half means a lower one of 0 until that comes. So a
  value on its way up never goes back; one on its way down is too low, by 127 steps of 14 bits at most (0.8 % of the
  travel), from the upper half to the lower one, which comes right after it. The same upper half again is the beginning
  of a pair, and changes nothing, unless this sender has left out lower halves before: then it means a lower one of 0.
- *Lower first*, if the first half ever seen was a lower one alone, or if the movement is the smoother one so. A lower
  half then waits for its upper one, so that each pair is one movement with nothing in between. Once two lower halves
  come in a row, upper ones that did not change are left out, and a lower half counts at once: the one before a change
  of the upper half is then too low, or on the way down too high, by 127 steps at most until that comes.

With the second half of a pair the value is right to the step in any of these, where the first movement is seen from its
beginning. Where it is not, a sender may be taken for one of the other order, and values are off by 127 steps at most
until it has gone over the ends of a lower half a few times.

Source: MIDI 1.0 Detailed Specification 4.2, "Control change", MIDI Manufacturers Association.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from dreampedal.engine.live.midi.messages import FOURTEEN_BITS, SEVEN_BITS, Reading

_OVER_AN_END = 64
"""A lower half that moves by so much between two messages has gone over an end of its range, 127 to 0 or back."""

_PRESUMED, _MOST_SIGNS = 6, 8
"""Signs for one order that a beginning counts for, and those that are remembered; one more for the other turns it."""

_SLOW, _SMOOTH, _TORN = 2, 32, 96
"""A movement over so few upper halves whose speed changes by less than the second number of steps in one order, and by
more than the third in the other, has the one order. A fast one may look smooth in the wrong one by chance.
"""


class Pair:
    """The value of one such pair, on one channel."""

    def __init__(self) -> None:
        self._upper: int | None = None
        self._lower: int | None = None
        self._is_fine = False
        """Whether a lower half other than 0 ever came."""
        self._waiting: int | None = None
        """The last lower half, until an upper one comes."""
        self._last = ""
        """Which half came last."""
        self._signs = 0
        """Above 0 for a sender of upper halves first, below 0 for one of lower halves first."""
        self._is_lower_first = False
        self._leaves_out_lower = self._leaves_out_upper = False
        self._is_repeated = False
        """Whether the last upper half was the one before it once more."""
        self._before: tuple[int | None, int | None] = None, None
        """The last two lower halves since the upper one changed, the older one first."""
        self._upper_first: deque[int] = deque(maxlen=3)
        self._lower_first: deque[int] = deque(maxlen=3)
        """The last values of a sender of both halves, read in either order."""

    def seen(self, is_upper: bool, value: int) -> Reading | None:
        """The position after one of the two; None while it is not known, or not until the other half comes."""
        if is_upper:
            self._take_upper(value)
        else:
            self._take_lower(value)
        self._last = "upper" if is_upper else "lower"
        return None if not is_upper and self._waits_for_upper else self.place

    @property
    def place(self) -> Reading | None:
        """Where the pair stands; None while its upper half is not known.

        A controller that never sends the lower half has 7 bits, over the whole travel. One that always sends 0 has no
        more, and its last step goes to the end of the travel too.
        """
        if self._upper is None:
            return None
        if self._lower is None:
            return self._upper / 127, SEVEN_BITS
        if self._upper == 127 and not self._is_fine:
            return 1.0, FOURTEEN_BITS
        return (self._upper << 7 | self._lower) / 16383, FOURTEEN_BITS

    @property
    def _waits_for_upper(self) -> bool:
        return self._is_lower_first and not self._leaves_out_upper

    def _take_upper(self, value: int) -> None:
        changed = value != self._upper
        if self._upper is None:
            self._presume_order()
        else:
            if changed and self._leaves_out_upper:
                self._look_over_the_end(value - self._upper)
            self._compare_smoothness(value)
        if self._last == "upper":
            self._leaves_out_lower = True
        elif not changed:
            self._leaves_out_upper = False
        if self._is_lower_first and self._waiting is not None:
            self._lower = self._waiting
        elif self._lower is not None and (changed or self._leaves_out_lower):
            self._lower = 0
        if changed:
            self._before = None, None
        self._upper, self._waiting, self._is_repeated = value, None, not changed

    def _take_lower(self, value: int) -> None:
        if self._last == "lower":
            self._leaves_out_upper = True
        elif self._is_repeated:
            self._leaves_out_lower = False
        self._before = self._before[1], value
        self._is_fine |= value > 0
        self._waiting = value
        if self._upper is not None and not self._waits_for_upper:
            self._lower = value

    def _presume_order(self) -> None:
        """By what came before the first upper half: nothing, or lower halves that go on, or one that belongs to it."""
        older, newer = self._before
        goes_on = older is not None and newer is not None and abs(newer - older) < _OVER_AN_END
        self._sign(_PRESUMED if newer is None or goes_on else -_PRESUMED)

    def _compare_smoothness(self, upper: int) -> None:
        """Where halves come in turn, the movement goes on evenly in one order, and is torn at each end in the other."""
        if self._last != "lower" or self._leaves_out_upper or self._waiting is None or self._upper is None:
            self._upper_first.clear()
            self._lower_first.clear()
            return
        self._upper_first.append(self._upper << 7 | self._waiting)
        self._lower_first.append(upper << 7 | self._waiting)
        if len(self._upper_first) == 3:
            as_upper, as_lower = _roughness(self._upper_first), _roughness(self._lower_first)
            is_slow = abs(upper - (self._upper_first[0] >> 7)) <= _SLOW
            if is_slow and min(as_upper, as_lower) < _SMOOTH and max(as_upper, as_lower) > _TORN:
                self._sign(1 if as_upper < as_lower else -1)

    def _look_over_the_end(self, change: int) -> None:
        """The last lower half before the upper one goes on by one tells whether it belongs to that already."""
        older, newer = self._before
        if abs(change) != 1 or older is None or newer is None:
            return
        way = (newer - older) * change
        if way <= -_OVER_AN_END:
            self._sign(-1)
        elif 0 < way < _OVER_AN_END:
            self._sign(1)

    def _sign(self, sign: int) -> None:
        self._signs = min(max(self._signs + sign, -_MOST_SIGNS), _MOST_SIGNS)
        if self._signs:
            self._is_lower_first = self._signs < 0


def _roughness(values: Iterable[int]) -> int:
    """How much three values in a row change their speed."""
    first, second, third = values
    return abs(first - 2 * second + third)
