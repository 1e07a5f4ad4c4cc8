"""Logs of a training: one row an epoch, as CSV for people and spreadsheets, and as event files for TensorBoard.

Both are written anew from the history when a training is resumed, so that no epoch is there twice or missing.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from dreampedal.engine.runtime.files import written_whole

CSV_NAME = "log.csv"
EVENTS_NAME = "events.out.tfevents.dreampedal"
"""TensorBoard takes every file with `tfevents` in its name."""

Row = Mapping[str, float]


class Logs:
    """The logs of one training, in its folder; a context that closes them.

    Args:
        history: rows of the epochs so far, each with "epoch".
    """

    def __init__(self, folder: Path, history: Sequence[Row]) -> None:
        self._csv, self._rows = folder / CSV_NAME, list(history)
        target = folder / EVENTS_NAME
        with written_whole(target) as part, part.open("wb") as file:
            _write_events(file, [_opening(), *(_scalars(row) for row in history)])
        self._events = target.open("ab", buffering=0)
        self._write_csv()

    def add(self, row: Row) -> None:
        """An epoch more; OSError if the disk is full."""
        self._rows.append(row)
        self._write_csv()
        _write_events(self._events, [_scalars(row)])

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

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._events.close()


def _opening() -> bytes:
    """The first event of a file, which says what version of the format follows."""
    from tensorboard.compat.proto.event_pb2 import Event

    return Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString()


def _scalars(row: Row) -> bytes:
    """One epoch as an event: every figure under its name, at the epoch's step."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = [Summary.Value(tag=name, simple_value=value) for name, value in row.items() if name != "epoch"]
    return Event(wall_time=time.time(), step=int(row["epoch"]), summary=Summary(value=values)).SerializeToString()


def _write_events(file: BinaryIO, events: Sequence[bytes]) -> None:
    """Events in TensorBoard's framing, in one write."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    framed = io.BytesIO()
    writer = RecordWriter(framed)
    for event in events:
        writer.write(event)
    file.write(framed.getvalue())
