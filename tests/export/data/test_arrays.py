"""Arrays on disk are whole, or not there."""

import numpy as np
import pytest

from dreampedal.export.data.arrays import filling, rows_in


@pytest.fixture
def file(tmp_path):
    """Two rows, where there was room for ten."""
    with filling(tmp_path / "cache" / "a.npy", 10, (3,), np.float16) as array:
        array.add(np.arange(6).reshape(2, 3))
    return tmp_path / "cache" / "a.npy"


def test_what_was_filled_is_what_numpy_reads(file):
    assert np.array_equal(np.load(file), np.arange(6, dtype=np.float16).reshape(2, 3))
    assert rows_in(file, (3,), np.float16) == 2
    assert [rows_in(file, *other) for other in (((2,), np.float16), ((3,), np.int16), ((), np.float16))] == [None] * 3
    for count in (0, 1, 12_345):
        np.save(file, np.zeros((count, 3), np.float16))
        assert rows_in(file, (3,), np.float16) == count


def test_a_file_with_any_byte_of_its_header_changed_or_its_end_missing_is_not_whole(file):
    whole = file.read_bytes()
    for place in range(len(whole) - 12):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert rows_in(file, (3,), np.float16) is None, place
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        # Cut between two rows, it holds fewer than its header says.
        assert rows_in(file, (3,), np.float16) is None, length
