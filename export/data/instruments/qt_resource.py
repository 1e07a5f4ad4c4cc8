"""Files inside a Qt resource file (`.rcc`), the container in which Qt programs ship their sounds.

The format is that of Qt's `rcc --binary`, versions 1 to 3, every number big-endian: a header of offsets, a tree of
nodes, names in UTF-16, and data, each piece with its length before it and compressed or not.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

COMPRESSED, FOLDER, COMPRESSED_ZSTD = 1, 2, 4


class ResourceError(ValueError):
    """A file that is no Qt resource file, or holds what cannot be read."""


def read_resources(path: Path) -> dict[PurePosixPath, bytes]:
    """Every file in a resource file, by its path inside.

    Raises:
        ResourceError: if the file is something else, ends early, or is compressed with Zstandard.
    """
    data = path.read_bytes()
    if data[:4] != b"qres":
        raise ResourceError(f"{path}: expected a Qt resource file (starting with qres), found {data[:4]!r}")
    try:
        version, tree, contents, names = struct.unpack_from(">4I", data, 4)
        if version not in (1, 2, 3):
            raise ResourceError(f"{path}: version {version} of the format: expected 1 to 3")
        node_bytes = 14 if version == 1 else 22
        return dict(_files(path, data, (tree, contents, names), node_bytes, node=0, folder=PurePosixPath()))
    except (struct.error, IndexError, zlib.error, RecursionError) as error:
        raise ResourceError(f"{path}: damaged Qt resource file ({error})") from error


def _files(
    path: Path, data: bytes, offsets: tuple[int, int, int], node_bytes: int, node: int, folder: PurePosixPath
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The files under a node; node 0 is the root, which has no name."""
    tree, contents, names = offsets
    name_at, flags = struct.unpack_from(">IH", data, tree + node * node_bytes)
    here = folder / _name(data, names + name_at) if node else folder
    if flags & FOLDER:
        count, first = struct.unpack_from(">II", data, tree + node * node_bytes + 6)
        if first <= node and count:
            raise ResourceError(f"{path}: folder {here} lies inside itself")
        for child in range(first, first + count):
            yield from _files(path, data, offsets, node_bytes, child, here)
        return
    (at,) = struct.unpack_from(">I", data, tree + node * node_bytes + 10)
    (size,) = struct.unpack_from(">I", data, contents + at)
    body = data[contents + at + 4 : contents + at + 4 + size]
    if len(body) < size:
        raise ResourceError(f"{path}: {here} has {len(body)} bytes: expected {size}")
    if flags & COMPRESSED_ZSTD:
        raise ResourceError(f"{path}: {here} is compressed with Zstandard: expected zlib or nothing")
    yield here, zlib.decompress(body[4:]) if flags & COMPRESSED else body


def _name(data: bytes, at: int) -> str:
    """A name: its length in UTF-16 units, a hash, and the units."""
    (length,) = struct.unpack_from(">H", data, at)
    return data[at + 6 : at + 6 + 2 * length].decode("utf-16-be")
