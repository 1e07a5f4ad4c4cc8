"""What a running stream tells: levels, load, latency, counters, and the last that happened."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from dreampedal.engine.live.journal import Event

if TYPE_CHECKING:
    from dreampedal.engine.live.stream import LiveStream


COUNTED = (
    "late_blocks", "late_slow", "late_bursts", "late_system", "held_hops", "skipped_blocks", "input_xruns",
    "output_xruns", "guard_hits", "muted_samples",
)  # fmt: skip
"""What an exchange and its worker count, which begins anew with each of them."""


@dataclass(frozen=True)
class Report:
    """A snapshot, made of plain values: `dataclasses.asdict` gives what JSON can hold."""

    running: bool
    sample_rate: float
    channels: int
    block_size: int
    buffer_blocks: int
    """Blocks between a block and its result."""
    together: int
    """Samples that the device usually brings at a time, in one callback or in several."""
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
    """Blocks that were played dry: the sum of the next three."""
    late_slow: int
    """Late since the worker needed more time than it had."""
    late_bursts: int
    """Late since the device brings more at a time than there are blocks of buffering, and wants them back at once."""
    late_system: int
    """Late since the system kept the worker from its work, or the device's callback came too soon after the last."""
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
    allowed = exchange.pacing.allowed / exchange.sample_rate
    loads, responses = worker.last(worker.loads), worker.last(worker.responses)
    counted, late = exchange.counted, worker.late_by_bursts + worker.late_by_system
    peaks = exchange.peaks.copy()
    exchange.peaks[:] = 0
    first, last = (tuple(in_db(float(peak)) for peak in side) for side in peaks)
    now = Report(
        running=live.running,
        sample_rate=exchange.sample_rate,
        channels=exchange.channels,
        block_size=exchange.block_size,
        buffer_blocks=exchange.buffer_blocks,
        together=exchange.usually_together or exchange.pacing.period,
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
        response_p999=float(np.quantile(responses, 0.999)) / allowed if loads.size else 0.0,
        latency_samples=live.latency,
        late_blocks=counted("late_blocks"),
        late_slow=max(0, counted("late_blocks") - late),
        late_bursts=worker.late_by_bursts,
        late_system=worker.late_by_system,
        held_hops=worker.held_hops,
        skipped_blocks=worker.skipped_blocks,
        input_xruns=counted("input_xruns"),
        output_xruns=counted("output_xruns"),
        guard_hits=counted("guard_hits"),
        muted_samples=counted("muted_samples"),
        restarts=live.restarts,
        midi_messages=live.midi.received,
        midi_malformed=live.midi.malformed,
        recorded_seconds=live.recorded_seconds,
        message=live.message,
        events=live.journal.events(),
    )
    return now if live.earlier is None else _after(live.earlier, now)


def _after(earlier: Report, now: Report) -> Report:
    """A report whose account goes on from an earlier one."""
    recorded = now.recorded_seconds
    return replace(
        now,
        seconds=round(earlier.seconds + now.seconds, 3),
        recorded_seconds=None if recorded is None else (earlier.recorded_seconds or 0.0) + recorded,
        **{name: getattr(earlier, name) + getattr(now, name) for name in COUNTED},
    )


def in_db(peak: float) -> float | None:
    """A peak in dBFS; None for digital silence.

    >>> in_db(1.0), in_db(0.0)
    (0.0, None)
    """
    return 20 * math.log10(peak) if peak > 0 else None
