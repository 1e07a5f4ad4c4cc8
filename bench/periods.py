"""Late blocks by the period of a JACK server, with a board that costs nothing and the block that live takes by itself.

Beside it, in turn, a bare stream that copies its input: the xruns that the server itself has on this machine. The
server is a jackd of its own without a sound card that waits for nobody; a client in another process plays meanwhile.
Run with `python bench/periods.py --seconds 30`; nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import threading
from typing import Any

from harness.report import report
from live import RATE, Side, WatchedConnection, bare, ours, playing

from dreampedal import Board
from dreampedal.engine.live.device import devices, duplex
from tests.rig import Rig

PERIODS = (32, 64, 128, 256, 512, 1024, 2048, 4096)


def measured(rig: Rig, period: int, block: int | None, seconds: float, turns: int) -> dict[str, Any]:
    """One row."""
    rig.restart(rate=RATE, block_size=period, waits=False)
    devices.refresh()
    ended, silent, copy = threading.Event(), Side(), Side()
    player = playing(rig, ended)
    try:
        for _ in range(turns):
            ours(silent, Board(), block, seconds / turns)
            bare(copy, seconds / turns)
    finally:
        ended.set()
        player.join()
    return {
        "period": period,
        "late blocks": silent.late_blocks,
        "of": sum(map(len, silent.blocks)),
        "worker slow": max(0, silent.late_slow),  # blocks that are late at this moment are counted as such
        "in bursts": silent.late_bursts,
        "system": silent.late_system,
        "xruns": silent.xruns,
        "xruns of a bare stream": copy.xruns,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each of the two, at each period")
    parser.add_argument("--turns", type=int, default=3, help="in which these seconds are played")
    parser.add_argument("--periods", type=int, nargs="+", default=PERIODS)
    parser.add_argument("--block", type=int, default=None, help="else the one that live takes by itself")
    asked = parser.parse_args()
    duplex.Connection = WatchedConnection  # type: ignore[misc]
    rig = Rig(channels=2)
    try:
        rows = [measured(rig, period, asked.block, asked.seconds, asked.turns) for period in asked.periods]
    finally:
        rig.close()
        devices.refresh()
    report(
        "periods",
        rows,
        command=f"python bench/periods.py --seconds {asked.seconds:g} --turns {asked.turns}"
        f"{f' --block {asked.block}' if asked.block else ''}",
        sample_rate=RATE,
        block_size=asked.block or "the server's period",
        seconds_of_each=asked.seconds,
    )


if __name__ == "__main__":
    main()
