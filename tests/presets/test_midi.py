"""The MIDI map of a preset: it comes back as it was, and every mistake is named with its place."""

import pedalboard
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.engine.host.board import Board
from dreampedal.engine.host.mix import Mix
from dreampedal.engine.live.midi.map import Mapping
from dreampedal.presets import read_preset, save_preset, shipped_presets
from dreampedal.presets.boards import parse, render

from .tone import Tone

EFFECTS = """
[[effects]]
type = "Tone"
[[effects]]
type = "Board"
[[effects.effects]]
type = "pedalboard.Reverb"
[[effects.effects]]
type = "Tone"
"""


def board():
    return Board([Tone(), Board([pedalboard.Reverb(), Tone()])])


SOURCES = st.one_of(
    st.integers(0, 119).map("cc:{}".format),
    st.integers(0, 31).map("cc14:{}".format),
    st.integers(0, 127).map("note:{}".format),
    st.sampled_from(["bend", "pressure"]),
    st.integers(0, 127).map("key_pressure:{}".format),
    st.integers(0, 16382).map("nrpn:{}".format),
    st.builds("rel:{}:{}".format, st.integers(0, 119), st.sampled_from(["twos", "offset", "sign"])),
)
CHANNELS = st.one_of(st.just(""), st.integers(1, 16).map("@{}".format))
PLACED = st.just("transport") | st.builds(str.__add__, SOURCES, CHANNELS)
NUMBERS = st.none() | st.floats(-23, 0)
MAPPINGS = st.one_of(
    st.builds(
        Mapping,
        PLACED,
        effect=st.sampled_from(["0", "1.1"]),
        parameter=st.just("level_db"),
        low=NUMBERS,
        high=st.none() | st.floats(1, 24),
        pickup=st.booleans(),
    ),
    st.builds(Mapping, PLACED, st.just("1.0"), st.just("room_size"), low=st.just(0.01), high=st.just(1.0),
              curve=st.sampled_from(["linear", "exponential"])),
    st.builds(Mapping, PLACED, st.just("0"), st.sampled_from(["voices", "bright", "shape"])),
    st.builds(Mapping, PLACED.filter(lambda source: not source.startswith(("bend", "rel"))), action=st.just("bypass")),
)  # fmt: skip


@given(st.lists(MAPPINGS, max_size=6))
def test_what_is_written_reads_back(mappings):
    text = render(board(), midi=mappings)
    preset = parse(text, "hall.toml")
    assert preset.midi == mappings
    assert render(preset.board, midi=preset.midi) == text


def test_places_move_up_where_empty_ones_are_left_out():
    full = Board([None, Tone(), None, Mix([None, None, Tone()])])
    mappings = [Mapping("cc:1", "1", "level_db"), Mapping("cc:2", "3.2", "level_db")]
    assert [each.effect for each in parse(render(full, midi=mappings), "x").midi] == ["0", "1.0"]


def test_a_map_that_does_not_fit_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"^midi\[0\]\.effect = '2': no effect at place '2'"):
        save_preset(board(), tmp_path / "hall.toml", midi=[Mapping("cc:1", "2", "level_db")])
    assert not list(tmp_path.iterdir())


def test_a_preset_is_saved_and_found_with_its_map(tmp_path):
    mappings = [Mapping("cc14:1@2", "0", "level_db", 0.0, -12.0, pickup=False)]
    path = save_preset(board(), tmp_path / "hall.toml", title="Hall", midi=mappings)
    assert read_preset(path).midi == mappings


def test_a_preset_without_a_map_has_none():
    assert parse(EFFECTS, "x").midi == []
    assert "midi" not in render(board())


