"""What a running stream tells: levels, load, latency, counters, and the last that happened."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dreampedal.engine.live.exchange.exchange import Exchange
from dreampedal.engine.live.journal import Event
from dreampedal.engine.live.worker import Worker

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

    def after(self, earlier: Report) -> Report:
        """This report, its account gone on from an earlier one."""
        recorded = self.recorded_seconds
        return replace(
            self,
            seconds=round(earlier.seconds + self.seconds, 3),
            recorded_seconds=None if recorded is None else (earlier.recorded_seconds or 0.0) + recorded,
            **{name: getattr(earlier, name) + getattr(self, name) for name in COUNTED},
        )


def measured(exchange: Exchange, worker: Worker) -> dict[str, Any]:
    """The fields of a report that an exchange and its worker tell; levels begin anew."""
    period = exchange.block_size / exchange.sample_rate
    allowed = exchange.pacing.allowed / exchange.sample_rate
    loads, responses = worker.last(worker.loads), worker.last(worker.responses)
    late, late_elsewhere = exchange.counted("late_blocks"), worker.late_by_bursts + worker.late_by_system
    peaks = exchange.peaks.copy()
    exchange.peaks[:] = 0
    first, last = (tuple(in_db(float(peak)) for peak in side) for side in peaks)
    return {
        "sample_rate": exchange.sample_rate,
        "channels": exchange.channels,
        "block_size": exchange.block_size,
        "buffer_blocks": exchange.buffer_blocks,
        "together": exchange.usually_together or exchange.pacing.period,
        "seconds": round(exchange.captured * period, 3),
        "input_db": first,
        "output_db": last,
        "load_now": float(loads[-1]) / period if loads.size else 0.0,
        "load_median": float(np.median(loads)) / period if loads.size else 0.0,
        "load_p999": float(np.quantile(loads, 0.999)) / period if loads.size else 0.0,
        "response_p999": float(np.quantile(responses, 0.999)) / allowed if loads.size else 0.0,
        "late_slow": max(0, late - late_elsewhere),
        "late_bursts": worker.late_by_bursts,
        "late_system": worker.late_by_system,
        "held_hops": worker.held_hops,
        "skipped_blocks": worker.skipped_blocks,
        "late_blocks": late,
        **{name: exchange.counted(name) for name in ("input_xruns", "output_xruns", "guard_hits", "muted_samples")},
    }


def in_db(peak: float) -> float | None:
    """A peak in dBFS; None for digital silence.

    >>> in_db(1.0), in_db(0.0)
    (0.0, None)
    """
    return 20 * math.log10(peak) if peak > 0 else None
