"""What a running stream tells: levels, load, latency, counters, and the last that happened."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .exchange import CEILING_BLOCKS, INPUT_XRUNS, LATE_BLOCKS, MUTED, OUTPUT_XRUNS
from .journal import Event

if TYPE_CHECKING:
    from .stream import LiveStream


@dataclass(frozen=True)
class Report:
    """A snapshot, made of plain values: `dataclasses.asdict` gives what JSON can hold."""

    running: bool
    sample_rate: float
    channels: int
    block_size: int
    seconds: float
    """Played by now."""
    preset: str
    bypass: bool
    panicked: bool
    loading: str
    """The preset that is being made ready, empty when none is."""
    input_db: tuple[float | None, ...]
    """Sample peak of each channel since the last report, in dBFS; None in digital silence."""
    output_db: tuple[float | None, ...]
    load_now: float
    """Time that the last block took, as a share of its period."""
    load_median: float
    load_p999: float
    response_p999: float
    """From a block's arrival to its result, as a share of the time that is allowed; 1 is late."""
    latency_samples: int
    late_blocks: int
    held_hops: int
    skipped_blocks: int
    input_xruns: int
    output_xruns: int
    guard_hits: int
    """Blocks in which the ceiling held peaks back."""
    muted_samples: int
    """Input samples that were no numbers."""
    restarts: int
    midi_messages: int
    midi_malformed: int
    recorded_seconds: float | None
    """None where no take is recorded."""
    message: str
    """The last trouble in one line, empty if there was none."""
    events: list[Event] = field(default_factory=list)
    """The last 200, newest last; of more than that, the oldest of what there is most of is left out."""


def snapshot(live: LiveStream) -> Report:
    """How a stream goes; its levels begin anew."""
    exchange, worker = live.exchange, live.worker
    period = exchange.block_size / exchange.sample_rate
    loads, responses = worker.last(worker.loads), worker.last(worker.responses)
    counts = exchange.counts
    peaks = exchange.peaks.copy()
    exchange.peaks[:] = 0
    first, last = (tuple(in_db(float(peak)) for peak in side) for side in peaks)
    return Report(
        running=live.running,
        sample_rate=exchange.sample_rate,
        channels=exchange.channels,
        block_size=exchange.block_size,
        seconds=round(exchange.captured * period, 3),
        preset=live.name,
        bypass=live.bypass,
        panicked=live.panicked,
        loading=live.loading,
        input_db=first,
        output_db=last,
        load_now=float(loads[-1]) / period if loads.size else 0.0,
        load_median=float(np.median(loads)) / period if loads.size else 0.0,
        load_p999=float(np.quantile(loads, 0.999)) / period if loads.size else 0.0,
        response_p999=float(np.quantile(responses, 0.999)) / period / exchange.buffer_blocks if loads.size else 0.0,
        latency_samples=exchange.latency,
        late_blocks=int(counts[LATE_BLOCKS]),
        held_hops=worker.held_hops,
        skipped_blocks=worker.skipped_blocks,
        input_xruns=int(counts[INPUT_XRUNS]),
        output_xruns=int(counts[OUTPUT_XRUNS]),
        guard_hits=int(counts[CEILING_BLOCKS]),
        muted_samples=int(counts[MUTED]),
        restarts=live.restarts,
        midi_messages=live.midi.received,
        midi_malformed=live.midi.malformed,
        recorded_seconds=live.recorded_seconds,
        message=live.message,
        events=live.journal.events(),
    )


def in_db(peak: float) -> float | None:
    """A peak in dBFS; None for digital silence.

    >>> in_db(1.0), in_db(0.0)
    (0.0, None)
    """
    return 20 * math.log10(peak) if peak > 0 else None
