"""Playing live: a preset on a LiveStream against a bare stream that copies its input, in turn, through a JACK server.

The server is a jackd of its own without a sound card, as a musician runs it: it waits for nobody, and a client that is
late makes an xrun. A client in another process plays the demo recording all the while. Each turn opens a stream anew;
its first second, in which JACK rearranges its clients, is counted for neither.
Run with `python bench/live.py --minutes 10`; nothing else should run on the machine. `--periods` plays a board that
costs nothing instead, at each of these periods of the server, with the block that live takes by itself, and counts
late blocks: `results/periods.json`.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness.report import report
from numpy.typing import NDArray

from dreampedal import Board, LiveStream
from dreampedal.engine.live.device import devices, duplex
from dreampedal.engine.live.device.connection import Connection
from dreampedal.engine.live.device.portaudio import close, portaudio
from dreampedal.live_ui.presets import Setlist
from dreampedal.presets import demo_recording

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.rig import Rig

RATE = 48_000
PERIODS = (32, 64, 128, 256, 512, 1024, 2048, 4096)
SETTLE_SECONDS = 1.0
MOST_CALLBACKS = 1 << 21


class Watch:
    """How long callbacks took, and the xruns that the device told of, on one side or on both at once."""

    def __init__(self) -> None:
        self.seconds = np.zeros(MOST_CALLBACKS)
        self.calls = self.xruns = 0

    def note(self, begin: float, status: Any) -> None:
        self.seconds[self.calls % MOST_CALLBACKS] = time.perf_counter() - begin
        self.calls += 1
        if status:
            self.xruns += 1


class WatchedConnection(Connection):
    """A connection of ours whose callbacks are watched."""

    watch = Watch()

    def _callback(self, indata: Any, outdata: Any, frames: int, times: Any, status: Any) -> None:
        begin = time.perf_counter()
        super()._callback(indata, outdata, frames, times, status)
        self.watch.note(begin, status)


class Side:
    """What one of the two collected over its turns."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.xruns = self.late_blocks = self.held_hops = self.skipped_blocks = 0
        self.late_slow = self.late_bursts = self.late_system = 0
        self.callbacks: list[NDArray[np.float64]] = []
        self.blocks: list[NDArray[np.float64]] = []
        self.responses: list[NDArray[np.float64]] = []

    def add_callbacks(self, watch: Watch, first: int, xruns: int) -> None:
        self.callbacks.append(watch.seconds[first : watch.calls].copy())
        self.xruns += watch.xruns - xruns


def ours(side: Side, board: Board, block_size: int | None, seconds: float) -> None:
    """A turn of a board."""
    watch = WatchedConnection.watch = Watch()
    with LiveStream(board, input=Rig.DEVICE, output=Rig.DEVICE, block_size=block_size) as live:
        time.sleep(SETTLE_SECONDS)
        before, first, xruns, begin = live.report(), watch.calls, watch.xruns, live.playback.worker.done
        time.sleep(seconds)
        after, end = live.report(), live.playback.worker.done
        side.add_callbacks(watch, first, xruns)
        side.blocks.append(live.playback.worker.loads[begin:end].copy())
        side.responses.append(live.playback.worker.responses[begin:end].copy())
    for name in ("late_blocks", "late_slow", "late_bursts", "late_system", "held_hops", "skipped_blocks"):
        setattr(side, name, getattr(side, name) + getattr(after, name) - getattr(before, name))
    side.seconds += seconds


def bare(side: Side, seconds: float) -> None:
    """A turn of a stream that copies its input."""
    watch = Watch()

    def through(indata: Any, outdata: Any, frames: int, times: Any, status: Any) -> None:
        begin = time.perf_counter()
        outdata[:] = indata
        watch.note(begin, status)

    device = devices.find(Rig.DEVICE, "output").number
    bare_stream = portaudio().Stream(
        device=(device, device), samplerate=RATE, blocksize=0, channels=(2, 2), dtype="float32", callback=through,
        clip_off=True, dither_off=True,
    )  # fmt: skip
    bare_stream.start()
    time.sleep(SETTLE_SECONDS)
    first, xruns = watch.calls, watch.xruns
    time.sleep(seconds)
    side.add_callbacks(watch, first, xruns)
    close(bare_stream)
    side.seconds += seconds


