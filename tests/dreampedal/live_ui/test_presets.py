"""The presets of a live session, read with the settings of the command line."""

import codecs

import pytest

from dreampedal.effects.spectral.effect import SpectralEffect
from dreampedal.engine.live.player.changes import paths
from dreampedal.live_ui.presets import FIRST, Setlist
from dreampedal.presets import shipped_presets

DREAM = '[[effects]]\ntype = "Dream"\ntarget = "class:flute"\n'
HALL = '[[effects]]\ntype = "pedalboard.Reverb"\nroom_size = 0.4\n'


@pytest.fixture
def preset(tmp_path):
    """A function that writes a preset: its path."""

    def write(name, text):
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        return str(path)

    return write


def modes(preset):
    return [item.mode for _, item in paths(preset.board) if isinstance(item, SpectralEffect)]


def test_nobody_chooses():
    assert Setlist().names[0] == FIRST and set(Setlist().names) == set(shipped_presets())
    assert not Setlist().is_closed


def test_one_comes_first_and_several_are_all():
    assert Setlist(["bowed"]).names[0] == "bowed" and set(Setlist(["bowed"]).names) == set(shipped_presets())
    two = Setlist(["organ_loft", "bowed"])
    assert two.names == ("organ_loft", "bowed") and two.is_closed


def test_a_file_goes_by_its_name(preset):
    path = preset("mine", DREAM)
    setlist = Setlist([path, "bowed"])
    assert setlist.names == ("mine", "bowed") and setlist.load("mine").board[0].target == "class:flute"


@pytest.mark.parametrize("mode, wanted", [(None, "live"), ("studio", "studio"), ("instant", "instant")])
def test_an_instrument_plays_live_unless_someone_says_otherwise(preset, mode, wanted):
    setlist = Setlist([preset("mine", DREAM), "bowed"], mode=mode)
    assert modes(setlist.first()) == [wanted] and set(modes(setlist.load("bowed"))) == {wanted}


@pytest.mark.parametrize("mode, wanted", [(None, "live"), ("instant", "instant")])
def test_a_preset_from_windows_plays_like_any_other(tmp_path, mode, wanted):
    (tmp_path / "mine.toml").write_bytes(codecs.BOM_UTF8 + DREAM.replace("\n", "\r\n").encode())
    setlist = Setlist([str(tmp_path / "mine.toml"), "bowed"], ["amount=0.25"], mode=mode)
    for found in (setlist.first(), setlist.load("mine")):
        assert modes(found) == [wanted] and found.board[0].amount == 0.25


@pytest.mark.parametrize("text", [
    DREAM + 'mode = "studio"\n',
    '[[effects]]\ntype = "Mix"\n\n[[effects.effects]]\ntype = "Dream"\ntarget = "class:flute"\nmode = "studio"\n',
])  # fmt: skip
def test_what_a_preset_says_of_its_mode_counts(preset, text):
    path = preset("mine", text)
    assert modes(Setlist([path]).first()) == ["studio"]
    assert modes(Setlist([path], mode="instant").first()) == ["instant"]


def test_a_preset_of_natives_has_no_mode(preset):
    assert modes(Setlist([preset("hall", HALL)], mode="instant").first()) == []


def test_settings_are_asked_of_the_first_and_offered_to_the_others(preset):
    hall = preset("hall", HALL)
    assert Setlist(["bowed", hall], ["amount=0.25"]).first().board[0].amount == 0.25
    assert Setlist(["bowed", hall], ["amount=0.25"]).load("hall").board[0].room_size == pytest.approx(0.4)
    assert Setlist(["bowed", "organ_loft"], ["amount=0.25"]).load("organ_loft").board[0].amount == 0.25
    with pytest.raises(ValueError, match="no such parameter"):
        Setlist([hall, "bowed"], ["amount=0.25"]).first()


def test_room_is_made_for_all_that_were_chosen(preset):
    late = preset("late", DREAM + "lookahead_frames = 2\n")
    rate = 48_000
    alone, both = Setlist(["bowed"]), Setlist(["bowed", late])
    assert alone.latency_at(rate) == alone.first().board.latency_at(rate)
    assert both.latency_at(rate) == both.load("late").board.latency_at(rate) > alone.latency_at(rate)


def test_what_is_no_preset_is_told_by_name(preset):
    setlist = Setlist(["bowed", preset("broken", "effects = [")])
    with pytest.raises(ValueError, match=r"broken\.toml is no TOML"):
        setlist.load("broken")
    with pytest.raises(ValueError, match="expected one of studio, live, instant"):
        Setlist(mode="loud")


@pytest.mark.parametrize("presets, words", [
    (["--preset", "none"], "no preset named 'none'"),
    (["--preset", "bowed", "--preset", "none"], "no preset named 'none'"),
    (["--preset", "bowed", "--set", "amout=1"], "did you mean 'amount'?"),
    (["--preset", "bowed"], "no PortAudio library"),
])  # fmt: skip
def test_a_wrong_preset_is_told_before_a_wrong_device(dreampedal, without_portaudio, presets, words):
    assert dreampedal("live", *presets, "--output", "nothing").refused(words)
