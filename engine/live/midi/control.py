"""MIDI while playing: an input, the knobs on it, and what they do to the board.

>>> from dreampedal.engine.host.board import Board
>>> from pedalboard import Reverb
>>> from dreampedal.engine.live.midi.messages import ControlChange
>>> board = Board([Reverb(room_size=0.5)])
>>> midi = Midi(lambda: board)
>>> midi.map("cc:74", "0", "room_size", low=0, high=1)
Mapping(source='cc:74', effect='0', parameter='room_size', low=0, high=1, curve='linear', pickup=True, action='')
>>> midi.handle(ControlChange(1, 74, 20), board), midi.handle(ControlChange(1, 74, 127), board)
([], [Set(path='0', name='room_size', value=1.0)])
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Lock
from typing import Any

from dreampedal.engine.host.board import Rack
from dreampedal.engine.live.midi.data_entry import DataEntry
from dreampedal.engine.live.midi.input import Input, Packet
from dreampedal.engine.live.midi.knob import Knob
from dreampedal.engine.live.midi.learning import Learner
from dreampedal.engine.live.midi.map import Mapping
from dreampedal.engine.live.midi.messages import ControlChange, Message, ProgramChange
from dreampedal.engine.live.midi.parser import Parser
from dreampedal.engine.live.midi.ports import QUEUE, input_names
from dreampedal.engine.live.midi.travel import require_mapping
from dreampedal.engine.live.player.changes import Change, Program, paths

Target = Any
"""An effect on the board, or its place there: `1`, `"2.0"`."""


class Midi:
    """A MIDI input and the map of its knobs.

    Three threads meet here, and none waits for another: rtmidi's, which only puts bytes into a bounded queue; the
    worker, which takes from it and asks what each message does; and the user's, which opens, maps and learns.

    Args:
        board: gives the board that mappings are meant for; needed by `map` and `learn`.
    """

    def __init__(self, board: Callable[[], Rack] | None = None) -> None:
        self.received = 0
        """Messages that were taken, whether or not a knob listens to them."""
        self._board = board
        self.dropped = 0
        """Packets that were lost, the oldest first, since they were not taken in time."""
        self._input = Input()
        self._queue: deque[Packet] = deque(maxlen=QUEUE)
        self._packets = self._checked = 0
        self._parser, self._data_entry, self._learner = Parser(), DataEntry(), Learner()
        self._knobs: tuple[Knob, ...] = ()
        self._writing = Lock()
        self._to_learn: Mapping | None = None
        # What was learned last, and what it took the place of.
        self._learned: tuple[Knob, tuple[Knob, ...]] | None = None

    # The input.

    def open(self, port: str | int | None = None, virtual: bool = False, api: str | None = None) -> str:
        """Open an input, in place of what is open, and return its name.

        Args:
            port: its name, a part of it, or its number in `names()`. None takes the first there is; where there is
                none, the name is empty, and `check` takes the first that comes.
            virtual: make an input, named `port`, that other programs connect to.
            api: `jack`, `alsa`, `core` or `winmm`; by default all that are there, JACK first.

        Raises:
            ValueError: if no input, or more than one, is meant; the message lists them.
        """
        self._data_entry = DataEntry()  # what another device has selected is none of this one's
        return self._input.open(port, virtual, api)

    def close(self) -> None:
        """Close the input; mappings stay."""
        self._input.close()

    def names(self) -> list[str]:
        """Every MIDI input there is, by number."""
        return input_names()

    @property
    def name(self) -> str:
        """The input that is open, or nothing while there is none."""
        return self._input.name

    def check(self) -> str:
        """Open an input again that went and came back. Cheap: call it once a second. Returns its name, or nothing."""
        idle, self._checked = self._packets == self._checked, self._packets
        return self._input.check(idle)

    def reopen(self) -> str:
        """Open the input anew after the audio server was restarted. Returns its name, or nothing."""
        return self._input.reopen()

    @property
    def malformed(self) -> int:
        """Messages that were cut short, or had bytes that no message has."""
        return self._parser.malformed

    # The map.

    @property
    def mappings(self) -> list[Mapping]:
        """The map. Setting it replaces all, as a preset does: knobs stay where they are, and have to be picked up."""
        return [knob.mapping for knob in self._knobs]

    @mappings.setter
    def mappings(self, mappings: Iterable[Mapping]) -> None:
        knobs = tuple(Knob(mapping) for mapping in mappings)
        with self._writing:
            for knob in knobs:
                knob.stands_as(self._knobs)
            self._knobs, self._learned = knobs, None

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """The mappings with the position of each knob, and whether it is picked up; to look at only."""
        return self._knobs

    def map(
        self,
        source: str,
        effect: Target = "",
        parameter: str = "",
        low: float | None = None,
        high: float | None = None,
        curve: str = "linear",
        pickup: bool = True,
        action: str = "",
    ) -> Mapping:
        """Let a knob move a parameter, or a key or pedal do an `action` (see `Mapping`). Several may move one.

        Raises:
            ValueError: for a source, place, parameter, range or curve that there is not.
        """
        mapping = Mapping(source, self._place(effect), parameter, low, high, curve, pickup, action)
        require_mapping(mapping, self._playing())
        self._put(Knob(mapping), lambda old: old.mapping.target == mapping.target and old.mapping.source == source)
        return mapping

    def learn(
        self,
        effect: Target = "",
        parameter: str = "",
        low: float | None = None,
        high: float | None = None,
        curve: str = "linear",
        pickup: bool = True,
        action: str = "",
    ) -> None:
        """Map the next knob that moves, on its channel, in place of what moves this parameter now.

        It answers from its first message on. That it is one of 14 bits, or an endless one, which has to be turned both
        ways, is seen from those that follow (see `dreampedal.engine.live.midi.learning`). Actions learn keys, too.
        Errors as for `map`.
        """
        mapping = Mapping("cc:0", self._place(effect), parameter, low, high, curve, pickup, action)
        require_mapping(mapping, self._playing())
        self._learner.begin()
        self._to_learn = mapping

    @property
    def learning(self) -> Mapping | None:
        """What the next knob will move; its source means nothing yet."""
        return self._to_learn

    def cancel(self) -> None:
        """Learn nothing."""
        self._to_learn = None

    def unmap(self, effect: Target = "", parameter: str = "", action: str = "") -> None:
        """Free what moves a parameter or does an action; a ValueError if nothing does."""
        target = ("", action) if action else (self._place(effect), parameter)
        with self._writing:
            kept = tuple(knob for knob in self._knobs if knob.mapping.target != target)
            if len(kept) == len(self._knobs):
                raise ValueError(f"nothing is mapped to {action or f'{target[0]} {parameter}'}")
            self._knobs = kept

    # Playing.

    def receive(self, at: float, data: list[int]) -> None:
        """Queue bytes that came at a time of `time.perf_counter`, in order of time: from the input, or a program's own.

        Only the thread that takes may call it.
        """
        self._packets += 1
        self.dropped += len(self._queue) == QUEUE
        self._queue.append((at, data))

    def take(self, until: float) -> list[tuple[float, Message]]:
        """The messages that came up to `until`, with their times, both of `time.perf_counter`. Never blocks."""
        for at, data in self._input.read():
            self.receive(at, data)
        found: list[tuple[float, Message]] = []
        while self._queue and self._queue[0][0] <= until:
            at, data = self._queue.popleft()
            found += [(at, message) for message in self._parser.feed(data)]
        self.received += len(found)
        return found

    def handle(self, message: Message, board: Rack) -> list[Change]:
        """What a message does to a board as it is now. It changes nothing but the knobs' own memory.

        The board is expected to have taken these changes when the next message is handled, those of a slow parameter
        later: a value that is none of the knob's is another hand's.
        """
        if isinstance(message, ProgramChange):
            return [*self._unlearned(message, board), Program(message.number)]
        message = self._data_entry.read(message)
        to_learn = self._to_learn
        if source := self._learner.observe(message, to_learn is not None, bool(to_learn and to_learn.action)):
            assert to_learn is not None
            self._bind(replace(to_learn, source=source))
        if revised := self._learner.revised(message):
            self._rebind(*revised, board)
        return [change for knob in self._knobs for change in knob.turn(message, board)]

    def _bind(self, mapping: Mapping) -> None:
        """What was to be learned is learned."""
        knob, self._to_learn = Knob(mapping), None
        replaced = tuple(old for old in self._knobs if old.mapping.target == mapping.target)
        self._put(knob, lambda old: old in replaced)
        self._learned = knob, replaced

    def _rebind(self, source: str, earlier: Iterable[ControlChange], board: Rack) -> None:
        """What was learned last is another kind of control than it seemed."""
        learned, self._learned = self._learned, None
        if learned is None or (taken_for := learned[0]) not in self._knobs:
            return
        if taken_for.mapping.action and source.startswith("rel:"):
            return
        knob = Knob(replace(taken_for.mapping, source=source))
        for message in earlier:
            knob.position = (knob.seen(message) or (knob.position, 0))[0]
        knob.goes_on_for(taken_for, board)
        self._put(knob, lambda old: old is taken_for)

    def _unlearned(self, message: ProgramChange, board: Rack) -> list[Change]:
        """Take back what was learned last, if a program change shows that it was a bank select."""
        if not self._learner.was_bank_select(message):
            return []
        learned, self._learned = self._learned, None
        if learned is None or learned[0] not in self._knobs or self._to_learn is not None:
            return []
        knob, replaced = learned
        with self._writing:
            self._knobs = (*(old for old in self._knobs if old is not knob), *replaced)
        self._to_learn = knob.mapping
        return knob.undone(board)

    def _put(self, knob: Knob, replaces: Callable[[Knob], bool]) -> None:
        """Add a knob in place of those that it replaces."""
        with self._writing:
            self._knobs = (*(old for old in self._knobs if not replaces(old)), knob)

    def _playing(self) -> Rack:
        if self._board is None:
            raise ValueError("no board to map to: make it Midi(lambda: board)")
        return self._board()

    def _place(self, effect: Target) -> str:
        """The place of an effect that is given by itself, its place or its number."""
        if isinstance(effect, str | int) and not isinstance(effect, bool):
            return str(effect)
        for place, item in paths(self._playing()):
            if item is effect:
                return place
        raise ValueError(f"{effect!r} is not on the board that plays")
