"""The screen of a live session: it takes snapshots and keys, and gives commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from dreampedal.live_ui.meters import Memory
from dreampedal.live_ui.talk import Choose, Command, Learn, Move, Opened, Press, Snapshot, Turn
from dreampedal.live_ui.text import Front
from dreampedal.live_ui.view import Scene, draw

_ONE: dict[str, Command] = {
    "b": Press.BYPASS, "p": Press.PANIC, "r": Press.RESUME, "q": Press.STOP,
    "n": Move(1), "right": Move(1), "N": Move(-1), "left": Move(-1),
}  # fmt: skip
"""Keys that always mean the same."""

_MOVES = {"tab": 1, "down": 1, "shift-tab": -1, "up": -1}
_TURNS = {"+": 1, "=": 1, "-": -1, "_": -1}


class Screen(Front):
    """What a user sees, and what a key does there."""

    def __init__(self, opened: Opened, first: Snapshot, console: Console, live: Live) -> None:
        self.scene = Scene(opened, first)
        self._console, self._live = console, live

    def show(self, snapshot: Snapshot, memory: Memory) -> None:
        """Draw the newest snapshot."""
        scene = self.scene
        if snapshot.number != scene.snapshot.number:
            scene.selected = 0
        scene.snapshot, scene.memory = snapshot, memory
        scene.selected = min(scene.selected, max(len(snapshot.knobs) - 1, 0))
        width, height = self._console.size
        self._live.update(draw(scene, width, height), refresh=True)

    def pressed(self, key: str) -> Command | None:
        """What a key asks of the sound; what it asks of the screen is done here."""
        scene, knobs = self.scene, self.scene.snapshot.knobs
        command = _ONE.get(key)
        if key in ("?", "h") or (key == "escape" and scene.help):
            scene.help = not scene.help
        elif key in _MOVES and knobs:
            scene.selected = (scene.selected + _MOVES[key]) % len(knobs)
        elif key in _TURNS and knobs:
            knob = knobs[scene.selected]
            command = Turn(knob.path, knob.name, _TURNS[key])
        elif key == "l" and knobs:
            knob = knobs[scene.selected]
            command = Learn() if scene.snapshot.learning else Learn(knob.path, knob.name)
        elif key in "123456789" and int(key) <= len(scene.opened.presets):
            command = Choose(int(key) - 1)
        return command


@contextmanager
def screen(opened: Opened, first: Snapshot) -> Iterator[Screen]:
    """A screen of its own, which is gone when the context ends, whatever happens in it."""
    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield Screen(opened, first, console, live)
