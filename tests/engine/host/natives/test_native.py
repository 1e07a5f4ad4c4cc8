"""Natives against pedalboard itself: the same samples in one call and in any blocks, and no click as a knob turns."""

import subprocess
import sys

import numpy as np
import pedalboard
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pedalboard import Pedalboard
from pedalboard_native._internal import AddLatency

from dreampedal.engine.host.board import Board
from dreampedal.engine.host.natives.native import NotStreamable, clone, native_parameters

from ....signals import in_blocks
from ....stress import count

pytestmark = pytest.mark.any_recording

RATE = 44100
ROOM = np.random.default_rng(1).normal(size=(2, 3000)) * np.exp(-np.arange(3000) / 600)

NATIVES = {
    "Bitcrush": lambda: pedalboard.Bitcrush(bit_depth=6.5),
    "BrickwallLimiter": lambda: pedalboard.BrickwallLimiter(ceiling_db=-10),
    "Chorus": lambda: pedalboard.Chorus(feedback=0.2),
    "Clipping": lambda: pedalboard.Clipping(threshold_db=-12),
    "Compressor": lambda: pedalboard.Compressor(threshold_db=-20, ratio=4),
    "Convolution": lambda: pedalboard.Convolution(ROOM.astype(np.float32), 0.7, RATE),
    "Delay": lambda: pedalboard.Delay(delay_seconds=0.1, feedback=0.3),
    "Distortion": lambda: pedalboard.Distortion(drive_db=10),
    "Gain": lambda: pedalboard.Gain(gain_db=-3),
    "HighShelfFilter": lambda: pedalboard.HighShelfFilter(gain_db=6),
    "HighpassFilter": lambda: pedalboard.HighpassFilter(cutoff_frequency_hz=300),
    "Invert": pedalboard.Invert,
    "LadderFilter": lambda: pedalboard.LadderFilter(cutoff_hz=800, resonance=0.5),
    "Limiter": lambda: pedalboard.Limiter(threshold_db=-10),
    "LowShelfFilter": lambda: pedalboard.LowShelfFilter(gain_db=6),
    "LowpassFilter": lambda: pedalboard.LowpassFilter(cutoff_frequency_hz=800),
    "MP3Compressor": pedalboard.MP3Compressor,
    "NoiseGate": lambda: pedalboard.NoiseGate(threshold_db=-20),
    "PeakFilter": lambda: pedalboard.PeakFilter(gain_db=6),
    "Phaser": lambda: pedalboard.Phaser(feedback=0.2),
    "Resample": lambda: pedalboard.Resample(target_sample_rate=8000.0),
    "Reverb": pedalboard.Reverb,
}
NOT_STREAMABLE = {
    "GSMFullRateCompressor": pedalboard.GSMFullRateCompressor,
    "PitchShift": lambda: pedalboard.PitchShift(semitones=3),
}
ROUNDED = {"Convolution", "HighShelfFilter", "HighpassFilter", "LowShelfFilter", "LowpassFilter", "PeakFilter"}
ABSTRACT = {"AudioUnitPlugin", "ExternalPlugin", "IIRFilter", "Plugin", "PluginContainer", "VST3Plugin"}
CONTAINERS = {"Chain", "Mix", "Pedalboard"}

recordings = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def fading(audio):
    """The audio, in the middle faded below what float32 resolves, then silent, then back."""
    faded = audio.copy()
    middle = faded.shape[1] // 2
    faded[:, middle : middle + 3000] *= np.logspace(0, -12, 3000, dtype=np.float32)
    faded[:, middle + 3000 : middle + 6000] = 0
    return faded


def with_channels(audio, channels):
    """The recording as mono, stereo, or more channels, each at its own level."""
    levels = 0.9 ** np.arange(channels, dtype=np.float32)[:, np.newaxis]
    return np.ascontiguousarray(np.resize(audio, (channels, audio.shape[1])) * levels)


