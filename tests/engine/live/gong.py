"""An effect with a parameter of each kind, for tests of what moves them."""

from dreampedal.engine.dsp.delay import DelayLine
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.host.contract.parameters import Choice, Count, Number, Switch, Text


class SlowCount(Count):
    """A count that takes its time."""

    slow = True


class Gong(Effect):
    """Plays what it hears."""

    level_db = Number(0.0, -24.0, 24.0, unit="dB")
    ring_seconds = Number(1.0, 0.01, 10.0, unit="s")
    voices = Count(1, low=1, high=4)
    strokes = SlowCount(1, low=1, high=100)
    bright = Switch(False)
    shape = Choice("sine", choices=("sine", "saw", "pulse"))
    label = Text("a gong")
    partials = Count(8, low=1, high=64, fixed=True)

    def latency_at(self, sample_rate):
        return 0

    def stream(self, sample_rate, channels, max_block=8192):
        return DelayLine(0, channels)
