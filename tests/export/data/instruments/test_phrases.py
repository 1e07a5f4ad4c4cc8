"""Phrases of a soundfont: of each family that it has, audible, kept, and the same for the same seed."""

from pathlib import Path

import numpy as np
import pytest

from dreampedal.export.data.instruments.phrases import SAMPLES, rendered
from dreampedal.export.data.instruments.soundfont import SoundfontError
from tests.export.soundfonts import write_patch

TIM = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
needs_tim = pytest.mark.skipif(not TIM.is_file(), reason=f"{TIM} is not there (Debian: timgm6mb-soundfont)")


@pytest.fixture
def patches(tmp_path):
    folder = tmp_path / "patches"
    folder.mkdir()
    for number, program in enumerate((32, 73)):
        write_patch(folder / f"{program:03d}_patch.pat", hz=300 + 100 * number)
    return folder


def test_families_take_turns_and_all_can_be_heard(patches, tmp_path):
    phrases = rendered(patches, 8, 1, tmp_path / "kept")
    assert phrases.name == "patches" and phrases.families.tolist() == [0, 2] * 4
    assert phrases.sounds.shape == (8, SAMPLES) and phrases.sounds.dtype == np.int16
    peaks = np.abs(phrases.sounds.astype(int)).max(1) / 32_767
    assert (peaks >= 10 ** (-14.1 / 20)).all() and (peaks <= 10 ** (-0.9 / 20)).all()


def test_what_is_kept_is_not_rendered_again_and_another_seed_is(patches, tmp_path):
    seen = []
    first = rendered(patches, 4, 1, tmp_path / "kept", lambda *at: seen.append(at))
    assert seen[-1] == ("phrases of patches", 4, 4)
    again = rendered(patches, 4, 1, tmp_path / "kept", lambda *at: seen.append(at))
    assert len(seen) == 1 and first.path == again.path
    elsewhere = rendered(patches, 4, 1, tmp_path / "elsewhere")
    assert np.array_equal(first.sounds, elsewhere.sounds)
    assert not np.array_equal(first.sounds, rendered(patches, 4, 2, tmp_path / "kept").sounds)


@needs_tim
def test_a_general_midi_soundfont_has_all_families(tmp_path):
    phrases = rendered(TIM, 22, 1, tmp_path)
    assert np.bincount(phrases.families).tolist() == [2] * 11
    assert (np.abs(phrases.sounds.astype(int)).max(1) > 5_000).all()


@pytest.mark.parametrize("content", [b"", b"no soundfont", None])
def test_a_soundfont_that_cannot_be_read_is_named(content, tmp_path):
    font = tmp_path / "hurt.sf2"
    if content is not None:
        font.write_bytes(content)
    with pytest.raises(SoundfontError, match=r"hurt\.sf2: (expected a soundfont|no such soundfont)"):
        rendered(font, 4, 1, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_patches_of_no_family_are_refused(tmp_path):
    (tmp_path / "drums").mkdir()
    write_patch(tmp_path / "drums" / "119_cymbal.pat")
    with pytest.raises(SoundfontError):
        rendered(tmp_path / "drums", 4, 1, tmp_path / "kept")
