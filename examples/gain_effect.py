"""An effect of your own in twenty lines: a gain whose changes take 20 ms.

    python examples/gain_effect.py guitar.wav loud.wav
"""

import sys

import numpy as np
from pedalboard.io import AudioFile

from dreampedal import Board
from dreampedal.engine.host.contract.effect import Effect, require_stream
from dreampedal.engine.host.contract.parameters import Number


class SoftGain(Effect):
    """Louder or quieter, without a click."""

    gain_db = Number(0.0, -60.0, 24.0, unit="dB", doc="Level of what comes out.")

    def stream(self, sample_rate, channels, max_block=8192):
        require_stream(sample_rate, channels, max_block)
        return SoftGainStream(self, sample_rate)

    def latency_at(self, sample_rate):
        return 0


class SoftGainStream:
    """One running gain: its state is the gain that it has reached."""

    latency = 0

    def __init__(self, effect, sample_rate):
        self.effect, self.keep = effect, np.exp(-1 / (0.02 * sample_rate))
        self.gain = 10 ** (effect.gain_db / 20)

    def process(self, block):
        aim = 10 ** (self.effect.gain_db / 20)
        gains = aim + (self.gain - aim) * self.keep ** np.arange(1, block.shape[1] + 1)
        self.gain = gains[-1] if gains.size else self.gain
        return (block * gains).astype(np.float32)


def main(source, target):
    board = Board([SoftGain(gain_db=-3.0)])
    with AudioFile(source) as f, AudioFile(target, "w", f.samplerate, f.num_channels) as o:
        o.write(board(f.read(f.frames), f.samplerate))


if __name__ == "__main__":
    main(*sys.argv[1:3])
