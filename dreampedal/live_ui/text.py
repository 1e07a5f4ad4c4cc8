"""A live session as lines, for where no screen is; and as JSON, when it is over."""

from __future__ import annotations

import math
from typing import Any

from dreampedal.live_ui.events import late_text, why_late
from dreampedal.live_ui.meters import Memory, clock, level_text
from dreampedal.live_ui.talk import Command, Ended, LedgerRow, Opened, Snapshot

EVERY_SECONDS = 5.0


class Front:
    """Where a session is shown: nowhere, but for a line when it is over."""

    def begin(self) -> None:
        """It plays."""

    def show(self, snapshot: Snapshot, memory: Memory) -> None:
        """The newest snapshot."""

    def pressed(self, key: str) -> Command | None:
        """What a key asks of the sound."""
        return None

    def end(self, ended: Ended) -> None:
        """What it came to."""
        print(summary_text(ended))


class Lines(Front):
    """One line at the start, one every few seconds, and a last one."""

    def __init__(self, opened: Opened, first: Snapshot) -> None:
        self._opened, self._first = opened, first
        self._next = EVERY_SECONDS
        self._message = first.report["message"]

    def begin(self) -> None:
        """What plays through what, and how late."""
        self._tell(self._first)

    def _tell(self, snapshot: Snapshot) -> None:
        opened, report = self._opened, snapshot.report
        channels = "1 channel" if report["channels"] == 1 else f"{report['channels']} channels"
        midi = f", MIDI from {opened.midi}" if opened.midi else ""
        print(
            f"playing {report['preset']}: {opened.input} -> {opened.output}, {report['sample_rate']:g} Hz, {channels}, "
            f"{blocks_text(report)}{midi}"
        )
        print(f"latency {ledger_text(snapshot.ledger)}", flush=True)

    def show(self, snapshot: Snapshot, memory: Memory) -> None:
        """A line, when it is time for one or something is wrong; and what plays, where the device is another now."""
        if way_of(snapshot) != way_of(self._first):
            self._first = snapshot
            self._tell(snapshot)
        message, before = snapshot.report["message"], self._message
        self._message = message
        if snapshot.report["seconds"] >= self._next:
            self._next += EVERY_SECONDS
        elif message in ("", before):
            return
        print(progress_text(snapshot, memory), flush=True)


class Silent(Front):
    """Nothing but one JSON document at the end."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def end(self, ended: Ended) -> None:
        """All that is known."""
        from dreampedal.console.console import print_json

        print_json(finite(document(self._opened, ended)))


def document(opened: Opened, ended: Ended) -> dict[str, Any]:
    """The whole report as plain values."""
    rows = ended.last.ledger
    return {
        "input": opened.input,
        "output": opened.output,
        "midi": opened.midi,
        "presets": list(opened.presets),
        "take": ended.take or None,
        "earlier_takes": list(ended.earlier_takes),
        "latency": {
            "samples": sum(row.samples for row in rows),
            "seconds": sum(row.seconds for row in rows),
            "rows": [vars(row) for row in rows],
        },
        "knobs": [vars(knob) for knob in ended.last.knobs],
        "report": ended.last.report,
    }


def ledger_text(rows: tuple[LedgerRow, ...]) -> str:
    """The ledger in one line.

    >>> ledger_text((LedgerRow("buffering", 128, 0.0027), LedgerRow("window", 2048, 0.0427), LedgerRow("filter", 0, 0)))
    '2,176 samples (45.4 ms): buffering 128, window 2,048'
    """
    parts = ", ".join(f"{row.name} {row.samples:,.0f}" for row in rows if row.samples)
    total = f"{sum(row.samples for row in rows):,.0f} samples ({1000 * sum(row.seconds for row in rows):.1f} ms)"
    return f"{total}: {parts}" if parts else total


def blocks_text(report: dict[str, Any]) -> str:
    """The blocks, and how many come at once.

    >>> blocks_text({"block_size": 128, "together": 1024}), blocks_text({"block_size": 128, "together": 128})
    ('blocks of 128 samples, 8 at a time', 'blocks of 128 samples')
    """
    at_once = -(-report["together"] // report["block_size"])
    return f"blocks of {report['block_size']} samples{f', {at_once} at a time' if at_once > 1 else ''}"


def way_of(snapshot: Snapshot) -> tuple[Any, ...]:
    """What changes only when the device comes back as another."""
    return tuple(snapshot.report[name] for name in ("sample_rate", "block_size", "buffer_blocks"))


def progress_text(snapshot: Snapshot, memory: Memory) -> str:
    """How it goes, in one line."""
    report = snapshot.report
    inputs = " ".join(level_text(level.peak).strip() for level in memory.inputs)
    outputs = " ".join(level_text(level.peak).strip() for level in memory.outputs)
    state = " PANIC" if report["panicked"] else " BYPASS" if report["bypass"] else ""
    message = f"; {report['message']}" if report["message"] else ""
    return (
        f"{clock(report['seconds'])} {report['preset']}{state}: in {inputs} out {outputs} dBFS, load "
        f"{100 * report['load_median']:.0f} % p99.9 {100 * report['load_p999']:.0f} %, {counters_text(report)}{message}"
    )


def summary_text(ended: Ended) -> str:
    """How it was, in one line."""
    report = ended.last.report
    take = f"; take in {', '.join([*ended.earlier_takes, ended.take])}" if ended.take else ""
    message = f"; {report['message']}" if report["message"] else ""
    why = f"; {why_late(report)}" if why_late(report) else ""
    return (
        f"played {clock(report['seconds'])}: load median {100 * report['load_median']:.0f} %, "
        f"p99.9 {100 * report['load_p999']:.0f} %; {counters_text(report)}{why}{take}{message}"
    )


def counters_text(report: dict[str, Any]) -> str:
    """All counters.

    >>> counters_text({"late_blocks": 1, "held_hops": 0, "input_xruns": 0, "output_xruns": 2, "guard_hits": 0,
    ...                "muted_samples": 0, "restarts": 0, "late_system": 1})
    'late 1 (system or device 1), held 0, xruns 0 in 2 out, ceiling 0, muted 0, restarts 0'
    """
    return (
        f"{late_text(report)}, held {report['held_hops']}, xruns {report['input_xruns']} in "
        f"{report['output_xruns']} out, ceiling {report['guard_hits']}, muted {report['muted_samples']}, "
        f"restarts {report['restarts']}"
    )


def finite(value: Any) -> Any:
    """Plain values of which each is one that JSON has: what is no finite number becomes null.

    >>> finite({"a": [1.0, math.nan], "b": (-math.inf,)})
    {'a': [1.0, None], 'b': [None]}
    """
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
