import struct
import zlib
from pathlib import PurePosixPath

import pytest

from dreampedal.export.data.instruments.qt_resource import ResourceError, read_resources


def resource(files, version=3, flags=0):
    """A resource file with one folder, `sounds`, by the format's description."""
    names, contents, nodes = b"", b"", []

    def named(text):
        nonlocal names
        at = len(names)
        names += struct.pack(">HI", len(text), 0) + text.encode("utf-16-be")
        return at

    stamp = b"" if version == 1 else bytes(8)
    nodes.append(struct.pack(">IHII", 0, 2, 1, 1) + stamp)
    nodes.append(struct.pack(">IHII", named("sounds"), 2, len(files), 2) + stamp)
    for name, body in files.items():
        packed = struct.pack(">I", len(body)) + zlib.compress(body) if flags & 1 else body
        nodes.append(struct.pack(">IHHHI", named(name), flags, 0, 0, len(contents)) + stamp)
        contents += struct.pack(">I", len(packed)) + packed
    start = 20 if version < 3 else 24
    tree = b"".join(nodes)
    offsets = start, start + len(tree), start + len(tree) + len(contents)
    return b"qres" + struct.pack(">4I", version, *offsets) + bytes(start - 20) + tree + contents + names


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("flags", [0, 1])
def test_every_file_comes_out_by_its_path(tmp_path, version, flags):
    files = {"flute.ogg": b"OggS" + bytes(range(256)), "ü.txt": b""}
    (tmp_path / "a.rcc").write_bytes(resource(files, version, flags))
    found = read_resources(tmp_path / "a.rcc")
    assert found == {PurePosixPath("sounds", name): body for name, body in files.items()}


def test_what_cannot_be_read_is_said(tmp_path):
    file = tmp_path / "a.rcc"
    for body, message in (
        (b"RIFF", "expected a Qt resource file"),
        (b"qres\0\0", "damaged"),
        (resource({"a": b"abc"}, 9), "version 9 of the format"),
        (resource({"a": b"abc"}, flags=4), "Zstandard"),
        (resource({"a": b"abc"})[:60], "damaged"),
    ):
        file.write_bytes(body)
        with pytest.raises(ResourceError, match=message):
            read_resources(file)


def test_a_folder_inside_itself_is_refused(tmp_path):
    whole = bytearray(resource({"a": b"abc"}))
    struct.pack_into(">II", whole, 24 + 22 + 6, 1, 1)
    (tmp_path / "a.rcc").write_bytes(whole)
    with pytest.raises(ResourceError, match="lies inside itself"):
        read_resources(tmp_path / "a.rcc")
