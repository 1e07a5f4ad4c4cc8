"""Which device is meant, without one being there."""

import sys

import pytest

from dreampedal.engine.live.device import devices, portaudio
from dreampedal.engine.live.device.devices import Device, choose


def device(number, name, host_api="ALSA", inputs=2, outputs=2):
    return Device(number, name, host_api, inputs, outputs, 48_000.0, 0.005, 0.005, 0.05, 0.05)


STAGE = [
    device(0, "Scarlett 2i2 USB", "MME"),
    device(1, "Scarlett 18i20 USB", "ALSA", 18, 20),
    device(2, "Scarlett 2i2 USB", "Windows WASAPI"),
    device(3, "HDA Intel PCH: ALC257 Analog (hw:0,0)"),
    device(4, "2", "ALSA"),
]


@pytest.mark.parametrize(
    "wanted, number",
    [
        ("Scarlett 18i20 USB", 1),
        ("18I20", 1),
        ("alc257", 3),
        ("Scarlett 2i2 USB", 2),  # the same box on two interfaces: the one that is fit for playing
        ("Scarlett 2i2 USB, MME", 0),
        ("scarlett wasapi", 2),
        ("usb alsa", 1),
        ("hw:0,0", 3),
        ("2", 4),  # a name before a number
        ("3", 3),
    ],
)
def test_a_name_a_part_of_it_or_a_number(wanted, number):
    assert choose(wanted, STAGE, "input").number == number


@pytest.mark.parametrize("wanted", ["scarlett", "usb", "analog scarlett", "nothing", "", "99"])
def test_none_or_several_are_told_with_their_numbers(wanted):
    with pytest.raises(ValueError) as refusal:
        choose(wanted, STAGE, "output")
    told = str(refusal.value)
    assert "\n" not in told and "audio" in told
    if wanted in ("scarlett", "usb"):
        assert "one of several: 0 = Scarlett 2i2 USB, MME; 1 = Scarlett 18i20 USB, ALSA; 2 = " in told
    else:
        assert all(f"{each.number} = {each.name}" in told for each in STAGE)


def test_one_interface_with_two_boxes_of_one_name_is_ambiguous():
    twins = [device(5, "USB Audio"), device(6, "USB Audio")]
    with pytest.raises(ValueError, match="one of several: 5 = USB Audio, ALSA; 6 = USB Audio, ALSA"):
        choose("USB Audio", twins, "input")


@pytest.fixture
def offered(monkeypatch):
    """A function that lets a machine have some devices."""

    def offer(*found):
        monkeypatch.setattr(devices, "audio_devices", lambda: list(found))

    return offer


def test_a_machine_without_devices_is_told_what_to_do(offered):
    offered(device(0, "HDMI", inputs=0))
    with pytest.raises(ValueError, match=r"^no audio input on this machine: connect a sound card, or start a JACK"):
        devices.find(None, "input")
    assert devices.find("HDMI", "output").number == 0


def test_a_number_that_cannot_record_is_refused(offered):
    offered(device(0, "HDMI", inputs=0), device(1, "Microphone", outputs=0))
    with pytest.raises(ValueError, match=r"audio device 0 \(HDMI, ALSA\) has no input: there is 1 = Microphone"):
        devices.find(0, "input")
    with pytest.raises(ValueError, match="no audio device -1"):
        devices.find(-1, "input")


def test_a_jack_server_is_the_usual_device_where_it_runs(offered):
    jack = "JACK Audio Connection Kit"
    offered(device(0, "HDMI"), device(1, "zynaddsubfx", jack), device(2, "system", jack))
    assert devices.find(None, "input").number == devices.find(None, "output").number == 2


def test_devices_of_two_interfaces_do_not_play_together():
    with pytest.raises(ValueError, match=r"a is a device of ALSA and b of MME: choose both from one of them"):
        devices.check(device(0, "a"), device(1, "b", "MME"), 48_000, (2, 2))


def test_a_machine_without_portaudio_is_told_what_to_install(monkeypatch):
    class Missing:
        """What sounddevice does where the library is not: it raises OSError as it is imported."""

        def find_spec(self, name, path=None, target=None):
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(ValueError, match=r"^no PortAudio library, which plays and records: ") as refusal:
        portaudio.portaudio()
    assert "install" in str(refusal.value) and "\n" not in str(refusal.value)
