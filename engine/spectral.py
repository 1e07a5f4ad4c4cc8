"""The spectral effect: frames through a network, gradient ascent on an offset, and the offset as gain.

    block -> hop -> frame -> features -> K steps of ascent -> offset -> gain of each bin -> what is added -> guard

Everything happens a hop at a time with fixed shapes, so that no partition of the signal into blocks changes a sample.
The stream synthesises only what it *adds*, frame · (gain - 1): where the offset is 0 the output is the dry sound
itself, and `mix`, `listen` and the guard are weights on two aligned signals.

What a frame's offset does is heard for a while: later outputs of a causal layer see the frame through their older taps.
`lookahead_frames` waits for those outputs. `foresight_frames` reckons with them at no latency: the ascent also moves
frames that have not come yet, foreseen as the newest frame again, and keeps only what it found for the newest, as
model predictive control does (Rawlings, Mayne and Diehl 2017, section 1.1). On classes that live from the course of a
sound it multiplies what is gained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from . import targets
from .ascent import Ascent
from .bands import BandLayout, lay
from .effect import Block, Effect, require_stream
from .guard import MEMORY_SECONDS, GuardState, k_gain
from .library import library
from .manifest import ModelError
from .model import Model
from .parameters import Choice, Count, Number, Switch, Text
from .rates import at_rate, studio_latency
from .spectral_kernels import hear, play, prepare, settle, sound
from .stft import Frames, FrameState

NEPERS_PER_DB = float(np.log(10) / 20)
GATE_RELEASE_SECONDS = 0.1
SMOOTHING_SECONDS = 0.02
RESOLUTION_HZ = 24.0
"""Neighbouring bands move together within this: gains that differ from bin to bin do not survive overlap-add."""


class TargetText(Text):
    """A target, refused where the effect's model does not have what it names."""

    def __set__(self, instance: Any, value: str) -> None:
        checked = self.checked(value, f"{type(instance).__name__}.{self.name}")
        instance.injections_of(checked)
        super().__set__(instance, checked)


class SpectralEffect(Effect, family=True):
    """What effects that dream in the spectrum share. A subclass says how its target counts and what that means."""

    energy: ClassVar[bool]
    """Whether a filter counts by ½y² (True) or by its activation."""

    target = TargetText("", doc="What to amplify: layers, filters and classes of the model.")
    model = Text("notes", fixed=True, doc="The model that listens: a name in the library or the path of a file.")
    device = Choice("auto", choices=("auto", "cpu", "cuda"), fixed=True, doc="Where the model runs.")
    amount = Number(1.0, 0.0, 1.0, doc="Scale of the offset before it is applied.")
    steps = Count(4, low=1, high=8, doc="Gradient steps for each frame.")
    reach_db = Number(24.0, 0.0, 48.0, unit="dB", doc="Most that a band is raised or lowered.")
    memory_seconds = Number(0.1, 0.0, 10.0, unit="s", doc="Time in which a dream grows, and fades when let go.")
    lookahead_frames = Count(0, low=0, high=8, fixed=True, doc="Later frames that a frame waits for; adds latency.")
    foresight_frames = Count(4, low=0, high=8, fixed=True, doc="Frames to come that the ascent reckons with.")
    smoothing = Number(1.5, 0.0, 24.0, unit="bands", doc="Width over which neighbouring bands move together.")
    low_hz = Number(20.0, 0.0, 96_000.0, unit="Hz", doc="Bands below stay as they are.")
    high_hz = Number(20_000.0, 0.0, 96_000.0, unit="Hz", doc="Bands above stay as they are.")
    gate_db = Number(-70.0, -120.0, 0.0, unit="dBFS", doc="Frames under this level (RMS) are left alone.")
    link = Switch(True, fixed=True, doc="All channels decide together.")
    freeze = Switch(False, doc="Hold the offset as it is now.")
    listen = Choice("wet", choices=("wet", "delta"), doc="'delta' plays only what was added.")
    mix = Number(1.0, 0.0, 1.0, smoothing_seconds=SMOOTHING_SECONDS, doc="0 is the dry sound, 1 the wet one.")
    output_db = Number(0.0, -60.0, 24.0, unit="dB", smoothing_seconds=SMOOTHING_SECONDS, doc="Level of what comes out.")

    def __init__(self, **values: Any) -> None:
        # The model comes first, since it says which targets there are; a default target is checked like any other.
        super().__init__(**({"model": self.model, "target": self.target} | values))
        frames, most = self.lookahead_frames + self.foresight_frames, self.loaded_model().manifest.context_frames - 1
        if frames > most:
            where = f"{type(self).__name__}.lookahead_frames + foresight_frames"
            raise ValueError(f"{where} = {frames}: model {self.model} takes at most {most}")

    def stream(self, sample_rate: float, channels: int, max_block: int = 8192) -> SpectralStream:
        """A stream of this effect; changes of its parameters are heard from the next hop or sample on."""
        require_stream(sample_rate, channels, max_block)
        return SpectralStream(self, sample_rate, channels, max_block)

    def latency_at(self, sample_rate: float) -> int:
        """One window, and a hop for each frame of look-ahead, in samples."""
        frames = self.frames_at(sample_rate)
        return studio_latency(frames.window_samples, frames.hop_samples, self.lookahead_frames)

    def frames_at(self, sample_rate: float) -> Frames:
        """The model's frames at `sample_rate` Hz."""
        manifest = self.loaded_model().manifest
        return Frames(at_rate(manifest.window, sample_rate), at_rate(manifest.hop, sample_rate))

    def loaded_model(self) -> Model:
        """The model itself, found in the library and read on first use; a ModelError if it cannot dream live."""
        model = library.model(self.model)
        if model.manifest.kind != "ascent" or model.manifest.runs_on != "columns":
            found = f"a {model.manifest.kind} model that runs on a {model.manifest.runs_on}"
            raise ModelError(self.model, "kind", found, "an ascent model that runs on columns")
        return model

    def injections(self) -> targets.Injections:
        """The target as the model takes it."""
        return self.injections_of(self.target)

    def injections_of(self, target: str) -> targets.Injections:
        """Any target as the model takes it; a ValueError that names what the model does not have."""
        manifest = self.loaded_model().manifest
        layers = [targets.Layer(layer.name, layer.filters, layer.labels) for layer in manifest.layers]
        return targets.parse(target).injections(layers, manifest.classes, self.energy)


