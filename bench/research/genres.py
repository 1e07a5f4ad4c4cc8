"""Cut the clips of seven genres out of Debian packages: `python -m bench.research.genres FOLDER`.

`bench/genres.csv` says, a row a track, which file of which package it is, who made it, under which licence, and at
which seconds its clips of 5 s begin. Packages (3.5 GB) are fetched by apt-get one after the other, and thrown away once
cut. What is written is a labelled set: `<genre>/<track>_<number>.flac` at 44.1 kHz in stereo, and `manifest.csv`. A
package whose clips are all there is not fetched again, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pedalboard.io import AudioFile

from dreampedal.engine.runtime.files import written_whole

TRACKS = Path(__file__).parents[1] / "genres.csv"
"""Where it has always been: the manifests of shipped models name it."""
SAMPLE_RATE, SECONDS = 44_100, 5.0
LOUDEST = 0.97
COLUMNS = (
    "clip", "track", "genre", "style2", "split", "package", "file", "start_s", "length_s", "author", "licence"
)  # fmt: skip


def clips_of(track: dict[str, str]) -> list[dict[str, str]]:
    """The rows of the manifest that a track gives.

    >>> row = dict.fromkeys(("track", "genre", "style2", "split", "package", "file", "author", "licence"), "x")
    >>> [(clip["clip"], clip["start_s"]) for clip in clips_of(row | {"starts_s": "8.0 34.27"})]
    [('x/x_0.flac', '8.0'), ('x/x_1.flac', '34.27')]
    """
    same = {name: track[name] for name in COLUMNS if name in track}
    return [
        {"clip": f"{track['genre']}/{track['track']}_{number}.flac", "start_s": start, "length_s": str(SECONDS)} | same
        for number, start in enumerate(track["starts_s"].split())
    ]


def files_of(name: str) -> list[str]:
    """The files whose sum a track is.

    >>> files_of("songs/{song,guitar}.ogg")
    ['songs/song.ogg', 'songs/guitar.ogg']
    """
    found = re.fullmatch(r"(.*)\{(.*)\}(.*)", name)
    return [found[1] + part + found[3] for part in found[2].split(",")] if found else [name]


def unpacked(package: str, names: list[str], folder: Path) -> None:
    """Fetch a package and unpack these files of it into a folder, each at its name.

    A name with a `!` is that of a file within an archive (zip, pk3) of the package.
    """
    outer = sorted({name.partition("!")[0] for name in names})
    try:
        # The folder is ours alone, and apt's own user could not write there.
        fetching = ["apt-get", "download", "--quiet", "--option", "APT::Sandbox::User=root", package]
        subprocess.run(fetching, cwd=folder, check=True)
        (archive,) = folder.glob("*.deb")
        reading = ["dpkg-deb", "--fsys-tarfile", str(archive)]
        with subprocess.Popen(reading, stdout=subprocess.PIPE) as whole:
            writing = ["tar", "--extract", "--directory", str(folder), *(f"./{name}" for name in outer)]
            subprocess.run(writing, stdin=whole.stdout, check=True)
        if whole.returncode:
            raise subprocess.CalledProcessError(whole.returncode, reading)
    except FileNotFoundError as error:
        raise ValueError(f"{error.filename} is not there: expected Debian, or a system like it") from error
    except subprocess.CalledProcessError as error:
        raise ValueError(f"{package}: {error.cmd[0]} ended with status {error.returncode}") from error
    archive.unlink()
    for name in names:
        within, _, member = name.partition("!")
        if member:
            unzipped(folder / within, member, folder / name)


def unzipped(archive: Path, member: str, to: Path) -> None:
    """Copy a file out of a zip archive."""
    try:
        with zipfile.ZipFile(archive) as inside, inside.open(member) as source:
            to.parent.mkdir(parents=True, exist_ok=True)
            with open(to, "wb") as target:
                shutil.copyfileobj(source, target)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{archive.name}: {member} is not in it: {error}") from error


def cut(folder: Path, name: str, start: float) -> NDArray[np.float32]:
    """`SECONDS` of a track from second `start` on, as (2, samples), brought under `LOUDEST`; of all files of a sum."""
    out = np.zeros((2, round(SECONDS * SAMPLE_RATE)), np.float32)
    longest = 0
    for one in files_of(name):
        with AudioFile(str(folder / one)).resampled_to(SAMPLE_RATE) as file:
            file.seek(round(start * SAMPLE_RATE))
            heard = file.read(out.shape[1])
        out[:, : heard.shape[1]] += heard[:2]
        longest = max(longest, heard.shape[1])
    if longest < out.shape[1]:
        found = f"ends {longest / SAMPLE_RATE:.3f} s after {start:g} s"
        raise ValueError(f"{name} {found}: expected {SECONDS:g} s; the package is another than {TRACKS.name} is of")
    return out * np.float32(min(1.0, LOUDEST / max(np.abs(out).max(), LOUDEST)))


def fetch(into: Path) -> None:
    """Cut every clip that is not there yet, package by package, and write the manifest."""
    with open(TRACKS, encoding="utf-8", newline="") as lines:
        tracks = list(csv.DictReader(lines))
    packages = defaultdict(list)
    for track in tracks:
        if any(not (into / clip["clip"]).is_file() for clip in clips_of(track)):
            packages[track["package"]].append(track)
    for package, missing in packages.items():
        print(f"{package}: {len(missing)} tracks", flush=True)
        with tempfile.TemporaryDirectory() as place:
            unpacked(package, [name for track in missing for name in files_of(track["file"])], Path(place))
            for track in missing:
                for clip in clips_of(track):
                    audio = cut(Path(place), track["file"], float(clip["start_s"]))
                    (into / clip["clip"]).parent.mkdir(parents=True, exist_ok=True)
                    with (
                        written_whole(into / clip["clip"]) as part,
                        AudioFile(str(part), "w", samplerate=SAMPLE_RATE, num_channels=2, bit_depth=16) as file,
                    ):
                        file.write(audio)
    with written_whole(into / "manifest.csv") as part, open(part, "w", encoding="utf-8", newline="") as lines:
        table = csv.DictWriter(lines, COLUMNS)
        table.writeheader()
        table.writerows(clip for track in tracks for clip in clips_of(track))


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("expected a folder: python -m bench.research.genres FOLDER")
    try:
        fetch(Path(sys.argv[1]))
    except (ValueError, OSError) as error:
        sys.exit(f"genres: {error}")


if __name__ == "__main__":
    main()
