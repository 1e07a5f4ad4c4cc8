"""Whatever turns a sound toward a family, as one thing that can be judged: presets, models, equalisers, nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreampedal.effects.dream import Dream
from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.engine.host.board import Board
from dreampedal.engine.model.library import library
from dreampedal.export.data.instruments.families import CLASSES
from dreampedal.export.judge.heard.equaliser import Baseline
from dreampedal.presets.loader import read_preset

Audio = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Method:
    """One row of the table.

    Fields:
        name: of the row; mode: studio, live or instant, or "" where there is none.
        play: from a sound (channels, samples), its rate and a target to the sound that comes out, of the same shape.
        key: says all that the outcome depends on, so that what was measured once is known again.
        families: that it is judged for.
    """

    name: str
    mode: str
    play: Baseline
    key: str
    families: tuple[str, ...] = CLASSES


def untouched() -> Method:
    """The dry sound: what is named without any dream."""
    return Method("none", "", lambda audio, rate, target: audio, "none")


def baseline(name: str, play: Baseline, key: str, families: tuple[str, ...] = CLASSES) -> Method:
    """An equaliser, or anything else that maps sounds to sounds; `key` tells its content."""
    return Method(name, "", play, f"{name} {key}", families)


def dreamed(name: str, mode: str = "studio", model: str | None = None, **settings: Any) -> Method:
    """`Dream` with a model and settings; without a model, the effect's own.

    Raises:
        ValueError: for a setting or a model that does not fit, and one that names none of the families.
    """
    given = settings | {"mode": mode} | ({} if model is None else {"model": model})
    families = CLASSES if model is None else _families(model)
    if not families:
        raise ValueError(f"{model}: names none of the families {', '.join(CLASSES)}: expected a model of instruments")

    def play(audio: Audio, rate: float, target: str) -> Audio:
        return np.asarray(Dream(**given, target=target)(audio, rate))

    return Method(name, mode, play, _key(name, given, _hash(Dream(**given, target=f"class:{families[0]}"))), families)


def of_preset(name: str, mode: str | None = None) -> Method:
    """A preset, judged for the one family that it dreams of; one that dreams of none is judged for none."""
    settings = () if mode is None else (f"mode={mode}",)
    preset = read_preset(name, settings)
    effects = spectral_in(preset.board)
    named = {getattr(effect, "target", "") for effect in effects}
    families = tuple(family for family in CLASSES if f"class:{family}" in named)
    content = [preset.tables, [_hash(effect) for effect in effects]]

    def play(audio: Audio, rate: float, target: str) -> Audio:
        return np.asarray(read_preset(name, settings).board(audio, rate))

    shown = mode or next((str(effect.mode) for effect in effects), "")
    return Method(name, shown, play, _key(name, {"tables": content}, ""), families)


def _families(model: str) -> tuple[str, ...]:
    """Those that a model can be asked for: its classes, or what it was distilled for."""
    manifest = library.model(model).manifest
    named = {*manifest.classes, *(str(target).removeprefix("class:") for target in getattr(manifest, "targets", ()))}
    return tuple(family for family in CLASSES if family in named)


def spectral_in(board: Board) -> list[SpectralEffect]:
    """The effects of a board that hear with a network."""
    return [effect for effect in board if isinstance(effect, SpectralEffect)]


def _hash(effect: SpectralEffect) -> str:
    return str(effect.loaded_model().manifest.content_hash)


def _key(name: str, settings: Mapping[str, Any], content: str) -> str:
    text = json.dumps([settings, content], sort_keys=True, default=str)
    return f"{name} {hashlib.sha256(text.encode()).hexdigest()[:16]}"
