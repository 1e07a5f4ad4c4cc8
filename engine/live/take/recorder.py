"""Recording a take while it is played, so that whatever ends the program leaves a take that can be read.

A thread of its own asks for what was captured, twenty times a second, and writes it down; every half second it waits
until sound and log are on the disk, the sound first. Nothing that a disk does reaches the audio.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from dreampedal.engine.dsp.processor import processor
from dreampedal.engine.live.take.samples import kept_of, written
from dreampedal.engine.live.take.take import (
    FORMAT,
    HEADER,
    LOG,
    VERSION,
    Entry,
    FileStart,
    Header,
    Stretch,
    closing_line,
    installed,
    line_of,
)
from dreampedal.engine.live.take.wav import FILE_BYTES, GrowingWav, frames_for, frames_of
from dreampedal.engine.runtime.blocks import Block
from dreampedal.engine.runtime.files import written_whole

POLL_SECONDS = 0.05
STRETCH_SECONDS = 0.5
"""How much a take loses at most, besides what was not yet asked for."""


@dataclass(frozen=True)
class Captured:
    """What happened since the last question."""

    input: Block
    """As the engine heard it, float32 (channels, n)."""
    output: Block
    """As the device got it, of the same n samples."""
    entries: list[Entry]
    """What happened: all that these samples of the output come from, unless it was told before."""
    lost: int = 0
    """Samples before these that nobody asked for in time."""


class Recorder:
    """Writes one take into a new folder of its own under `parent`, which is made if it is not there.

    Raises:
        ValueError: if the folder cannot be made or written.
    """

    def __init__(self, parent: Path, header: Header, file_bytes: int = FILE_BYTES) -> None:
        self.trouble = ""
        """Why recording stopped early, in one line; empty while all is well."""
        began = header.began or datetime.now().astimezone().isoformat(timespec="seconds")
        self.header = replace(
            header, libraries=header.libraries or installed(), processor=header.processor or processor(), began=began
        )
        self._samples_each = frames_for(file_bytes, header.channels)
        self._stretch = Stretch(0, 0, 0, 0)
        self._kept = b""
        self._lines = ""
        self._files = 0
        self._wav: GrowingWav | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._synced_at = time.monotonic()
        try:
            self.folder = new_folder(parent)
            with written_whole(self.folder / HEADER) as part:
                facts = {"format": FORMAT, "version": VERSION} | asdict(self.header)
                part.write_text(json.dumps(facts, indent=2, allow_nan=False) + "\n", encoding="utf-8")
                _onto_disk(part)
            self._log = (self.folder / LOG).open("xb", buffering=0)
            self._next_file()
            _onto_disk(self.folder)
        except OSError as error:
            raise ValueError(f"{parent}: nothing can be recorded here: {error.strerror}") from error

    @property
    def samples(self) -> int:
        """Samples of each channel that were written."""
        return self._stretch.end

    @property
    def seconds(self) -> float:
        """What was recorded by now."""
        return self.samples / self.header.sample_rate

    def start(self, read: Callable[[], Captured]) -> None:
        """Begin to ask `read`, from a thread of the recorder's own."""
        self._thread = threading.Thread(target=self._run, args=(read,), name="recorder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left to be read, and end the take. One that never began leaves no folder."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        elif not self._log.closed:
            self._close()
            shutil.rmtree(self.folder)

    def _run(self, read: Callable[[], Captured]) -> None:
        try:
            stopping = False
            while not stopping:
                stopping = self._stopping.wait(POLL_SECONDS)
                while self._add(read()):
                    pass
                if stopping or time.monotonic() - self._synced_at >= STRETCH_SECONDS:
                    self._sync(last=stopping)
        except Exception as error:  # whatever it is, the sound goes on and the player is told
            said = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
            self.trouble = f"recording stopped after {self.seconds:.1f} s: {said} ({self.folder}); the sound goes on"
        finally:
            self._close()

    def _close(self) -> None:
        self._log.close()
        if self._wav:
            self._wav.close()

    def _add(self, captured: Captured) -> bool:
        """Write down what was captured; whether there was any."""
        if captured.lost:
            self._sync()
            raise ValueError(f"the disk was too slow, {captured.lost} samples are lost")
        for entry in captured.entries:
            self._lines += line_of(entry) + "\n"
        sound, heard = frames_of(captured.input), frames_of(captured.output)
        self._append(sound, captured.input.shape[1])
        self._kept += kept_of(captured.output, self._stretch.end)
        self._stretch = replace(
            self._stretch,
            end=self._stretch.end + captured.input.shape[1],
            input=zlib.crc32(sound, self._stretch.input),
            heard=zlib.crc32(heard, self._stretch.heard),
        )
        if self._stretch.end - self._stretch.first >= STRETCH_SECONDS * self.header.sample_rate:
            self._sync()
        return bool(captured.entries or captured.input.shape[1])

    def _append(self, sound: bytes, samples: int) -> None:
        """Add frames to the file, and to the next where it is full."""
        frame = len(sound) // samples if samples else 0
        while samples:
            assert self._wav is not None
            room = min(samples, self._samples_each - self._wav.samples)
            self._wav.append(sound[: room * frame])
            sound, samples = sound[room * frame :], samples - room
            if samples:
                self._next_file()

    def _next_file(self) -> None:
        """Close a file that is full, and begin another."""
        begun = 0
        if self._wav:
            self._wav.sync()
            self._wav.close()
            begun = self._files * self._samples_each
        self._files += 1
        name = f"input-{self._files:04d}.wav"
        self._wav = GrowingWav(self.folder / name, self.header.sample_rate, self.header.channels)
        self._lines += line_of(FileStart(name, begun)) + "\n"

    def _sync(self, last: bool = False) -> None:
        """What was captured is whole from now on: first the sound, and when that is on the disk, the lines."""
        self._synced_at = time.monotonic()
        if not (last or self._lines or self._stretch.end > self._stretch.first):
            return
        assert self._wav is not None
        self._wav.sync()
        stretch = replace(self._stretch, last=last, samples=written(self._kept))
        content = f"{self._lines}{closing_line(stretch, self._lines)}\n".encode()
        while content:
            content = content[self._log.write(content) :]
        os.fsync(self._log.fileno())
        self._lines, self._kept, self._stretch = "", b"", Stretch(stretch.end, stretch.end, 0, 0)


def new_folder(parent: Path) -> Path:
    """Make a folder in `parent`, named by the time; a take that is there already stays as it is."""
    parent.mkdir(parents=True, exist_ok=True)
    name = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for number in range(1, 1000):
        folder = parent / (name if number == 1 else f"{name}_{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(None, "a thousand takes were begun in this second", str(parent))


def _onto_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows keeps folders by itself, and opens none
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