@st.composite
def partitions(draw, samples):
    """Block sizes from 1 to 10,000, small and large in turn, growing ones included."""
    seed = draw(st.integers(0, 2**32 - 1))
    largest = draw(st.sampled_from([1, 7, 300, 10_000]))
    rng = np.random.default_rng(seed)
    sizes = []
    while sum(sizes) < samples:
        sizes.append(int(rng.integers(1, (largest if rng.random() < 0.7 else 10_000) + 1)))
    return sizes if largest > 1 else [1] * 40 + sizes


def test_every_plugin_of_pedalboard_is_here():
    found = {name for name, value in vars(pedalboard).items() if isinstance(value, type)}
    plugins = {name for name in found if issubclass(vars(pedalboard)[name], pedalboard.Plugin) and name[0] != "_"}
    assert plugins - ABSTRACT - CONTAINERS == NATIVES.keys() | NOT_STREAMABLE.keys()


ONE_CALLS = [
    (name, channels)
    for name in (*NATIVES, *NOT_STREAMABLE)
    for channels in ((1, 2) if name == "MP3Compressor" else (1, 2, 6))  # MP3 has one or two channels
]


@pytest.mark.parametrize("name, channels", ONE_CALLS)
def test_one_call_is_pedalboards(name, channels, clip):
    audio = with_channels(clip("mix_rock")[0][:, :20_000], channels)
    make = (NATIVES | NOT_STREAMABLE)[name]
    assert np.array_equal(Board([make()])(audio, RATE), Pedalboard([make()])(audio, RATE))


@pytest.mark.parametrize("name", NATIVES)
@given(data=st.data())
@recordings
def test_any_blocks_give_the_same_bits(name, clip, data):
    audio = with_channels(fading(clip("mix_rock")[0][:, :24_000]), data.draw(st.sampled_from([1, 2])))
    board = Board([NATIVES[name]()])
    expected = board(audio, RATE)
    sizes = data.draw(partitions(24_000))
    played = in_blocks(lambda block: board(block, RATE, reset=False), audio, sizes)
    assert np.array_equal(np.concatenate([played, board.flush()], axis=1), expected)


@pytest.mark.parametrize("name", NATIVES)
@given(data=st.data())
@recordings
def test_a_stream_is_the_one_call_later(name, clip, data):
    audio = fading(clip("mix_rock")[0][:, :24_000])
    board = Board([NATIVES[name]()])
    stream = board.stream(RATE, 2, 10_000)
    assert stream.latency == board.latency_at(RATE)
    longer = np.pad(audio, ((0, 0), (0, stream.latency)))
    played = in_blocks(lambda block: stream.process(block).copy(), longer, data.draw(partitions(longer.shape[1])))
    assert not played[:, : stream.latency].any()
    rounding = 1e-6 if name in ROUNDED else 0
    np.testing.assert_allclose(played[:, stream.latency :], board(audio, RATE), rtol=0, atol=rounding)


@pytest.mark.parametrize("name", NATIVES)
def test_only_what_withholds_samples_adds_latency(name, clip):
    audio, rate = clip("mix_rock")
    withheld = 4096 - NATIVES[name]().process(audio[:, :4096], rate, reset=False).shape[1]
    assert (Board([NATIVES[name]()]).latency_at(rate) > 0) == (withheld > 0)


