"""What soundfonts say of their rights."""

import struct

import pytest

from dreampedal.export.train.distil.run import licences


def soundfont(path, *chunks):
    body = b"INFO"
    for name, text in chunks:
        text = text + b"\0" * (len(text) % 2)
        body += name + struct.pack("<I", len(text)) + text
    data = b"sfbkLIST" + struct.pack("<I", len(body)) + body
    path.write_bytes(b"RIFF" + struct.pack("<I", len(data)) + data)
    return path


def test_a_soundfont_that_says_something_is_quoted_in_one_line(tmp_path):
    font = soundfont(tmp_path / "mine.sf2", (b"INAM", b"Mine"), (b"ICOP", b"CC0;\n by me\0\0"), (b"ISFT", b"x"))
    assert licences.rights(font) == "CC0 by me"
    assert licences.line([font]) == "as the soundfonts: mine CC0 by me"


@pytest.mark.parametrize(
    "damage", [b"", b"RIFF", b"RIFF\0\0\0\0sfbkLIST", b"RIFF\0\0\0\0sfbkLIST\xff\xff\xff\xffINFOICOP"]
)
def test_one_that_is_damaged_or_says_nothing_is_not_said(damage, tmp_path):
    (tmp_path / "mine.sf2").write_bytes(damage)
    assert licences.line([tmp_path / "mine.sf2"]) == "as the soundfonts: mine not said"


def test_a_folder_of_patches_is_known_by_its_name(tmp_path):
    (tmp_path / "freepats").mkdir()
    assert "GPL-2.0-or-later" in licences.line([tmp_path / "freepats"])
