"""`dreampedal doctor`: what a machine is told about itself is measured, and adds up."""

import os
import threading
import time
from contextlib import suppress

import pytest

from dreampedal.doctor.doctor import Compared, caveat, sentence
from dreampedal.doctor.machine import advice, machine, transforms
from dreampedal.doctor.timing import DeviceTiming
from dreampedal.engine.dsp.fft.real import way
from dreampedal.engine.live.blocktimes import BLOCK_SIZES, BlockTimes, recommended
from dreampedal.engine.live.device.arrivals import Arrivals

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]


def test_a_machine_without_devices_is_measured_all_the_same(dreampedal, monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")
    run = dreampedal("doctor", "--preset", "bowed", "--rate", "48000", "--seconds", "0.3", "--json")
    assert (run.status, run.err) == (0, "")
    found = run.json
    assert [each["block_size"] for each in found["block_times"]] == list(BLOCK_SIZES)
    for each in found["block_times"]:
        assert each["period"] == pytest.approx(each["block_size"] / 48_000)
        assert each["blocks"] == max(1, round(0.3 / each["period"]))
        assert 0 < each["median"] <= each["p99"] <= each["p999"] <= each["longest"]
        assert each["is_safe"] == (each["p999"] < each["period"] / 2)
    assert found["recommended_block"] in (None, *BLOCK_SIZES)
    assert found["machine"]["packages"]["numpy"] and "CPUExecutionProvider" in found["machine"]["providers"]
    assert found["arrivals"] is None and "start a JACK server" in found["arrivals_trouble"]
    assert found["round_trip"] == [] and found["sample_rate"] == 48_000


def test_it_says_what_to_choose(dreampedal, without_portaudio):
    """And of how few blocks it knows."""
    run = dreampedal("doctor", "--preset", "bowed", "--seconds", "0.2")
    assert "blocks of" in run.out and "so p99.9 is the longest of them: --seconds " in run.out
    assert (run.status, run.err) == (0, "")
    for words in ("machine", "onnxruntime", "real time", "no PortAudio", "p99.9 of the period", "advice: no PortAudio",
                  "callbacks: not measured: no PortAudio library"):  # fmt: skip
        assert words in run.out
    assert "Recommended: --block" in run.out or "too much for this machine" in run.out


def test_the_recommended_block_is_the_first_of_all_that_are_safe():
    def times(size, p999):
        return BlockTimes(size, size / 48_000, 100, p999 / 3, p999 / 2, p999, p999)

    good = times(256, 0.001)
    assert sentence(good, [good], "bowed", 48_000).startswith("Recommended: --block 256.")
    bad = times(1024, 0.02)
    said = sentence(None, [good, bad], "bowed", 48_000)
    assert "too much for this machine" in said and "1024 samples" in said and "94 %" in said


def test_few_blocks_are_told_and_enough_are_not():
    few, enough = (BlockTimes(1024, 1024 / 48_000, blocks, *[0.001] * 4) for blocks in (999, 1000))
    assert "--seconds 22 plays 1,000" in caveat(few) and caveat(enough) == ""


def at(size, share):
    """The times of a block whose p99.9 is a share of its period."""
    return BlockTimes(size, size / 48_000, 100, *[share * size / 48_000] * 4)


def listened(together, callbacks=(), early=0.0, samples=128):
    """A device that brings so many samples at a time."""
    several = together // samples
    return DeviceTiming(
        Arrivals(samples, together, several, 99, together / 48_000, early, early, together / 24_000, 0),
        callbacks=callbacks,
    )


def test_no_block_that_is_no_sooner_is_recommended():
    """A machine on which every block is fast enough: the period decides."""
    times = [at(size, 0.1) for size in BLOCK_SIZES]
    for period in (32, 256, 512, 1024):
        device = listened(period, (period,), samples=period)
        best = recommended(times, device.least, device.jitter)
        said = sentence(best, times, "bowed", 48_000, device)
        assert said.startswith(f"Recommended: --block {period}, which is the server's period and what live takes by it")
        assert ("make the server's period shorter: 32 would do" in said) == (period > 32)
    bursts = listened(512)
    said = sentence(recommended(times, bursts.least, bursts.jitter), times, "bowed", 48_000, bursts)
    assert said.startswith("Recommended: --block 512. ") and "make the device's period shorter" in said
    # PortAudio hands a longer period over in pieces: four of them are one.
    assert listened(4096, (1024,) * 4, samples=1024).least == 1024


def test_blocks_that_are_too_short_for_the_board_or_for_the_device_are_left_out():
    times = [at(32, 0.9), at(64, 0.6), at(128, 0.4), at(256, 0.2)]
    server = listened(64, (64,), samples=64)
    best = recommended(times, server.least, server.jitter)
    assert best.block_size == 128
    assert sentence(best, times, "bowed", 48_000, server).startswith("Recommended: --block 128. It is the smallest")
    early = listened(64, (64,), early=0.7 * 128 / 48_000, samples=64)
    assert recommended(times, early.least, early.jitter).block_size == 256
    wild = listened(64, (64,), early=0.02, samples=64)
    assert recommended(times, wild.least, wild.jitter) is None
    assert "more than 20.00 ms too soon" in sentence(None, times, "bowed", 48_000, wild)


def test_it_listens_to_the_device(rig, dreampedal):
    rig.block_size = period = 1024
    through = ["--input", rig.DEVICE, "--output", rig.DEVICE]
    run = dreampedal("doctor", *through, "--seconds", "0.05", "--preset", "bowed", "--json")
    assert (run.status, run.err) == (0, "")
    found = run.json["arrivals"]
    assert found["samples"] == period and found["together"] % period == 0 and found["turns"] > 1
    assert run.json["arrivals_trouble"] is None
    assert run.json["recommended_block"] is None or run.json["recommended_block"] >= period


def test_the_round_trip_is_measured_through_a_cable(rig, dreampedal):
    """A client of the server connects the output to the input, as a cable does."""
    import jack

    cable, ends = jack.Client("cable", no_start_server=True, servername=os.environ["JACK_DEFAULT_SERVER"]), []

    def connect():
        while not ends:
            outs = cable.get_ports("PortAudio.*", is_audio=True, is_output=True)
            ins = cable.get_ports("PortAudio.*", is_audio=True, is_input=True)
            with suppress(jack.JackError):  # of a stream that was there for a look, and is gone by now
                for first, last in zip(outs, ins, strict=False):
                    if last not in cable.get_all_connections(first):
                        cable.connect(first, last)
            time.sleep(0.05)

    with cable:
        hand = threading.Thread(target=connect)
        hand.start()
        try:
            through = ["--input", rig.DEVICE, "--output", rig.DEVICE]
            # Blocks of 512: no machine is so busy that most of them are late, which would be another way round.
            options = [*through, "--seconds", "0.05", "--json", "--preset", "bowed", "--block", "512"]
            run = dreampedal("doctor", "--loopback", *options)
        finally:
            ends.append(True)
            hand.join()
    assert (run.status, run.err) == (0, "")
    outside, board, total = run.json["round_trip"]
    assert board["measured"] == board["ledger"] == 256
    # Four of the server's periods make a block, which waits for its result; the cable and the server add periods.
    assert outside["measured"] >= 384 + 512 and outside["measured"] % 128 == 0
    assert total["measured"] == outside["measured"] + board["measured"]


@pytest.mark.parametrize("arguments, words", [
    (["--preset", "none"], ["no preset named 'none'"]),
    (["--mode", "fast"], ["mode = 'fast'"]),
    (["--seconds", "0"], ["seconds = 0"]),
    (["--seconds", "nan"], ["seconds = nan"]),
    (["--rate", "12"], ["12", "8000 to 384000"]),
    (["--output", "Scarlett"], ["no audio output named 'Scarlett'"]),
    (["--loopback", "--input", "Scarlett", "--rate", "48000", "--seconds", "0.01"], ["no audio input", "Scarlett"]),
])  # fmt: skip
def test_bad_input(rig, dreampedal, arguments, words):
    assert rig.runs()
    run = dreampedal("doctor", *arguments)
    assert run.status == 2 and len(run.err.splitlines()) == 1
    assert all(word in run.err for word in words), run.err


def test_rows_are_compared_in_words():
    assert Compared("total", 1230, 1234).sentence == "measured 1,234 samples, ledger says 1,230: 4 more"
    assert Compared("total", 1230, 1230).sentence.endswith("the same")
    assert "could not be measured" in Compared("board", 12, None).sentence


def test_facts_about_this_machine():
    facts = machine()
    assert facts["cores"] == os.cpu_count() and facts["dreampedal"] and facts["kernels"]
    assert facts["transforms"].startswith("in ")
    assert isinstance(advice(facts), list)
    bad = {"real_time": False, "governor": "powersave", "portaudio": None, "kernels": "compiled at every start: x"}
    assert len(advice(facts | bad)) >= 3


def test_plain_transforms_say_why(monkeypatch):
    monkeypatch.setenv("DREAMPEDAL_FFT", "plain")
    way.cache_clear()
    try:
        assert transforms() == "in plain loops, some five times slower: DREAMPEDAL_FFT is set"
    finally:
        way.cache_clear()
