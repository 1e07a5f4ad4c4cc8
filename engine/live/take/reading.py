"""Reading a take: whole, or cut back to where it is whole, or refused with the file that is damaged."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from dreampedal.engine.live.take.take import (
    CHANGES,
    FORMAT,
    HEADER,
    KINDS,
    LOG,
    MOST_LATENCY_SECONDS,
    VERSION,
    Changed,
    Entry,
    FileStart,
    Header,
    Restarted,
    Stretch,
)
from dreampedal.engine.live.take.wav import WavFile, frames_of
from dreampedal.engine.runtime.blocks import Block


@dataclass(frozen=True)
class Take:
    """A take that was read: whole, or cut back to where it is whole."""

    folder: Path
    header: Header
    entries: tuple[Entry, ...]
    stretches: tuple[Stretch, ...]
    files: tuple[tuple[FileStart, WavFile], ...]
    cut: str
    """One line on what is left out, if it was cut off; else empty."""

    @property
    def samples(self) -> int:
        """Samples of each channel."""
        return self.stretches[-1].end

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.samples / self.header.sample_rate

    def input(self) -> Iterator[tuple[Stretch, Block]]:
        """The input from the start, (channels, n) for each stretch.

        Raises:
            ValueError: for samples that are not those that were recorded; it names the file.
        """
        for stretch in self.stretches:
            block = self._read(stretch.first, stretch.end)
            if zlib.crc32(frames_of(block)) != stretch.input:
                raise ValueError(
                    f"{self._files_of(stretch)}: the samples from {self._clock(stretch.first)} to "
                    f"{self._clock(stretch.end)} are not those that were recorded: expected the file as it was"
                )
            yield stretch, block

    def _read(self, first: int, end: int) -> Block:
        """Samples from one file or several."""
        parts = []
        for index, (begun, file) in enumerate(self.files):
            until = self.files[index + 1][0].at if index + 1 < len(self.files) else end
            start, stop = max(first, begun.at), min(end, until)
            if start < stop:
                parts.append(file.read(start - begun.at, stop - start))
        if not parts:
            return np.zeros((self.header.channels, 0), np.float32)
        return np.concatenate(parts, axis=1)

    def _files_of(self, stretch: Stretch) -> str:
        held = [(begun.at, begun.at + file.samples, str(file.path)) for begun, file in self.files]
        return " or ".join(path for at, end, path in held if at < stretch.end and stretch.first < end)

    def _clock(self, sample: int) -> str:
        return f"{sample / self.header.sample_rate:.1f} s"


def read_take(folder: Path) -> Take:
    """The take in a folder, its header, its log and the sizes of its sound checked; `Take.input` checks the rest.

    Raises:
        ValueError: for a folder that is no take, and for a file that is missing or damaged: it names the file, what was
            found and what was expected.
    """
    folder = _the_take_in(Path(folder))
    header = _read_header(folder / HEADER)
    stretches, entries, begun = _read_log(folder / LOG)
    files = [WavFile.open(folder / each.file, header.sample_rate, header.channels) for each in begun]
    for index, file in enumerate(files[:-1]):
        _require_samples(file, begun[index + 1].at - begun[index].at)
    ended = bool(stretches) and stretches[-1].last
    if ended:
        _require_samples(files[-1], stretches[-1].end - begun[-1].at, or_fewer=True)
    there = begun[-1].at + files[-1].samples if files else 0
    whole = tuple(stretch for stretch in stretches if stretch.end <= there)
    if not whole or not whole[-1].end:
        raise ValueError(f"{folder} holds no whole second: it was cut off before, or nothing was played")
    kept = whole[-1].end
    cut = "" if whole[-1].last else f"{folder} was cut off: {kept / header.sample_rate:.1f} s of it are whole"
    return Take(folder, header, tuple(_within(entries, kept)), whole, tuple(zip(begun, files, strict=True)), cut)


def _the_take_in(folder: Path) -> Path:
    """The folder itself, or the only take in it; a ValueError that says what is there instead."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file: expected a folder" if folder.exists() else f"{folder}: no such take")
    if (folder / HEADER).exists() or (folder / LOG).exists():
        return folder
    inside = sorted(path.parent for path in folder.glob(f"*/{HEADER}"))
    if len(inside) == 1:
        return inside[0]
    if inside:
        raise ValueError(f"{folder} holds {len(inside)} takes: choose one of them, the newest is {inside[-1]}")
    raise ValueError(f"{folder} is no take: expected {HEADER} in it")


