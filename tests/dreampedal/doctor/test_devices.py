"""`dreampedal devices`: what there is to play through, and a clear word where there is nothing."""

import pytest

from dreampedal.doctor.devices import Listing, audio_line
from dreampedal.engine.live.device.devices import Device

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]


def test_every_device_of_the_server_is_listed(rig, dreampedal):
    run = dreampedal("devices", "--json")
    assert (run.status, run.err) == (0, "")
    found = {device["name"]: device for device in run.json["audio"]}
    assert set(found) == {"system", rig.DEVICE}
    instrument = found[rig.DEVICE]
    assert (instrument["inputs"], instrument["outputs"], instrument["default_rate"]) == (8, 8, 48_000)
    assert found["system"]["is_default_input"] and found["system"]["is_default_output"]
    assert not instrument["is_default_input"] and run.json["audio_trouble"] is None
    assert any("knobs" in name for name in run.json["midi_inputs"]) and run.json["midi_trouble"] is None
    assert not any("knobs" in name for name in run.json["midi_outputs"])


def test_the_table_says_what_the_document_says(rig, dreampedal):
    run = dreampedal("devices")
    assert (run.status, run.err) == (0, "")
    lines = run.out.splitlines()
    (line,) = [line for line in lines if rig.DEVICE in line and "JACK" in line]
    assert line.split()[1:5] == [rig.DEVICE, "8", "8", "48000"]
    (line,) = [line for line in lines if "system" in line]
    assert line.split()[-2:] == ["in", "out"]
    assert "MIDI inputs:" in run.out and "knobs" in run.out


def test_no_library(dreampedal, without_portaudio):
    for arguments in ([], ["--json"]):
        run = dreampedal("devices", *arguments)
        assert run.status == 2 and "Traceback" not in run.err
        assert len(run.err.splitlines()) == 1 and "no PortAudio library" in run.err and "libportaudio2" in run.err
    assert run.json["audio"] == [] and "PortAudio" in run.json["audio_trouble"]


def test_no_midi_is_no_failure(dreampedal, rig, tmp_path, monkeypatch):
    """Without a JACK server there may be neither device nor MIDI; the listing itself has worked all the same."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")
    run = dreampedal("devices")
    assert (run.status, run.err) == (0, "")
    assert rig.DEVICE not in run.out and "MIDI" in run.out
    assert "start a JACK server" in run.out or "audio device" in run.out


@pytest.mark.parametrize("found, words", [
    (Listing(audio_trouble="no PortAudio library"), "audio: no PortAudio library"),
    (Listing(), "audio: no device: connect a sound card, or start a JACK server"),
    (Listing([Device(3, "Scarlett", "ALSA", 0, 2, 48_000.0, 0, 0, 0, 0)], default_output=3),
     "1 audio device; by default in none, out Scarlett"),
])  # fmt: skip
def test_devices_in_a_line(found, words):
    assert audio_line(found) == words
