"""Kernels: what numba compiles, kept on disk where that can be done.

numba's own cache is a condition: where its folder cannot be written, a file in it is damaged or the disk is full,
nothing plays. Here it is what it should be, a saving of time. Kernels are kept where numba keeps them
(`NUMBA_CACHE_DIR`, beside the module, in the user's cache), else in a folder of the user's own among the temporary
ones, else not at all. They are numba's pickles, as safe as the folder that they lie in, which is why it must be the
user's own; no other file is read as one. What does not prove to be whole is compiled again and written over. A write
that fails is told once, and then no more are tried.

>>> @njit(nogil=True)
... def halved(number):
...     return number / 2
>>> halved(3)
1.5
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import os
import pickle
import stat
import tempfile
import warnings
from collections.abc import Callable
from functools import cache as remembered
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import numba
from numba.core import caching
from numba.core.compiler_lock import global_compiler_lock

from dreampedal.engine.runtime.notice import compiling

if hasattr(os, "register_at_fork"):  # else a child that is forked while a thread compiles waits for it for ever
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


def njit(*signatures: Any, cache: bool = False, **options: Any) -> Any:
    """numba's `njit`, with a cache that nothing depends on. `signatures` are compiled at once, and no others later."""

    def compiled(function: Callable[..., Any]) -> Any:
        kernel = numba.njit(**options)(function)
        if not hasattr(kernel, "_cache"):  # NUMBA_DISABLE_JIT leaves functions as they are
            return kernel
        if cache:
            kernel._cache = _cache_of(function)  # what numba does, with a class of its own
        for signature in signatures:
            kernel.compile(signature)
        if signatures:
            kernel.disable_compile()
        return kernel

    return compiled


def kept_in(kernel: Any) -> Path | None:
    """The folder that a kernel is kept in; None if each start compiles it anew."""
    return Path(kernel._cache.cache_path) if kernel._cache.cache_path and not _told else None


def _cache_of(function: Callable[..., Any]) -> Any:
    try:
        return Kept(function)
    except (RuntimeError, OSError) as error:
        _tell("no folder for it can be written" if "no locator" in str(error) else str(error))
        return caching.NullCache()


class _OwnFolder(caching.InTreeCacheLocator):
    """The last place to look for: a folder of the user's own among the temporary ones."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        super().__init__(py_func, py_file)
        self._cache_path = os.path.join(own_folder(), self.get_suitable_cache_subpath(py_file))

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        try:
            return super().from_function(py_func, py_file)
        except OSError:
            return None


@remembered
def own_folder() -> str:
    """A temporary folder that nobody else writes to: whoever could would have the user run what he put there.

    Raises:
        OSError: if there is none, or one of that name is another's.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    folder = Path(tempfile.gettempdir()) / f"dreampedal-kernels-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    others = stat.S_IWGRP | stat.S_IWOTH
    if hasattr(os, "getuid") and (state.st_uid != user or state.st_mode & others or not stat.S_ISDIR(state.st_mode)):
        raise PermissionError(f"{folder} is not a folder that the user alone writes to")
    return str(folder)


class _Files(caching.IndexDataCacheFile):
    """An index, and the code of each signature; each file says what it is for, behind a checksum and numba's version.

    So nothing is run that was cut off, nor what another process wrote there for another signature or an older source.
    """

    def _load_index(self) -> dict[Any, str]:
        return self._read(self._index_path, self._source_stamp) or {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._write(self._index_path, self._source_stamp, overloads)

    def load(self, key: Any) -> Any:
        name = self._load_index().get(key)
        return self._read(self._data_path(name), (self._source_stamp, key)) if name is not None else None

    def save(self, key: Any, data: Any) -> None:
        overloads = self._load_index()
        if key not in overloads:
            taken = set(overloads.values())
            names = map(self._data_name, count(1))
            overloads[key] = next(name for name in names if name not in taken)
        self._write(self._data_path(overloads[key]), (self._source_stamp, key), data)
        self._save_index(overloads)

    def _write(self, path: str, purpose: Any, value: Any) -> None:
        content = self._dump((purpose, value))
        with self._open_for_write(path) as file:
            file.write(self._checksum(content) + content)

    def _read(self, path: str, purpose: Any) -> Any:
        """What was written there for a purpose; None if nothing was, or is not whole any more."""
        try:
            written = Path(path).read_bytes()
        except OSError:
            return None
        checksum, content = written[:32], written[32:]
        if self._checksum(content) != checksum:
            return None
        try:
            found, value = pickle.loads(content)
        except Exception:  # it is whole, and speaks of what another version of a library had
            return None
        return value if found == purpose else None

    def _checksum(self, content: bytes) -> bytes:
        return sha256(self._version.encode() + content).digest()


class _Place(caching.CompileResultCacheImpl):
    _locator_classes = [*caching.CompileResultCacheImpl._locator_classes, _OwnFolder]  # noqa: RUF012

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        """Names of its own, since numba reads no files with checksums."""
        return f"kernel-{super().get_filename_base(fullname, abiflags)}"


class Kept(caching.FunctionCache):
    """The kernels of one function, as far as they are kept."""

    _impl_class = _Place

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        place = self._impl
        self._cache_file = _Files(self.cache_path, place.filename_base, place.locator.get_source_stamp())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel for a signature, None if it has to be compiled."""
        try:
            found = super().load_overload(sig, target_context)
        except Exception:  # whole as well, and still not what LLVM takes: it is made anew
            found = None
        if found is None:
            compiling()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a kernel, if that can be done."""
        if not _told:
            try:
                super().save_overload(sig, data)
            except OSError as error:
                _tell(f"{self.cache_path}: {error.strerror or error}")


_told: list[str] = []
"""Why no more kernels are kept, if so."""


def _tell(why: str) -> None:
    """A warning, the first time."""
    if not _told:
        _told.append(why)
        warnings.warn(
            f"what is compiled cannot be kept, and each start will take as long as this one ({why}): "
            "set NUMBA_CACHE_DIR to a folder with room that can be written",
            stacklevel=2,
        )
