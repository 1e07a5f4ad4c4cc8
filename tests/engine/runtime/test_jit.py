"""What numba compiled is kept where it can be, and nothing depends on it."""

import importlib
import importlib.util
import os
import pkgutil
import resource
import tempfile
from itertools import count

import numba
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numba.core.caching import NullCache
from numba.core.dispatcher import Dispatcher

import dreampedal.engine
from dreampedal.engine.runtime import jit

SOURCE = """
from dreampedal.engine.runtime.jit import njit

@njit(cache=True)
def doubled(x):
    return x + x

@njit(cache=True)
def trebled(x):
    return 3 * x
"""
FRESH = count()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the kernels of a test are kept; it says nothing before something goes wrong."""
    monkeypatch.setattr(jit, "_told", [])
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "kernels.py").write_text(SOURCE)
    return tmp_path / "kept"


def loaded(folder):
    """The kernels as a process that starts now finds them."""
    path = folder.parent / "source" / "kernels.py"
    spec = importlib.util.spec_from_file_location(f"kernels_{next(FRESH)}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def was_found(kernel):
    """Whether all that a kernel has played so far was on disk, and not compiled."""
    return not kernel.stats.cache_misses


def file(folder, ending, name="doubled"):
    (found,) = folder.rglob(f"*.{name}-*{ending}")
    return found


def test_what_was_compiled_is_found_by_the_next_process(folder):
    first, second = loaded(folder).doubled, loaded(folder).doubled
    assert first(2) == 4 and not was_found(first)
    assert second(2) == 4 and was_found(second)
    assert jit.kept_in(second) == file(folder, ".nbi").parent


DAMAGES = {
    "empty": lambda content: b"",
    "cut off": lambda content: content[: len(content) // 2],
    "without its end": lambda content: content[:-1],
    "zeros": lambda content: bytes(len(content)),
    "zeros from a page on": lambda content: content[:4096] + bytes(len(content[4096:])),
    "a bit": lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:],
    "another thing": lambda content: b"RIFF" + content,
    "more": lambda content: content + content,
}


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_compiled_and_written_anew(folder, ending, damage):
    assert loaded(folder).doubled(2) == 4
    kept = file(folder, ending)
    whole = kept.read_bytes()
    kept.write_bytes(damaged := DAMAGES[damage](whole))
    kernel = loaded(folder).doubled
    assert damaged == whole or (kernel(2) == 4 and not was_found(kernel))
    again = loaded(folder).doubled
    assert again(2) == 4 and was_found(again)


SHARES = st.floats(0, 1)


@given(st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_of_any_file_leaves_the_result(folder, data):
    assert loaded(folder).doubled(2) == 4
    for kept in sorted(folder.rglob("*.nb?")):
        content = kept.read_bytes()  # as long as the compiler makes it, which differs from time to time
        begin, end = sorted(int(share * len(content)) for share in data.draw(st.tuples(SHARES, SHARES)))
        kept.write_bytes(content[:begin] + data.draw(st.binary(max_size=40)) + content[end:])
    assert loaded(folder).doubled(2) == 4


def test_code_of_another_signature_is_not_run(folder):
    """Two processes that compile for two signatures at once may choose the same file."""
    kernel = loaded(folder).doubled
    assert (kernel(2), kernel(0.5)) == (4, 1.0)
    one, other = sorted(folder.rglob("*.doubled-*.nbc"))
    one.write_bytes(other.read_bytes())
    kernel = loaded(folder).doubled
    assert (kernel(2), kernel(0.5)) == (4, 1.0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read whatever there is")
def test_files_that_cannot_be_read(folder):
    assert loaded(folder).doubled(2) == 4
    for kept in folder.rglob("*.nb?"):
        kept.chmod(0)
    assert loaded(folder).doubled(2) == 4


def test_a_disk_that_is_full_is_told_once(folder):
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    kernels = loaded(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, usual[1]))
    try:
        with pytest.warns(UserWarning, match=f"cannot be kept.*{folder}.*File too large.*NUMBA_CACHE_DIR") as told:
            assert (kernels.doubled(2), kernels.trebled(2), kernels.doubled(0.5)) == (4, 6, 1.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert len(told) == 1 and "\n" not in str(told[0].message)
    assert not [path for path in folder.rglob("*") if path.is_file()]
    assert jit.kept_in(kernels.doubled) is None


@pytest.fixture
def nowhere(folder, monkeypatch):
    """No folder of numba's can be written, by whomever: where one should be there is a file."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (folder.parent / "source" / "__pycache__").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(folder.parent))
    jit.own_folder.cache_clear()
    yield folder.parent / f"dreampedal-kernels-{os.getuid()}"
    jit.own_folder.cache_clear()


def test_a_temporary_folder_of_the_users_own_will_do(folder, nowhere):
    first, second = loaded(folder).doubled, loaded(folder).doubled
    assert first(2) == 4 and second(2) == 4 and was_found(second)
    assert nowhere.stat().st_mode & 0o777 == 0o700
    assert jit.kept_in(second).is_relative_to(nowhere)


@pytest.mark.parametrize("trap", ["written to by all", "a link", "a file"])
def test_a_folder_that_others_write_to_is_not_read(folder, nowhere, trap):
    """What is kept is code: whoever could write there would have the user run it."""
    other = folder.parent / "other"
    other.mkdir()
    if trap == "a link":
        nowhere.symlink_to(other)
    elif trap == "a file":
        nowhere.write_text("")
    else:
        nowhere.mkdir()
        nowhere.chmod(0o777)
    with pytest.warns(UserWarning, match="cannot be kept") as told:
        kernels = loaded(folder)
    assert len(told) == 1
    assert (kernels.doubled(2), kernels.trebled(2)) == (4, 6)
    assert not list(other.iterdir())


def test_nowhere_at_all(folder, nowhere, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null")
    with pytest.warns(UserWarning, match="no folder for it can be written.*set NUMBA_CACHE_DIR") as told:
        kernels = loaded(folder)
    assert len(told) == 1
    assert (kernels.doubled(2), kernels.trebled(2)) == (4, 6)
    assert jit.kept_in(kernels.doubled) is None


def test_every_kernel_of_the_engine_is_kept_so():
    found = set()
    for module in pkgutil.walk_packages(dreampedal.engine.__path__, "dreampedal.engine."):
        values = vars(importlib.import_module(module.name)).values()
        found |= {value for value in values if isinstance(value, Dispatcher)}
    caches = [type(kernel._cache) for kernel in found]
    assert caches.count(jit.Kept) > 50
    assert set(caches) == {jit.Kept, NullCache}  # those that are part of others have none


def test_kernels_that_nobody_asked_to_keep():
    assert type(jit.njit()(abs_of)._cache) is NullCache
    eager = jit.njit("float64(float64)")(abs_of)
    assert eager.signatures == [(numba.float64,)] and eager(-2) == 2.0


def abs_of(x):
    return abs(x)
