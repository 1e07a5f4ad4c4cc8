"""Published data sets, in small copies made of real recordings in their published layouts."""

import json

import numpy as np
import pytest
from pedalboard.io import AudioFile

from dreampedal.export.data.layouts import gtzan, million_song, nsynth, philharmonia

pytestmark = pytest.mark.any_recording


@pytest.fixture
def cut(clip):
    """Writes half a second of a recording, from second `at` on, to a path in any format that pedalboard writes."""

    def write(path, name, at=0.0, rate=44_100):
        audio, found_rate = clip(name)
        first = int(at * found_rate)
        path.parent.mkdir(parents=True, exist_ok=True)
        with AudioFile(str(path), "w", samplerate=rate, num_channels=1) as file:
            file.write(audio[:1, first : first + found_rate // 2])
        return path

    return write


def heard(labelled):
    """Label, group and peak of every recording."""
    return [
        (one.label, one.group, float(np.abs(labelled.read(i)[0]).max())) for i, one in enumerate(labelled.recordings)
    ]


def test_nsynth_reads_families_and_keeps_an_instrument_together(tmp_path, cut):
    notes = {
        "train": [
            ("flute_acoustic_002-077-100", "flute", "solo_flute"),
            ("flute_acoustic_002-080-050", "flute", "solo_flute"),
            ("guitar_electronic_009-040-075", "guitar", "solo_egtr_em9"),
        ],
        "test": [
            ("flute_synthetic_000-060-127", "flute", "solo_flute"),
            ("synth_lead_synthetic_001-060-127", "synth_lead", "mix_house"),
        ],
    }  # fmt: skip
    for part, named in notes.items():
        table = {}
        for place, (name, family, source) in enumerate(named):
            cut(tmp_path / f"nsynth-{part}" / "audio" / f"{name}.wav", source, place)
            instrument = name.split("-")[0]
            table[name] = {
                "instrument_str": instrument, "instrument_family_str": family,
                "instrument_source_str": instrument.split("_")[-2], "pitch": int(name.split("-")[1]),
            }  # fmt: skip
        (tmp_path / f"nsynth-{part}" / "examples.json").write_text(json.dumps(table))
    everything = nsynth(tmp_path)
    assert everything.classes == ("flute", "guitar", "synth_lead")
    assert [(label, group) for label, group, peak in heard(everything) if peak > 0.001] == [
        ("flute", "flute_synthetic_000"), ("synth_lead", "synth_lead_synthetic_001"),
        ("flute", "flute_acoustic_002"), ("flute", "flute_acoustic_002"), ("guitar", "guitar_electronic_009"),
    ]  # fmt: skip
    assert set(nsynth(tmp_path, part="train").groups) == {"flute_acoustic_002", "guitar_electronic_009"}
    assert nsynth(tmp_path / "nsynth-train", field="instrument_source_str").classes == ("acoustic", "electronic")
    with pytest.raises(ValueError, match=r"nsynth-valid/examples\.json"):
        nsynth(tmp_path, part="valid")
    with pytest.raises(ValueError, match="has no mood"):
        nsynth(tmp_path, field="mood")
    (tmp_path / "nsynth-train" / "audio" / "flute_acoustic_002-077-100.wav").unlink()
    with pytest.raises(ValueError, match=r"flute_acoustic_002-077-100\.wav and 0 more"):
        nsynth(tmp_path)


def test_philharmonia_keeps_every_length_and_loudness_of_a_note_together(tmp_path, cut):
    cut(tmp_path / "cello" / "cello_A2_025_forte_arco-normal.mp3", "solo_cello")
    cut(tmp_path / "cello" / "cello_A2_1_piano_arco-normal.mp3", "solo_cello", 1)
    cut(tmp_path / "cello" / "cello_Cs3_1_piano_arco-normal.mp3", "solo_cello", 2)
    cut(tmp_path / "percussion" / "bass-drum__025_mezzo-forte_struck-singly.mp3", "drums_break")
    (tmp_path / "readme.txt").write_text("not a sound")
    found = philharmonia(tmp_path)
    assert found.classes == ("bass_drum", "cello")
    assert [group for label, group, peak in heard(found) if peak > 0.001] == [
        "cello A2", "cello A2", "cello Cs3", "bass_drum struck-singly",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="cello_A2_1_forte"):
        philharmonia(empty(tmp_path))


def empty(tmp_path):
    """A folder with nothing in it."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_gtzan_takes_all_or_those_on_a_list(tmp_path, cut):
    for genre, source in (("blues", "solo_egtr_em9"), ("metal", "mix_death_metal")):
        for number in range(2):
            cut(tmp_path / "genres" / genre / f"{genre}.{number:05d}.wav", source, number, rate=22_050)
    found = gtzan(tmp_path)
    assert found.classes == ("blues", "metal")
    assert len(set(found.groups)) == len(heard(found)) == 4
    assert {found.read(i)[1] for i in range(4)} == {22_050}
    listed = tmp_path / "train_filtered.txt"
    listed.write_text("metal/metal.00001.wav\nblues/blues.00000.wav\n\n")
    assert gtzan(tmp_path, listed).groups == ("blues/blues.00000", "metal/metal.00001")
    listed.write_text("metal/metal.00007.wav\n")
    with pytest.raises(ValueError, match=r"metal/metal\.00007 and 0 more"):
        gtzan(tmp_path, listed)
    with pytest.raises(ValueError, match=r"blues/blues\.00000\.wav"):
        gtzan(empty(tmp_path))


def test_million_song_joins_previews_and_annotation_by_track(tmp_path, cut):
    named = {"TRAAAAW128F429D538": "Pop_Rock", "TRBBBBV128F42967D7": "Jazz", "TRCCCCC12903CC2A10": "Pop_Rock"}
    for place, track in enumerate(list(named)[:2]):
        cut(tmp_path / "audio" / track[2] / track[3] / f"{track}.mp3", ("mix_rock", "solo_piano")[place])
    cut(tmp_path / "audio" / "TRZZZZZ128F4290000.mp3", "speech_male_en")
    lines = ["# tagtraum genre annotations", *(f"{track}\t{genre}" for track, genre in named.items())]
    lines[1] += "\tBlues"
    annotation = tmp_path / "genres.cls"
    annotation.write_text("\n".join(lines))
    found = million_song(tmp_path / "audio", annotation)
    assert found.classes == ("jazz", "pop_rock")
    assert [(label, group) for label, group, peak in heard(found) if peak > 0.001] == [
        ("pop_rock", "TRAAAAW128F429D538"), ("jazz", "TRBBBBV128F42967D7"),
    ]  # fmt: skip
    twice = f"{lines[2]}\n{lines[2]}"
    for bad, said in (("TRAAAAW128F429D538 Jazz", "line 1"), ("x\tJazz", "line 1"), (twice, "again")):
        annotation.write_text(bad)
        with pytest.raises(ValueError, match=said):
            million_song(tmp_path / "audio", annotation)
    annotation.write_text(lines[3])
    with pytest.raises(ValueError, match="none of the 1 tracks"):
        million_song(tmp_path / "audio", annotation)


def test_instruments_that_become_the_same_class_are_refused_by_name(tmp_path, cut):
    for name in ("flute", "flûte", "cello"):
        cut(tmp_path / f"{name}_A4_1_forte_normal.wav", "solo_flute")
    with pytest.raises(ValueError, match="'flute' and 'flûte' both become the class 'flute': rename one"):
        philharmonia(tmp_path)
