"""A verb's options as one value: what the command line reads are the fields of a dataclass."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

Options = TypeVar("Options")

UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""What typer raises for every wrong use; it has no public name for it."""


def verb(function: Callable[[Options], int | None]) -> Callable[..., int | None]:
    """A function of one dataclass, as typer takes it: each field is an `Annotated[..., typer.Option(...)]`.

    What is not given is left to the dataclass. The function returns the status to exit with; None is 0.
    """
    [options] = (kind for name, kind in get_type_hints(function).items() if name != "return")
    hints = get_type_hints(options, include_extras=True)

    def run(**given: Any) -> int | None:
        return function(options(**{name: value for name, value in given.items() if value is not None}))

    run.__name__, run.__doc__ = function.__name__, function.__doc__
    run.__signature__ = inspect.Signature([  # type: ignore[attr-defined]
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=_default(field),
                          annotation=hints[field.name])
        for field in dataclasses.fields(options)
    ])  # fmt: skip
    return run


def option(usage: str, text: str, **limits: Any) -> Any:
    """An option as help shows it: names, what is to be put for it, and what that is.

    >>> option("-o --out PATH", "A folder.").metavar
    'PATH'
    """
    words = usage.split()
    names = [word for word in words if word.startswith("-")]
    return typer.Option(*names, metavar=words[-1] if len(words) > len(names) else None, help=text, **limits)


AsJson = Annotated[bool, option("--json", "Report as JSON on standard output.")]


def sound_path(text: str) -> Path:
    """The path of a sound file; `Path` would take an empty name for the folder it stands in."""
    if not text:
        raise typer.BadParameter("the name is empty: expected a sound file.")
    return Path(text)


def _default(field: dataclasses.Field[Any]) -> Any:
    """A field's default to typer, to which a list that is not given is None."""
    if field.default_factory is not dataclasses.MISSING:
        return None
    return inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
