"""`dreampedal doctor`: what this machine is, how long a block takes on it, and how long the sound is on its way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dreampedal.console.console import print_json
from dreampedal.console.tables import figures, print_table
from dreampedal.doctor.devices import Listing, audio_line, listing
from dreampedal.doctor.machine import advice, machine
from dreampedal.doctor.options import Doctor
from dreampedal.doctor.timing import DeviceTiming, time_device
from dreampedal.engine.host.board import Board
from dreampedal.engine.live.blocktimes import BLOCK_SIZES, SHARE, BlockTimes, block_times, recommended
from dreampedal.engine.live.device.devices import find
from dreampedal.live_ui.presets import Setlist
from dreampedal.live_ui.text import finite
from dreampedal.presets.recording import demo_recording

USUAL_RATE = 48_000.0

ENOUGH_BLOCKS = 1000
"""Of fewer than these, p99.9 is the longest of all."""


@dataclass(frozen=True)
class Compared:
    """One row of the round trip: what the ledger says, and what was measured."""

    name: str
    ledger: int
    measured: int | None

    @property
    def sentence(self) -> str:
        """Both, in words.

        >>> Compared("total", 1230, 1234).sentence
        'measured 1,234 samples, ledger says 1,230: 4 more'
        """
        if self.measured is None:
            return f"ledger says {self.ledger:,}; it could not be measured in this sound"
        difference = self.measured - self.ledger
        words = "the same" if not difference else f"{abs(difference):,} {'more' if difference > 0 else 'less'}"
        return f"measured {self.measured:,} samples, ledger says {self.ledger:,}: {words}"


def run(options: Doctor) -> None:
    """Look, measure, and say what came of it."""
    preset, as_json = options.preset, options.as_json
    board = Setlist([preset], mode=options.mode).first().board
    facts, devices = machine(), listing()
    if not as_json:
        _show_machine(facts, devices)
    rate = options.sample_rate or _rate(devices, options.output)
    device = time_device(devices, options, rate)
    times = _measure(board, rate, options.seconds, sorted({*BLOCK_SIZES, *device.sizes}), quiet=as_json)
    best = recommended(times, device.least, device.jitter)
    if not as_json:
        print(f"\n{device.sentence}")
        _show_times(times, preset, rate)
        for line in filter(None, (sentence(best, times, preset, rate, device), caveat(best or times[-1]))):
            print(line)
    rows = _loopback(board, options, rate) if options.loopback else []
    if as_json:
        print_json(finite({
            "machine": facts,
            "advice": advice(facts),
            "devices": devices.document(),
            "preset": preset,
            "sample_rate": rate,
            "arrivals": asdict(device.arrivals) if device.arrivals else None,
            "arrivals_trouble": device.trouble or None,
            "block_times": [asdict(each) | {"is_safe": each.is_safe} for each in times],
            "recommended_block": best.block_size if best else None,
            "round_trip": [asdict(row) for row in rows],
        }))  # fmt: skip
        return
    for row in rows:
        print(f"{row.name}: {row.sentence}")
    for line in advice(facts):
        print(f"advice: {line}")


def sentence(
    best: BlockTimes | None, times: Sequence[BlockTimes], preset: str, rate: float, device: DeviceTiming | None = None
) -> str:
    """What to choose, and why."""
    device = device or DeviceTiming()
    if best is None:
        largest = max(times, key=lambda each: each.block_size)
        if largest.is_safe:
            return (
                f"The device is too uneven for {preset} with one block of reserve: 1 in 20 callbacks comes more than "
                f"{1000 * device.jitter:.2f} ms too soon. Close other programs, or take --buffers 2."
            )
        return (
            f"{preset} is too much for this machine at {rate:g} Hz: even at {largest.block_size} samples, p99.9 is "
            f"{100 * largest.p999 / largest.period:.0f} % of the period. Close other programs, or take fewer steps."
        )
    limit = f"({1000 * best.p999:.2f} ms) stays under half of its period ({1000 * SHARE * best.period:.2f} ms)"
    if best.block_size != device.least:
        why = " and leaves time for the device's jitter" if device.jitter else ""
        return f"Recommended: --block {best.block_size}. It is the smallest block whose p99.9 {limit}{why}."
    smaller = recommended(times, jitter=device.jitter) or best
    sooner = f": {smaller.block_size} would do" if smaller.block_size < best.block_size else ""
    return (
        f"Recommended: --block {best.block_size}{device.usual}. Its p99.9 {limit}. "
        f"Smaller blocks are no sooner, since they come in bursts; {device.shorter}{sooner}."
    )


def caveat(judged: BlockTimes) -> str:
    """A line on what the times of few blocks are worth; empty where there were enough.

    >>> caveat(BlockTimes(512, 512 / 48_000, 47, 0.001, 0.001, 0.002, 0.002))
    'Only 47 blocks of 512 samples were played, so p99.9 is the longest of them: --seconds 11 plays 1,000.'
    """
    if judged.blocks >= ENOUGH_BLOCKS:
        return ""
    return (
        f"Only {judged.blocks} blocks of {judged.block_size} samples were played, so p99.9 is the longest of them: "
        f"--seconds {ceil(ENOUGH_BLOCKS * judged.period)} plays {ENOUGH_BLOCKS:,}."
    )


def _rate(devices: Listing, wanted: str | None) -> float:
    """The rate that `live` would play at: that of the output, or a usual one where there is none."""
    return find(wanted, "output").default_rate if devices.audio else USUAL_RATE


def _measure(board: Board, rate: float, seconds: float, sizes: Sequence[int], quiet: bool) -> list[BlockTimes]:
    """The times at each block size, with a word on what is going on."""
    audio, _ = demo_recording()
    console = Console(stderr=True)
    shown = console.is_terminal and not quiet
    found = []
    with console.status("playing blocks of 32 samples") if shown else nullcontext() as status:
        for each in block_times(board, audio, rate, sizes, seconds):
            found.append(each)
            if status and len(found) < len(sizes):
                status.update(f"playing blocks of {sizes[len(found)]} samples")
    return found


def _loopback(board: Board, options: Doctor, rate: float) -> list[Compared]:
    """The round trip through the device, and through the board."""
    from dreampedal.engine.live.roundtrip import board_delay, round_trip

    trip = round_trip(input=options.input, output=options.output, sample_rate=rate, block_size=options.block_size)
    outside = trip.ledger.total.samples
    inside = board.latency_at(rate)
    delay = board_delay(board, rate, trip.block_size)
    through = "device out, cable, device in, buffering"
    return [
        Compared(through, outside, trip.samples),
        Compared("board", inside, delay),
        Compared("total", outside + inside, None if delay is None else trip.samples + delay),
    ]


def _show_machine(facts: dict[str, Any], devices: Listing) -> None:
    """Facts, a line each."""
    granted = {True: "granted", False: "not granted", None: "left to the system"}[facts["real_time"]]
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    providers = ", ".join(name.removesuffix("ExecutionProvider") for name in facts["providers"])
    lines = {
        "machine": f"{facts['processor']}, {facts['cores']} cores, {facts['system']}",
        "versions": f"dreampedal {facts['dreampedal']}, Python {facts['python']}, {packages}",
        "onnxruntime": f"{providers}; GPU: {'yes' if facts['gpu'] else 'no'} ({facts['gpu_note']})",
        "kernels": facts["kernels"],
        "transforms": facts["transforms"],
        "real time": f"priority {granted}",
        "audio": f"{facts['portaudio'] or 'no PortAudio'}; {audio_line(devices)}",
        "midi": ", ".join(devices.midi_inputs) or "no input",
    }
    grid = Table.grid(padding=(0, 2))
    for name, text in lines.items():
        grid.add_row(Text(name, "bold"), Text(text))
    Console().print(grid)


def _show_times(times: Iterable[BlockTimes], preset: str, rate: float) -> None:
    """The times at each block size."""
    rows = list[tuple[str | Text, ...]]()
    for each in times:
        values = (each.period, each.median, each.p99, each.p999, each.longest)
        share = Text(f"{100 * each.p999 / each.period:.0f} %", "green" if each.is_safe else "bold red")
        rows.append((str(each.block_size), *(f"{1000 * value:.2f}" for value in values), share))
    columns = figures("block", "period", "median", "p99", "p99.9", "longest", "p99.9 of the period")
    print_table(columns, rows, f"\nWhat a block of {preset} takes at {rate:g} Hz, in ms")
