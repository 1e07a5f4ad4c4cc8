"""What live tests share: an effect that watches and holds up the worker, delays, and waiting for other threads."""

import time

import numpy as np

from dreampedal import LiveStream
from dreampedal.engine.host.contract.effect import Effect


class Witness(Effect, family=True):
    """Passes sound on, notes at which sample of the stream the first sound came, and sleeps where it is told to.

    All copies share the notes: the one that a player makes writes what the test reads.
    """

    def __init__(self, stalls=()):
        super().__init__()
        self.notes = {"first": None, "position": 0}
        self.stalls = sorted(stalls)
        """Pairs of a sample, counted from the first sound, and the seconds to sleep there."""

    def latency_at(self, sample_rate):
        return 0

    def stream(self, sample_rate, channels, max_block=8192):
        return Watching(self)


class Watching:
    """A running witness."""

    latency = 0

    def __init__(self, witness):
        self.notes, self.stalls = witness.notes, list(witness.stalls)
        self.notes |= {"first": None, "position": 0}

    def process(self, block):
        notes, position = self.notes, self.notes["position"]
        if notes["first"] is None and block.any():
            notes["first"] = position + int(np.abs(block).max(0).nonzero()[0][0])
        notes["position"] = position + block.shape[1]
        while notes["first"] is not None and self.stalls and position >= notes["first"] + self.stalls[0][0]:
            time.sleep(self.stalls.pop(0)[1])
        return block


def on_stage(rig, board, **options):
    """A LiveStream on the instrument, at the server's own block size."""
    return LiveStream(board, **({"input": rig.DEVICE, "output": rig.DEVICE, "block_size": rig.block_size} | options))


def until(holds, seconds=60.0):
    """Wait until something holds, which another thread or process brings about."""
    waits_until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < waits_until, "what was waited for did not come"
        time.sleep(0.01)


def delay_of(heard, sent):
    """Samples by which one signal is the other, delayed, found where they are most alike."""
    size = heard.shape[1] + sent.shape[1]
    spectra = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size))
    likeness = np.fft.irfft(spectra, size).sum(0)
    return int(likeness[: heard.shape[1]].argmax())


def delayed(signal, samples):
    """The same length, and later."""
    return np.concatenate([np.zeros_like(signal[:, :samples]), signal[:, : signal.shape[1] - samples]], axis=1)
