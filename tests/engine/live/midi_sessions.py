"""Sessions as controllers send them, made by a script: what came when, and what is right after each of it.

Each kind of controller is written down from its side: it knows where it stands, and sends that in its way. So what is
right is known without asking the reader that is tested.
"""

import math
from dataclasses import dataclass, field

from dreampedal.engine.live.player.changes import Set

HALF_AN_UPPER = 127 / 16383
"""The most that a value may be off between the two halves of a pair."""


@dataclass(frozen=True)
class Packet:
    """What came at once, and where the knob stands then."""

    seconds: float
    data: bytes
    position: float | None = None
    """From 0 to 1; None in the midst of a pair, and before anything is known."""


@dataclass
class Session:
    """Packets of one controller, the source that they are, and what learning binds by and by.

    `learned` has the source by the number of packets after which it is bound.
    """

    source: str
    learned: dict[int, str]
    packets: list[Packet] = field(default_factory=list)
    seconds: float = 0.0

    def send(self, *data, position=None, after=0.004):
        self.seconds += after
        self.packets.append(Packet(self.seconds, bytes(data), position))


def sweep(top, step, start=0):
    """Up from `start` to `top`, and down to 0, by steps that grow and shrink again, as a hand moves."""
    values, at, count = [start], start, 0
    while at < top:
        count += 1
        at = min(top, at + max(1, round(step * (1 + math.sin(count / 3)))))
        values.append(at)
    while at > 0:
        count += 1
        at = max(0, at - max(1, round(step * (1 + math.sin(count / 3)))))
        values.append(at)
    return values


def controller(number, channel, value):
    return 0xB0 | channel - 1, number, value


def seven_bits(number=74, channel=1, top=127):
    session = Session(f"cc:{number}", {1: f"cc:{number}@{channel}"})
    for value in sweep(top, 5, 1):
        session.send(*controller(number, channel, value), position=value / 127)
    return session


def fourteen_bits(order, leaves_out="", step=90, number=1, channel=1, start=0):
    """A pair, `upper` or `lower` half first; it leaves out `upper` or `lower` halves that tell nothing new."""
    session = Session(f"cc14:{number}", {})
    last = None
    for value in sweep(16383, step, start):
        upper, lower = value >> 7, value & 127
        halves = {"upper": (number, upper), "lower": (number + 32, lower)}
        if leaves_out == "upper" and last is not None and upper == last:
            del halves["upper"]
        if leaves_out == "lower" and lower == 0 and last is not None and upper != last:
            del halves["lower"]
        names = sorted(halves, reverse=order == "upper")
        for name in names:
            exact = value / 16383 if name == names[-1] else None
            session.send(*controller(halves[name][0], channel, halves[name][1]), position=exact, after=0.001)
        last = upper
    return session


def nrpn(bits, is_running=False, order="upper", number=148, channel=1, step=9):
    """A knob on a number of its own: the number before each value, or once."""
    session = Session(f"nrpn:{number}", {})
    named = False
    for value in sweep(127 if bits == 7 else 16383, step if bits == 7 else 30 * step, 1):
        if not (is_running and named):
            session.send(*controller(99, channel, number >> 7), position=None, after=0.01)
            session.send(*controller(98, channel, number & 127), position=None, after=0.001)
            named = True
        if bits == 7:
            session.send(*controller(6, channel, value), position=value / 127, after=0.001)
        else:
            halves = [(6, value >> 7), (38, value & 127)]
            first, second = halves if order == "upper" else reversed(halves)
            session.send(*controller(first[0], channel, first[1]), position=None, after=0.001)
            session.send(*controller(second[0], channel, second[1]), position=value / 16383, after=0.001)
    session.learned = {3: f"{session.source}@{channel}"}
    return session


ENCODED = {
    "twos": lambda clicks: clicks % 128,
    "offset": lambda clicks: 64 + clicks,
    "sign": lambda clicks: clicks if clicks > 0 else 64 - clicks,
}


def endless(encoding, turns, number=20, channel=1):
    """A knob with no ends, from the middle of the travel: `turns` are clicks a message."""
    session = Session(f"rel:{number}:{encoding}", {1: f"cc:{number}@{channel}"})
    position = 0.5
    for clicks in turns:
        position = min(max(position + clicks / 128, 0.0), 1.0)
        session.send(*controller(number, channel, ENCODED[encoding](clicks)), position=position, after=0.02)
    return session


SLOW = [1] * 12 + [-1] * 9 + [1] * 80 + [-1] * 20
FAST = [1, 1, 2, 4, 7, 11, 9, 5, 3, 1, -1, -2, -5, -9, -14, -8, -3, -1, -1, 2, 6, 12, 24, 19, 8, 2, 1, -24, -24, -24]


def steps_of_a_number(number=1300, channel=3):
    """Two buttons, data increment and decrement."""
    session = Session(f"nrpn:{number}", {3: f"nrpn:{number}@{channel}"})
    session.send(*controller(99, channel, number >> 7), position=None)
    session.send(*controller(98, channel, number & 127), position=None)
    position = 0.5
    for way in [1] * 20 + [-1] * 50:
        position += way / 128
        session.send(*controller(96 if way > 0 else 97, channel, 0), position=position, after=0.1)
    return session


def bank_select(channel=1, bank=(0, 3), program=5):
    """What a keyboard sends when a sound is chosen on it."""
    session = Session("", {})
    session.send(*controller(0, channel, bank[0]))
    session.send(*controller(32, channel, bank[1]), after=0.001)
    session.send(0xC0 | channel - 1, program, after=0.001)
    return session


