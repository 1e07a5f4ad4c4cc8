"""The front door: public names that load when asked for, and help that is there at once."""

import subprocess
import sys
from importlib import metadata

import pytest

import dreampedal

HEAVY = ("torch", "onnxruntime", "onnx", "matplotlib", "scipy.signal", "librosa")


def loaded_by(code):
    """The heavy modules that a fresh interpreter holds after `code`."""
    check = f"{code}; import sys; print(*[name for name in {HEAVY!r} + ('numpy',) if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split() if done.stdout.strip() else []


def test_public_names_load_nothing_heavy():
    assert set(loaded_by("from dreampedal import Board, Mix, Dream, Amplify, load_preset, save_preset")) <= {"numpy"}


def test_the_package_itself_loads_not_even_numpy():
    assert loaded_by("import dreampedal") == []


@pytest.mark.parametrize("arguments", [["--help"], ["process", "--help"], ["--version"]])
def test_help_loads_not_even_numpy(arguments):
    begin = "from dreampedal.cli.app import main"
    run = f"{begin}\ntry: main({arguments!r})\nexcept SystemExit as end: assert not end.code\n"
    assert loaded_by(f"exec({run!r})") == []


def test_every_public_name_is_there():
    assert set(dreampedal.__all__) <= set(dir(dreampedal))
    for name in dreampedal.__all__:
        assert getattr(dreampedal, name) is not None


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'Dreem'"):
        _ = dreampedal.Dreem


def test_version_is_that_of_the_installation():
    assert dreampedal.__version__ == metadata.version("dreampedal")


def test_help_without_a_verb(dreampedal):
    run = dreampedal()
    assert run.status == 0 and "Commands:" in run.out


def test_python_dash_m_and_version(dreampedal):
    assert dreampedal("--version").out.startswith("dreampedal ")


def test_training_without_torch_says_what_to_install():
    without = "import sys; sys.modules['torch'] = None; from dreampedal.cli.app import main; "
    code = f"{without}main(['train', 'notes', '--soundfont', 'x'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "dreampedal: torch is not installed: pip install 'dreampedal[train]' brings what this needs\n"
