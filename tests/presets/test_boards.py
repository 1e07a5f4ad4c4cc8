"""Boards as TOML: everything comes back, and every mistake is named with its place."""

import pedalboard
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.engine.host.board import Board
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.host.mix import Mix
from dreampedal.engine.host.natives.native import native_parameters
from dreampedal.presets.boards import parse, render

from .tone import Tone


def number(low, high):
    return st.floats(low, high, width=32)


NATIVES = st.one_of(
    st.builds(pedalboard.Gain, gain_db=number(-60, 60)),
    st.builds(pedalboard.Reverb, room_size=number(0, 1), wet_level=number(0, 1), freeze_mode=number(0, 1)),
    st.builds(pedalboard.Compressor, threshold_db=number(-60, 0), ratio=number(1, 20)),
    st.builds(pedalboard.Delay, delay_seconds=number(0, 2), feedback=number(0, 1)),
    st.builds(pedalboard.LadderFilter, mode=st.sampled_from(list(pedalboard.LadderFilter.Mode.__members__.values()))),
    st.builds(pedalboard.BrickwallLimiter, ceiling_db=number(-12, 0), true_peak=st.booleans()),
    st.builds(pedalboard.Invert),
)
OURS = st.builds(
    Tone,
    level_db=st.floats(-24, 24),
    voices=st.integers(1, 8),
    bright=st.booleans(),
    shape=st.sampled_from(["sine", "square"]),
    label=st.text(min_size=1).filter(str.strip),
)
RACKS = st.recursive(
    st.one_of(NATIVES, OURS),
    lambda inside: st.one_of(
        st.lists(inside, max_size=3).map(Board),
        st.lists(inside, max_size=3).map(Mix),
        st.lists(NATIVES, max_size=3).map(pedalboard.Chain),
    ),
    max_leaves=8,
)


def described(effect):
    """What has to come back: types, parameters and nesting."""
    if isinstance(effect, Board | Mix | pedalboard.PluginContainer):
        return type(effect), [described(part) for part in effect]
    return type(effect), effect.parameters if isinstance(effect, Effect) else native_parameters(effect)


@settings(max_examples=60, deadline=None)
@given(st.lists(RACKS, max_size=4).map(Board), st.text(max_size=20), st.text(max_size=20))
def test_what_is_written_reads_back(board, title, description):
    text = render(board, title, description)
    preset = parse(text, "hall.toml")
    assert described(preset.board) == described(board)
    assert (preset.title, preset.description) == (title, description)
    assert render(preset.board, title, description) == text


def test_numbers_of_natives_are_written_short():
    assert "wet_level = 0.33\n" in render(Board([pedalboard.Reverb()]))


def test_an_empty_place_is_left_out():
    assert len(parse(render(Board([None, Tone()])), "x").board) == 1


MISTAKES = {
    "no TOML": ("title = ", "hall.toml is no TOML"),
    "unknown key": ('titel = "x"\neffects = []', "hall.toml: unknown key 'titel' (did you mean 'title'?)"),
    "no effects": ('title = "x"', "hall.toml: effects = nothing: expected a list of tables"),
    "effects of another type": ("effects = 3", "hall.toml: effects = 3: expected a list of tables"),
    "title of another type": ("title = 3\neffects = []", "hall.toml: title = 3: expected a text"),
    "no type": ("[[effects]]\namount = 1", "hall.toml: effects[0].type = None: expected the name of an effect"),
    "unknown effect": (
        '[[effects]]\ntype = "Tonne"',
        "hall.toml: effects[0].type = 'Tonne': no such effect (did you mean 'Tone'?); expected one of",
    ),
    "unknown native": (
        '[[effects]]\ntype = "pedalboard.Rverb"',
        "hall.toml: effects[0].type = 'pedalboard.Rverb': no such plugin in pedalboard (did you mean 'Reverb'?)",
    ),
    "unknown parameter": (
        '[[effects]]\ntype = "Tone"\nlevel = 3',
        "hall.toml: effects[0]: unknown key 'level' (did you mean 'level_db'?); expected: level_db, voices",
    ),
    "out of range": (
        '[[effects]]\ntype = "Tone"\nlevel_db = 60',
        "hall.toml: effects[0].level_db = 60: expected a number from -24 to 24 dB",
    ),
    "not a number": (
        '[[effects]]\ntype = "Tone"\nlevel_db = nan',
        "hall.toml: effects[0].level_db = nan: expected a number from -24 to 24 dB",
    ),
    "a word for a number": (
        '[[effects]]\ntype = "Tone"\nlevel_db = "loud"',
        "hall.toml: effects[0].level_db = 'loud': expected a number from -24 to 24 dB",
    ),
    "a native's unknown key": (
        '[[effects]]\ntype = "pedalboard.Gain"\ngain = 3',
        "hall.toml: effects[0]: unknown key 'gain' (did you mean 'gain_db'?); expected: gain_db",
    ),
    "a native's value": (
        '[[effects]]\ntype = "pedalboard.Reverb"\nroom_size = 7',
        "hall.toml: effects[0] (pedalboard.Reverb): Room Size value must be between 0.0 and 1.0.",
    ),
    "a native's choice": (
        '[[effects]]\ntype = "pedalboard.LadderFilter"\nmode = "LPF13"',
        "hall.toml: effects[0].mode = 'LPF13': expected one of LPF12, HPF12",
    ),
    "a mistake inside": (
        '[[effects]]\ntype = "Mix"\n[[effects.effects]]\ntype = "Tone"\n[[effects.effects]]\ntype = "Tone"\nvoices = 9',
        "hall.toml: effects[0].effects[1].voices = 9: expected a whole number from 1 to 8",
    ),
    "ours inside pedalboard's": (
        '[[effects]]\ntype = "pedalboard.Chain"\n[[effects.effects]]\ntype = "Tone"',
        "hall.toml: effects[0] (pedalboard.Chain) holds Tone: expected native plugins only",
    ),
}


@pytest.mark.parametrize("text, said", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_place(text, said):
    with pytest.raises(ValueError) as caught:
        parse(text, "hall.toml")
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_effects_of_other_packages_come_by_entry_point(monkeypatch):
    from importlib import metadata

    class Point:
        value = "others:Bell"

        def load(self):
            return type("Bell", (Tone,), {})

    asked = []

    def entry_points(group, name):
        asked.append((group, name))
        return [Point()] if name == "Bell" else []

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    monkeypatch.setattr(Effect, "registry", dict(Effect.registry))
    assert type(parse('[[effects]]\ntype = "Tone"', "x").board[0]) is Tone
    assert not asked, "known names need no look at other packages"
    assert type(parse('[[effects]]\ntype = "Bell"', "x").board[0]).__name__ == "Bell"
    assert asked == [("dreampedal.effects", "Bell")]
