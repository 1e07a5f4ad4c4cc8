"""The library: models, presets and references by name, wherever they are kept.

A folder of the library holds presets as `NAME.toml`, models as `models/NAME.onnx` and references as
`references/NAME.npz`. Whoever owns a folder registers it; the last one registered is asked first, so that a user's own
`notes` goes before the shipped one. Where a name is expected a path does as well.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> (folder / "models").mkdir()
>>> (folder / "models" / "tiny_example.onnx").touch()
>>> mine = Library([folder])
>>> mine.find("model", "tiny_example").name
'tiny_example.onnx'
>>> mine.find("model", "tiny_exampel")
Traceback (most recent call last):
ValueError: no model named 'tiny_exampel' (did you mean 'tiny_example'?); there are: tiny_example
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dreampedal.engine.runtime.names import listed, suggestion

if TYPE_CHECKING:
    from dreampedal.engine.model.model import Model
    from dreampedal.engine.model.student import StudentModel
    from dreampedal.engine.model.targets import Target


@dataclass(frozen=True)
class Kind:
    """One kind of thing in a library: its folder and the ending of its files."""

    folder: str
    suffix: str


KINDS = {
    "preset": Kind("", ".toml"),
    "model": Kind("models", ".onnx"),
    "reference": Kind("references", ".npz"),
}


class Library:
    """Folders in which names are looked up, the last one first."""

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self.folders = list(folders)
        self.students: list[str] = []
        """Names of the students that are asked, in this order, whether they suit a target that names no model."""
        self.renamed: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        """What old names, of each kind, are called now."""
        self._told: set[tuple[str, str]] = set()
        self._models: dict[tuple[Path, int, int], Model | StudentModel] = {}

    def register(self, folder: Path) -> None:
        """Look names up in `folder` from now on, before every other folder; it need not exist yet."""
        if folder in self.folders:
            self.folders.remove(folder)
        self.folders.append(folder)

    def rename(self, kind: str, names: Mapping[str, str]) -> None:
        """Let old names of a kind stand for new ones from now on, where nothing has the old name itself.

        Whoever uses an old name is told the new one, in one line on stderr, the first time in a process.
        """
        self.renamed[kind] |= names

    def names(self, kind: str) -> dict[str, Path]:
        """Every name of a kind (`preset`, `model`, `reference`) in alphabetical order, and the file it stands for."""
        shape = KINDS[kind]
        found: dict[str, Path] = {}
        for folder in self.folders:
            found |= {file.stem: file for file in (folder / shape.folder).glob(f"*{shape.suffix}")}
        return dict(sorted(found.items()))

    def find(self, kind: str, name: str | os.PathLike[str]) -> Path:
        """The file that `name` stands for: a name of the library, or the path of a file.

        Raises:
            ValueError: if there is neither; it lists the names there are.
        """
        names = self.names(kind)
        if not os.fspath(name):
            raise ValueError(f"the {kind} has an empty name; there are: {listed(names)}")
        path = Path(name)
        if os.fspath(name) in names:
            return names[os.fspath(name)]
        if (now := self.renamed[kind].get(os.fspath(name))) in names and not path.is_file():
            if (kind, os.fspath(name)) not in self._told:
                self._told.add((kind, os.fspath(name)))
                print(f"the {kind} {os.fspath(name)!r} is called {now!r} now", file=sys.stderr)
            return names[now]
        if path.is_file():
            return path
        if path.is_symlink() and not path.exists():
            raise ValueError(f"{path} is a link to {os.readlink(path)}, which is not there")
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path} is a pipe or a device: expected a {kind} file ({KINDS[kind].suffix})")
        if path.is_dir():
            raise ValueError(f"{path} is a folder: expected a {kind} file ({KINDS[kind].suffix})")
        if path.suffix == KINDS[kind].suffix or len(path.parts) > 1:
            raise ValueError(f"{path}: no such {kind} file; there are, by name: {listed(names)}")
        close = suggestion(os.fspath(name), names)
        raise ValueError(f"no {kind} named {os.fspath(name)!r}{close}; there are: {listed(names)}")

    def model(self, name: str | os.PathLike[str]) -> Model | StudentModel:
        """The model that `name` stands for, which dreams on bands, read once for as long as its file stays the same.

        Raises:
            ValueError: if there is no such model, or its file is not one.
        """
        from dreampedal.engine.model.student import dreaming_model  # what reads ONNX is loaded with the first model

        path = self.find("model", name).resolve()
        state = path.stat()
        key = path, state.st_mtime_ns, state.st_size
        if key not in self._models:
            self._models[key] = dreaming_model(path)
        return self._models[key]

    def student_for(self, target: Target, carriers: Iterable[str] = ()) -> str | None:
        """The first of `students` that was distilled for all of a target's terms and may add `carriers`, or None."""
        wanted = set(carriers)
        for name in self.students:
            manifest = self.model(name).manifest
            if manifest.kind == "student" and wanted <= set(manifest.carriers):
                try:
                    target.shares(manifest.targets)
                except ValueError:
                    continue
                return name
        return None


library = Library()
"""The library of this process; the front door registers the shipped folder and the user's."""
