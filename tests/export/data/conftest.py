"""A small labelled set cut from real recordings, in mixed formats, rates and channels."""

from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

from dreampedal.engine.model.format.inputs import resampled
from dreampedal.export.data.recordings import open_set

from ...conftest import read

SOURCES = {"guitar": "solo_egtr_em9", "drums": "drums_break", "flute": "solo_flute"}
FILES = ("a.wav", "b.flac", "take/one.ogg", "take/two.aiff", "c.mp3")
RATES = (44_100, 48_000, 44_100, 22_050, 44_100)
CHANNELS = (1, 2, 2, 1, 1)
SECONDS = 0.7


def write(path, audio, rate):
    """Audio of shape (channels, samples) as a file of the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with AudioFile(str(path), "w", samplerate=rate, num_channels=audio.shape[0]) as file:
        file.write(np.asarray(audio, np.float32))
    return path


@pytest.fixture(scope="session")
def little(tmp_path_factory):
    """The folder: three classes, each five files of 0.7 s, two of which are one group."""
    folder = tmp_path_factory.mktemp("little")
    for number, (label, source) in enumerate(SOURCES.items()):
        audio, rate = read(source, any_recording=True)
        for place, (name, file_rate, channels) in enumerate(zip(FILES, RATES, CHANNELS, strict=True)):
            first = round((0.13 * number + 0.6 * place) * rate)
            cut = audio[:1, first : first + round(SECONDS * rate)]
            line = resampled(cut, rate, file_rate)
            write(folder / label / name, np.repeat(line, channels, axis=0), file_rate)
        (folder / label / "notes.txt").write_text("no sound")
    return Path(folder)


@pytest.fixture
def little_set(little):
    """That folder, opened."""
    return open_set(little)
