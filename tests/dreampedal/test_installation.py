"""The package as it is installed: from a wheel, and editable."""

import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("dreampedal", "engine", "effects", "export", "presets")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built of a copy of the sources, so that nothing is built in the checkout."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", out, source], check=True, env=os.environ | {"PYTHONWARNINGS": "ignore"})
    return next(out.glob("dreampedal-*.whl"))


def test_wheel_holds_every_module_and_everything_that_ships(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in FOLDERS:
        inside = "dreampedal" if folder == "dreampedal" else f"dreampedal/{folder}"
        modules = (path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*.py"))
        wanted = {f"{inside}/{module}" for module in modules} | {f"{inside}/py.typed"}
        assert wanted <= names
    for path in (ROOT / "presets").rglob("*"):
        if path.suffix in (".toml", ".onnx", ".flac", ".md"):
            assert f"dreampedal/{path.relative_to(ROOT)}" in names
    assert "dreampedal/presets/recordings/LICENSES.md" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("engine", "effects", "tests", "bench", "build"))]


def test_wheel_works_where_there_is_no_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import dreampedal, dreampedal.engine.host.board, dreampedal.presets.loader as loader\n"
        "print(dreampedal.engine.host.board.__file__, loader.__file__, *dreampedal.library.folders, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
    )  # fmt: skip
    board, loader, shipped, _ = map(Path, done.stdout.splitlines())
    assert board.is_relative_to(tmp_path) and loader.is_relative_to(tmp_path)
    assert shipped == tmp_path / "site" / "dreampedal" / "presets"


def test_modules_come_from_the_checkout_whatever_the_folder(tmp_path):
    """An editable install maps five folders; none of them may be hidden by the folder that one works in."""
    code = "import dreampedal.engine.host.contract.effect as effect; print(effect.__file__)"
    found = set()
    for folder in (tmp_path, ROOT, ROOT / "tests"):
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True)
        found.add(done.stdout)
    assert len(found) == 1


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    for requirement in chain(project["dependencies"], *project["optional-dependencies"].values()):
        name = re.match(r"[\w-]+", requirement)[0].replace("-", "_").lower()
        assert name in {pin.replace("-", "_") for pin in pins}, requirement
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text().splitlines()


def test_torch_is_wanted_for_training_alone():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not [name for name in project["dependencies"] if name.startswith("torch")]
    extras = {extra for extra, names in project["optional-dependencies"].items() if any("torch" in n for n in names)}
    assert extras == {"train"}


@pytest.mark.skipif("CI" not in os.environ, reason="asked of continuous integration alone")
@pytest.mark.parametrize("package", ["torch", "fluidsynth", "matplotlib", "librosa", "pyroomacoustics"])
def test_continuous_integration_skips_no_test_for_want_of_a_package(package):
    importlib.import_module(package)


@pytest.mark.skipif("CI" not in os.environ, reason="asked of continuous integration alone")
@pytest.mark.parametrize("soundfont", ["FluidR3_GM.sf2", "TimGM6mb.sf2"])
def test_continuous_integration_skips_no_test_for_want_of_a_soundfont(soundfont):
    assert Path("/usr/share/sounds/sf2", soundfont).is_file()
