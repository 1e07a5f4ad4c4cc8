"""Published data sets as they are handed out: a folder in its published layout becomes a `LabelledSet`.

None of them comes with DreamPedal; each is read from wherever it was unpacked, and no file of it is changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from dreampedal.export.data.labels import label, require_distinct
from dreampedal.export.data.places import sounds_below
from dreampedal.export.data.recordings import LabelledSet, Recording


def nsynth(folder: str | Path, part: str | None = None, field: str = "instrument_family_str") -> LabelledSet:
    """NSynth (Engel et al. 2017): notes of 4 s at 16 kHz, `nsynth-<part>/examples.json` beside `audio/<note>.wav`.

    Args:
        folder: the folder of one part, or the one that holds the parts.
        part: "train", "valid" or "test"; None takes every part that is there.
        field: what names the class: "instrument_family_str" (11 families) or "instrument_source_str".

    Returns:
        A set whose group is the instrument: the published parts share none.

    Raises:
        ValueError: if there is no such part, or a note has no sound or not this field.
    """
    root = Path(folder)
    parts = [root] if (root / "examples.json").is_file() else sorted(root.glob("nsynth-*/"))
    parts = [one for one in parts if (one / "examples.json").is_file() and (part is None or one.name.endswith(part))]
    if not parts:
        wanted = f"nsynth-{part or 'train'}"
        raise ValueError(f"{root}: no part of NSynth: expected {wanted}/examples.json and {wanted}/audio/")
    found = []
    for one in parts:
        for name, note in _read_json(one / "examples.json").items():
            sound = one / "audio" / f"{name}.wav"
            if not isinstance(note, dict) or not {field, "instrument_str"} <= note.keys():
                raise ValueError(f"{one / 'examples.json'}: {name} has no {field} and instrument_str: expected both")
            found.append((sound, str(note[field]), str(note["instrument_str"])))
    return _labelled(root, found)


def philharmonia(folder: str | Path) -> LabelledSet:
    """The Philharmonia Orchestra's samples: `<instrument>_<note>_<length>_<dynamic>_<articulation>.mp3`.

    The class is the instrument; folders in between do not matter. The group is instrument and note: the same note at
    another length or loudness is nearly the same sound, and stays on the same side.

    Raises:
        ValueError: if there is no sound so named.
    """
    root = Path(folder)
    found = []
    for sound in _sounds(root):
        fields = sound.stem.split("_")
        if len(fields) == 5:
            found.append((sound, fields[0], f"{label(fields[0])} {fields[1] or fields[4]}"))
    if not found:
        raise ValueError(f"{root}: no sound named like cello_A2_1_forte_arco-normal.mp3")
    return _labelled(root, found)


def gtzan(folder: str | Path, chosen: str | Path | None = None) -> LabelledSet:
    """GTZAN (Tzanetakis & Cook 2002): 30 s of ten genres, `<genre>/<genre>.00000.wav` (or .au), also below `genres/`.

    Args:
        chosen: a list of the files to take, a line each (`blues/blues.00029.wav`), such as the lists without repeated,
            wrongly labelled and distorted recordings (Kereliuk, Sturm & Larsen 2015); None takes all.

    Raises:
        ValueError: if there is no sound so named, or the list names one that is not there.
    """
    root = Path(folder)
    root = next((inner for inner in (root / "genres", root / "genres_original") if inner.is_dir()), root)
    there = {
        f"{sound.parent.name}/{sound.stem}": sound
        for sound in _sounds(root)
        if re.fullmatch(re.escape(sound.parent.name) + r"\.\d{5}", sound.stem)
    }
    if not there:
        raise ValueError(f"{root}: no sound named like blues/blues.00000.wav")
    if chosen is not None:
        lines = [line.strip() for line in Path(chosen).read_text(encoding="utf-8").splitlines() if line.strip()]
        names = [str(Path(line).with_suffix("")) for line in lines]
        if missing := [name for name in names if name not in there]:
            raise ValueError(f"{chosen}: {missing[0]} and {len(missing) - 1} more are not in {root}: expected all")
        there = {name: there[name] for name in names}
    return _labelled(root, [(sound, name.split("/")[0], name) for name, sound in there.items()])


def million_song(folder: str | Path, annotation: str | Path) -> LabelledSet:
    """The Million Song Dataset (Bertin-Mahieux et al. 2011): previews named by track, and a file of their genres.

    Args:
        folder: `<track id>.mp3` (or another format) at any depth, such as `A/B/C/TRABC….mp3`.
        annotation: lines `track id<TAB>genre`, comments after `#`, as in the tagtraum annotations (Schreiber 2015);
            where a line has a second genre, it is passed over. Tracks with no sound here are left out.

    Raises:
        ValueError: if a line is none, a track is named twice, or no named track has a sound.
    """
    root = Path(folder)
    genres: dict[str, str] = {}
    for number, line in enumerate(Path(annotation).read_text(encoding="utf-8").splitlines(), 1):
        fields = line.split("#")[0].strip().split("\t")
        if fields == [""]:
            continue
        if len(fields) < 2 or not re.fullmatch(r"TR[A-Z0-9]{16}", fields[0]):
            raise ValueError(f"{annotation}, line {number}: found {line!r}: expected a track id, a tab and a genre")
        if fields[0] in genres:
            raise ValueError(f"{annotation}, line {number}: {fields[0]} again: expected a line a track")
        genres[fields[0]] = fields[1]
    found = [(sound, genres[sound.stem], sound.stem) for sound in _sounds(root) if sound.stem in genres]
    if not found:
        raise ValueError(f"{root}: none of the {len(genres)} tracks of {annotation} has a sound here")
    return _labelled(root, found)


def _labelled(root: Path, found: Iterable[tuple[Path, str, str]]) -> LabelledSet:
    """A set of (sound, class as published, group), in the order of their paths."""
    found = sorted(found)
    require_distinct(root, sorted({name for _, name, _ in found}))
    recordings = tuple(Recording(path=sound, label=label(name), group=group) for sound, name, group in found)
    if missing := [one.path for one in recordings if not one.path.is_file()]:
        raise ValueError(f"{missing[0]} and {len(missing) - 1} more are named in {root} and not there: expected all")
    return LabelledSet(classes=tuple(sorted({one.label for one in recordings})), recordings=recordings)


def _sounds(root: Path) -> list[Path]:
    """Every sound file below a folder, by path."""
    if not root.is_dir():
        raise ValueError(f"{root}: no such folder")
    return sounds_below(root)


def _read_json(path: Path) -> dict[str, object]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: damaged ({error}): expected NSynth's table of notes") from error
    if not isinstance(read, dict):
        raise ValueError(f"{path}: found a {type(read).__name__}: expected NSynth's table of notes by name")
    return read
