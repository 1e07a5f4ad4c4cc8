"""Where the published weights come from, and what is said when they are not there."""

import pytest

from dreampedal.export.musicnn.checkpoint import CheckpointError
from dreampedal.export.musicnn.published import load
from dreampedal.export.musicnn.wheel import NAME, PLACE, published_wheel


def test_a_wheel_that_is_not_there_is_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv(PLACE, str(tmp_path / NAME))
    with pytest.raises(FileNotFoundError, match=r"pip download --no-deps musicnn==0\.1\.0"):
        published_wheel()


def test_another_file_under_its_name_is_refused(tmp_path, monkeypatch):
    path = tmp_path / NAME
    path.write_bytes(b"PK\3\4 not the wheel")
    monkeypatch.setenv(PLACE, str(path))
    with pytest.raises(CheckpointError, match="SHA-256"):
        published_wheel()
    with pytest.raises(CheckpointError, match=r"expected the wheel of musicnn 0\.1\.0"):
        load(path, "mtt_vgg")