def _read_header(path: Path) -> Header:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}: expected the header of a take") from error
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}: expected JSON") from error
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        found = table.get("format") if isinstance(table, dict) else table
        raise ValueError(f"{path}: format is {found!r}: expected {FORMAT!r}")
    if table.get("version") != VERSION:
        raise ValueError(f"{path}: version is {table.get('version')!r}: this DreamPedal reads version {VERSION}")
    header: Header = _made(Header, table, str(path))
    if header.total_latency > MOST_LATENCY_SECONDS * header.sample_rate:
        raise ValueError(
            f"{path}: latency and buffers make {header.total_latency} samples: expected at most "
            f"{MOST_LATENCY_SECONDS * header.sample_rate}"
        )
    return header


def _read_log(path: Path) -> tuple[list[Stretch], list[Entry], list[FileStart]]:
    """What the log holds up to the last stretch that is whole; a ValueError if there is damage before it."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}: expected the log of a take") from error
    stretches: list[Stretch] = []
    entries: list[Entry] = []
    files: list[FileStart] = []
    damage, opened = "", 0
    for number, line in enumerate(lines):
        if not line.startswith(b'{"kind": "whole"'):
            continue
        group, opened = lines[opened : number + 1], number + 1
        where = f"{path}: line {opened}"
        if not _is_whole(group):
            damage = damage or f"{path}: {_damaged(group, opened)}"
            continue
        if damage:
            raise ValueError(damage)
        *found, stretch = [_entry(each, where) for each in group]
        if stretch.first != (stretches[-1].end if stretches else 0):
            raise ValueError(f"{where} begins at sample {stretch.first}: expected {stretches[-1].end}; lines are lost")
        stretches.append(stretch)
        files += [each for each in found if isinstance(each, FileStart)]
        entries += [each for each in found if not isinstance(each, FileStart)]
    return stretches, entries, files


def _is_whole(group: list[bytes]) -> bool:
    """Whether lines up to a closing one are those that were written."""
    said, mark, wanted = group[-1].rpartition(b', "lines": ')
    before = b"".join(line + b"\n" for line in group[:-1])
    return bool(mark) and wanted == b"%d}" % zlib.crc32(before + said + b"}")


def _damaged(group: list[bytes], last: int) -> str:
    """Which of the lines that end with line `last` is damaged, as far as one can see."""
    for number, line in enumerate(group, last - len(group) + 1):
        try:
            json.loads(line)
        except ValueError:
            return f"line {number} is damaged: {line[:40]!r}: expected JSON"
    return f"lines {last - len(group) + 1} to {last} do not match their checksum: expected them as they were written"


def _entry(line: bytes, where: str) -> Any:
    """What a line says; a ValueError if it is nothing that is known."""
    table = json.loads(line)
    kind = table.pop("kind", None)
    if kind in CHANGES:
        at = table.pop("at", None)
        if not isinstance(at, int) or at < 0:
            raise ValueError(f"{where}: at = {at!r}: expected a sample")
        return Changed(at, _made(CHANGES[kind], table, where))
    if kind not in KINDS:
        raise ValueError(f"{where}: kind = {kind!r}: expected one of {', '.join([*CHANGES, *KINDS])}")
    if kind == "whole":
        del table["lines"]
    return _made(KINDS[kind], table, where)


def _within(entries: list[Entry], samples: int) -> Iterator[Entry]:
    """Entries that say something of these first samples."""
    for entry in entries:
        if not (isinstance(entry, Changed | Restarted) and entry.at >= samples):
            yield entry


def _require_samples(file: WavFile, samples: int, or_fewer: bool = False) -> None:
    if file.samples != samples and not (or_fewer and file.samples < samples):
        raise ValueError(f"{file.path} holds {file.samples} samples: expected {samples}")


@lru_cache
def _adapter(cls: Any) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def _made(cls: Any, table: Mapping[str, Any], where: str) -> Any:
    """A dataclass from a table, its types and ranges checked."""
    unknown = [key for key in table if key not in {each.name for each in fields(cls)}]
    if unknown:
        raise ValueError(f"{where}: unknown key {unknown[0]!r}: expected {', '.join(e.name for e in fields(cls))}")
    try:
        return _adapter(cls).validate_json(json.dumps(table), strict=True)
    except ValidationError as error:
        wrong = error.errors()[0]
        name = ".".join(str(part) for part in wrong["loc"]) or "it"
        said = wrong["msg"].replace("Input should be", "expected").replace("Field required", "expected, and missing")
        found = "" if wrong["type"] == "missing" else f" = {wrong['input']!r}"
        raise ValueError(f"{where}: {name}{found}: {said}") from error
