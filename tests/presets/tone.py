"""An effect for tests of presets."""

from dreampedal.engine.dsp.delay import DelayLine
from dreampedal.engine.host.contract.effect import Effect
from dreampedal.engine.host.contract.parameters import Choice, Count, Number, Switch, Text


class Tone(Effect):
    """An effect with one parameter of each kind."""

    level_db = Number(0.0, -24.0, 24.0, unit="dB")
    voices = Count(1, low=1, high=8)
    bright = Switch(False)
    shape = Choice("sine", choices=("sine", "square"))
    label = Text("a tone")

    def latency_at(self, sample_rate):
        return 0

    def stream(self, sample_rate, channels, max_block=8192):
        return DelayLine(0, channels)
