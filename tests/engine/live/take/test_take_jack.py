"""A take of what went through a real audio server: rendered again, it is what another client of the server recorded."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from itertools import count

import numpy as np
import pedalboard
import pytest

from dreampedal import LiveStream, load_preset
from dreampedal.engine.live.exchange import exchange
from dreampedal.engine.live.player.player import BoardPlayer
from dreampedal.engine.live.take.reading import read_take
from dreampedal.engine.live.take.rendering import Rendering
from dreampedal.presets.loader import read_preset

from ..performance import build
from ..stage import until

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live, pytest.mark.any_recording]

PRESETS = ("organ_loft", "ghost_choir", "hall_of_flutes", "inner_contours")


@pytest.fixture
def stalls(monkeypatch):
    """The worker stalls at random, for 1 to 200 ms."""
    chance, played = random.Random(0), BoardPlayer.process_cut

    def stalling(player, block, changes):
        if chance.random() < 0.01:
            time.sleep(chance.uniform(0.001, 0.2))
        return played(player, block, changes)

    monkeypatch.setattr(BoardPlayer, "process_cut", stalling)


def excerpt(clip, name, seconds):
    audio, rate = clip(name)
    assert rate in (44_100, 48_000)
    return np.ascontiguousarray(np.resize(audio, (2, audio.shape[1]))[:, : round(seconds * 48_000)])


def rendered(folder):
    rendering = Rendering(read_take(folder), build)
    return np.concatenate(list(rendering), axis=1), rendering


def stretches(parent):
    """How many stretches of the only take in a folder are whole."""
    return sum(log.read_text().count('"kind": "whole"') for log in parent.glob("*/changes.jsonl"))


def require_equal(found, recorded):
    """What a client recorded is a part of what was rendered, to the bit; from the first sample that sounds."""
    first, begin = np.flatnonzero(recorded.any(0))[0], np.flatnonzero(found.any(0))[0]
    samples = min(recorded.shape[1] - first, found.shape[1] - begin)
    assert samples > 0.9 * recorded.shape[1]
    np.testing.assert_array_equal(found[:, begin : begin + samples], recorded[:, first : first + samples])


def turn_knobs(live, ended, chance):
    """What a player does in a lively minute."""
    while not ended.wait(chance.uniform(0.01, 0.15)):
        what, first = chance.randrange(7), live.board[0]
        if what == 0:
            first.amount = chance.random()
        elif what == 1:
            live.bypass = not live.bypass
        elif what == 2:
            live.program(chance.randrange(len(PRESETS)))
        elif what == 3:
            first.reach_db = chance.uniform(6, 24)
        elif what == 4:
            first.mix = chance.random()
        elif what == 5:
            live.board.append(pedalboard.Reverb(room_size=chance.random(), wet_level=0.1))
        elif chance.random() < 0.2:
            live.panic()
            time.sleep(0.1)
            live.resume()


@pytest.mark.parametrize("block_size, buffer_blocks, mode", [(128, 1, "live"), (128, 3, "studio"), (512, 1, "instant")])
def test_what_a_client_recorded_is_what_is_rendered(rig, clip, tmp_path, stalls, block_size, buffer_blocks, mode):
    sound = excerpt(clip, "solo_egtr_em9", 8)
    ended = threading.Event()
    live = LiveStream(
        read_preset("hall_of_flutes", [f"mode={mode}"]).board, input=rig.DEVICE, output=rig.DEVICE,
        block_size=block_size, buffer_blocks=buffer_blocks, latency=4096, record=tmp_path, presets=PRESETS,
    )  # fmt: skip
    with live:
        live.program(1)  # those below may all be overtaken by the next before they are ready
        until(lambda: live.name == PRESETS[1])
        player = threading.Thread(target=turn_knobs, args=(live, ended, random.Random(block_size)))
        player.start()
        recorded = rig.play(sound)
        ended.set()
        player.join()
        report, folder = live.report(), live.take
    assert report.late_blocks and report.held_hops, "nothing was disturbed"
    found, rendering = rendered(folder)
    assert rendering.as_heard
    require_equal(found, recorded)
    counts = rendering.counts
    assert counts.late_blocks >= report.late_blocks and counts.held_hops >= report.held_hops
    assert counts.changes > 10 and counts.swaps >= 1
    # A take knows blocks; what it takes to make them of the server's callbacks comes on top.
    assert read_take(folder).header.total_latency == live.latency - (block_size - 128)


def test_a_worker_that_fell_behind_by_the_whole_ring(rig, clip, tmp_path, monkeypatch):
    """It leaves blocks out, which are in the take as such. It stalls until the ring is full, however long it takes."""
    monkeypatch.setattr(exchange, "RING_SECONDS", 2.0)
    sound, played, blocks = excerpt(clip, "mix_rock", 5), BoardPlayer.process_cut, count()

    def stalling(player, block, changes):
        if next(blocks) == 400:
            stalled_at = live.playback.exchange.captured
            until(lambda: live.playback.exchange.captured > stalled_at + live.playback.exchange.slots + 60)
        return played(player, block, changes)

    board = read_preset("hall_of_flutes", ["mode=live"]).board
    with LiveStream(board, input=rig.DEVICE, output=rig.DEVICE, record=tmp_path) as live:
        monkeypatch.setattr(BoardPlayer, "process_cut", stalling)
        recorded = rig.play(sound)
        report, folder = live.report(), live.take
    monkeypatch.undo()
    found, rendering = rendered(folder)
    assert rendering.as_heard and rendering.counts.skipped_blocks == report.skipped_blocks > 50
    require_equal(found, recorded)


def test_input_of_a_take_is_what_a_client_played(rig, clip, tmp_path):
    sound = excerpt(clip, "speech_male_en", 3)
    with LiveStream(load_preset("bowed"), input=rig.DEVICE, output=rig.DEVICE, record=tmp_path) as live:
        rig.play(sound)
        folder = live.take
    take = np.concatenate([block for _, block in read_take(folder).input()], axis=1)
    first = np.flatnonzero(take.any(0))[0] - np.flatnonzero(sound.any(0))[0]
    np.testing.assert_array_equal(take[:, first : first + sound.shape[1]], sound)


def test_the_server_comes_back_within_a_take(rig, clip, tmp_path):
    sound = excerpt(clip, "solo_egtr_em9", 2)
    board = load_preset("hall_of_flutes")
    with LiveStream(board, input=rig.DEVICE, output=rig.DEVICE, record=tmp_path) as live:
        rig.play(sound)
        board[0].amount = 0.5
        rig.kill()
        rig.restart()
        until(lambda: live.report().restarts)
        recorded = rig.play(sound)
        folder = live.take
    found, rendering = rendered(folder)
    assert rendering.as_heard and rendering.counts.restarts == 1
    heard = np.flatnonzero(recorded.any(0))[0]
    part = recorded[:, heard : heard + 4096].tobytes()
    places = [at for at in np.flatnonzero(found[0] == recorded[0, heard]) if found[:, at : at + 4096].tobytes() == part]
    assert len(places) == 1
    samples = min(recorded.shape[1] - heard, found.shape[1] - places[0])
    np.testing.assert_array_equal(found[:, places[0] : places[0] + samples], recorded[:, heard : heard + samples])


def test_the_disk_is_full_and_the_sound_goes_on(rig, clip, tmp_path):
    """A limit on the size of files fails as a full disk does; the take is what was written before."""
    sound = excerpt(clip, "solo_egtr_em9", 6)
    command = [
        sys.executable, "-m", "dreampedal", "live", "--preset", "hall_of_flutes", "--input", rig.DEVICE,
        "--output", rig.DEVICE, "--record", tmp_path, "--json",
    ]  # fmt: skip
    live = subprocess.Popen(
        [*map(str, command)], stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000)),
    )  # fmt: skip
    until(lambda: stretches(tmp_path) or live.poll() is not None)
    recorded = rig.play(sound)
    live.send_signal(signal.SIGINT)
    said = json.loads(live.communicate(timeout=60)[0])
    assert live.returncode == 130 and "recording stopped after" in json.dumps(said)
    assert recorded[:, -48_000:].any(0).mean() > 0.9
    found, rendering = rendered(tmp_path)
    assert rendering.as_heard and "was cut off" in rendering.take.cut
    first, begin = np.flatnonzero(recorded.any(0))[0], np.flatnonzero(found.any(0))[0]
    samples = found.shape[1] - begin
    assert 0 < samples < recorded.shape[1] - 48_000
    np.testing.assert_array_equal(found[:, begin:], recorded[:, first : first + samples])


def test_killed_while_it_is_recorded(rig, clip, tmp_path):
    """`dreampedal live` is killed; what `process --take` makes of the take is what the client had recorded by then."""
    sound = excerpt(clip, "solo_egtr_em9", 5)
    command = [
        sys.executable, "-m", "dreampedal", "live", "--preset", "hall_of_flutes", "--input", rig.DEVICE,
        "--output", rig.DEVICE, "--record", tmp_path, "--seconds", "60", "--json",
    ]  # fmt: skip
    live = subprocess.Popen([*map(str, command)], start_new_session=True, stderr=subprocess.PIPE, text=True)
    until(lambda: stretches(tmp_path) or live.poll() is not None)
    recorded = rig.play(sound)
    # The stretch that is open now, and one that was begun later: then all that was played is in the take.
    wanted = stretches(tmp_path) + 2
    until(lambda: stretches(tmp_path) >= wanted)
    os.killpg(live.pid, signal.SIGKILL)
    live.wait()
    # A server that waits for its clients waits for the dead one, too, and for minutes when it is to end.
    rig.kill()
    rig.restart()
    again = subprocess.run(
        [sys.executable, "-m", "dreampedal", "process", "--take", tmp_path, "-o", tmp_path / "again.wav", "--json"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert again.returncode == 0 and "was cut off" in again.stderr
    [said] = json.loads(again.stdout)
    assert said["as_heard"] is True
    with pedalboard.io.AudioFile(str(tmp_path / "again.wav")) as file:
        found = file.read(file.frames)
    first, begin = np.flatnonzero(recorded.any(0))[0], np.flatnonzero(found.any(0))[0]
    samples = recorded.shape[1] - first
    np.testing.assert_array_equal(found[:, begin : begin + samples], recorded[:, first:])
