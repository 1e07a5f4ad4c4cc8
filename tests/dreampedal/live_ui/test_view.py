"""What a user reads on the screen of a live session."""

import io
import json
import math
from dataclasses import fields

import pytest
from rich.console import Console

from dreampedal.engine.live.report import Report
from dreampedal.live_ui.meters import load_text, since
from dreampedal.live_ui.talk import Ended, Knob
from dreampedal.live_ui.text import document, finite, progress_text, summary_text
from dreampedal.live_ui.view import HELP, KEYS, draw

from .live_scene import KNOBS, LEDGER, PRESETS, REPORT, scene, with_names


def drawn(view, width=80, height=24, encoding="utf-8", **console):
    """The screen as lines, and the raw text with its escapes."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    made = Console(file=file, width=width, height=height, force_terminal=True, **console)
    made.print(draw(view, width, height), height=height)
    file.flush()
    raw = file.buffer.getvalue().decode(encoding)
    plain = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    with plain.capture() as captured:
        plain.print(draw(view, width, height), height=height)
    return captured.get().splitlines(), raw


def line_with(lines, *words):
    """The one line that has all words."""
    found = [line for line in lines if all(word in line for word in words)]
    assert len(found) == 1, (words, lines)
    return found[0]


def test_the_captured_report_has_the_fields_of_a_report():
    assert set(REPORT) == {field.name for field in fields(Report)}


def test_everything_that_matters_is_on_80_by_24():
    lines, _ = drawn(scene())
    assert len(lines) == 24 and max(map(len, lines)) <= 80
    top = lines[0]
    for word in ("DreamPedal", "hall_of_flutes", "48,000 Hz", "128 samples", "2 ch", "LIVE", "0:12"):
        assert word in top
    assert "in system" in lines[1] and "out system" in lines[1]
    assert "-23.1" in line_with(lines, " 1 ", "-28.2") and "-17.6" in line_with(lines, " 2 ", "-21.8")
    assert "4 %" in line_with(lines, "load median") and "41 %" in line_with(lines, "load p99.9")
    for row in LEDGER:
        assert f"{row.samples:,} " in line_with(lines, f" {row.name} ") and "ms" in line_with(lines, f" {row.name} ")
    assert "2,560" in line_with(lines, "total") and "53.3 ms" in line_with(lines, "total")
    for counter in ("late 2", "held 0", "xruns in 17", "xruns out 17", "ceiling 5", "muted 0", "restarts 0", "midi 0"):
        line_with(lines, counter)
    for knob in KNOBS:
        assert knob.shown in line_with(lines, f" {knob.name} ") and knob.source in line_with(lines, f" {knob.name} ")
    for number, name in enumerate(PRESETS, 1):
        assert f" {number} {name}" in line_with(lines, f" {number} {name} ")
    assert all(f"{key} {word}" in lines[-1] for key, word in KEYS)
    assert not any("…" in line for line in lines)


def test_meters_stand_where_the_level_is():
    (lines, _), (louder, _) = drawn(scene(output_db=(-30.0, -30.0))), drawn(scene(output_db=(-6.0, -6.0)))
    count = [line_with(each, " 1 ", "-23.1").count("█") for each in (lines, louder)]
    assert count[1] > count[0] + 3
    full = line_with(drawn(scene(output_db=(0.0, -60.0), input_db=(0.0, -60.0)))[0], " 1 ", "0.0")
    assert "─" not in full


def test_a_peak_is_held_while_the_level_falls():
    loud, now = {"seconds": 11.5, "input_db": (-6.0, -6.0)}, {"seconds": 12.0}
    lines, _ = drawn(scene(loud, **now))
    held = line_with(lines, " 1 ", "-28.2")
    assert "-6.0" in held and "┃" in held


def test_silence_and_numbers_that_are_none():
    lines, _ = drawn(scene(input_db=(None, -math.inf), output_db=(math.nan, None), load_median=math.nan))
    for channel in (" 1 ", " 2 "):
        line = line_with(lines, channel, "-inf")
        assert line.count("-inf") == 2 and "█" not in line
    assert "– %" in line_with(lines, "load median")


@pytest.mark.parametrize("load, mark", [(0.49, "49 % "), (0.5, "50 %! "), (1.0, "100 %!!"), (31.4, "3140 %!!")])
def test_a_load_over_half_and_over_all_is_marked_without_colour(load, mark):
    assert mark in line_with(drawn(scene(load_p999=load))[0], "load p99.9") + " "
    assert load_text(load).strip() == mark.strip()


@pytest.mark.parametrize("load, colour", [(0.3, "32"), (0.7, "33"), (1.3, "31")])
def test_load_is_green_then_yellow_then_red(load, colour):
    _, raw = drawn(scene(load_p999=load), color_system="standard")
    line = next(line for line in raw.splitlines() if "load p99.9" in line)
    assert f"[{colour}m" in line or f";{colour}m" in line


def test_without_colour_no_colour_is_sent(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    _, raw = drawn(scene(), color_system="standard")
    codes = {code for part in raw.split("\x1b[")[1:] for code in part.partition("m")[0].split(";")}
    assert codes <= {"0", "1", "2", "7"}


def test_a_terminal_without_unicode_gets_a_screen_as_well():
    _, raw = drawn(scene(), encoding="ascii")
    assert "####" in raw and "hall_of_flutes" in raw and "quit" in raw


@pytest.mark.parametrize("state, word", [({"bypass": True}, "BYPASS"), ({"panicked": True, "bypass": True}, "PANIC")])
def test_bypass_and_panic_are_words(state, word):
    assert word in drawn(scene(**state))[0][0]


def test_a_counter_tells_when_it_last_moved():
    lines, _ = drawn(scene({"seconds": 600.0, "late_blocks": 3}, seconds=675.0, late_blocks=3))
    assert "late 3  1:15 ago" in line_with(lines, "late 3")
    assert [since(each) for each in (0.2, 59, 60, 3600)] == ["now", "59 s", "1:00", "1:00 h"]


def test_the_last_trouble_is_told():
    assert drawn(scene(late_blocks=0))[0][-2].strip() == "all is well"
    assert drawn(scene())[0][-2].startswith("late since the system was busy: close other programs")
    assert drawn(scene({"seconds": 1.0}, seconds=60.0))[0][-2].strip() == ""
    assert drawn(scene(loading="bowed"))[0][-2].startswith("getting bowed ready")
    assert drawn(scene(panicked=True))[0][-2].startswith("silent: r brings")
    recording = scene(late_blocks=0, opened=with_names("a", "b", take="takes/one"))
    assert drawn(recording)[0][-2].strip() == "recording to takes/one"
    assert drawn(scene(message="Scarlett is gone: waiting until it comes back"))[0][-2].startswith("Scarlett is gone")


def test_why_blocks_were_late_is_told():
    for cause, words in (
        ("late_slow", "late since the board is slow: take a larger --block, --buffers, or fewer steps"),
        ("late_bursts", "late since 1,024 samples come at a time: take --block 1024, or --buffers 8"),
        ("late_system", "late since the system was busy: close other programs, or take more --buffers"),
    ):
        view = scene(**{"late_slow": 0, "late_bursts": 0, "late_system": 1, "together": 1024, cause: 9})
        assert drawn(view)[0][-2].strip() == words
        assert f"; {words}" in summary_text(Ended(view.snapshot))
    assert "; late since" not in summary_text(Ended(scene(late_blocks=0, late_system=0).snapshot))


def test_a_knob_that_waits_says_so_and_shows_where_it_stands():
    line = line_with(drawn(scene())[0], "reach_db")
    assert "CC 74 waits" in line and "┃" in line
    assert "waits" not in line_with(drawn(scene())[0], " amount ")


def test_the_parameter_that_learns_asks_for_a_knob():
    assert "move a knob" in line_with(drawn(scene(learning="0.memory_seconds"))[0], "memory_seconds")


def test_the_chosen_knob_is_marked_and_in_sight():
    many = tuple(Knob("0", "Dream", f"parameter_{at}", "0.50", 0.5) for at in range(40))
    view = scene(knobs=many)
    view.selected = 31
    lines, _ = drawn(view)
    assert "> parameter_31 " in line_with(lines, "parameter_31 ")
    assert "of 40" in line_with(lines, "knobs")


def test_knobs_of_several_effects_tell_their_places():
    two = (Knob("0", "Dream", "amount", "0.70", 0.7), Knob("1.0", "Amplify", "amount", "0.20", 0.2))
    lines, _ = drawn(scene(knobs=two))
    line_with(lines, "> 0 amount"), line_with(lines, "1.0 amount")


def test_the_preset_that_plays_is_marked_and_in_sight():
    names = tuple(f"preset_{at}" for at in range(40))
    lines, _ = drawn(scene(number=25, opened=with_names("a", "b", presets=names)))
    assert "> 26 preset_25" in line_with(lines, "preset_25")


def test_long_names_of_devices_keep_both_ends():
    name = "Universal Serial Bus Interface With A Very Long Name: Analogue Stereo (hw:1,0)"
    lines, _ = drawn(scene(opened=with_names(name, name, midi="nanoKONTROL2 SLIDER/KNOB"), preset="x" * 70))
    assert len(lines) == 24 and max(map(len, lines)) <= 80
    assert lines[1].count("Universal") == 2 and lines[1].count("(hw:1,0)") == 2
    assert "LIVE" in lines[0] and "quit" in lines[-1]


def test_eight_channels_leave_room_for_all_else():
    lines, _ = drawn(scene(input_db=tuple(range(-80, 0, 10)), output_db=(-3.5,) * 8, channels=8))
    assert len(lines) == 24
    for channel in range(1, 9):
        line_with(lines, f" {channel} ", "-3.5")
    for words in (["load p99.9"], ["total"], ["> amount"], ["> ", " 1 hall_of_flutes"], ["late 2"], ["q quit"]):
        line_with(lines, *words)


def test_parts_that_add_nothing_go_first_where_room_is_short():
    rows = (*LEDGER[:2], *(LEDGER[0].__class__(f"zero {at}", 0, 0.0) for at in range(8)), *LEDGER[2:])
    lines, _ = drawn(scene(ledger=rows))
    assert "2,560" in line_with(lines, "total") and not any("zero" in line for line in lines)


def test_a_large_screen_tells_what_happened():
    lines, _ = drawn(scene(), 120, 40)
    assert len(lines) == 40
    assert "0:03" in line_with(lines, "the device lost samples")
    line_with(lines, "late block, played dry"), line_with(lines, "ceiling reached")


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (40, 12), (79, 23), (300, 100)])
def test_any_size_is_drawn(size):
    lines, _ = drawn(scene(), *size)
    assert len(lines) <= size[1] and max(map(len, lines)) <= size[0]


def test_help_tells_every_key():
    view = scene()
    view.help = True
    text = " ".join(drawn(view)[0])
    for key, words in HELP:
        assert key in text and words.split(":")[0].split(";")[0] in text


def test_lines_say_the_same_as_the_screen():
    view = scene()
    line = progress_text(view.snapshot, view.memory)
    assert line == (
        "0:12 hall_of_flutes: in -23.1 -21.8 out -28.2 -17.6 dBFS, load 4 % p99.9 41 %, late 2 (system or device 2), "
        "held 0, "
        "xruns 17 in 17 out, ceiling 5, muted 0, restarts 0"
    )
    assert "take in takes/one" in summary_text(Ended(view.snapshot, "takes/one"))


def test_the_document_is_json_whatever_is_in_it():
    view = scene(input_db=(None, -math.inf), load_median=math.nan)
    text = json.dumps(finite(document(view.opened, Ended(view.snapshot))), allow_nan=False)
    found = json.loads(text)
    assert found["latency"]["samples"] == 2560 and found["report"]["input_db"] == [None, None]
