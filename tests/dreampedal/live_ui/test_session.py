"""`dreampedal live` as a user has it: through an audio server, with an independent client at both ends."""

import json
import re
import signal
import subprocess
import threading
import time

import numpy as np
import pytest

from dreampedal.live_ui.text import blocks_text
from dreampedal.presets import shipped_presets

from ...engine.live.stage import until
from ..conftest import Finished, but_compiling, command
from ..test_front_door import loaded_by

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]


class Session:
    """A session that plays in the background."""

    def __init__(self, rig, folder, *arguments, devices=True):
        self.rig = rig
        through = ["--input", rig.DEVICE, "--output", rig.DEVICE, "--channels", 2] if devices else []
        self.process = subprocess.Popen(
            command("live", *through, *arguments), cwd=folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def is_heard(self, seconds=60.0):
        """Wait until it is plugged into the instrument, every cable of it: one comes after the other."""
        cables = [f"{self.rig.DEVICE}:{port}" for port in ("out_1", "out_2", "in_1", "in_2")]
        waits_until = time.monotonic() + seconds
        while not all(map(self.rig.connections().get, cables)):
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < waits_until
            time.sleep(0.1)

    def says(self, seconds=60.0):
        """The next line that it prints."""
        watch = threading.Timer(seconds, self.process.kill)
        watch.start()
        line = self.process.stdout.readline()
        watch.cancel()
        return line

    def end(self, how=None):
        """Wait for the end, or bring it about by a signal."""
        if how is not None:
            self.process.send_signal(how)
        out, err = self.process.communicate(timeout=60)
        return Finished(self.process.returncode, out, but_compiling(err))


@pytest.fixture
def live(rig, tmp_path):
    """Start sessions; none outlives the test."""
    started = []

    def start(*arguments, **more):
        started.append(Session(rig, tmp_path, *arguments, **more))
        return started[-1]

    yield start
    for session in started:
        if session.process.poll() is None:
            session.process.terminate()
            session.process.communicate(timeout=60)


def delay_of(dry, wet):
    """Samples by which `wet` is later, at the best correlation of both."""
    size = 1 << (2 * dry.size).bit_length()
    both = np.fft.irfft(np.fft.rfft(wet, size) * np.conj(np.fft.rfft(dry, size)), size)
    return int(np.argmax(both[: wet.size]))


def played(clip, seconds, rate=48_000):
    """A recording of so many samples, silence behind it for what comes late; float32 of shape (2, samples)."""
    audio, _ = clip("solo_egtr_em9")
    cut = audio[:, : round(seconds * rate)]
    return np.pad(np.broadcast_to(cut, (2, cut.shape[1])), ((0, 0), (0, 8192)))


@pytest.mark.parametrize("mode", ["studio", "live", "instant"])
def test_what_comes_out_is_what_went_in_as_late_as_reported(live, rig, clip, tmp_path, mode):
    (tmp_path / "plain.toml").write_text('[[effects]]\ntype = "Dream"\ntarget = "class:flute"\namount = 0.0\n')
    sound = played(clip, 1.5)
    session = live("--preset", "plain.toml", "--mode", mode, "--json")
    session.is_heard()
    back = rig.play(sound)
    run = session.end(signal.SIGINT)
    assert (run.status, run.err) == (130, "")
    report, latency = run.json["report"], run.json["latency"]
    assert report["preset"] == "plain" and report["sample_rate"] == 48_000 and not report["panicked"]
    late = delay_of(sound[0], back[0])
    assert late - report["latency_samples"] in (128, 256), "the server adds one or two of its blocks"
    np.testing.assert_allclose(back[:, late:], sound[:, : sound.shape[1] - late], atol=1e-5)
    inside = [row["samples"] for row in latency["rows"] if row["name"] not in ("device in", "device out")]
    assert sum(inside) == report["latency_samples"]
    assert latency["samples"] == sum(row["samples"] for row in latency["rows"])


def test_a_preset_plays_and_reports(live, rig, clip):
    """A dream is heard at the other end: no longer the dry sound, and none other either."""
    sound = played(clip, 1.5)
    session = live("--preset", "hall_of_flutes", "--json")
    session.is_heard()
    back = rig.play(sound)
    run = session.end(signal.SIGINT)
    assert (run.status, run.err) == (130, "")
    assert run.json["report"]["seconds"] > 1 and run.json["presets"][0] == "hall_of_flutes"
    assert max(run.json["report"]["output_db"]) < 0
    late = delay_of(sound[0], back[0])
    dry, wet = sound[:, : sound.shape[1] - late], back[:, late:]
    assert np.abs(back).max() <= 10 ** (-1 / 20)
    assert 0.05 < np.sqrt(np.mean((wet - dry) ** 2) / np.mean(dry**2)) < 5


def test_a_preset_with_a_byte_order_mark_plays_live_like_any_other(live, rig, tmp_path):
    """Where it was taken for one with no mode, it played in `studio`, 42.7 ms late."""
    text = '[[effects]]\ntype = "Dream"\ntarget = "class:flute"\n'
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8-sig")
    session = live("--preset", "mine.toml", "--json")
    session.is_heard()
    run = session.end(signal.SIGINT)
    assert (run.status, run.err) == (130, "")
    assert run.json["report"]["latency_samples"] < 0.02 * 48_000


def test_lines_where_no_screen_is(live, rig, clip):
    session = live("--preset", "bowed", "--preset", "ghost_choir", "--mode", "studio")
    session.is_heard()
    rig.play(played(clip, 2.0))
    first, ledger, going = (session.says() for _ in range(3))
    run = session.end(signal.SIGINT)
    assert (run.status, run.err) == (130, "")
    last = run.out.splitlines()[-1]
    assert first.startswith("playing bowed: instrument -> instrument, 48000 Hz, 2 channels, blocks of 128 samples")
    assert "buffering 128" in ledger and "ms)" in ledger
    assert re.match(r"\d:\d\d bowed: in ", going) and going >= "0:05" and "load" in going and "held" in going
    assert last.startswith("played 0:") and "restarts 0" in last


@pytest.mark.parametrize("how, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_a_summary(live, how, status):
    session = live("--preset", "bowed")
    assert session.says().startswith("playing bowed: ")
    run = session.end(how)
    assert (run.status, run.err) == (status, "")
    assert run.out.splitlines()[-1].startswith("played 0:")


def test_a_take_is_kept_where_it_is_told(live, rig, clip, tmp_path):
    session = live("--preset", "bowed", "--record", "takes", "--json")
    session.is_heard()
    rig.play(played(clip, 1.0))
    run = session.end(signal.SIGTERM)
    assert (run.status, run.err) == (143, "")
    (take,) = (tmp_path / "takes").iterdir()
    assert run.json["take"] == f"takes/{take.name}"
    header = json.loads((take / "header.json").read_text())
    assert header["preset"] == "bowed" and header["sample_rate"] == 48_000
    assert list(take.glob("input-*.wav"))


def test_a_program_change_brings_the_next_preset(live, rig, clip, tmp_path):
    chosen = ["--preset", "bowed", "--preset", "organ_loft", "--midi", "knobs", "--record", "takes", "--json"]
    session = live(*chosen)
    session.is_heard()
    rig.play(played(clip, 1.0), messages=[(100, b"\xc0\x01")])
    until(lambda: any('"organ_loft"' in log.read_text() for log in tmp_path.glob("takes/*/changes.jsonl")))
    run = session.end(signal.SIGINT)
    assert (run.status, run.err) == (130, "")
    assert run.json["midi"] and run.json["report"]["midi_messages"] == 1
    assert run.json["report"]["preset"] == "organ_loft"


@pytest.mark.parametrize("message, shown", [
    (lambda value: bytes([0xB0, 21, value]), "CC 21 ch 1"),
    (lambda value: bytes([0xB2, 99, 1, 98, 20, 6, value]), "NRPN 148 ch 3"),
], ids=["controller", "NRPN"])  # fmt: skip
def test_a_knob_is_learned_and_turns_what_it_was_learned_for(live, rig, clip, message, shown):
    session = live("--preset", "bowed", "--midi", "knobs", "--learn", "output_db", "--json")
    session.is_heard()
    turns = [(4800 * at, message(value)) for at, value in enumerate([0, 30, 64, 90, 127])]
    rig.play(played(clip, 1.0), messages=turns)
    run = session.end(signal.SIGINT)
    (knob,) = [knob for knob in run.json["knobs"] if knob["name"] == "output_db"]
    assert knob["source"] == shown and knob["share"] == 1.0 and knob["shown"] == "24 dB"


@pytest.mark.parametrize("asked, size, buffers, words", [
    ([], 1024, 1, "blocks of 1024 samples"), (["--block", 128], 128, 8, "blocks of 128 samples, 8 at a time"),
    (["--block", 128, "--buffers", 9], 128, 9, "blocks of 128 samples, 8 at a time"),
])  # fmt: skip
def test_the_block_is_the_servers_period_unless_another_is_asked_for(live, rig, asked, size, buffers, words):
    rig.block_size = 1024
    session = live("--preset", "bowed", *asked, "--seconds", 0.5, "--json")
    report, rows = (run := session.end()).json["report"], run.json["latency"]["rows"]
    assert (run.status, run.err) == (0, "")
    assert (report["block_size"], report["buffer_blocks"]) == (size, buffers)
    assert [row["samples"] for row in rows if row["name"] == "buffering"] == [size * buffers]
    assert not [row for row in rows if row["name"] == "adaption"]
    assert report["late_blocks"] == report["late_slow"] + report["late_system"] and report["late_bursts"] == 0
    assert blocks_text(report | {"together": 1024}) == words


def test_a_server_that_comes_back_as_another_is_told_in_lines(live, rig, tmp_path):
    session = live("--preset", "bowed", "--mode", "instant", "--record", "takes")
    assert "48000 Hz, 2 channels, blocks of 128 samples" in session.says()
    assert session.says().startswith("latency ")
    session.is_heard()
    rig.restart(rate=44_100, block_size=256, waits=False)  # as JACK runs by default, since this opens MIDI as well
    lines = [session.says()]
    while "44100 Hz, 2 channels, blocks of 256 samples" not in lines[-1]:
        assert lines[-1].startswith("0:"), "lines of progress alone"
        lines.append(session.says())
    assert any("instrument is gone: waiting until it comes back" in line for line in lines)
    assert "buffering 256" in session.says()
    run = session.end(signal.SIGINT)
    assert (run.status, run.err) == (130, "")
    last = run.out.splitlines()[-1]
    takes = sorted(str(take.relative_to(tmp_path)) for take in (tmp_path / "takes").iterdir())
    assert len(takes) == 2 and f"take in {takes[0]}, {takes[1]}" in last and "restarts 1" in last
    rates = [json.loads((tmp_path / take / "header.json").read_text())["sample_rate"] for take in takes]
    assert rates == [48_000, 44_100]


def test_one_preset_brings_all_others_behind_it(live):
    session = live("--preset", "organ_loft", "--seconds", 1, "--json")
    run = session.end()
    assert (run.status, run.err) == (0, "")
    names = run.json["presets"]
    assert names[0] == "organ_loft" and set(names) == set(shipped_presets())


@pytest.mark.parametrize("arguments, words", [
    (["--preset", "hal"], ["no preset named 'hal'"]),
    (["--preset", "none.toml"], ["none.toml: no such preset file"]),
    (["--preset", "bowed", "--preset", "none.toml"], ["none.toml: no such preset file"]),
    (["--preset", "broken.toml"], ["broken.toml", "no TOML"]),
    (["--input", "Scarlett"], ["no audio input named 'Scarlett'", "instrument"]),
    (["--output", "Scarlett"], ["no audio output named 'Scarlett'", "instrument"]),
    (["--input", "s"], ["audio input 's' is one of several", "instrument", "system", "use more of its name"]),
    (["--input", "99"], ["99"]),
    (["--rate", "44100"], ["44100 Hz", "48000 Hz"]),
    (["--rate", "nan"], ["nan Hz: expected 8000 to 384000"]),
    (["--rate", "fast"], ["--rate"]),
    (["--channels", "9"], ["channels = 9: expected 1 to 8"]),
    (["--channels", "0"], ["channels = 0: expected 1 to 8"]),
    (["--block", "16"], ["block_size = 16: expected at least 32"]),
    (["--buffers", "0"], ["buffer_blocks = 0: expected at least 1"]),
    (["--ceiling", "3"], ["ceiling_db = 3.0 dBFS: expected -60 to 0"]),
    (["--mode", "dreamy"], ["mode = 'dreamy': expected one of studio, live, instant"]),
    (["--set", "amout=1"], ["setting 'amout=1': no such parameter", "did you mean 'amount'"]),
    (["--midi", "nano"], ["no MIDI input named 'nano'"]),
    (["--learn", "amout"], ["amout", "did you mean 'amount'"]),
    (["--learn", "9.amount"], ["9", "effect"]),
    (["--record", "/proc/nowhere"], ["/proc/nowhere"]),
    (["--seconds", "0"], ["seconds = 0: expected more than 0"]),
    (["--volume", "11"], ["--volume"]),
])  # fmt: skip
def test_bad_input(rig, dreampedal, tmp_path, arguments, words):
    (tmp_path / "broken.toml").write_text("effects = [")
    assert rig.runs()
    assert dreampedal("live", *arguments).refused(*words)


def test_no_device(dreampedal, monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")
    assert dreampedal("live", "--input", "nobody").refused("no audio ")


def test_no_library(dreampedal, without_portaudio):
    assert dreampedal("live").refused("no PortAudio library", "libportaudio2")


@pytest.mark.parametrize("verb", ["live", "devices", "doctor"])
def test_help_teaches_and_is_there_at_once(dreampedal, verb):
    run = dreampedal(verb, "--help")
    assert run.status == 0 and f"dreampedal {verb}" in run.out.partition("Example")[2]
    begin = f"from dreampedal.cli.app import main\ntry: main([{verb!r}, '--help'])\nexcept SystemExit: pass\n"
    assert loaded_by(f"exec({begin!r})") == []
