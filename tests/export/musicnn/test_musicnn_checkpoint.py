"""Any tensors written as TensorFlow writes them are read back; what is cut short is named."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.export.musicnn.checkpoint import CheckpointError, read_bundle


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def block(pairs):
    """A block of a table: keys that share their start with the one before, one restart, no compression."""
    out, before = b"", b""
    for key, value in pairs:
        shared = next((n for n in range(min(len(key), len(before))) if key[n] != before[n]), min(len(key), len(before)))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    out += struct.pack("<II", 0, 1) + b"\0"
    return out + bytes(4)


def bundle(tensors, a_block=3):
    """Index and data files of a checkpoint."""
    data, rows = b"", [(b"", number(1, 1))]
    for name in sorted(tensors):
        values = tensors[name]
        raw = values.astype("<f4").tobytes()
        shape = b"".join(message(2, number(1, size)) for size in values.shape)
        entry = number(1, 1) + message(2, shape) + number(4, len(data)) + number(5, len(raw))
        rows.append((name.encode(), entry))
        data += raw
    index, handles = b"", []
    for start in range(0, len(rows), a_block):
        part = block(rows[start : start + a_block])
        handles.append((rows[start : start + a_block][-1][0], varint(len(index)) + varint(len(part) - 5)))
        index += part
    root, at = block(handles), len(index)
    footer = varint(0) + varint(0) + varint(at) + varint(len(root) - 5)
    return index + root + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57), data


names = st.text("abc/_0123456789", min_size=1, max_size=12)
shapes = st.lists(st.integers(1, 4), max_size=4).map(tuple)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(names, shapes, min_size=1, max_size=12), st.integers(1, 5))
def test_any_tensors_are_read_back(shapes, a_block):
    rng = np.random.default_rng(0)
    tensors = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    found = read_bundle(*bundle(tensors, a_block))
    assert list(found) == sorted(tensors)
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)


def test_only_what_is_wanted_is_read():
    index, data = bundle({"a": np.zeros(3, np.float32), "b/Adam": np.ones(2, np.float32)})
    assert list(read_bundle(index, data, lambda name: "Adam" not in name)) == ["a"]


@pytest.mark.parametrize("kept", [0, 10, 60])
def test_a_file_cut_short_is_refused(kept):
    index, data = bundle({"a": np.zeros(30, np.float32)})
    with pytest.raises(CheckpointError):
        read_bundle(index[:kept], data)
    with pytest.raises(CheckpointError, match="cut short"):
        read_bundle(index, data[:kept])
