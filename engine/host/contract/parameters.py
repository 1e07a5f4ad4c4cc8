"""Parameters: what a user sets, with a range, a unit, a default and a smoothing time.

A parameter is declared once, on the class of its effect, and is a property there:

>>> class Tone:
...     gain_db = Number(0.0, -24.0, 24.0, unit="dB", smoothing_seconds=0.02, doc="Level of the tone.")
>>> tone = Tone()
>>> tone.gain_db = 6
>>> tone.gain_db
6.0
>>> tone.gain_db = 60
Traceback (most recent call last):
ValueError: Tone.gain_db = 60: expected a number from -24 to 24 dB
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from itertools import count
from numbers import Real
from typing import Any, ClassVar, Generic, TypeVar, overload

T = TypeVar("T")

_settings = count(1)
"""Of this process. Two threads that set parameters at once get two numbers, where each might count on from the same."""


@dataclass(frozen=True)
class Parameter(ABC, Generic[T]):
    """What is common to every parameter: a default and a sentence of documentation.

    A `fixed` parameter decides latency, layout or model: it is set when the effect is made and never after.
    """

    default: T
    _: KW_ONLY
    doc: str = ""
    fixed: bool = False
    name: str = ""
    """Of the attribute that it is."""

    slow: ClassVar[bool] = False
    """Whether setting it may take longer than a block."""

    def __set_name__(self, owner: type, name: str) -> None:
        object.__setattr__(self, "name", name)

    @overload
    def __get__(self, instance: None, owner: type) -> Parameter[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            return self
        return instance.__dict__.get(self.name, self.default)

    def __set__(self, instance: object, value: T) -> None:
        where = f"{type(instance).__name__}.{self.name}"
        if self.fixed and getattr(instance, "_made", False):
            raise AttributeError(f"{where} is fixed: set it when the effect is made, as {self.name}={value!r}")
        instance.__dict__[self.name] = self.checked(value, where)
        instance.__dict__["_changes"] = next(_settings)

    def checked(self, value: Any, where: str) -> T:
        """The value in its own type, or a ValueError that says what `where` takes."""
        if not self._takes(value):
            raise ValueError(f"{where} = {_short(value)}: expected {self.range}")
        typed: T = type(self)._type(value)
        return typed

    _type: ClassVar[Callable[[Any], Any]]

    @abstractmethod
    def _takes(self, value: Any) -> bool:
        """Whether a value may be set."""

    @property
    @abstractmethod
    def range(self) -> str:
        """What may be set, in words."""


@dataclass(frozen=True)
class Number(Parameter[float]):
    """A real number from `low` to `high` in `unit`; a change is spread over `smoothing_seconds`."""

    low: float
    high: float
    _: KW_ONLY
    unit: str = ""
    smoothing_seconds: float = 0.0

    _type = float

    def _takes(self, value: Any) -> bool:
        return _is_number(value) and bool(self.low <= value <= self.high)

    @property
    def range(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}{' ' + self.unit if self.unit else ''}"


@dataclass(frozen=True)
class Count(Parameter[int]):
    """A whole number from `low` to `high`."""

    low: int = 0
    high: int = 1
    unit: str = ""

    _type = int

    def _takes(self, value: Any) -> bool:
        return _is_number(value) and bool(self.low <= value <= self.high) and float(value).is_integer()

    @property
    def range(self) -> str:
        return f"a whole number from {self.low} to {self.high}{' ' + self.unit if self.unit else ''}"


@dataclass(frozen=True)
class Switch(Parameter[bool]):
    """On or off."""

    _type = bool

    def _takes(self, value: Any) -> bool:
        return isinstance(value, bool)

    @property
    def range(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class Choice(Parameter[str]):
    """One of a few words."""

    choices: tuple[str, ...] = ()

    _type = str

    def _takes(self, value: Any) -> bool:
        return value in self.choices

    @property
    def range(self) -> str:
        return "one of " + ", ".join(self.choices)


@dataclass(frozen=True)
class Text(Parameter[str]):
    """Free text whose meaning its effect checks."""

    _type = str

    def _takes(self, value: Any) -> bool:
        return isinstance(value, str) and bool(value.strip())

    @property
    def range(self) -> str:
        return "a text that is not empty"


def parameters_of(owner: type) -> dict[str, Parameter[Any]]:
    """Every parameter of a class by name, its parents' first, in the order of declaration."""
    found: dict[str, Parameter[Any]] = {}
    for cls in reversed(owner.__mro__):
        found |= {name: value for name, value in vars(cls).items() if isinstance(value, Parameter)}
    return found


def _is_number(value: Any) -> bool:
    """Whether a value is a real number. It is compared before it becomes a float: not every integer can."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _short(value: Any) -> str:
    """A value as a message shows it; TOML has integers of any length, and Python prints none beyond 4300 digits.

    >>> _short(-3), _short("loud"), _short(10**400)
    ('-3', "'loud'", 'an integer of 1329 bits')
    """
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    return str(value) if isinstance(value, Real) else repr(value)
