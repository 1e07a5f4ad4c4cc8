"""Orders: what is refused before anything is rendered, and how long each schedule is."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from dreampedal.engine.model.library import library
from dreampedal.export.nets.listeners.table import LISTENERS
from dreampedal.export.train.distil.run import order as orders
from dreampedal.export.train.distil.run.order import FAMILIES, FULL, QUICK, Order, checked, schedule

NOTES = library.find("model", "notes")


READ = cache(orders.read_teacher)


@pytest.fixture
def order(tmp_path, monkeypatch):
    monkeypatch.setattr(orders, "read_teacher", READ)  # a file of 5,000 nodes takes a second to prove
    font = tmp_path / "mine.sf2"
    font.write_bytes(b"stands for one")
    return Order(soundfonts=(font,), teachers=(NOTES,))


def test_by_default_all_families_are_taught_by_all_listeners(order):
    found = checked(order)
    assert found.targets == FAMILIES and found.listeners == LISTENERS and len(found.families) == 11
    assert [teacher.name for teacher in found.teachers] == ["notes"]


def test_a_mixture_asks_for_all_that_stands_in_it(order):
    found = checked(replace(order, targets=("conv3:5 + 0.5*class:flute", "conv2", "conv3:5")))
    assert found.targets == ("conv3:5", "class:flute", "conv2") and found.families == ("flute",)


def test_layers_alone_need_no_listener_and_no_soundfont(order):
    found = checked(replace(order, targets=("conv2",), soundfonts=(), recordings=(Path("songs"),)))
    assert not found.listeners and not found.families


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"targets": ("conv9:1",)}, "target 'conv9:1': nobody knows it: there are class:bass, .*conv1:0 to conv1:127"),
        ({"targets": ("class:gong",)}, "target 'class:gong': nobody knows it"),
        ({"targets": ("conv1:128",)}, "nobody knows it"),
        ({"targets": ("conv1", "- class:flute")}, "weights above 0"),
        ({"targets": ("conv1 conv2",)}, "expected"),
        ({"listeners": ("smal_mel",)}, "no listener named 'smal_mel'.*small_mel"),
        ({"soundfonts": (Path("none.sf2"),)}, "none.sf2: no such soundfont"),
        ({"carriers": ("beside",)}, "carriers beside: expected each once, of below, deep, above, breath"),
        ({"carriers": ("deep", "deep")}, "expected each once"),
        ({"soundfonts": ()}, "no sounds to dream on"),
        ({"soundfonts": (), "recordings": (Path("songs"),), "teachers": ()}, "listeners learn it from soundfonts"),
        ({"teachers": (Path("none.onnx"),)}, "none.onnx"),
        ({"teachers": (NOTES, NOTES)}, "expected names that differ"),
        ({"teachers": (library.find("model", "genres"),)}, "kind is classifier: expected an ascent model"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused_in_one_line(changes, said, order):
    with pytest.raises(ValueError, match=said) as error:
        checked(replace(order, **changes))
    assert "\n" not in str(error.value)


def test_the_identity_tells_teachers_by_their_hash(order):
    told = checked(order).identity()
    assert len(told["teachers"]["notes"]) == 64 and told["soundfonts"] == {"mine.sf2": 14}
    assert checked(replace(order, seed=1)).identity() != told


def test_schedules_are_fixed_numbers_that_grow():
    hours = [schedule(hour) for hour in (0.01, 0.5, 1, 3, 8, 20)]
    assert hours[2] == QUICK and hours[4] == FULL
    steps = [(one.listener_steps, one.student_steps) for one in hours]
    assert steps == sorted(steps) and hours[-1].listener_steps == FULL.listener_steps
    for hour in (0, -1, float("nan"), 101):
        with pytest.raises(ValueError, match="expected more than 0, at most 100"):
            schedule(hour)
