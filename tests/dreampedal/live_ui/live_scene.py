"""A live session as the view gets it: what a real run through JACK sent, with the demo recording as its input."""

from dataclasses import replace

from dreampedal.live_ui.meters import Memory
from dreampedal.live_ui.talk import Knob, LedgerRow, Opened, Snapshot
from dreampedal.live_ui.view import Scene

REPORT = {
    "running": True, "sample_rate": 48000.0, "channels": 2, "block_size": 128, "buffer_blocks": 1,
    "together": 128, "seconds": 12.048,
    "preset": "hall_of_flutes", "bypass": False, "panicked": False, "loading": "",
    "input_db": (-23.099895754862576, -21.82449956152397), "output_db": (-28.200030016732548, -17.614858120853953),
    "load_now": 0.02570737547102908, "load_median": 0.037078874925100536, "load_p999": 0.4076489662456884,
    "response_p999": 0.4418056616193559, "latency_samples": 2176, "late_blocks": 2, "late_slow": 0, "late_bursts": 0,
    "late_system": 2, "held_hops": 0, "skipped_blocks": 0,
    "input_xruns": 17, "output_xruns": 17, "guard_hits": 5, "muted_samples": 0, "restarts": 0,
    "midi_messages": 0, "midi_malformed": 0, "recorded_seconds": None, "message": "",
    "events": [
        {"kind": "input_xrun", "sample": 126464, "seconds": 2.635, "text": ""},
        {"kind": "output_xrun", "sample": 126464, "seconds": 2.635, "text": ""},
        {"kind": "late", "sample": 237056, "seconds": 4.939, "text": ""},
        {"kind": "ceiling", "sample": 287744, "seconds": 5.995, "text": ""},
    ],
}  # fmt: skip

LEDGER = (
    LedgerRow("device in", 128, 128 / 48_000, "as the device says"),
    LedgerRow("buffering", 128, 128 / 48_000, "1 of 128 samples"),
    LedgerRow("window", 2048, 2048 / 48_000, "Dream, studio"),
    LedgerRow("device out", 256, 256 / 48_000, "as the device says"),
)

KNOBS = (
    Knob("0", "Dream", "amount", "0.70", 0.7, "CC 1"),
    Knob("0", "Dream", "reach_db", "30 dB", 0.625, "CC 74", waits_at=0.9),
    Knob("0", "Dream", "freeze", "off", None, "CC 64"),
    Knob("0", "Dream", "memory_seconds", "0.1 s", 0.01),
    Knob("0", "Dream", "high_hz", "20,000 Hz", 0.83),
)

PRESETS = (
    "hall_of_flutes", "bowed", "brass_edge", "deep_layer", "ghost_choir", "inner_contours", "organ_loft",
    "struck_glass",
)  # fmt: skip


def scene(*earlier, number=0, knobs=KNOBS, ledger=LEDGER, learning="", opened=None, **changes):
    """A scene of the captured report with `changes`; `earlier` are changes of reports that were seen before it."""
    report = REPORT | changes
    memory = Memory()
    for each in (*earlier, {}):
        memory.see(report | each)
    opened = opened or Opened("system", "system", PRESETS)
    return Scene(opened, Snapshot(report, ledger, knobs, number, learning), memory)


def with_names(first, last, **more):
    """What was opened, with other names."""
    return replace(Opened("system", "system", PRESETS), input=first, output=last, **more)
