"""The table: what is kept, what is measured again, and what a row asks of whom."""

import json

import numpy as np
import pytest

from dreampedal.export.judge.heard.judges import Verdict
from dreampedal.export.judge.heard.methods import Method, baseline, dreamed, of_preset, untouched
from dreampedal.export.judge.heard.sets import SAMPLE_RATE, Sound
from dreampedal.export.judge.heard.table import Bench

pytest.importorskip("parselmouth")
FAMILIES = "flute", "organ", "bass"


class Brightness:
    """Stands for a judge: hears a flute in high tones, an organ in lower ones."""

    name, content_hash, classes = "brightness", "0", FAMILIES

    def hear(self, sounds):
        high, low = np.array([0.8, 0.15, 0.05]), np.array([0.15, 0.8, 0.05])
        return [Verdict(high if crossings(audio) > 1000 else low, self.classes) for audio, _ in sounds]


def crossings(audio):
    return int((np.diff(np.signbit(audio[0])) != 0).sum()) / (audio.shape[1] / SAMPLE_RATE)


def tone(hz, family):
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    return Sound(f"{hz} Hz", family, 0.3 * np.sin(2 * np.pi * hz * time).astype(np.float32)[None])


SOUNDS = [tone(300, "organ"), tone(900, "flute")]


def counted(asked):
    def play(audio, rate, target):
        asked.append(target)
        return audio[:, ::-1].copy()

    return Method("backward", "", play, "backward 1", FAMILIES)


def test_each_sound_is_taken_to_each_family_but_its_own(tmp_path):
    asked = []
    found = Bench([Brightness()], tmp_path).outcomes(counted(asked), SOUNDS)
    assert asked == ["class:flute", "class:bass", "class:organ", "class:bass"]
    assert [(one["recording"], one["family"], one["ranks"]["brightness"]) for one in found] == [
        ("300 Hz", "flute", 2), ("300 Hz", "bass", 3), ("900 Hz", "organ", 2), ("900 Hz", "bass", 3),
    ]  # fmt: skip
    assert all(one["pitch"] == pytest.approx(1) and one["notes"] is None for one in found)


def test_what_was_measured_is_not_measured_again_until_something_else_is_asked(tmp_path):
    asked = []
    bench = Bench([Brightness()], tmp_path)
    first = bench.outcomes(counted(asked), SOUNDS)
    assert bench.outcomes(counted(asked), SOUNDS) == first and len(asked) == 4
    other = Method("backward", "", counted(asked).play, "backward 2", FAMILIES)
    assert bench.outcomes(other, SOUNDS) == first and len(asked) == 8
    another = type("Other", (Brightness,), {"content_hash": "1"})()
    Bench([another], tmp_path).outcomes(counted(asked), SOUNDS[:1])
    assert len(asked) == 10
    bench.outcomes(counted(asked), [tone(310, "organ")])
    assert len(asked) == 12


def test_a_run_that_was_killed_goes_on(tmp_path):
    asked = []
    bench = Bench([Brightness()], tmp_path)
    bench.outcomes(counted(asked), SOUNDS[:1])
    [kept] = tmp_path.glob("*.jsonl")
    kept.write_text(kept.read_text() + '{"key": "half a li')
    found = bench.outcomes(counted(asked), SOUNDS)
    assert len(found) == 4 and asked[2:] == ["class:organ", "class:bass"]


def test_sounds_side_by_side_give_the_same(tmp_path):
    seen = []
    one = Bench([Brightness()], tmp_path / "a").outcomes(counted([]), SOUNDS)
    two = Bench([Brightness()], tmp_path / "b").outcomes(counted([]), SOUNDS, 2, lambda *told: seen.append(told))
    assert json.dumps(one) == json.dumps(two) and seen[-1] == ("backward", 2, 2)


def test_methods_know_their_families_and_what_they_depend_on():
    studio, far = of_preset("organ_loft"), of_preset("organ_loft", "live")
    assert studio.families == ("organ",) and (studio.mode, far.mode) == ("studio", "live")
    assert studio.key != far.key == of_preset("organ_loft", "live").key
    assert of_preset("deep_layer").families == ()
    assert dreamed("dream").key != dreamed("dream", reach_db=12.0).key
    assert untouched().play(SOUNDS[0].audio, SAMPLE_RATE, "class:flute") is SOUNDS[0].audio
    assert baseline("equaliser", untouched().play, "a").key != baseline("equaliser", untouched().play, "b").key


def test_a_dream_and_a_preset_play():
    played = (dreamed("dream", "live", steps=1), "class:flute"), (of_preset("organ_loft"), "class:organ")
    for method, target in played:
        wet = method.play(SOUNDS[0].audio, SAMPLE_RATE, target)
        assert wet.shape == SOUNDS[0].audio.shape and np.isfinite(wet).all()
        assert np.abs(wet - SOUNDS[0].audio).max() > 1e-3


def test_a_model_of_other_things_is_refused():
    with pytest.raises(ValueError, match=r"class|families"):
        dreamed("styles", model="styles")
