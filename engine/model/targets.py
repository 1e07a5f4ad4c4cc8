"""Targets: what to amplify, as an expression over layers, filters and classes.

>>> target = parse("conv3:12 + 0.5*class:choir - conv1")
>>> target
Target('conv3:12 + 0.5*class:choir - conv1')
>>> 2 * parse("conv2:5") - parse("conv1")
Target('2*conv2:5 - conv1')

Grammar: `target = [sign] term {sign term}`, `term = [number "*"] atom`, `atom = layer [":" filter] | "class:" name`,
with layers and classes as labels of `[a-z0-9_]+`, filters as numbers from 0 or labels, and numbers up to 1000.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dreampedal.engine.model.format.manifest import Layer

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)\s*\*\s*)?"
    r"(?P<layer>[a-z0-9_]+)(?::(?P<part>[a-z0-9_]+))?\s*"
)
_SIGN = re.compile(r"\s*([+-])")

MAX_WEIGHT = 1000
"""Largest size of a weight that is read: one like 1e30 overflows float32 in the network and then does nothing."""

EXAMPLES = "such as 'conv2:5', 'class:flute' or 'conv3:12 + 0.5*class:choir - conv1'"


class Term(NamedTuple):
    """A weighted layer, filter or class; `layer` is "class" for a class, `part` is None for a whole layer."""

    weight: float
    layer: str
    part: str | None

    def __str__(self) -> str:
        size = repr(abs(float(self.weight))).removesuffix(".0")  # the shortest text that reads back as the same number
        return ("" if size == "1" else f"{size}*") + self.layer + (f":{self.part}" if self.part is not None else "")


class Injections(NamedTuple):
    """A target as a model takes it: the gradient of the objective at a layer's output y is `u + v·y`."""

    u: dict[str, NDArray[np.float32]]
    v: dict[str, NDArray[np.float32]]
    classes: NDArray[np.float32]


@dataclass(frozen=True)
class Target:
    """A weighted sum of layers, filters and classes. Targets add, subtract, scale and print themselves."""

    terms: tuple[Term, ...]

    def __add__(self, other: Target) -> Target:
        return Target(self.terms + other.terms)

    def __neg__(self) -> Target:
        return -1 * self

    def __sub__(self, other: Target) -> Target:
        return self + -other

    def __mul__(self, weight: float) -> Target:
        return Target(tuple(term._replace(weight=weight * term.weight) for term in self.terms))

    __rmul__ = __mul__

    def __str__(self) -> str:
        signed = "".join(f" {'-' if term.weight < 0 else '+'} {term}" for term in self.terms)
        return signed[3:] if signed.startswith(" + ") else "-" + signed[3:]

    def __repr__(self) -> str:
        return f"Target({str(self)!r})"

    def injections(self, layers: Sequence[Layer], classes: Sequence[str], energy: bool) -> Injections:
        """The target for a model with these layers and classes.

        A filter counts by its mean activation, or with `energy` by ½y²; a whole layer by the mean over its filters; a
        class by its logit. Raises a ValueError that names what the model does not have.
        """
        u = {layer.name: np.zeros(layer.filters, np.float32) for layer in layers}
        v = {layer.name: np.zeros(layer.filters, np.float32) for layer in layers}
        logits = np.zeros(len(classes), np.float32)
        by_name = {layer.name: layer for layer in layers}
        for weight, name, part in self.terms:
            if name == "class":
                logits[_index(classes, part or "", f"target '{self}'", "class")] += weight
                continue
            if name not in by_name:
                raise ValueError(f"target '{self}': {unknown('layer', name, [*by_name, 'class'])}")
            chosen = (v if energy else u)[name]
            if part is None:
                chosen += weight / by_name[name].filters
            else:
                chosen[_filter(by_name[name], part, str(self))] += weight
        return Injections(u, v, logits)

    def shares(self, known: Sequence[str]) -> NDArray[np.float32]:
        """The target as weights of `known` targets, 0 or more, that sum to 1: (known,), as a student takes it.

        >>> parse("class:choir + 3*class:flute").shares(["class:flute", "class:choir"]).tolist()
        [0.75, 0.25]

        Raises:
            ValueError: for a target that is not known, which names those that are, for a weight below 0, or where all
                weights are 0.
        """
        weights = np.zeros(len(known))
        for term in self.terms:
            if (name := str(term._replace(weight=1.0))) not in known:
                close = get_close_matches(name, known, 1)
                hint = f" (did you mean {close[0]}?)" if close else ""
                raise ValueError(f"target '{self}': not distilled for '{name}'{hint}; it was for {', '.join(known)}")
            if term.weight < 0:
                raise ValueError(f"target '{self}': the weight of '{name}' is below 0: a student takes 0 and more")
            weights[list(known).index(name)] += term.weight
        if not weights.any():
            raise ValueError(f"target '{self}': every weight is 0: expected one above")
        return np.asarray(weights / weights.sum(), np.float32)


def parse(text: str) -> Target:
    """The target that `text` means; a ValueError that shows where it stops making sense."""
    terms, at, sign = [], 0, 1.0
    if leading := _SIGN.match(text):
        at, sign = leading.end(), -1.0 if leading[1] == "-" else 1.0
    while True:
        found = _TOKEN.match(text, at)
        if not found or (found["layer"] == "class" and found["part"] is None):
            raise ValueError(f"target '{text}': expected a layer or class at '{text[at:].strip()}', {EXAMPLES}")
        weight = float(found["number"] or 1)
        if weight > MAX_WEIGHT:
            where = f"target '{text}': weight of '{found[0].strip()}'"
            raise ValueError(f"{where}: expected a number from -{MAX_WEIGHT} to {MAX_WEIGHT}")
        terms.append(Term(sign * weight, found["layer"], found["part"]))
        at = found.end()
        if at == len(text):
            return Target(tuple(terms))
        joint = _SIGN.match(text, at)
        if not joint:
            raise ValueError(f"target '{text}': expected + or - at '{text[at:].strip()}', {EXAMPLES}")
        at, sign = joint.end(), -1.0 if joint[1] == "-" else 1.0


def value(activations: Mapping[str, NDArray[np.float32]], logits: NDArray[np.float32], wanted: Injections) -> float:
    """The objective itself: mean over columns of Σ(u·y + ½v·y²), plus the weighted logits.

    `activations` are (filters, columns) for each layer, `logits` (classes,).
    """
    total = float(wanted.classes @ logits) if logits.size else 0.0
    for name, y in activations.items():
        total += float(np.mean(wanted.u[name] @ y + 0.5 * wanted.v[name] @ (y * y)))
    return total


def unknown(kind: str, name: str, known: Sequence[str]) -> str:
    """'no layer "conv9" (did you mean conv3?): there are conv1, conv2, conv3'."""
    close = get_close_matches(name, known, 1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"no {kind} '{name}'{hint}: there are {', '.join(known)}"


def _index(names: Sequence[str], name: str, where: str, kind: str) -> int:
    if name not in names:
        raise ValueError(f"{where}: {unknown(kind, name, names)}")
    return list(names).index(name)


def _filter(layer: Layer, part: str, target: str) -> int:
    if not part.isdigit():
        return _index(layer.labels, part, f"target '{target}'", f"filter of {layer.name}")
    if int(part) >= layer.filters:
        raise ValueError(f"target '{target}': {layer.name} has filters 0 to {layer.filters - 1}, not {part}")
    return int(part)