def playing(rig: Rig, ended: threading.Event) -> threading.Thread:
    """The demo recording, again and again, until `ended`."""
    audio = 0.5 * np.resize(demo_recording()[0], (2, 5 * RATE))

    def play() -> None:
        while not ended.is_set():
            rig.play(audio)

    thread = threading.Thread(target=play)
    thread.start()
    return thread


def row(figure: str, ours: float, theirs: float | str = "") -> dict[str, Any]:
    ratio = ours / theirs if isinstance(theirs, (int, float)) and theirs else ""
    return {"figure": figure, "ours": ours, "bare stream": theirs, "ratio": ratio}


def quantiles(name: str, ours: list[NDArray[np.float64]], theirs: list[NDArray[np.float64]]) -> list[dict[str, Any]]:
    """Rows in µs."""
    parts = [("median", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("longest", 1.0)]
    return [
        row(
            f"{name}, {part} µs",
            1e6 * float(np.quantile(np.concatenate(ours), share)),
            1e6 * float(np.quantile(np.concatenate(theirs), share)) if theirs else "",
        )
        for part, share in parts
    ]


def turns(rig: Rig, period: int, make: Callable[[], Board], asked: argparse.Namespace) -> tuple[Side, Side]:
    """What boards and a bare stream collected, each as long as is asked, on a server of this period."""
    rig.restart(rate=RATE, block_size=period, waits=False)
    devices.refresh()
    ended, own, copy = threading.Event(), Side(), Side()
    player, count = playing(rig, ended), max(1, round(60 * asked.minutes / asked.turn))
    try:
        for _ in range(count):
            ours(own, make(), asked.block, 60 * asked.minutes / count)
            bare(copy, 60 * asked.minutes / count)
    finally:
        ended.set()
        player.join()
    return own, copy


def periods(rig: Rig, asked: argparse.Namespace) -> None:
    """A row for each period."""
    rows = []
    for period in asked.periods:
        silent, copy = turns(rig, period, Board, asked)
        rows.append({
            "period": period, "late blocks": silent.late_blocks, "of": sum(map(len, silent.blocks)),
            "worker slow": max(0, silent.late_slow),  # blocks that are late at this moment are counted as such
            "in bursts": silent.late_bursts, "system": silent.late_system, "xruns": silent.xruns,
            "xruns of a bare stream": copy.xruns,
        })  # fmt: skip
    block = asked.block or "the server's period"
    report("periods", rows, **told(asked), block_size=block, seconds_of_each=60 * asked.minutes)


def preset(rig: Rig, asked: argparse.Namespace) -> None:
    """A row for each figure."""
    asked.block = asked.block or 128
    dream, copy = turns(rig, asked.block, lambda: Setlist([asked.preset], mode=asked.mode).first().board, asked)
    late = float(np.quantile(np.concatenate(dream.blocks), 0.999))
    rows = [
        row("xruns", dream.xruns, copy.xruns),
        row("late blocks", dream.late_blocks),
        row("held hops", dream.held_hops),
        row("skipped blocks", dream.skipped_blocks),
        *quantiles("block", dream.blocks, []),
        row("block, p99.9 of its period", late * RATE / asked.block),
        *quantiles("from callback to result", dream.responses, []),
        *quantiles("callback", dream.callbacks, copy.callbacks),
    ]
    facts = {"preset": asked.preset, "mode": asked.mode or "live", "block_size": asked.block}
    report("live", rows, **told(asked), **facts, minutes_of_each=round(dream.seconds / 60, 3))


def told(asked: argparse.Namespace) -> dict[str, Any]:
    """What made a table."""
    return {"command": " ".join(["python bench/live.py", *sys.argv[1:]]), "sample_rate": RATE}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0, help="of each of the two")
    parser.add_argument("--turn", type=float, default=60.0, help="seconds before the other one plays")
    parser.add_argument("--preset", default="hall_of_flutes")
    parser.add_argument("--mode", default=None, help="live unless the preset says so")
    parser.add_argument("--block", type=int, default=None, help="128, or with --periods what live takes by itself")
    parser.add_argument("--periods", type=int, nargs="*", help=f"of the server; {PERIODS} where none is named")
    asked = parser.parse_args()
    rig = Rig(channels=2)
    duplex.Connection = WatchedConnection  # type: ignore[misc]
    try:
        if asked.periods is None:
            preset(rig, asked)
        else:
            asked.periods = asked.periods or PERIODS
            periods(rig, asked)
    finally:
        rig.close()
        devices.refresh()


if __name__ == "__main__":
    main()
