"""Sources, mappings and how far a knob moves a parameter: what is taken, and the words for what is not."""

import math

import pedalboard
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.engine.host.board import Board
from dreampedal.engine.live.midi.map import Mapping, Source, parse_source
from dreampedal.engine.live.midi.travel import Parts, Range, require_mapping, travel_of

from ..gong import Gong

EXPONENTIAL = {"curve": "exponential"}
BOARD = Board([Gong(), pedalboard.LowpassFilter(), Board([None, pedalboard.Reverb()]), pedalboard.LadderFilter()])


def travel(effect, parameter, **more):
    mapping = Mapping("cc:1", effect, parameter, **more)
    require_mapping(mapping, BOARD)
    return travel_of(mapping, BOARD[int(effect)])


HIGHEST = {"cc": 119, "cc14": 31, "nrpn": 16382, "rel": 119, "note": 127, "key_pressure": 127}
KINDS = st.sampled_from([*HIGHEST, "bend", "pressure", "transport"])


@given(KINDS, st.integers(0, 16382), st.none() | st.integers(1, 16), st.sampled_from(["twos", "offset", "sign"]))
def test_a_source_is_read_as_it_is_written(kind, number, channel, encoding):
    number = min(number, HIGHEST.get(kind, 0))
    encoding = encoding if kind == "rel" else ""
    channel = None if kind == "transport" else channel
    text = kind + f":{number}" * (kind in HIGHEST) + f":{encoding}" * (kind == "rel") + f"@{channel}" * bool(channel)
    assert parse_source(text) == Source(kind, number, channel, encoding)


@pytest.mark.parametrize("text", [
    "", "cc", "cc:", "cc:-1", "cc:120", "cc:999", "cc14:32", "note:128", "bend:1", "nrpn:16383", "nrpn", "pressure:1",
    "key_pressure", "key_pressure:128", "rel:1", "rel:1:two", "rel:120:twos", "cc:1:twos",
    "transport:1", "transport@1", "cc:1@0", "cc:1@17", "cc:1@", "CC:1", "cc:1 ", "cc:١", "cc:1\n", 74, None,
])  # fmt: skip
def test_what_is_no_source(text):
    with pytest.raises(ValueError, match=r"^source = .*: expected ") as caught:
        parse_source(text)
    assert "\n" not in str(caught.value)


NUMBERS = st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-6)
SPANS = st.one_of(
    st.tuples(NUMBERS, NUMBERS).filter(lambda ends: ends[0] != ends[1]).map(lambda ends: Range(*ends)),
    st.tuples(NUMBERS, NUMBERS)
    .filter(lambda ends: abs(math.log(abs(ends[0] / ends[1]))) > 1e-3)
    .map(lambda ends: Range(ends[0], math.copysign(ends[1], ends[0]), exponential=True)),
)


@given(SPANS, st.floats(0, 1))
def test_a_span_stays_within_its_ends_and_knows_the_way_back(span, position):
    assert (span.value(0.0), span.value(1.0)) == (span.low, span.high)
    value = span.value(position)
    assert min(span.low, span.high) <= value <= max(span.low, span.high)
    wide = abs(span.high - span.low) / max(abs(span.low), abs(span.high))
    assert span.position(value) == pytest.approx(position, abs=1e-12 / wide)


def test_equal_parts_of_an_exponential_travel_are_equal_ratios():
    span = Range(20.0, 20_000.0, exponential=True)
    assert [span.value(n / 3) for n in range(4)] == pytest.approx([20, 200, 2000, 20_000])
    assert Range(20_000.0, 20.0, exponential=True).value(1 / 3) == pytest.approx(2000)


def test_values_beyond_the_travel_are_at_its_nearer_end():
    span = Range(1.0, -1.0)
    assert (span.position(5), span.position(-5)) == (0, 1)
    assert Range(1.0, 10.0, exponential=True).position(-3) == 0


def test_a_knob_takes_the_range_of_its_parameter_or_less_or_turned_round():
    assert travel("0", "level_db") == Range(-24.0, 24.0)
    assert travel("0", "level_db", low=-6, high=0) == Range(-6.0, 0.0)
    assert travel("0", "level_db", low=3) == Range(3.0, 24.0)
    assert travel("0", "level_db", low=0, high=-24) == Range(0.0, -24.0)
    assert travel("0", "ring_seconds", curve="exponential") == Range(0.01, 10.0, exponential=True)
    assert travel("1", "cutoff_frequency_hz", low=40, high=4000, curve="exponential").value(0.5) == pytest.approx(400)


