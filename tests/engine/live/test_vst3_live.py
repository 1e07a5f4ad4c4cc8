"""VST3 plugins that play live: they sound as they do offline, answer to knobs, are swapped in, and stay in a take."""

import numpy as np
import pytest
from pedalboard import Gain

from dreampedal import Board, LiveStream, load_plugin, save_preset
from dreampedal.engine.host.natives.external.parameters import raw_values, values_of
from dreampedal.engine.host.natives.native import set_native
from dreampedal.engine.live.midi.map import Mapping
from dreampedal.engine.live.midi.travel import require_mapping, travel_of
from dreampedal.engine.live.player.changes import Set
from dreampedal.engine.live.player.mirror import Mirror
from dreampedal.engine.live.take.reading import read_take
from dreampedal.engine.live.take.rendering import Rendering

from ..host.natives.vst3 import vst3
from .performance import Performance, build
from .stage import Witness, on_stage, until

pytestmark = pytest.mark.xdist_group("jack")


def rack():
    return Board([load_plugin(vst3("ZaMaximX2")), load_plugin(vst3("ZamComp"), {"threshold_db": -20.0})])


def test_the_clone_follows_what_is_set():
    board = rack()
    mirror = Mirror(board)
    assert mirror.board[1] is not board[1] and raw_values(mirror.board[1]) == raw_values(board[1])
    set_native(board[1], "makeup_db", 7.31)
    board[0].threshold_db = -12.0  # as pedalboard sets it
    changes = list(mirror.changed())
    assert changes == [Set("0", "threshold_db", pytest.approx(-12, abs=0.1)), Set("1", "makeup_db", 7.31)]
    assert not list(mirror.changed())
    mirror.turn(Set("1", "ratio", 3.0))
    assert list(mirror.changed()) == [Set("1", "ratio", 3.0)]
    assert values_of(board[1])["ratio"] == 3.0


def test_a_knob_has_the_range_of_the_parameter():
    board = rack()
    mapping = Mapping("cc:74", "1", "threshold_db")
    require_mapping(mapping, board)
    assert [travel_of(mapping, board[1]).value(at) for at in (0, 1)] == [-80, 0]
    for wrong, error in ((Mapping("cc:74", "1", "treshold_db"), "no such parameter"),
                         (Mapping("cc:74", "1", "threshold_db", high=200.0), "out of range")):  # fmt: skip
        with pytest.raises(ValueError, match=error):
            require_mapping(wrong, board)


def test_a_take_of_it_is_rendered_as_it_was_heard(clip, tmp_path):
    audio = np.ascontiguousarray(clip("solo_egtr_em9")[0][:, :96_000])
    changes = {
        20_000: Set("1", "makeup_db", 12.0), 40_003: Set("0", "threshold_db", -18.5),
        60_000: ("other", Board([load_plugin(vst3("ZamDelay"), {"output_gain_db": -3.0})])),
    }  # fmt: skip
    folder, heard = Performance(rack(), audio, 48_000, changes, latency=1024).recorded(tmp_path)
    rendering = Rendering(read_take(folder), build)
    found = np.concatenate(list(rendering), axis=1)
    assert rendering.as_heard
    np.testing.assert_array_equal(found, heard)


def test_it_sounds_live_as_it_does_offline(rig, clip):
    """Through a real audio server, when no block was late: it has two thirds of a second to be in time."""
    rig.block_size, reserve = 512, 64
    later = reserve * 512 + rig.block_size + 480
    audio = np.pad(0.25 * np.resize(clip("solo_egtr_em9")[0], (2, 60_000)), ((0, 0), (0, later)))
    for _ in range(5):
        witness = Witness()
        board = Board([witness, *rack(), Gain(-3)])
        with on_stage(rig, board, block_size=512, buffer_blocks=reserve) as live:
            heard = rig.play(audio)
            report = live.report()
        if report.late_blocks == 0:
            break
    assert report.late_blocks == report.skipped_blocks == report.guard_hits == 0
    assert board.latency_at(48_000) == 480
    first = witness.notes["first"] // 512 * 512
    stream = board.stream(48_000, 2, 512)
    signal = np.concatenate([np.zeros((2, first), np.float32), audio], axis=1)
    wet = [np.array(stream.process(block)) for block in np.split(signal, range(512, signal.shape[1], 512), axis=1)]
    wet = np.concatenate(wet, axis=1)[:, first:]
    shift = reserve * 512 + rig.block_size
    np.testing.assert_array_equal(heard[:, shift:], wet[:, :-shift])
    assert np.abs(wet).max() > 0.01


def test_presets_with_plugins_come_and_go_live(rig, tmp_path):
    """Each is loaded, and made ready, on a thread beside the sound."""
    paths = [
        save_preset(board, tmp_path / f"{name}.toml")
        for name, board in (("one", rack()), ("two", Board([load_plugin(vst3("ZamGateX2"))])))
    ]
    with LiveStream(rack(), input=rig.DEVICE, output=rig.DEVICE, block_size=128, latency=2048) as live:
        for path in (*paths, paths[0]):
            live.load(str(path))
            until(lambda path=path: live.name == str(path) or live.message)
            assert not live.message
        live.set("1", "makeup_db", 6.0)
        until(lambda: values_of(live.board[1])["makeup_db"] == 6.0)
