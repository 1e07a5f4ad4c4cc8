"""What may be done with what was learned: licences and rights of soundfonts, as they are known or as the files say."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path

KNOWN = {
    "FluidR3_GM": "MIT", "MuseScore_General": "MIT", "MuseScore_General_Full": "MIT",
    "freepats": "GPL-2.0-or-later with exception",
}  # fmt: skip
"""Licences by the name of a soundfont, without its ending."""

MOST_BYTES = 65_536
"""Read of a soundfont: what it says of itself stands at its beginning."""


def line(soundfonts: Sequence[Path], recordings: Sequence[Path] = ()) -> str:
    """One line for the manifest.

    >>> line([Path("FluidR3_GM.sf2"), Path("mine.sf2")], [Path("songs")])
    'as the soundfonts: FluidR3_GM MIT, mine not said; as the recordings in songs'
    """
    fonts = ", ".join(f"{font.stem} {KNOWN.get(font.stem) or rights(font) or 'not said'}" for font in soundfonts)
    folders = f"; as the recordings in {', '.join(folder.name for folder in recordings)}" if recordings else ""
    return f"as the soundfonts: {fonts}{folders}"


def rights(soundfont: Path) -> str:
    """What a soundfont says of its rights (the chunk ICOP of its list INFO), "" where it says nothing."""
    try:
        with soundfont.open("rb") as stream:
            start = stream.read(MOST_BYTES)
    except OSError:
        return ""
    at, end = 20, 0
    if start[:4] == b"RIFF" and start[8:12] == b"sfbk" and start[12:16] == b"LIST" and len(start) > at + 4:
        end = min(len(start), at + struct.unpack_from("<I", start, 16)[0])
        at += 4
    while at + 8 <= end:
        size = struct.unpack_from("<I", start, at + 4)[0]
        if start[at : at + 4] == b"ICOP":
            text = start[at + 8 : min(end, at + 8 + size)].split(b"\0")[0].decode("latin-1")
            return re.sub(r"[\s;,]+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()[:200]
        at += 8 + size + size % 2
    return ""
