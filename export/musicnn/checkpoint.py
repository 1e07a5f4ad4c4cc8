"""TensorFlow checkpoints with NumPy alone: the "tensor bundle" of an `.index` and a `.data` file.

The index is a table in LevelDB's format (sorted keys in blocks, see its `table_format.md`), whose values are small
protocol buffers that say where in the data file a tensor lies (`BundleEntryProto` in TensorFlow's
`tensor_bundle.proto`). Their checksums are passed over: the wheel that the files lie in has its own, of all of it.

    with zipfile.ZipFile("musicnn-0.1.0-py3-none-any.whl") as wheel:
        tensors = read_bundle(wheel.read("musicnn/MTT_vgg/.index"), wheel.read("musicnn/MTT_vgg/.data-00000-of-00001"))
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
TRAILER_BYTES = 5
"""After each block: one byte that says how it is compressed (0: not), and a checksum."""

FLOAT32 = 1
"""TensorFlow's number for float32, the only type that a network's weights have here."""

Fields = dict[int, list[int | bytes]]
"""A protocol buffer: the values of each field by its number."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be read: what was found and what was expected."""


def read_bundle(
    index: bytes, data: bytes, wanted: Callable[[str], bool] | None = None
) -> dict[str, NDArray[np.float32]]:
    """The tensors of a checkpoint by name, float32.

    Args:
        index: content of the `.index` file.
        data: content of the only `.data` file.
        wanted: says which names to read; None reads all.

    Raises:
        CheckpointError: for what is no bundle, is damaged, or holds a wanted tensor that is not float32.
    """
    tensors = {}
    for key, value in entries(index):
        name = key.decode("utf-8", "replace")
        if name and (wanted is None or wanted(name)):
            tensors[name] = _tensor(name, fields(value), data)
    if not tensors:
        raise CheckpointError("the checkpoint's index names no wanted tensor: expected the weights of a network")
    return tensors


def entries(index: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table in LevelDB's format, in order."""
    if len(index) < FOOTER_BYTES or struct.unpack("<Q", index[-8:])[0] != MAGIC:
        raise CheckpointError("the index does not end in the magic number of a table: expected a TensorFlow checkpoint")
    footer = index[-FOOTER_BYTES:]
    _, place = _handle(footer, 0)
    root, _ = _handle(footer, place)
    for _, handle in _pairs(_block(index, *root)):
        yield from _pairs(_block(index, *_handle(handle, 0)[0]))


def fields(message: bytes) -> Fields:
    """The fields of a protocol buffer.

    >>> fields(bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69]))
    {1: [150], 2: [b'hi']}
    """
    found: Fields = {}
    place = 0
    while place < len(message):
        tag, place = varint(message, place)
        value: int | bytes
        match tag & 7:
            case 0:
                value, place = varint(message, place)
            case 1 | 5 as kind:
                size = 8 if kind == 1 else 4
                value, place = int.from_bytes(message[place : place + size], "little"), place + size
            case 2:
                size, place = varint(message, place)
                value, place = message[place : place + size], place + size
            case kind:
                raise CheckpointError(f"a field of the index has wire type {kind}: expected 0, 1, 2 or 5")
        found.setdefault(tag >> 3, []).append(value)
    if place > len(message):
        raise CheckpointError("an entry of the index ends within a field: the file is cut short")
    return found


def varint(buffer: bytes, place: int) -> tuple[int, int]:
    """An integer of seven bits a byte, the lowest first, and the place after it.

    >>> varint(bytes([0x96, 0x01]), 0)
    (150, 2)
    """
    value = shift = 0
    while True:
        if place >= len(buffer) or shift > 63:
            raise CheckpointError("the index ends within a number: the file is cut short")
        byte = buffer[place]
        value, place, shift = value | (byte & 127) << shift, place + 1, shift + 7
        if byte < 128:
            return value, place


def _handle(buffer: bytes, place: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and the place after them."""
    offset, place = varint(buffer, place)
    size, place = varint(buffer, place)
    return (offset, size), place


def _block(index: bytes, offset: int, size: int) -> bytes:
    whole = index[offset : offset + size + TRAILER_BYTES]
    if len(whole) < size + TRAILER_BYTES:
        raise CheckpointError(f"the index has {len(index)} bytes, a block ends at {offset + size}: it is cut short")
    if whole[size] != 0:
        raise CheckpointError(f"a block of the index is compressed (type {whole[size]}): expected none")
    return whole[:size]


def _pairs(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block: each key says how much of its start it shares with the one before."""
    end = len(block) - 4 - 4 * int.from_bytes(block[-4:], "little")
    place, key = 0, b""
    while place < end:
        shared, place = varint(block, place)
        own, place = varint(block, place)
        size, place = varint(block, place)
        key = key[:shared] + block[place : place + own]
        place += own
        yield key, block[place : place + size]
        place += size


def _tensor(name: str, entry: Fields, data: bytes) -> NDArray[np.float32]:
    """The tensor that a `BundleEntryProto` points to."""
    if (kind := _number(entry, 1)) != FLOAT32:
        raise CheckpointError(f"{name} is of TensorFlow's type {kind}: expected float32 (1)")
    sizes = fields(_bytes(entry, 2)).get(2, [])
    shape = tuple(_number(fields(size), 1) for size in sizes if isinstance(size, bytes))
    offset, size = _number(entry, 4), _number(entry, 5)
    raw = data[offset : offset + size]
    if len(raw) < size or size != 4 * int(np.prod(shape)):
        raise CheckpointError(f"{name} {shape} has {len(raw)} bytes of {size}: the data file is cut short")
    return np.frombuffer(raw, "<f4").reshape(shape).astype(np.float32)


def _number(entry: Fields, field: int) -> int:
    value = entry.get(field, [0])[-1]
    return value if isinstance(value, int) else 0


def _bytes(entry: Fields, field: int) -> bytes:
    value = entry.get(field, [b""])[-1]
    return value if isinstance(value, bytes) else b""
