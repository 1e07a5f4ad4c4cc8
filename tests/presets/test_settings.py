"""Settings from the command line, applied to the tables of a board."""

import pytest

from dreampedal.presets.boards import parse

from .tone import Tone

TEXT = """
[[effects]]
type = "Tone"
level_db = 3

[[effects]]
type = "Mix"
[[effects.effects]]
type = "Tone"
[[effects.effects]]
type = "pedalboard.Gain"
gain_db = 1

[[effects]]
type = "pedalboard.Gain"
"""


def board(*settings):
    return parse(TEXT, "hall.toml", settings).board


def test_a_key_reaches_every_effect_of_ours_and_no_native():
    made = board("level_db=-3", "label=class:flute", "bright=true", "voices=4")
    for tone in (made[0], made[1][0]):
        assert isinstance(tone, Tone)
        assert (tone.level_db, tone.label, tone.bright, tone.voices) == (-3, "class:flute", True, 4)


def test_a_numbered_key_reaches_one_effect():
    made = board("0.level_db=-3", "2.gain_db=7")
    assert (made[0].level_db, made[1][0].level_db, made[1][1].gain_db, made[2].gain_db) == (-3, 0, 1, 7)


@pytest.mark.parametrize("setting, said", [
    ("level_db=99", "setting 'level_db=99': Tone.level_db = 99: expected a number from -24 to 24 dB"),
    ("level_db=nan", "setting 'level_db=nan': Tone.level_db = nan: expected a number from -24 to 24 dB"),
    ("lvel_db=1", "setting 'lvel_db=1': no such parameter (did you mean 'level_db'?); there are: bright, label"),
    ("gain_db=1", "setting 'gain_db=1': no such parameter (did you mean '2.gain_db'?); there are: bright"),
    ("1.gain_db=1", "setting '1.gain_db=1': no such parameter; there are: none"),
    ("3.gain_db=1", "setting '3.gain_db=1': expected an effect from 0 to 2"),
    ("level_db", "setting 'level_db': expected key=value"),
    ("=3", "setting '=3': expected key=value"),
])  # fmt: skip
def test_a_mistake_is_named(setting, said):
    with pytest.raises(ValueError) as caught:
        board(setting)
    assert str(caught.value).startswith(said)


def test_what_only_the_effect_knows_to_be_wrong_is_told_of_the_setting_and_not_of_the_preset():
    dream = '[[effects]]\ntype = "Dream"\ntarget = "class:flute"'
    with pytest.raises(ValueError, match=r"^setting 'target=class:flut': effects\[0\] \(Dream\): .*no class 'flut'"):
        parse(dream, "hall.toml", ["steps=2", "target=class:flut"])
    with pytest.raises(ValueError, match=r"^hall.toml: effects\[0\] \(Dream\): .*no class 'flte'"):
        parse(dream.replace("flute", "flte"), "hall.toml", ["steps=2"])