def power_on(channel=1):
    """Registered parameters: bend range, fine and coarse tuning, then none."""
    session = Session("", {})
    for number, upper, lower in ((0, 12, 0), (1, 64, 0), (2, 64, None)):
        session.send(*controller(101, channel, 0), *controller(100, channel, number))
        session.send(*controller(6, channel, upper))
        if lower is not None:
            session.send(*controller(38, channel, lower))
    session.send(*controller(101, channel, 127), *controller(100, channel, 127))
    return session


def stopping(channel=1):
    """A sequencer that stops: notes off, controllers and wheels back to rest."""
    session = Session("", {})
    session.send(*controller(123, channel, 0), *controller(121, channel, 0))
    session.send(0xE0 | channel - 1, 0, 64)
    session.send(0xD0 | channel - 1, 0)
    for number, value in ((1, 0), (64, 0), (11, 127), (10, 64), (7, 100)):
        session.send(*controller(number, channel, value))
    return session


def mpe(moves, is_told=True):
    """A keyboard of one note a channel: three notes, each with a place for all that moves, then `moves` on the third.

    `moves` is `slide` (controller 74), `press` or `glide`.
    """
    source = {"slide": "cc:74", "press": "pressure", "glide": "bend"}[moves]
    session = Session(source, {})
    if is_told:
        session.send(*controller(101, 1, 0), *controller(100, 1, 6), *controller(6, 1, 15))
        session.send(*controller(101, 1, 127), *controller(100, 1, 127))
    for channel, note in ((2, 60), (3, 64), (4, 67)):
        starts = {"slide": 64 / 127, "press": 0.0, "glide": 8192 / 16383}
        for name, data in (
            ("glide", (0xE0 | channel - 1, 0, 64)),
            ("slide", controller(74, channel, 64)),
            ("press", (0xD0 | channel - 1, 0)),
        ):
            session.send(*data, position=starts[name] if name == moves else None, after=0.0005)
        session.send(0x90 | channel - 1, note, 90, position=None, after=0.0005)
    for at in range(1, 100):
        along = 0.5 - 0.5 * math.cos(at / 16)
        small = 0.5 - 0.5 * math.cos(at / 5)
        value = {"slide": round(127 * along), "press": round(127 * along), "glide": round(16383 * along)}[moves]
        # The finger is never quite still in the other two.
        others = {
            "slide": controller(74, 4, 64 + round(9 * small)),
            "press": (0xD3, round(20 * small)),
            "glide": (0xE3, round(100 * small), 64),
        }
        for name, data in others.items():
            if name != moves:
                session.send(*data, position=None, after=0.001)
        own = {"slide": controller(74, 4, value), "press": (0xD3, value), "glide": (0xE3, value & 127, value >> 7)}
        session.send(*own[moves], position=value / (16383 if moves == "glide" else 127), after=0.001)
    return session


def touched(note=60, channel=10):
    """A key that is pressed, harder and less hard: aftertouch of its own."""
    session = Session(f"key_pressure:{note}", {2: f"key_pressure:{note}@{channel}"})
    session.send(0x90 | channel - 1, note, 80, position=None)
    for value in sweep(120, 7, 1):
        session.send(0xA0 | channel - 1, note, value, position=value / 127)
    return session


def pressed(channel=1):
    """Keys that are pressed harder: aftertouch of all."""
    session = Session("pressure", {1: f"pressure@{channel}"})
    for value in sweep(120, 7, 1):
        session.send(0xD0 | channel - 1, value, position=value / 127)
    return session


def together(*sessions):
    """Several controllers at once: their packets in order of time, each with the number of its session."""
    all_of = [(packet, number) for number, session in enumerate(sessions) for packet in session.packets]
    return sorted(all_of, key=lambda each: each[0].seconds)


def position(board):
    return (board[0].level_db + 24) / 48


def hear(midi, board, data):
    """Take what came at once; the changes."""
    done = []
    midi.receive(0.0, list(data))
    for _, message in midi.take(0.0):
        for change in midi.handle(message, board):
            if isinstance(change, Set):
                setattr(board[0], change.name, change.value)
            done.append(change)
    return done


PAIRS = {
    "upper first": fourteen_bits("upper"),
    "upper first, slowly": fourteen_bits("upper", step=11),
    "upper first, fast": fourteen_bits("upper", step=700),
    "upper first, unchanged ones left out": fourteen_bits("upper", "upper", step=20),
    "upper first, lower ones of 0 left out": fourteen_bits("upper", "lower", step=32),
    "lower first": fourteen_bits("lower"),
    "lower first, slowly": fourteen_bits("lower", step=11),
    "lower first, fast": fourteen_bits("lower", step=700),
    "lower first, unchanged upper ones left out": fourteen_bits("lower", "upper", step=20),
}
NUMBERS = {
    "NRPN of 7 bits": nrpn(7),
    "NRPN of 7 bits that names its number once": nrpn(7, is_running=True),
    "NRPN of 14 bits": nrpn(14),
    "NRPN of 14 bits that names its number once": nrpn(14, is_running=True, number=16382, channel=16),
    "NRPN of 14 bits, lower half first": nrpn(14, order="lower"),
    "NRPN of a lone step at a time": steps_of_a_number(),
}
ENDLESS = {
    f"endless, {encoding}, {speed}": endless(encoding, turns)
    for encoding in ENCODED
    for speed, turns in (("slow", SLOW), ("fast", FAST))
}
TOUCHES = {"pressure": pressed(), "pressure of a key": touched(), "7 bits": seven_bits()}
MPE = {f"MPE {moves}{told}": mpe(moves, not told) for moves in ("slide", "press", "glide") for told in ("", ", untold")}
SESSIONS = PAIRS | NUMBERS | ENDLESS | TOUCHES | MPE
