"""Real VST3 plugins on a board: pedalboard's samples, in any blocks, on any channels, and from a copy."""

import copy
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pedalboard
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pedalboard import Pedalboard, Reverb

from dreampedal import Board, Mix, load_plugin, load_preset, save_preset
from dreampedal.engine.host.natives.external.loading import where_it_can_be
from dreampedal.engine.host.natives.external.parameters import raw_values, values_of
from dreampedal.engine.host.natives.external.plugin import file_of
from dreampedal.engine.host.natives.habits import habits_of
from dreampedal.engine.host.natives.native import Blocks, clone, native_parameters, set_native

from ....signals import in_blocks
from ....stress import count
from .test_native import fading, partitions, with_channels
from .vst3 import ALL, CRASHES, ERRATIC, EXACT, FEW, SLOW, STRESSED, doctored, is_stereo, vst3

RATE = 48_000
recordings = settings(
    max_examples=count(12, 4), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
plugins = pytest.mark.parametrize("name", FEW)
pytestmark = pytest.mark.stress


def own_channels(name, audio):
    return with_channels(audio, 2 if is_stereo(name) else 1)


def turned(name):
    """A plugin with some parameters off their defaults."""
    plugin = load_plugin(vst3(name))
    rng = np.random.default_rng(sum(name.encode()))
    for parameter in [each for each in plugin._parameters if each.is_automatable and each.num_steps > 1000][:4]:
        parameter.raw_value = float(rng.uniform(0.3, 0.7))
    return plugin


def by_pedalboard(plugin, audio, buffer_size=8192):
    """One call of pedalboard, by another plugin of the same file and state."""
    return Pedalboard([clone(plugin)])(audio, RATE, buffer_size)


def block_of(plugin, channels):
    """The buffer size at which pedalboard plays what a board does: any, or that of all our blocks."""
    return 128 if habits_of(plugin, RATE, channels).blocks is Blocks.SIZED else 8192


def test_a_plugin_leaves_the_arithmetic_of_a_thread_as_it_was():
    """Libraries that were compiled with -ffast-math set small numbers to zero wherever they are loaded."""
    load_plugin(vst3("ZaMaximX2"))
    smallest = np.float64(np.finfo(np.float64).tiny)
    assert where_it_can_be(lambda: smallest / 2) > 0 and smallest / 2 > 0


@pytest.mark.parametrize("name", ALL if STRESSED else [*FEW, "ZamGrains"])
def test_every_plugin_of_the_package_plays(name, clip):
    audio = clip("mix_rock")[0][:, :9000]
    plugin = load_plugin(vst3(name))
    for channels in (1, 2):
        board, heard = Board([plugin]), with_channels(audio, channels)
        played = board(heard, RATE)
        assert played.shape == heard.shape and np.isfinite(played).all()
        assert board.stream(RATE, channels, 64).process(heard[:, :64]).shape == (channels, 64)


@plugins
def test_one_call_is_pedalboards(name, clip):
    plugin = turned(name)
    audio = own_channels(name, clip("mix_rock")[0][:, : 128 * 150])
    expected = by_pedalboard(plugin, audio, block_of(plugin, audio.shape[0]))
    assert np.array_equal(Board([plugin])(audio, RATE), expected)


@plugins
@given(data=st.data())
@recordings
def test_any_blocks_give_the_same_bits(name, clip, data):
    audio = with_channels(fading(clip("mix_rock")[0][:, :24_000]), data.draw(st.sampled_from([1, 2])))
    board = Board([turned(name)])
    expected = board(audio, RATE)
    sizes = data.draw(partitions(24_000))
    played = in_blocks(lambda block: board(block, RATE, reset=False), audio, sizes)
    assert np.array_equal(np.concatenate([played, board.flush()], axis=1), expected)


@plugins
@given(data=st.data())
@recordings
def test_a_stream_is_the_one_call_later(name, clip, data):
    audio = fading(clip("mix_rock")[0][:, :24_000])
    board = Board([turned(name)])
    stream = board.stream(RATE, 2, 10_000)
    assert stream.latency == board.latency_at(RATE)
    longer = np.pad(audio, ((0, 0), (0, stream.latency)))
    played = in_blocks(lambda block: stream.process(block).copy(), longer, data.draw(partitions(longer.shape[1])))
    assert not played[:, : stream.latency].any()
    assert np.array_equal(played[:, stream.latency :], board(audio, RATE))


@pytest.mark.parametrize("block", [128, 1024, 5000])
def test_the_tail_of_a_plugin_with_latency(block, clip):
    """What `flush` returns are the last samples of one call, for a plugin and for a native."""
    audio = clip("mix_rock")[0][:, :30_000]
    for plugin, latency in ((load_plugin(vst3("ZaMaximX2")), 480), (pedalboard.BrickwallLimiter(-10), 240)):
        board = Board([plugin])
        assert board.latency_at(RATE) == latency
        played = in_blocks(lambda part, board=board: board(part, RATE, reset=False), audio, [block] * (30_000 // block))
        assert played.shape[1] == 30_000 - latency
        expected = by_pedalboard(plugin, audio)
        assert np.array_equal(np.concatenate([played, board.flush()], axis=1), expected)


@pytest.mark.parametrize("name", [name for name in FEW if not is_stereo(name)])
def test_a_mono_plugin_plays_each_channel(name, clip):
    plugin = turned(name)
    audio = with_channels(clip("mix_rock")[0][:, : 128 * 100], 3)
    board = Board([plugin])
    size = block_of(plugin, 1)
    expected = [by_pedalboard(plugin, audio[index : index + 1], size) for index in range(3)]
    assert np.array_equal(board(audio, RATE), np.concatenate(expected))


@pytest.mark.parametrize("name", [name for name in FEW if is_stereo(name)])
def test_a_stereo_plugin_plays_one_channel(name, clip):
    plugin = turned(name)
    audio = with_channels(clip("mix_rock")[0][:, : 128 * 100], 1)
    expected = by_pedalboard(plugin, np.repeat(audio, 2, axis=0), block_of(plugin, 1))
    assert np.array_equal(Board([plugin])(audio, RATE), expected.mean(axis=0, keepdims=True))


def test_channels_that_no_host_would_play(clip):
    board = Board([load_plugin(vst3("ZamGateX2"))])
    with pytest.raises(ValueError, match=r"ZamGateX2.*does not support 3-channel"):
        board(with_channels(clip("mix_rock")[0][:, :1000], 3), RATE)
    with pytest.raises(ValueError, match=r"ZamGateX2.*does not support 3-channel"):
        board.stream(RATE, 3)


@plugins
def test_streams_leave_the_users_plugin_alone(name, clip):
    audio = own_channels(name, clip("mix_rock")[0][:, : 8 * 1024])
    plugin, undisturbed = load_plugin(vst3(name)), load_plugin(vst3(name))
    first = plugin.process(audio[:, :4096], RATE, 4096, reset=False)
    board = Board([plugin])
    board.stream(RATE, audio.shape[0], 512).process(audio[:, :512])
    board(audio, RATE)
    second = plugin.process(audio[:, 4096:], RATE, 4096, reset=False)
    expected = [undisturbed.process(audio[:, at : at + 4096], RATE, 4096, reset=False) for at in (0, 4096)]
    assert np.array_equal(np.concatenate([first, second], axis=1), np.concatenate(expected, axis=1))


def test_two_streams_of_one_board_do_not_hear_each_other(clip):
    audio = clip("mix_rock")[0][:, :9000]
    board = Board([load_plugin(vst3("ZaMaximX2")), Mix([Reverb(), load_plugin(vst3("ZamComp"))])])
    alone = board.stream(RATE, 2, 300)
    expected = in_blocks(lambda block: alone.process(block).copy(), audio, [300] * 30)
    one, other = board.stream(RATE, 2, 300), board.stream(RATE, 2, 300)

    def both(block):
        other.process(block[:, ::-1])
        return one.process(block).copy()

    assert np.array_equal(in_blocks(both, audio, [300] * 30), expected)


@pytest.mark.parametrize("name", ["ZamComp", "ZamDelay"])
def test_a_knob_is_heard_and_lands_on_the_very_value(name, clip):
    audio = own_channels(name, clip("solo_cello")[0][:, : 2 * RATE])
    plugin = load_plugin(vst3(name))
    knob = {"ZamComp": ("makeup_db", 12.0), "ZamDelay": ("output_gain_db", -12.0)}[name]
    board = Board([plugin])
    stream, still = board.stream(RATE, 1, 480), Board([clone(plugin)]).stream(RATE, 1, 480)
    before = in_blocks(lambda block: stream.process(block).copy(), audio[:, :48_000], [480] * 100)
    assert np.array_equal(before, in_blocks(lambda block: still.process(block).copy(), audio[:, :48_000], [480] * 100))
    set_native(plugin, *knob)
    assert native_parameters(plugin)[knob[0]] == pytest.approx(knob[1], abs=0.1)
    after = in_blocks(lambda block: stream.process(block).copy(), audio[:, 48_000:], [480] * 100)
    unturned = in_blocks(lambda block: still.process(block).copy(), audio[:, 48_000:], [480] * 100)
    assert raw_values(stream._voice.clones[0]) == raw_values(plugin)
    louder = np.std(after[:, 24_000:]) / np.std(unturned[:, 24_000:])
    assert louder > 1.5 if knob[1] > 0 else louder < 0.7


def test_a_parameter_that_there_is_not():
    plugin = load_plugin(vst3("ZamComp"))
    with pytest.raises(ValueError, match=r"no parameter 'treshold_db' \(did you mean .threshold_db.\?\)"):
        set_native(plugin, "treshold_db", -20.0)
    with pytest.raises(ValueError, match="out of range"):
        set_native(plugin, "threshold_db", 200.0)


@plugins
def test_a_clone_is_another_plugin_that_sounds_the_same(name, clip):
    plugin = turned(name)
    other = clone(plugin)
    assert other is not plugin and type(other) is type(plugin)
    assert raw_values(other) == raw_values(plugin) and values_of(other) == values_of(plugin)
    audio = own_channels(name, clip("mix_rock")[0][:, :20_000])
    assert np.array_equal(by_pedalboard(other, audio), by_pedalboard(plugin, audio))


def test_the_file_of_a_plugin_that_pedalboard_loaded(tmp_path):
    """Installed, and anywhere else."""
    elsewhere = tmp_path / "mine" / "ZamGate.vst3"
    elsewhere.parent.mkdir()
    os.symlink(vst3("ZamGate"), elsewhere)
    script = (
        "import sys, pedalboard\n"
        "from dreampedal.engine.host.natives.external.plugin import file_of, clone_of_external\n"
        "for path in sys.argv[1:]:\n"
        "    plugin = pedalboard.load_plugin(path)\n"
        "    assert file_of(plugin) == path, (file_of(plugin), path)\n"
        "    assert clone_of_external(plugin) is not plugin"
    )
    subprocess.run([sys.executable, "-c", script, vst3("ZamGate"), vst3("ZamComp")], check=True)
    copied = doctored("ZamEQ2", tmp_path, b"")
    subprocess.run([sys.executable, "-c", script, copied], check=True)
    assert file_of(load_plugin(elsewhere)) == str(elsewhere)


@pytest.mark.parametrize("name", [*EXACT, *SLOW] if STRESSED else FEW)
def test_presets_and_copies_carry_a_plugin(name, clip, tmp_path):
    board = Board([pedalboard.Gain(-3), turned(name), None])
    audio = with_channels(clip("mix_rock")[0][:, :9000], 2)
    expected = board(audio, RATE)
    preset = load_preset(save_preset(board, tmp_path / "mine.toml"))
    again = load_preset(save_preset(preset, tmp_path / "again.toml"))
    assert (tmp_path / "mine.toml").read_text() == (tmp_path / "again.toml").read_text()
    for other in (preset, again, copy.copy(board), copy.deepcopy(board)):
        assert raw_values(other[1]) == raw_values(board[1])
        assert np.array_equal(other(audio, RATE), expected)
    assert copy.copy(board)[1] is board[1] and copy.deepcopy(board)[1] is not board[1]


def test_a_plugin_of_another_thread(clip):
    """More of what pedalboard itself loaded can be made on its thread alone; elsewhere it plays itself, or says why."""
    script = (
        "import sys, threading, numpy as np, pedalboard; from dreampedal import Board\n"
        "audio = np.random.default_rng(0).uniform(-1, 1, (1, 9000)).astype(np.float32)\n"
        "comp, tube = map(pedalboard.load_plugin, sys.argv[1:])\n"
        "expected, boards = Board([comp])(audio, 48000), (Board([comp]), Board([tube]))\n"
        "def elsewhere():\n"
        "    assert np.array_equal(boards[0](audio, 48000), expected)\n"
        "    assert np.array_equal(boards[0](audio, 48000), expected)\n"
        "    try: boards[1](audio, 48000)\n"
        "    except ValueError as error: print(error)\n"
        "thread = threading.Thread(target=elsewhere); thread.start(); thread.join()"
    )
    command = [sys.executable, "-c", script, vst3("ZamComp"), vst3("ZamTube")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # By what pedalboard finds out as it loads it, differently from time to time, this one can be cleared or not.
    reason = "ZamTube can only be made ready on the thread that loaded it: load it with dreampedal.load_plugin\n"
    assert done.stdout in ("", reason), done


def played(board, audio):
    return board(audio, RATE)


@pytest.mark.parametrize("names", [tuple(EXACT if STRESSED else FEW)])
def test_a_process_plays_a_board_of_another(names, clip):
    boards = [Board([Mix([turned(name)])]) for name in names]
    audio = clip("mix_rock")[0][:, :9000]
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        for board, found in zip(boards, pool.map(played, boards, [audio] * len(boards)), strict=True):
            assert np.array_equal(found, board(audio, RATE))


def test_a_number_that_is_edited_in_a_preset_counts(tmp_path):
    board = Board([load_plugin(vst3("ZamComp"), {"threshold_db": -20.0})])
    path = save_preset(board, tmp_path / "mine.toml")
    text = path.read_text()
    assert "threshold_db = -20.0" in text and 'plugin_name = "ZamComp"' in text
    path.write_text(text.replace("threshold_db = -20.0", "threshold_db = -33.0"))
    assert values_of(load_preset(path)[0]) == values_of(board[0]) | {"threshold_db": -33.0}
    by_hand = f'[[effects]]\ntype = "pedalboard.VST3Plugin"\npath_to_plugin_file = "{vst3("ZamComp")}"\n'
    path.write_text(by_hand + "parameter_values = {sidechain = true, ratio = 4.0}")
    assert values_of(load_preset(path)[0])["ratio"] == pytest.approx(4, abs=0.05)


@pytest.mark.parametrize(
    "lines, error",
    [
        ('path_to_plugin_file = "/nowhere/Foo.vst3"', "/nowhere/Foo.vst3: no such file"),
        ("", "path_to_plugin_file is missing"),
        ('path_to_plugin_file = "{path}"\nplugin_name = "Foo"', "cannot be loaded|Foo"),
        ('path_to_plugin_file = "{path}"\nraw_state = "no base64"', "raw_state is no base64"),
        ('path_to_plugin_file = "{path}"\nraw_values = [2.0]', "raw_values.*numbers from 0 to 1"),
        ('path_to_plugin_file = "{path}"\nparameter_values = {{treshold_db = 3}}', "did you mean .threshold_db"),
        ('path_to_plugin_file = "{path}"\nparameter_values = {{threshold_db = 300}}', "out of range"),
        ('path_to_plugin_file = "{path}"\nthreshold_db = 3', "unknown key 'threshold_db'"),
        ('path_to_plugin_file = "/etc/passwd"', "cannot be loaded"),
    ],
)
def test_a_preset_that_is_wrong(lines, error, tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text('[[effects]]\ntype = "pedalboard.VST3Plugin"\n' + lines.format(path=vst3("ZamComp")))
    if "Foo" in lines and "nowhere" not in lines:
        assert load_preset(path)  # a file with one plugin is asked for no name
        return
    with pytest.raises(ValueError, match=rf"wrong.toml: effects\[0\].*({error})"):
        load_preset(path)


def test_nothing_is_printed_as_plugins_come_and_go(clip, tmp_path):
    """Not by those that are let go, nor by those that live to the end."""
    path = save_preset(Board([turned("ZaMaximX2"), turned("ZamGEQ31")]), tmp_path / "mine.toml")
    script = (
        "import sys, numpy as np; from dreampedal import load_preset\n"
        "for _ in range(2):\n"
        "    board = load_preset(sys.argv[1]); board(np.zeros((2, 9000), np.float32), 48000)\n"
        "board.stream(48000, 2, 1)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.parametrize("name", ERRATIC)
def test_what_plays_one_sound_in_two_ways_is_played(name, clip):
    """Nothing can be promised of it; it is neither refused nor silenced."""
    audio = clip("mix_rock")[0][:, :9000]
    board = Board([load_plugin(vst3(name))])
    parts = in_blocks(lambda block: board(block, RATE, reset=False), audio, [1, 700, 64] * 10)
    assert np.concatenate([parts, board.flush()], axis=1).shape == audio.shape


def test_a_plugin_that_crashes_as_it_is_loaded_is_refused(tmp_path):
    path = doctored("ZamComp", tmp_path, CRASHES)
    with pytest.raises(ValueError, match=r"ZamComp.vst3 crashed \(SIGILL\).*tried in a process of its own"):
        load_plugin(path)
    preset = tmp_path / "mine.toml"
    preset.write_text(f'[[effects]]\ntype = "pedalboard.VST3Plugin"\npath_to_plugin_file = "{path}"')
    with pytest.raises(ValueError, match=r"effects\[0\].*crashed"):
        load_preset(preset)