def test_words_switches_and_counts_have_equal_parts():
    assert travel("0", "shape") == Parts(("sine", "saw", "pulse"))
    assert travel("0", "bright") == Parts((False, True))
    assert travel("0", "voices") == Parts((1, 2, 3, 4))
    assert travel("0", "voices", low=4, high=2) == Parts((4, 3, 2))
    heard = [travel("0", "shape").value(value / 127) for value in range(128)]
    assert [heard.count(word) for word in ("sine", "saw", "pulse")] == [43, 42, 43]
    assert travel("0", "voices").position(3) == 0.625


REFUSED = {
    "no place": (("7", "x"), {}, "effect = '7': no effect at place '7': there are 0, 1, 2, 2.0, 2.1, 3"),
    "nothing there": (("2.0", "x"), {}, "effect = '2.0': NoneType has no parameters"),
    "misspelt": (("0", "lvl_db"), {}, "parameter = 'lvl_db': Gong has no such parameter (did you mean 'level_db'?); "),
    "a rack": (("2", "x"), {}, "parameter = 'x': Board has no such parameter; expected one of none"),
    "fixed": (("0", "partials"), {}, "parameter = 'partials': Gong.partials is set when the effect is made, never"),
    "a text": (("0", "label"), {}, "parameter = 'label': Gong.label takes a text that is not empty, no knob moves it"),
    "below": (("0", "level_db"), {"low": -25}, "low = -25: expected a number from -24 to 24 dB"),
    "no number": (("0", "level_db"), {"high": math.nan}, "high = nan: expected a number from -24 to 24 dB"),
    "half a voice": (("0", "voices"), {"low": 1.5}, "low = 1.5: expected a whole number from 1 to 4"),
    "no range": (("0", "level_db"), {"low": 3, "high": 3}, "low = high = 3: expected a range"),
    "curve": (("0", "level_db"), {"curve": "log"}, "curve = 'log': expected one of linear, exponential"),
    "through 0": (("0", "level_db"), EXPONENTIAL, "curve = 'exponential' from -24 to 24: expected low and high of one"),
    "from 0": (("0", "level_db"), EXPONENTIAL | {"low": 0}, "curve = 'exponential' from 0 to 24: expected low and"),
    "ratio of words": (("0", "shape"), EXPONENTIAL, "curve = 'exponential': expected linear, since Gong.shape takes"),
    "words with ends": (("0", "shape"), {"low": 0}, "low = 0: expected nothing, since Gong.shape takes sine, saw, pu"),
    "a native with no range": (("2.1", "room_size"), {"high": 1}, "low = nothing: expected a number, since pedalboard"),
    "a native's range": (("2.1", "room_size"), {"low": 0, "high": 2}, "high = 2: Room Size value must be between 0.0"),
    "too long": (("2.1", "room_size"), {"low": 0, "high": 10**400}, "high = 10"),
    "a native's word": (("3", "mode"), {}, "parameter = 'mode': LadderFilter.mode is no number, no knob moves it"),
    "a native's unknown": (("2.1", "room"), {}, "parameter = 'room': Reverb has no such parameter"),
}


@pytest.mark.parametrize("place, more, said", REFUSED.values(), ids=REFUSED)
def test_what_no_knob_can_do_is_said(place, more, said):
    with pytest.raises(ValueError) as caught:
        require_mapping(Mapping("cc:1", *place, **more), BOARD)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


ACTIONS = {
    "unknown": (Mapping("note:60", action="bypas"), "action = 'bypas': expected one of bypass"),
    "with a parameter": (
        Mapping("note:60", "0", "level_db", action="bypass"),
        "action = 'bypass': expected no effect and no",
    ),
    "with a range": (Mapping("note:60", action="bypass", low=1), "action = 'bypass': expected no low and no high"),
    "on the wheel": (Mapping("bend", action="bypass"), "source = 'bend': expected a note or a controller for bypass"),
    "on an endless knob": (
        Mapping("rel:1:twos", action="bypass"),
        "source = 'rel:1:twos': expected a note or a controller for bypass",
    ),
}


@pytest.mark.parametrize("mapping, said", ACTIONS.values(), ids=ACTIONS)
def test_what_is_no_action_is_said(mapping, said):
    with pytest.raises(ValueError) as caught:
        require_mapping(mapping, BOARD)
    assert str(caught.value).startswith(said)
