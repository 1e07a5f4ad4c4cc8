"""Parameters: what may be set, what is refused, and in which words."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreampedal.engine.host.contract.parameters import Choice, Count, Number, Switch, Text, parameters_of


class Tone:
    gain_db = Number(0.0, -24.0, 24.0, unit="dB", smoothing_seconds=0.02, doc="Level of the tone.")
    partials = Count(3, low=1, high=16)
    muted = Switch(False)
    shape = Choice("sine", choices=("sine", "saw"))
    label = Text("a tone")


class Chime(Tone):
    decay_seconds = Number(1.0, 0.1, 10.0, unit="s")


@given(st.floats())
def test_a_number_is_taken_in_its_range_only(value):
    tone = Tone()
    if math.isfinite(value) and -24 <= value <= 24:
        tone.gain_db = value
        assert tone.gain_db == value
    else:
        with pytest.raises(ValueError, match=r"Tone\.gain_db = .*: expected a number from -24 to 24 dB"):
            tone.gain_db = value
        assert tone.gain_db == 0


@given(st.integers())
def test_a_count_is_taken_in_its_range_only(value):
    tone = Tone()
    if 1 <= value <= 16:
        tone.partials = value
        assert tone.partials == value
    else:
        with pytest.raises(ValueError, match=r"Tone\.partials = -?\d+: expected a whole number from 1 to 16"):
            tone.partials = value


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("gain_db", "loud", "a number from -24 to 24 dB"),
        ("gain_db", True, "a number"),
        ("gain_db", None, "a number"),
        ("gain_db", [1.0], "a number"),
        ("partials", 2.5, "a whole number from 1 to 16"),
        ("partials", math.nan, "a whole number"),
        ("partials", True, "a whole number"),
        ("partials", "3", "a whole number"),
        ("muted", 1, "true or false"),
        ("muted", "yes", "true or false"),
        ("shape", "square", "one of sine, saw"),
        ("shape", None, "one of sine, saw"),
        ("label", " ", "a text that is not empty"),
        ("label", 7, "a text"),
    ],
)
def test_what_is_refused_says_what_is_expected(name, value, expected):
    tone = Tone()
    before = getattr(tone, name)
    with pytest.raises(ValueError, match=rf"Tone\.{name} = .*expected {expected}"):
        setattr(tone, name, value)
    assert getattr(tone, name) == before


@pytest.mark.parametrize("value", [10**40, 10**400, -(10**400), 10**5000, Fraction(10**400)], ids="abcde")
@pytest.mark.parametrize(
    ("name", "expected"),
    [("gain_db", "a number from -24 to 24 dB"), ("partials", "a whole number from 1 to 16")],
)
def test_a_number_too_large_for_a_float_is_out_of_range(name, expected, value):
    tone = Tone()
    with pytest.raises(ValueError, match=rf"^Tone\.{name} = .{{1,410}}: expected {expected}$"):
        setattr(tone, name, value)
    assert getattr(tone, name) == getattr(Tone, name).default


def test_values_are_held_in_their_own_type():
    tone = Tone()
    tone.gain_db, tone.partials = np.float32(1.5), 4.0
    assert (tone.gain_db, tone.partials) == (1.5, 4)
    assert (type(tone.gain_db), type(tone.partials)) == (float, int)


def test_every_instance_has_its_own_values():
    loud, soft = Tone(), Tone()
    loud.gain_db = 12
    assert (loud.gain_db, soft.gain_db, Tone.gain_db.default) == (12, 0, 0)


def test_parameters_are_listed_parents_first():
    assert list(parameters_of(Chime)) == ["gain_db", "partials", "muted", "shape", "label", "decay_seconds"]
    assert parameters_of(Chime)["gain_db"].unit == "dB"
    assert "decay_seconds" not in parameters_of(Tone)
