"""Logs of a training: one row an epoch, as CSV for people and spreadsheets, and as events for TensorBoard.

Both are written anew from the history when a training is resumed, so that no epoch is there twice or missing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from dreampedal.engine.runtime.files import written_whole

CSV_NAME = "log.csv"

Row = Mapping[str, float]


class Logs:
    """The logs of one training, in its folder; a context that closes them.

    Args:
        history: rows of the epochs so far, each with "epoch".
    """

    def __init__(self, folder: Path, history: Sequence[Row]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._csv, self._rows = folder / CSV_NAME, list(history)
        self._events = SummaryWriter(folder)
        for row in history:
            self._add_scalars(row)
        self._write_csv()

    def add(self, row: Row) -> None:
        """An epoch more; OSError if the disk is full."""
        self._rows.append(row)
        self._write_csv()
        self._add_scalars(row)
        self._events.flush()

    def _add_scalars(self, row: Row) -> None:
        for name, value in row.items():
            if name != "epoch":
                self._events.add_scalar(name, value, int(row["epoch"]))

    def _write_csv(self) -> None:
        text = io.StringIO(newline="")
        names = list(self._rows[0]) if self._rows else ["epoch"]
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(self._rows)
        with written_whole(self._csv) as part:
            part.write_text(text.getvalue(), encoding="utf-8", newline="")

    def __enter__(self) -> Logs:
        return self

    def __exit__(self, *_: object) -> None:
        self._events.close()
