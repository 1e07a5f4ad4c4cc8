"""Damaged sound files, and what becomes of them in a process of its own, which may crash or hang.

Run as a program, this reads names of files from standard input and answers each with a line of JSON.
"""

import json
import os
import select
import struct
import subprocess
import sys

import numpy as np

PATIENCE_SECONDS = 10.0

EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFF0000)


def mutant(data, others, rng):
    """A file with one to three changes, and their names; `others` are whole files, to be laid beside it."""
    names = []
    for _ in range(rng.integers(1, 4)):
        name = rng.choice(list(_CHANGES))
        data = _CHANGES[name](data, others, rng)
        names.append(str(name))
    return data, names


def _flip(data, _others, rng):
    """Up to eight bits, more of them near the beginning, where headers are."""
    found = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        reach = len(data) if rng.random() < 0.5 else min(len(data), 200)
        found[rng.integers(reach)] ^= 1 << rng.integers(8) if found else 0
    return bytes(found)


def _cut(data, _others, rng):
    """The end is missing."""
    return data[: rng.integers(1, len(data) + 1)]


def _hole(data, _others, rng):
    """Something is missing in the middle."""
    at = rng.integers(len(data))
    return data[:at] + data[at + rng.integers(1, 2000) :] or data


def _insertion(data, _others, rng):
    """Strange bytes in the middle, or behind."""
    at = rng.integers(len(data) + 1)
    return data[:at] + rng.bytes(rng.integers(1, 2000)) + data[at:]


def _zeros(data, _others, rng):
    """A stretch is empty, as a disk leaves it."""
    at, length = rng.integers(len(data)), rng.integers(1, 3000)
    return data[:at] + bytes(min(length, len(data) - at)) + data[at + length :]


def _swap(data, _others, rng):
    """Two stretches have changed places."""
    a, b, c = np.sort(rng.integers(0, len(data) + 1, 3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def _size(data, _others, rng):
    """A number of 16, 32 or 64 bits near the beginning is another."""
    width = rng.choice([2, 4, 8])
    at = rng.integers(0, max(1, min(len(data), 400) - width))
    number = struct.pack(rng.choice(["<", ">"]) + "Q", int(rng.choice(EXTREMES)))
    return data[:at] + (number[:width] if rng.random() < 0.5 else number[-width:]) + data[at + width :]


def _behind(data, others, rng):
    """Another file is laid behind it."""
    return data + others[rng.integers(len(others))]


_CHANGES = {
    "flip": _flip, "cut": _cut, "hole": _hole, "insertion": _insertion, "zeros": _zeros, "swap": _swap,
    "size": _size, "behind": _behind,
}  # fmt: skip


class Reader:
    """A process that reads files, with our reader or with ffmpeg's libraries; one that crashed or hangs is replaced."""

    def __init__(self, how):
        self._how, self._process, self._status = how, None, 0

    def read(self, path):
        """What comes of a file: {"samples", ...} or {"refused"}, or {"lost"}: how the process ended."""
        if self._process is None:
            command = [sys.executable, os.path.abspath(__file__), self._how]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self._process.stdout.readline()  # it has loaded what it needs
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if line:
            return json.loads(line)
        self.close()
        return {"lost": f"status {self._status}" if ready else f"nothing within {PATIENCE_SECONDS} s"}

    def close(self):
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._status = self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None


def ours(path):
    """What a user sees of a file."""
    try:
        with open_sound(Path(path)) as sound:
            count = sum(block.shape[1] for block in sound.blocks())
            return {"samples": count, "told": sound.samples, "rate": sound.sample_rate, "channels": sound.channels}
    except ValueError as error:
        return {"refused": str(error)}
    except Exception:  # what would end in a traceback
        return {"traceback": traceback.format_exc()}


def ffmpeg(path):
    """What FFmpeg plays of a file: whatever it takes it for, and behind every error, as its command line does."""
    found = {"samples": 0, "rate": 0}
    try:
        with av.open(path) as container:
            stream = container.streams.audio[0]
            found["rate"] = stream.codec_context.sample_rate
            for packet in container.demux(stream):
                try:
                    found["samples"] += sum(frame.samples for frame in packet.decode())
                except (av.error.FFmpegError, ValueError):
                    continue
    except (av.error.FFmpegError, ValueError, IndexError, EOFError, AttributeError):
        pass
    return found


if __name__ == "__main__":
    import traceback
    from pathlib import Path

    import av

    from dreampedal.engine.sound.reading import open_sound

    answer = {"ours": ours, "ffmpeg": ffmpeg}[sys.argv[1]]
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(line.rstrip("\n"))), flush=True)