@pytest.mark.parametrize("name", NATIVES)
def test_live_blocks_equal_pedalboards_own(name, clip):
    """In 128-sample blocks, as a live host plays, wherever pedalboard itself plays the same as in one call."""
    audio = clip("mix_rock")[0][:, : 128 * 150]
    blocks = [128] * 150
    theirs, ours = Pedalboard([NATIVES[name]()]), Board([NATIVES[name]()])
    streamed = in_blocks(lambda block: theirs(block, RATE, 128, reset=False), audio, blocks)
    whole = Pedalboard([NATIVES[name]()])(audio, RATE)
    played = in_blocks(lambda block: ours(block, RATE, 128, reset=False), audio, blocks)
    if np.array_equal(streamed, whole[:, : streamed.shape[1]]):
        assert np.array_equal(played, whole[:, : played.shape[1]])
    else:
        assert name in ROUNDED
        np.testing.assert_allclose(np.concatenate([played, ours.flush()], axis=1), streamed, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", NOT_STREAMABLE)
def test_what_cannot_stream_says_so(name, clip):
    audio, rate = clip("speech_male_en")
    board = Board([pedalboard.Gain(-3), NOT_STREAMABLE[name]()])
    for streaming in (
        lambda: board.stream(rate, 1),
        lambda: board(audio[:, :1000], rate, reset=False),
        lambda: board.latency,
    ):
        with pytest.raises(NotStreamable, match=rf"{name}.*reset=True"):
            streaming()
    expected = Pedalboard([pedalboard.Gain(-3), NOT_STREAMABLE[name]()])(audio, rate)
    assert np.array_equal(board(audio, rate), expected)


@pytest.mark.parametrize("buffer_size", [1000, 8192])
def test_a_convolution_keeps_its_bits_at_each_buffer_size(buffer_size, clip):
    """Its FFT follows the buffer size, so both sides are given the same one."""
    audio = clip("mix_rock")[0][:, :20_000]
    board = Board([NATIVES["Convolution"]()])
    expected = Pedalboard([NATIVES["Convolution"]()])(audio, RATE, buffer_size)
    assert np.array_equal(board(audio, RATE, buffer_size), expected)
    played = in_blocks(lambda block: board(block, RATE, buffer_size, reset=False), audio, [1, 700, 9000, 3])
    assert np.array_equal(np.concatenate([played, board.flush()], axis=1), expected)


@given(data=st.data(), samples=st.integers(1, 9000))
@recordings
def test_a_short_convolution_keeps_its_bits_in_any_blocks(data, samples, clip):
    audio = clip("mix_rock")[0][:, 10_000 : 10_000 + samples]
    board = Board([pedalboard.Gain(-3), NATIVES["Convolution"]()])
    expected = board(audio, RATE)
    played = in_blocks(lambda block: board(block, RATE, reset=False), audio, data.draw(partitions(samples)))
    assert np.array_equal(np.concatenate([played, board.flush()], axis=1), expected)
    if samples > 2:
        theirs = Pedalboard([pedalboard.Gain(-3), NATIVES["Convolution"]()])(audio, RATE)
        np.testing.assert_allclose(expected, theirs, rtol=0, atol=1e-7)


def test_few_samples_are_never_misread(clip):
    """(2, 1), (2, 2) and (6, 3) are read as channels first, as all blocks of the signal are."""
    audio = with_channels(clip("mix_rock")[0][:, :999], 6)
    for channels in (2, 3, 6):
        board = Board([pedalboard.Compressor(-20, 4), pedalboard.Reverb()])
        stream = board.stream(RATE, channels, 64)
        sizes = [1, 2, channels, 1, 3, 1, 2, 2] * 60
        played = in_blocks(lambda block, stream=stream: stream.process(block).copy(), audio[:channels], sizes)
        assert np.array_equal(played, board(audio[:channels], RATE))


@pytest.mark.parametrize("shape", [(2, 2), (2, 1), (1, 1), (6, 3), (6, 6), (1,)])
def test_a_whole_signal_of_a_few_samples(shape):
    audio = np.full(shape, 0.5, np.float32)
    assert np.array_equal(Board([pedalboard.Invert()])(audio, RATE), -audio)


def test_streams_and_measuring_leave_the_users_plugins_alone(clip):
    audio, rate = clip("solo_piano")
    reverb, undisturbed = pedalboard.Reverb(), pedalboard.Reverb()
    first = reverb.process(audio[:, :4096], rate, reset=False)
    board = Board([reverb])
    stream = board.stream(rate, audio.shape[0])
    board(audio[:, :9000], rate)
    reverb.room_size = 0.9
    stream.process(audio[:, :4096])
    reverb.room_size = 0.5
    second = reverb.process(audio[:, 4096:8192], rate, reset=False)
    expected = [undisturbed.process(audio[:, start : start + 4096], rate, reset=False) for start in (0, 4096)]
    assert np.array_equal(np.concatenate([first, second], axis=1), np.concatenate(expected, axis=1))


@pytest.mark.parametrize("name", [*NATIVES, *NOT_STREAMABLE])
def test_a_clone_is_another_plugin_that_sounds_the_same(name, clip):
    audio = clip("mix_rock")[0][:, :20_000]
    plugin = (NATIVES | NOT_STREAMABLE)[name]()
    other = clone(plugin)
    assert other is not plugin and type(other) is type(plugin)
    assert native_parameters(other) == native_parameters(plugin)
    assert np.array_equal(other(audio, RATE), plugin(audio, RATE))


def test_a_convolution_from_a_file_has_a_clone(tmp_path):
    path = str(tmp_path / "room.wav")
    with pedalboard.io.AudioFile(path, "w", RATE, 2) as file:
        file.write(ROOM.astype(np.float32) * 0.1)
    other = clone(pedalboard.Convolution(path, mix=0.25))
    assert (other.impulse_response_filename, other.mix) == (path, 0.25)


KNOBS = [
    (pedalboard.Gain(0), {"gain_db": -60}),
    (pedalboard.Gain(-60), {"gain_db": 0}),
    (pedalboard.Clipping(0), {"threshold_db": -40}),
    (pedalboard.Compressor(-40, 1), {"ratio": 20, "threshold_db": -30}),
    (pedalboard.Distortion(0), {"drive_db": 30}),
    (pedalboard.Delay(0.2), {"delay_seconds": 0.35}),
    (pedalboard.Delay(0.2), {"mix": 1.0}),
    (pedalboard.HighShelfFilter(gain_db=0), {"gain_db": 24}),
    (pedalboard.LowpassFilter(15_000), {"cutoff_frequency_hz": 100}),
    (pedalboard.LadderFilter(cutoff_hz=1000), {"mode": pedalboard.LadderFilter.HPF24}),
    (pedalboard.NoiseGate(-100), {"threshold_db": -10}),
    (pedalboard.BrickwallLimiter(-1), {"ceiling_db": -30}),
    (pedalboard.Reverb(), {"dry_level": 0.0, "wet_level": 1.0}),
    (pedalboard.MP3Compressor(2.0), {"vbr_quality": 9.0}),
]


def turned(play, plugin, values, audio, block):
    """The output when a knob is turned half-way, and the sample at which it is turned."""
    starts = range(0, audio.shape[1] - block + 1, block)
    middle = len(starts) // 2
    parts = []
    for index, start in enumerate(starts):
        if index == middle:
            for name, value in values.items():
                setattr(plugin, name, value)
        parts.append(play(audio[:, start : start + block]).copy())
    return np.concatenate(parts, axis=1), middle * block


def step_at(played, start, samples=3000):
    """The largest step from sample to sample in `samples` from `start`, in parts of the largest anywhere else."""
    steps = np.abs(np.diff(played[0]))
    inside = slice(max(start - 5, 0), start + samples)
    return steps[inside].max() / np.delete(steps, inside).max()


@pytest.mark.parametrize("block", [64, 480, 4096])
@pytest.mark.parametrize(("plugin", "values"), KNOBS, ids=lambda value: str(value).split(" at ")[0])
@pytest.mark.very_recording
def test_turning_a_knob_never_clicks(plugin, values, block, clip):
    audio, rate = clip("solo_cello")
    plugin = clone(plugin)
    stream = Board([plugin]).stream(rate, 1, block)
    played, at = turned(stream.process, plugin, values, audio[:1, : 4 * rate], block)
    assert step_at(played, at + stream.latency) < 1
    for name, value in values.items():
        assert getattr(plugin, name) == (pytest.approx(value) if isinstance(value, float) else value)


def test_a_glide_is_smoother_than_pedalboards_jump(clip):
    audio, rate = clip("solo_cello")
    steps = []
    for is_ours in (False, True):
        gain = pedalboard.Gain(-60)
        stream = Board([gain]).stream(rate, 1)
        play = stream.process if is_ours else lambda block, gain=gain: gain(block, rate, reset=False)
        steps.append(step_at(*turned(play, gain, {"gain_db": 0}, audio[:1, : 4 * rate], 256)))
    jump, glide = steps
    assert jump > 1.5 and glide < jump / 3


@pytest.mark.parametrize("block", [1, 100, 5000])
def test_a_glide_ends_on_the_very_value(block, clip):
    audio, rate = clip("solo_flute")
    plugin = pedalboard.Gain(0)
    stream = Board([plugin]).stream(rate, 1, block)
    played, at = turned(stream.process, plugin, {"gain_db": -7.3}, audio[:1, :20_000], block)
    landed = at + round(0.02 * rate)
    expected = pedalboard.Gain(-7.3)(audio[:1], rate)
    assert np.array_equal(played[:, :at], audio[:1, :at])
    assert np.array_equal(played[:, landed:], expected[:, landed : played.shape[1]])


def test_a_switch_cuts_no_tail_of_its_neighbours(clip):
    """A new mode takes a new ladder filter; the reverb beside it rings on."""
    audio, rate = clip("drums_break")
    audio[:, rate:] = 0
    ladder, reverb = pedalboard.LadderFilter(cutoff_hz=5000), pedalboard.Reverb(room_size=0.9)
    board = Board([pedalboard.Gain(0), reverb, ladder])
    unchanged = Board([pedalboard.Gain(0), clone(reverb), clone(ladder)]).stream(rate, 2, 512).process
    expected, _ = turned(unchanged, ladder, {}, audio[:, : 3 * rate], 512)
    values = {"mode": pedalboard.LadderFilter.LPF24}
    played, at = turned(board.stream(rate, 2, 512).process, ladder, values, audio[:, : 3 * rate], 512)
    after = slice(at + rate // 10, None)
    assert np.std(played[:, after]) > 0.3 * np.std(expected[:, after]) > 0


def test_a_plugin_that_does_not_tell_what_it_is_made_of_plays_in_one_call(clip):
    """pedalboard's own test plugins: in blocks nobody knows what they do, and no other process can try."""
    audio, rate = clip("mix_rock")
    audio = audio[:, :20_000]
    plugin = AddLatency(1000)
    board = Board([plugin, pedalboard.Reverb()])
    assert clone(plugin) is plugin
    assert np.array_equal(board(audio, rate), pedalboard.Reverb()(audio, rate))
    for streaming in (lambda: board.stream(rate, 2), lambda: board(audio, rate, reset=False), lambda: board.latency):
        with pytest.raises(NotStreamable, match=r"AddLatency.*reset=True"):
            streaming()


FIXED = """
import itertools, sys, numpy as np
from pedalboard_native._internal import FixedSizeBlockTestPlugin
from dreampedal import Board
from dreampedal.engine.host.natives.native import NotStreamable

sizes, seed = (1, 64, 65, 128, 8192, 8193), np.random.default_rng(int(sys.argv[1]))
for rate, channels, fixed, buffer_size in itertools.product((22050, 44100), (1, 2), sizes, sizes):
    audio = seed.uniform(-1, 1, (channels, rate // 10)).astype(np.float32)
    board = Board([FixedSizeBlockTestPlugin(fixed)])
    assert np.allclose(board(audio, rate, buffer_size), audio)
    try:
        board(audio[:, :100], rate, reset=False)
    except NotStreamable:
        assert np.allclose(board(audio, rate, buffer_size), audio)
"""


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(count(20, 2)))
def test_no_native_is_tried_in_this_process(seed):
    """It writes beyond its buffer when the size of blocks changes, and ended the process in one run of twelve."""
    subprocess.run([sys.executable, "-c", FIXED, str(seed)], check=True)


def test_what_would_change_latency_waits_for_the_next_stream(clip):
    audio, rate = clip("solo_flute")
    plugin = pedalboard.BrickwallLimiter(-20, lookahead_ms=5)
    board = Board([plugin])
    before = board.latency_at(rate)
    unchanged = board.stream(rate, 1, 256).process
    expected, _ = turned(unchanged, plugin, {}, audio[:1, :50_000], 256)
    played, _ = turned(board.stream(rate, 1, 256).process, plugin, {"lookahead_ms": 10}, audio[:1, :50_000], 256)
    assert np.array_equal(played, expected)
    assert board.latency_at(rate) == board.stream(rate, 1).latency == pytest.approx(2 * before, abs=1)