@dataclass(frozen=True)
class Settings:
    """An effect's parameters as its stream uses them, made anew only when one of them changed."""

    steps: int
    rate: float
    decay: float
    frozen: bool
    amount: float
    gate_db: float
    dry: float
    added: float


class SpectralStream:
    """A running spectral effect. The state is in `frames`, `guard`, the network's columns and the arrays here."""

    def __init__(self, effect: SpectralEffect, sample_rate: float, channels: int, max_block: int) -> None:
        self.effect = effect
        self.sample_rate = sample_rate
        self.latency = effect.latency_at(sample_rate)
        self.frames = effect.frames_at(sample_rate)
        model = effect.loaded_model()
        self.layout = BandLayout(**model.manifest.bands.model_dump())
        self.bands = lay(self.layout, sample_rate, self.frames.window_samples)
        columns, rows = 1 + effect.lookahead_frames, 1 if effect.link else channels
        self.ascent: Ascent = model.ascent(rows, effect.steps, columns + effect.foresight_frames, effect.device)
        self.ascent.features[:] = self.layout.floor
        self.ascent.result[:] = 0

        hop, bins = self.frames.hop_samples, self.frames.bins
        self.hop_seconds = hop / sample_rate
        self.state = FrameState.silent(self.frames, channels)
        self.line = np.zeros((channels, self.latency), np.float32)
        self.spectra = np.zeros((columns, 2, channels, bins), np.float32)
        self.wanted = np.zeros((rows, self.layout.count), np.float32)
        self.gains = np.ones((rows, bins), np.float32)
        self.band_loudness = np.zeros(self.layout.count, np.float32)
        self.bin_loudness = np.zeros(bins, np.float32)
        self.gate = np.zeros(rows, np.float32)
        self.lift = np.zeros(1)
        self.guard = GuardState.silent(sample_rate, channels)
        self.guard_keep = float(np.exp(-self.hop_seconds / MEMORY_SECONDS))

        self.coming = np.zeros((channels, hop), np.float32)
        self.dry = np.zeros((channels, hop), np.float32)
        self.added = np.zeros((channels, hop), np.float32)
        self.ramp = np.zeros(7)
        self.out = np.zeros((channels, max_block), np.float32)
        self.position = 0
        self.hops = 0
        self.muted_inputs = np.zeros(1, np.int64)
        self.seen_changes = -1
        self._refresh()
        self.ramp[:2] = self.settings.dry, self.settings.added
        self.ramp[6] = 0

    def process(self, block: Block) -> Block:
        """`(channels, n)` in and out, delayed by `latency`; NaN and infinity in the input are muted and counted."""
        if self.effect.changes != self.seen_changes:
            self._refresh()
        if block.ndim != 2 or block.shape[0] != self.out.shape[0] or block.shape[1] > self.out.shape[1]:
            expected = f"({self.out.shape[0]}, n) with n up to {self.out.shape[1]}"
            raise ValueError(f"block of shape {block.shape}: this stream takes {expected}")
        if block.dtype != np.float32 or not (block.flags.c_contiguous and block.flags.writeable):
            block = np.array(block, np.float32)  # a kernel is compiled anew for every kind of memory
        length = block.shape[1]
        done = 0
        while done < length:
            done, self.position = sound(
                block, done, self.coming, self.dry, self.added, self.position, self.ramp, self.out, self.muted_inputs
            )
            if self.position == self.coming.shape[1]:
                self._hop()
                self.position = 0
        return self.out[:, :length]

    def _hop(self) -> None:
        """One hop of input is whole: hear it, dream on, and make the next hop of output ready."""
        ascent, settings, state = self.ascent, self.settings, self.state
        columns = self.spectra.shape[0]
        newest = self.spectra[self.hops % columns]
        hear(
            self.coming, self.line, newest, self.frames.window, self.frames.plan.twiddle, self.frames.plan.untangle,
            state.work, self.bands.first, self.bands.start, self.bands.weights, self.layout.floor, self.wanted,
        )  # fmt: skip
        awake = prepare(
            newest, self.wanted, self.band_loudness, settings.decay, settings.frozen, settings.gate_db, columns,
            ascent.features, ascent.offset, ascent.result, ascent.level,
        )  # fmt: skip
        ascent.rate[0] = settings.rate if awake else 0.0
        ascent.run(settings.steps)
        ascent.commit()
        self.hops += 1
        oldest = self.spectra[self.hops % columns]
        played = self.hops * self.coming.shape[1] - self.latency
        lost = settle(
            oldest, ascent.result, ascent.mask, self.bin_loudness, settings.amount, float(ascent.reach[0]),
            settings.gate_db, self._gate_release, self.gate, self.lift, self.wanted,
            self.bands.below, self.bands.toward, self.bands.reach, self.gains,
        )  # fmt: skip
        if lost:
            ascent.reset()
        play(
            oldest, self.gains, state.spectrum, state.overlap, self.frames.dual, self.frames.plan.twiddle,
            self.frames.plan.untangle, state.work, self.line, self.dry, self.added, played, self.lift,
            self.guard.sections, self.guard.pole, self.guard_keep, self.guard.filters, self.guard.dc,
            self.guard.energy, self.guard.gain, self.guard.muted_samples, self.guard.held_hops,
        )  # fmt: skip

    def _refresh(self) -> None:
        """Read the effect's parameters anew."""
        effect, ascent = self.effect, self.ascent
        self.seen_changes = effect.changes
        keep = float(np.exp(-self.hop_seconds / effect.memory_seconds)) if effect.memory_seconds > 0 else 0.0
        reach = effect.reach_db * NEPERS_PER_DB
        level = 10 ** (effect.output_db / 20)
        self.settings = Settings(
            steps=effect.steps,
            rate=0.0 if effect.freeze else reach * np.sqrt(1 - keep) / effect.steps,
            decay=1.0 if effect.freeze else keep,
            frozen=effect.freeze,
            amount=effect.amount,
            gate_db=effect.gate_db,
            dry=0.0 if effect.listen == "delta" else level,
            added=level * effect.mix,
        )
        self._gate_release = float(np.exp(-self.hop_seconds / GATE_RELEASE_SECONDS))
        ascent.reach[0] = reach
        wanted = effect.injections()
        for name in wanted.u:
            ascent.u[name][:] = wanted.u[name]
            ascent.v[name][:] = wanted.v[name]
        ascent.classes[:] = wanted.classes
        centres = self.layout.centres_hz
        mask = self.bands.audible & (centres >= effect.low_hz) & (centres <= effect.high_hz)
        ascent.mask[:] = mask
        widths = np.maximum(effect.smoothing, RESOLUTION_HZ / np.gradient(centres))
        ascent.shape[:] = smoother(mask, np.maximum(widths, 1e-3))
        self.band_loudness[:] = mask * k_gain(centres)
        hz = np.arange(self.frames.bins) * self.sample_rate / self.frames.window_samples
        shared = np.interp(hz, centres, mask.astype(float)) * self.bands.reach
        self.bin_loudness[:] = shared * k_gain(hz)
        self.ramp[2:4] = self.settings.dry, self.settings.added
        self.ramp[6] = max(1, round(SMOOTHING_SECONDS * self.sample_rate))
        self.ramp[4:6] = (self.ramp[2:4] - self.ramp[:2]) / self.ramp[6]


def smoother(mask: NDArray[np.bool_], widths: NDArray[np.float64]) -> NDArray[np.float32]:
    """The symmetric matrix that spreads a gradient over neighbouring bands, within `mask`.

    Gaussian, as wide as the geometric mean of the two bands' `widths`, in bands.

    >>> smoother(np.array([True, True, False]), np.full(3, 1e-3)).round(6).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    index = np.arange(mask.size)
    apart = (index[:, None] - index) ** 2 / np.outer(widths, widths)
    kernel = np.exp(-0.5 * apart)
    kernel /= np.sqrt(np.outer(kernel.sum(1), kernel.sum(1)))
    return np.asarray(kernel * np.outer(mask, mask), np.float32)
