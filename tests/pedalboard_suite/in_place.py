"""A plugin for pytest that runs pedalboard's own tests with a Board in place of its Pedalboard, and a Mix of its Mix.

Its tests import names, so the names are swapped in a stand-in for the module that only they see. A native that a test
plays alone is played by a board that holds it.

    make pedalboard-suite PEDALBOARD=path/to/its/checkout

`differences.txt` lists the cases in which a board is meant to differ, with the reason. Anything else that fails, fails.
"""

import fnmatch
import importlib.util
import re
import sys
import types
import weakref
from pathlib import Path

import pedalboard
import pytest

from dreampedal import Board, Mix
from dreampedal.engine.host.natives import probe as native_probe  # noqa: F401 - whatever reads pedalboard is loaded before the swap

SWAPPED = {"Pedalboard": Board, "Mix": Mix}
LIST = Path(__file__).with_name("differences.txt")
LEFT_OUT = {
    "test_audio_stream.py": "sound devices",
    "test_benchmark.py": "times, for pytest-benchmark",
    "test_io.py": "files",
    "test_io_threading.py": "files",
    "test_resampled_io.py": "files",
    "test_stream_resampler.py": "no plugin",
    "test_time_stretch.py": "no plugin",
    "test_type_hints.py": "mypy on pedalboard's own stubs",
}
"""What plays nothing through a plugin."""

NEED_MIDO = ("test_external_plugins.py", "test_memory_leaks.py", "test_midi_utils.py")
"""Where mido is not installed these are left out; their plugins lie in Git LFS, and are skipped where they are not."""


class StandIn(types.ModuleType):
    """pedalboard, as its tests see it."""

    def __init__(self):
        super().__init__("pedalboard")
        self.__dict__.update({name: value for name, value in vars(pedalboard).items() if name[:2] != "__"})
        self.__dict__.update(SWAPPED, __path__=pedalboard.__path__, __version__=pedalboard.__version__)
        self.__spec__ = pedalboard.__spec__


class Swap:
    """Hands the stand-in to whoever imports pedalboard while a test module is loaded."""

    def __enter__(self):
        sys.modules["pedalboard"] = StandIn()

    def __exit__(self, *_):
        sys.modules["pedalboard"] = pedalboard


def is_a_test(frame):
    return str(frame.f_globals.get("__name__", "")).rpartition(".")[2].startswith(("test_", "utils"))


def play_on_boards(cls):
    """Let `process` and a call of a native, if a test calls it, be those of a board."""
    process, boards = cls.process, weakref.WeakKeyDictionary()

    def played(self, input_array, *args, **kwargs):
        if not is_a_test(sys._getframe(1)) or isinstance(input_array, list) or not getattr(self, "is_effect", False):
            return process(self, input_array, *args, **kwargs)
        if self not in boards:
            boards[self] = Board([self])
        return boards[self].process(input_array, *args, **kwargs)

    cls.process = cls.__call__ = played


for _found in [*vars(pedalboard).values()]:
    if isinstance(_found, type) and issubclass(_found, pedalboard.Plugin) and "process" in vars(_found):
        play_on_boards(_found)


def differences():
    """Patterns of test ids, each with the reason that stands above it in the list."""
    reason, found = [], {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            reason.append(line[1:].strip())
        elif line.strip():
            found[line.strip()] = " ".join(reason)
        else:
            reason = []
    return found


class Module(pytest.Module):
    def _getobj(self):
        with Swap():
            return super()._getobj()


def why_left_out(name):
    """Why a file of tests is not run; None if it is."""
    if name in NEED_MIDO and importlib.util.find_spec("mido") is None:
        return "mido is not installed"
    return LEFT_OUT.get(name)


def pytest_ignore_collect(collection_path):
    return True if why_left_out(collection_path.name) else None


def pytest_report_header(config):
    files = sorted(path.name for path in Path(config.rootpath, "tests").glob("test_*.py"))
    return [f"left out: {name} ({reason})" for name in files if (reason := why_left_out(name))]


def pytest_pycollect_makemodule(module_path, parent):
    return Module.from_parent(parent, path=module_path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    known = differences()
    for item in items:
        name = re.sub(r"^.*tests/", "", item.nodeid)
        for pattern, reason in known.items():
            if fnmatch.fnmatchcase(name, pattern.replace("[", "[[]")):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=False))
