"""Work in processes of its own: told of, in order, and ended by the first that goes wrong."""

import warnings
from functools import partial

import pytest

from dreampedal.export.train.workers.apart import ended, side_by_side


def write(path, text, progress):
    progress(text, 1, 1)
    (path / text).write_text(text)


def fail(error, progress):
    raise error


def warn(progress):
    warnings.warn("mind this", stacklevel=1)


@pytest.mark.parametrize("workers", [1, 2])
def test_all_is_done_and_told(workers, tmp_path):
    seen = []
    side_by_side([partial(write, tmp_path, name) for name in "abc"], workers, lambda *at: seen.append(at))
    assert sorted(seen) == [(name, 1, 1) for name in "abc"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("error", "said"),
    [(ValueError("no sound"), "no sound"), (OSError(28, "No space", "a.npy"), "No space"), (KeyError("x"), "KeyError")],
    ids=repr,
)
def test_the_first_that_goes_wrong_is_raised(error, said):
    with pytest.raises(OSError if isinstance(error, OSError) else ValueError, match=said):
        side_by_side([partial(fail, error), partial(fail, error)], 2)


def test_warnings_come_back():
    with pytest.warns(UserWarning, match="mind this"):
        side_by_side([warn, warn], 2)


def test_what_the_end_of_a_worker_means():
    assert ended(-9, "it goes on") == (
        "a worker was ended by SIGKILL, as for want of memory; begin again with fewer, it goes on"
    )
    assert ended(3, "it goes on") == "a worker ended with status 3; begin again, it goes on"
