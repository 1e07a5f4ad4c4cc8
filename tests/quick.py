"""The tests of `make check`: those of what changed, then as many others as fit into some seconds.

`pytest --quick 40` collects files of tests only. The tests of a changed file are those of its name in the mirrored
folder (`engine/dsp/stft.py`: `tests/engine/dsp/test_stft.py`), or all of that folder where it has none. How long a file
takes is known from the last whole run that was asked to write it down (`make unit TESTS=--write-durations`). Files that
play live wait for `make test`.
"""

import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DURATIONS = Path(__file__).with_name("durations.json")
UNKNOWN_SECONDS = 5.0
LIVE = re.compile(r"mark\.live|\brig\b")


def pytest_addoption(parser):
    group = parser.getgroup("quick")
    group.addoption("--quick", type=float, metavar="SECONDS", help="tests of what changed, and others that fit")
    group.addoption("--write-durations", action="store_true", help="write down how long each file of tests takes")


def pytest_configure(config):
    if config.getoption("quick") is not None:
        config.stash_of_quick = chosen(changed(), seconds_of_files(), config.getoption("quick"))
    if config.getoption("write_durations") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Stopwatch())


def pytest_ignore_collect(collection_path, config):
    files = getattr(config, "stash_of_quick", None)
    if files is not None and collection_path.name.startswith("test_") and collection_path.suffix == ".py":
        return str(collection_path.relative_to(ROOT)) not in files
    return None


def changed():
    """Files that differ from the last commit, new ones too; those of the last commit where none does."""

    def lines(*command):
        done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True)
        return done.stdout.splitlines() if done.returncode == 0 else []

    now = [*lines("diff", "--name-only", "HEAD"), *lines("ls-files", "--others", "--exclude-standard")]
    return now or lines("diff", "--name-only", "HEAD~1", "HEAD")


def seconds_of_files():
    """Seconds of each file of tests that there is; those of files that nobody timed are `UNKNOWN_SECONDS`."""
    known = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
    found = {str(path.relative_to(ROOT)): path for path in sorted((ROOT / "tests").rglob("test_*.py"))}
    return {name: known.get(name, UNKNOWN_SECONDS) for name, path in found.items() if not LIVE.search(path.read_text())}


def chosen(files, seconds, budget):
    """Names of files of tests: those of the changed `files` first, then the quickest, while they fit into `budget`.

    >>> seconds = {"tests/engine/test_a.py": 30.0, "tests/engine/test_b.py": 2.0, "tests/test_c.py": 1.0}
    >>> sorted(chosen(["engine/a.py"], seconds, 32))
    ['tests/engine/test_a.py', 'tests/test_c.py']
    >>> sorted(chosen(["README.md"], seconds, 3))
    ['tests/engine/test_b.py', 'tests/test_c.py']
    """
    wanted = {}
    for file in map(Path, files):
        if file.parts[0] == "tests":
            wanted |= {str(file): None} if str(file) in seconds else {}
            continue
        folder = Path("tests", *file.parent.parts)
        own = [name for name in seconds if Path(name).parent == folder]
        named = [name for name in own if Path(name).stem.startswith(f"test_{file.stem}")]
        wanted |= dict.fromkeys(named or own if file.suffix == ".py" else [])
    quickest = sorted(seconds, key=seconds.__getitem__)
    taken, left = set(), budget
    for name in dict.fromkeys([*sorted(wanted, key=seconds.__getitem__), *quickest]):
        if seconds[name] <= left:
            taken.add(name)
            left -= seconds[name]
    return taken


class Stopwatch:
    """Adds up how long each file of tests takes."""

    def __init__(self):
        self.seconds = defaultdict(float)

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid.split("::")[0]] += report.duration

    def pytest_sessionfinish(self):
        rounded = {name: round(seconds, 1) for name, seconds in sorted(self.seconds.items())}
        DURATIONS.write_text(json.dumps(rounded, indent=0) + "\n")