LEVEL = 'effect = 0\nparameter = "level_db"\n'
MISTAKES = {
    "no list": ("midi = 3", "hall.toml: midi = 3: expected a list of tables, each begun by [[midi]]"),
    "one table": ("[midi]", "hall.toml: midi = {}: expected a list of tables"),
    "nothing": ("[[midi]]", "hall.toml: midi[0].source = nothing: expected a text"),
    "no effect": ('[[midi]]\nsource = "cc:1"', "hall.toml: midi[0].effect = nothing: expected a place on the board"),
    "no parameter": (
        '[[midi]]\nsource = "cc:1"\neffect = 0',
        "hall.toml: midi[0].parameter = nothing: expected a text",
    ),
    "unknown key": (
        f'[[midi]]\nsource = "cc:1"\n{LEVEL}pickp = true',
        "hall.toml: midi[0]: unknown key 'pickp' (did you mean 'pickup'?); expected: source, effect",
    ),
    "no source": (f'[[midi]]\nsource = "knob"\n{LEVEL}', "hall.toml: midi[0].source = 'knob': expected cc:74"),
    "source of another type": (f"[[midi]]\nsource = 74\n{LEVEL}", "hall.toml: midi[0].source = 74: expected a text"),
    "no such effect": (
        '[[midi]]\nsource = "cc:1"\neffect = 2\nparameter = "level_db"',
        "hall.toml: midi[0].effect = '2': no effect at place '2': there are 0, 1, 1.0, 1.1",
    ),
    "effect of another type": (
        '[[midi]]\nsource = "cc:1"\neffect = true\nparameter = "level_db"',
        "hall.toml: midi[0].effect = True: expected a place on the board",
    ),
    "effect of too many digits": (
        f'[[midi]]\nsource = "cc:1"\neffect = 1{"0" * 4000}\nparameter = "level_db"',
        "hall.toml: midi[0].effect = '1000",
    ),
    "unknown parameter": (
        '[[midi]]\nsource = "cc:1"\neffect = "1.1"\nparameter = "level"',
        "hall.toml: midi[0].parameter = 'level': Tone has no such parameter (did you mean 'level_db'?)",
    ),
    "out of range": (
        f'[[midi]]\nsource = "cc:1"\n{LEVEL}[[midi]]\nsource = "cc:2"\n{LEVEL}high = 60',
        "hall.toml: midi[1].high = 60: expected a number from -24 to 24 dB",
    ),
    "not a number": (f'[[midi]]\nsource = "cc:1"\n{LEVEL}low = nan', "hall.toml: midi[0].low = nan: expected a number"),
    "a word for a number": (
        f'[[midi]]\nsource = "cc:1"\n{LEVEL}low = "loud"',
        "hall.toml: midi[0].low = 'loud': expected a number",
    ),
    "a switch of another type": (
        f'[[midi]]\nsource = "cc:1"\n{LEVEL}pickup = 1',
        "hall.toml: midi[0].pickup = 1: expected true or false",
    ),
    "curve": (f'[[midi]]\nsource = "cc:1"\n{LEVEL}curve = "log"', "hall.toml: midi[0].curve = 'log': expected one of"),
    "a native with no range": (
        '[[midi]]\nsource = "cc:1"\neffect = "1.0"\nparameter = "room_size"',
        "hall.toml: midi[0].low = nothing: expected a number, since pedalboard does not tell the range",
    ),
    "no such action": (
        '[[midi]]\nsource = "cc:1"\naction = "mute"',
        "hall.toml: midi[0].action = 'mute': expected one of bypass",
    ),
}


@pytest.mark.parametrize("text, said", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_place(text, said):
    with pytest.raises(ValueError) as caught:
        parse(f"{text}\n{EFFECTS}" if text.startswith("midi =") else f"{EFFECTS}\n{text}", "hall.toml")
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_one_controller_plays_all_shipped_presets_alike():
    maps = {name: read_preset(name).midi for name in shipped_presets()}
    expected = {
        "cc:1": "amount", "cc:71": "mix", "cc:72": "memory_seconds", "cc:74": "reach_db", "cc:64": "freeze",
    }  # fmt: skip
    for name, mappings in maps.items():
        assert {each.source: each.parameter for each in mappings} == expected, name
        assert all(each.effect == "0" for each in mappings), name
