"""Keys as terminals send them, and a terminal that is left as it was found."""

import os
import pty
import signal
import sys
import termios
import time
from pathlib import Path

import pytest

from dreampedal.live_ui.keys import keyboard, named
from dreampedal.live_ui.screen import Screen
from dreampedal.live_ui.talk import Choose, Learn, Move, Press, Turn

from ...engine.live.stage import until
from ..conftest import command
from .live_scene import PRESETS, scene
from .terminal import Terminal

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]


@pytest.mark.parametrize("sent, keys", [
    ("bpq", ["b", "p", "q"]),
    ("\x1b[A\x1b[B\x1b[C\x1b[D", ["up", "down", "right", "left"]),
    ("\x1bOA\x1bOD", ["up", "left"]),
    ("\t\x1b[Z", ["tab", "shift-tab"]),
    ("\x1b[15~b\x1b[1;5Cn", ["b", "n"]),
    ("\x1b", ["escape"]),
    ("é", ["é"]),
    ("", []),
])  # fmt: skip
def test_names_of_keys(sent, keys):
    assert named(sent) == keys


@pytest.fixture
def screen():
    made = Screen(scene().opened, scene().snapshot, None, None)
    made.scene = scene()
    return made


@pytest.mark.parametrize("key, command", [
    ("b", Press.BYPASS), ("p", Press.PANIC), ("r", Press.RESUME), ("q", Press.STOP),
    ("n", Move(1)), ("right", Move(1)), ("N", Move(-1)), ("left", Move(-1)),
    ("1", Choose(0)), ("8", Choose(7)), ("9", None), ("0", None), ("x", None), ("escape", None),
    ("+", Turn("0", "amount", 1)), ("=", Turn("0", "amount", 1)), ("-", Turn("0", "amount", -1)),
    ("l", Learn("0", "amount")),
])  # fmt: skip
def test_what_a_key_asks_for(screen, key, command):
    assert screen.pressed(key) == command


def test_tab_and_arrows_choose_what_is_turned(screen):
    for key in ("tab", "down", "up", "shift-tab", "shift-tab"):
        assert screen.pressed(key) is None
    assert screen.pressed("-") == Turn("0", "high_hz", -1)


def test_learning_is_let_go_by_the_same_key(screen):
    screen.scene = scene(learning="0.amount")
    assert screen.pressed("l") == Learn()


def test_help_comes_and_goes(screen):
    for key, there in (("?", True), ("?", False), ("?", True), ("escape", False)):
        assert screen.pressed(key) is None
        assert screen.scene.help is there


def test_a_board_without_knobs_has_none_to_turn(screen):
    screen.scene = scene(knobs=())
    assert [screen.pressed(key) for key in ("tab", "+", "l")] == [None] * 3
    assert len(PRESETS) == 8


@pytest.mark.parametrize("fails", [False, True])
def test_a_terminal_is_left_as_it_was(monkeypatch, fails):
    user, side = pty.openpty()
    before = termios.tcgetattr(side)
    with os.fdopen(side, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        try:
            with keyboard() as keys:
                now = termios.tcgetattr(side)
                assert not now[3] & (termios.ECHO | termios.ICANON) and now[3] & termios.ISIG
                os.write(user, b"n\x1b[A\x1a")  # Ctrl-Z is a key like any other: a stopped process makes no sound
                pressed, waits_until = [], time.monotonic() + 60
                while len(pressed) < 3 and time.monotonic() < waits_until:
                    pressed += keys.pressed()
                assert pressed == ["n", "up", "\x1a"]
                if fails:
                    raise RuntimeError
        except RuntimeError:
            assert fails
        assert termios.tcgetattr(side) == before
    os.close(user)


def test_no_terminal_has_no_keys(monkeypatch):
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with keyboard() as keys:
            assert keys.pressed() == [] and keys.handles == ()


@pytest.fixture
def terminal(rig, tmp_path):
    """A session in a terminal, playing."""
    arguments = ["live", "--input", rig.DEVICE, "--output", rig.DEVICE, "--channels", 2]
    made = Terminal(command(*arguments), tmp_path)
    made.until("LIVE", "hall_of_flutes", "quit")
    yield made
    made.close()


def sound_process(terminal):
    """The id of the process that plays."""
    parent = terminal.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    (sound,) = [child for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]
    return int(sound)


def test_keys_bypass_silence_and_quit(terminal):
    terminal.press("b")
    terminal.until("BYPASS")
    terminal.press("b")
    terminal.until("LIVE")
    terminal.press("p")
    terminal.until("PANIC")
    terminal.press("r")
    terminal.until("LIVE")
    terminal.press("n")
    terminal.until("DreamPedal  bowed", "> ")
    terminal.press("\t-")
    terminal.until("> reach_db")
    terminal.press("l")
    terminal.until("move a knob")
    terminal.press("l")
    terminal.press("\x1a?")
    terminal.until("silence at once")
    terminal.press("?")
    terminal.until("LIVE")
    terminal.press("q")
    assert terminal.ended() == 0
    assert terminal.is_as_before()
    assert "played 0:" in terminal.raw.rpartition("\x1b[?1049l")[2]


@pytest.mark.parametrize("how, status", [("\x03", 130), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupted_session_ends_cleanly(terminal, how, status):
    if isinstance(how, str):
        terminal.press(how)  # to every process of the terminal, as Ctrl-C is
    else:
        terminal.process.send_signal(how)
    assert terminal.ended() == status
    assert terminal.is_as_before()
    assert "Traceback" not in terminal.raw and "played 0:" in terminal.raw.rpartition("\x1b[?1049l")[2]


def test_a_sound_that_dies_leaves_the_terminal_whole(rig, terminal):
    os.kill(sound_process(terminal), signal.SIGKILL)
    assert terminal.ended() == 2
    assert terminal.is_as_before()
    last = terminal.raw.rpartition("\x1b[?1049l")[2]
    assert "dreampedal: the sound's process was killed by SIGKILL" in last and "Traceback" not in terminal.raw
    # The server would wait long for the client that it lost.
    rig.kill()
    rig.start()


def test_a_terminal_that_dies_takes_the_sound_along(terminal, rig):
    child = sound_process(terminal)
    assert any(name.startswith("PortAudio") for name in rig.connections())
    terminal.process.kill()
    until(lambda: not Path(f"/proc/{child}").exists())
    assert not any(name.startswith("PortAudio") for name in rig.connections())
