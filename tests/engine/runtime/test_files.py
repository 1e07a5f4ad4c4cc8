"""A file is whole, or it is what it was before."""

import errno
import os

import pytest

from dreampedal.engine.runtime.files import written_whole


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_older_file_and_nothing_else(tmp_path, failure):
    target = tmp_path / "take.wav"
    target.write_text("older")
    with pytest.raises(failure), written_whole(target) as part:
        part.write_text("half")
        raise failure
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("take.wav", "older")]


def test_success_replaces_the_older_file(tmp_path):
    target = tmp_path / "take.wav"
    target.write_text("older")
    with written_whole(target) as part:
        part.write_text("newer")
        assert part.suffix == ".wav" and part.parent == tmp_path
        assert target.read_text() == "older"
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("take.wav", "newer")]


def test_a_folder_in_the_way(tmp_path):
    with pytest.raises(ValueError, match="is a folder"), written_whole(tmp_path):
        pass
    with (
        pytest.raises(ValueError, match="no such folder; create it first"),
        written_whole(tmp_path / "no" / "take.wav"),
    ):
        pass


def no_space(*named):
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *named)


def test_a_full_disk_is_told_of_the_file_that_it_was_full_for(tmp_path):
    """An open file fails without a name; one that has another name was not ours."""
    target = tmp_path / "take.wav"
    with pytest.raises(OSError) as error, written_whole(target):
        raise no_space()
    assert error.value.filename == str(target)
    with pytest.raises(OSError) as error, written_whole(target) as part:
        raise no_space(str(part))
    assert error.value.filename == str(target)
    with pytest.raises(OSError) as error, written_whole(target):
        raise no_space("/elsewhere/cache.nbi")
    assert error.value.filename == "/elsewhere/cache.nbi"
    assert not list(tmp_path.iterdir())
