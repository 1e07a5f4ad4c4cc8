"""Settings from a command line: `key=value` texts into a pydantic model, and one line where one does not fit.

>>> read_settings(["depth=4", "filters=8,16", "pooling=max", "minutes=none"])
{'depth': 4, 'filters': [8, 16], 'pooling': 'max', 'minutes': None}
"""

from __future__ import annotations

import json
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from dreampedal.engine.runtime.names import suggestion

Model = TypeVar("Model", bound=BaseModel)


def read_settings(texts: Iterable[str]) -> dict[str, Any]:
    """Values by name: numbers, words, `true`, `false`, `none`, and lists with commas between.

    Raises:
        ValueError: where there is no `=`, or a name comes twice.
    """
    return {name: read_value(value) for name, value in pairs(texts).items()}


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """What stands on both sides of each `=`, by name; a ValueError as `read_settings` has it."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ValueError(f"setting {text!r}: expected key=value")
        if name.strip() in found:
            raise ValueError(f"setting {text!r}: {name.strip()} is set twice")
        found[name.strip()] = value.strip()
    return found


def read_value(text: str) -> Any:
    """One value: a number, a word, true, false, none, or a list of them.

    >>> [read_value(text) for text in ("3", "1e-3", "true", "none", "3x3", "1,2", "[0.5]")]
    [3, 0.001, True, None, '3x3', [1, 2], [0.5]]
    """
    text = text.strip()
    if text.lower() in ("none", "true", "false"):
        return {"none": None, "true": True, "false": False}[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return [read_value(part) for part in text.split(",") if part.strip()] if "," in text else text


def listed(kind: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values in which a single one stands as a list where `kind` has several: `filters=8` is one filter count.

    >>> class Tall(BaseModel):
    ...     filters: tuple[int, ...] = (8, 8)
    >>> listed(Tall, {"filters": 8}), listed(Tall, {"filters": [4, 4]})
    ({'filters': [8]}, {'filters': [4, 4]})
    """
    several = {name for name, field in kind.model_fields.items() if typing.get_origin(field.annotation) is tuple}
    return {
        name: [value] if name in several and not isinstance(value, list | tuple) else value
        for name, value in values.items()
    }


def checked(kind: type[Model], values: dict[str, Any], what: str = "settings") -> Model:
    """A model of `kind` from `values`; a ValueError in one line for the first that does not fit.

    Args:
        what: is being set, for the message.
    """
    try:
        return kind(**listed(kind, values))
    except ValidationError as error:
        raise ValueError(f"{what}: {first_fault(error, kind)}") from None


def first_fault(error: ValidationError, kind: type[BaseModel]) -> str:
    """The first thing that is wrong, as `name = value: what was expected`."""
    fault = error.errors()[0]
    name = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        return f"no {name!r}{suggestion(name, kind.model_fields)}; there are: {', '.join(kind.model_fields)}"
    if not name:
        return message
    if fault["type"] == "missing":
        return f"{name} is missing"
    return f"{name} = {fault['input']!r}: {message[:1].lower()}{message[1:]}"
