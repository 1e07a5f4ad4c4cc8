"""No silence that nobody recorded: files that were cut short are refused, and those of a pipe end where they end."""

import struct

import numpy as np
import pytest

from dreampedal.engine.model.format.inputs import Mel
from dreampedal.export.data.recordings import LabelledSet, Recording
from dreampedal.export.data.segments import Segmenting
from dreampedal.export.data.store import encode

from .conftest import FILES

QUARTER = Segmenting(seconds=0.25)


@pytest.fixture
def clips(little, tmp_path):
    """The clips of one file, taken for class a, beside another of class b."""

    def encoded(path):
        other = Recording(little / "flute" / "a.wav", "b", "b")
        found = encode(LabelledSet(("a", "b"), (Recording(path, "a", "a"), other)), Mel(), QUARTER, cache=tmp_path)
        return np.array(found.x[found.labels == 0])

    return encoded


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_cut_short_is_refused_by_name(clips, little, tmp_path, name):
    whole = (little / "drums" / name).read_bytes()
    path = (tmp_path / "cut").with_suffix((little / name).suffix)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=rf"{path.name}.*truncated.*: fetch it again, or remove it"):
        clips(path)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_a_wav_of_a_pipe_ends_where_its_sound_ends(clips, little, tmp_path, size):
    """Whoever wrote it could not know how long it would be; decoders read hours of silence behind it."""
    source = little / "drums" / "a.wav"
    whole = source.read_bytes()
    at = whole.index(b"data") + 4
    path = tmp_path / "piped.wav"
    path.write_bytes(whole[:at] + struct.pack("<I", size) + whole[at + 4 :])
    assert np.array_equal(clips(path), clips(source))
