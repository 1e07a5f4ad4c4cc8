"""What keeps the inside easy to enter: no circles, small folders, short signatures, one meaning a name.

import-linter holds the order of the rooms; here is what it does not ask for.
"""

import ast
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("dreampedal", "presets", "effects", "engine", "export")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
SOURCES = [*FILES, *sorted((ROOT / "bench").rglob("*.py")), *sorted((ROOT / "examples").rglob("*.py"))]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
MOST_FILES, MOST_PARAMETERS = 14, 10


def name_of(path):
    """The module of a file; a folder's `__init__.py` has the folder's name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "dreampedal" else ("dreampedal", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def imported_by(module):
    """Modules of ours that a file names in its imports, wherever they stand and whatever for, types too."""
    path, found = MODULES[module], set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found.update(name if (name := f"{base}.{alias.name}") in MODULES else base for alias in node.names)
    return {name for name in found if name in MODULES and name != module}


def circles(graph):
    """Each set of nodes that reach one another."""
    reached = {}
    for start in graph:
        seen, todo = set(), [start]
        while todo:
            for found in graph.get(todo.pop(), ()):
                if found not in seen:
                    seen.add(found)
                    todo.append(found)
        reached[start] = seen
    return {frozenset(b for b in reached[a] if a in reached.get(b, ())) for a in graph if a in reached[a]}


IMPORTS = {module: imported_by(module) for module in MODULES}


def folder_of(module):
    return module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]


def test_no_files_import_each_other_in_a_circle():
    assert not circles(IMPORTS)


def test_no_folders_import_each_other_in_a_circle():
    folders = {}
    for module, found in IMPORTS.items():
        others = {folder_of(name) for name in found} - {folder_of(module)}
        folders.setdefault(folder_of(module), set()).update(others)
    assert not circles(folders)


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == {frozenset("abc")}
    assert not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_no_folder_holds_more_files_than_one_sees_at_a_glance():
    counts = Counter(path.parent.relative_to(ROOT) for path in SOURCES)
    assert not {str(folder): count for folder, count in counts.items() if count > MOST_FILES}


@pytest.mark.parametrize("folder", [*PACKAGES, "bench", "examples"])
def test_no_function_takes_more_than_ten_parameters(folder):
    long = []
    for path, tree in TREES.items():
        if path.relative_to(ROOT).parts[0] != folder:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                given = node.args
                count = len(given.posonlyargs + given.args + given.kwonlyargs) + bool(given.vararg) + bool(given.kwarg)
                if count > MOST_PARAMETERS:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno}: {count}")
    assert not long


def test_no_class_name_means_two_things():
    homes = {}
    for path, tree in TREES.items():
        if path.relative_to(ROOT).parts[0] in ("engine", "effects"):
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    homes.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert not {name: files for name, files in homes.items() if len(files) > 1}


def test_every_folder_of_modules_is_installed():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert sorted(declared) == sorted({folder_of(module) for module in MODULES})
