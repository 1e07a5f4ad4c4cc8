"""A take rendered again: bit for bit what was heard, whatever was late; and a master, in which nothing was."""

import numpy as np
import pedalboard
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dreampedal import Board, Dream, Mix, load_preset
from dreampedal.engine.dsp.ceiling import Ceiling
from dreampedal.engine.live.player.changes import Bypass, Set
from dreampedal.engine.live.take.reading import read_take
from dreampedal.engine.live.take.rendering import Rendering

from ..performance import Performance, build


def rendered(folder, **kwargs):
    """What comes of a take, and the rendering."""
    rendering = Rendering(read_take(folder), kwargs.pop("build", build), **kwargs)
    return np.concatenate(list(rendering), axis=1), rendering


def require_as_heard(folder, heard):
    found, rendering = rendered(folder)
    np.testing.assert_array_equal(found, heard)
    assert rendering.as_heard and rendering.differs_at is None
    return rendering.counts


def excerpt(clip, name, seconds, channels=2):
    audio, rate = clip(name)
    samples = round(seconds * rate)
    loudest = int(np.abs(audio).sum(0)[:-samples].argmax())
    part = np.resize(audio, (channels, audio.shape[1]))[:, loudest : loudest + samples]
    return np.ascontiguousarray(part), rate


def room():
    return Board([pedalboard.Chorus(), pedalboard.LadderFilter(), Mix([pedalboard.Gain(), pedalboard.Reverb()])])


def dream(**values):
    return Board([Dream(target="class:flute", model="notes", **values), pedalboard.Reverb(wet_level=0.2)])


@pytest.mark.parametrize("name", ["solo_egtr_em9", "speech_male_en", "mix_death_metal"])
def test_undisturbed(clip, tmp_path, name):
    audio, rate = excerpt(clip, name, 3)
    counts = require_as_heard(*Performance(load_preset("hall_of_flutes"), audio, rate).recorded(tmp_path))
    assert counts.late_blocks == counts.held_hops == counts.changes == 0


@pytest.mark.parametrize("block_size, ahead, seed", [(32, 1, 0), (128, 2, 1), (128, 1, 2), (1024, 1, 3), (333, 3, 4)])
def test_everything_at_once(clip, tmp_path, block_size, ahead, seed):
    """Late blocks, held hops, skipped blocks, turned knobs, other boards, bypass, panic, at random."""
    audio, rate = excerpt(clip, "solo_egtr_em9", 6)
    rng = np.random.default_rng(seed)
    at = lambda: int(rng.integers(audio.shape[1]))  # noqa: E731
    changes = {at(): Set("0", "amount", float(rng.random())) for _ in range(30)}
    changes |= {at(): Set("0", "target", f"class:{rng.choice(['flute', 'organ', 'brass'])}") for _ in range(10)}
    changes |= {at(): Set("1", "room_size", float(rng.random())) for _ in range(30)}
    changes |= {at(): Set("0", "steps", int(rng.integers(1, 9))) for _ in range(5)}
    changes |= {at(): Bypass(bool(rng.random() < 0.5)) for _ in range(6)}
    changes |= {at(): (f"board {n}", dream(amount=float(rng.random()), steps=n + 1)) for n in range(5)}
    blocks = audio.shape[1] // block_size
    panic = {blocks // 3: 1, blocks // 3 + 9: 0, blocks // 2: 1, blocks // 2 + 1: 0}
    performance = Performance(
        dream(), audio, rate, changes, block_size=block_size, ahead=ahead, late=0.02, held=0.1,
        skipped=range(blocks // 4, blocks // 4 + 5), panic=panic, seed=seed,
    )  # fmt: skip
    counts = require_as_heard(*performance.recorded(tmp_path))
    assert counts.late_blocks > 5 and counts.held_hops > 5 and counts.swaps >= 3 and counts.skipped_blocks == 5
    assert counts.changes > 80


@pytest.mark.parametrize("mode", ["studio", "live", "instant"])
@pytest.mark.any_recording
def test_every_mode_and_swaps_between_them(clip, tmp_path, mode):
    audio, rate = excerpt(clip, "speech_female_en", 4)
    modes = ["instant", "live", "studio"]
    changes = {20_000 + 25_000 * n: (name, dream(mode=name, amount=0.8)) for n, name in enumerate(modes)}
    changes |= {7_000 + 1_501 * n: Set("0", "amount", n % 10 / 10) for n in range(60)}
    performance = Performance(
        dream(mode=mode), audio, rate, changes, block_size=64, latency=2048, late=0.03, held=0.2, seed=7
    )
    counts = require_as_heard(*performance.recorded(tmp_path))
    assert counts.swaps == 3 and counts.held_hops > 20 and counts.late_blocks > 20


@pytest.mark.any_recording
def test_a_studio_master_of_what_was_played_in_an_instant(clip, tmp_path):
    """The other mode has another latency; the master lies on the input all the same."""
    audio, rate = excerpt(clip, "solo_flute", 4)
    audio = audio[:, : audio.shape[1] // 128 * 128]
    folder, _ = Performance(Board([Dream(target="class:organ", model="notes", mode="instant")]), audio, rate).recorded(
        tmp_path
    )
    found, rendering = rendered(
        folder, build=lambda text: build(text.replace('mode = "instant"', 'mode = "studio"')), master=True
    )
    assert (read_take(folder).header.latency, rendering.latency) == (0, 2048)
    played = Board([Dream(target="class:organ", model="notes", mode="studio")])(audio, rate)
    np.testing.assert_allclose(found, Ceiling(-1.0, rate).process(played), atol=1e-6)


@pytest.mark.any_recording
def test_natives_whose_rounding_follows_the_blocks(clip, tmp_path):
    audio, rate = excerpt(clip, "drums_break", 4)
    mode = pedalboard.LadderFilter.Mode.HPF24
    changes = {5_000 + 701 * n: Set("2.0", "gain_db", -n / 3) for n in range(40)}
    changes |= {9_999: Set("1", "cutoff_hz", 440.0), 50_001: Set("1", "mode", mode), 30_000: Set("0", "rate_hz", 3.3)}
    counts = require_as_heard(*Performance(room(), audio, rate, changes, late=0.02).recorded(tmp_path))
    assert counts.changes == 43


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(
        st.integers(0, 47_999),
        st.one_of(
            st.builds(Bypass, st.booleans()),
            st.builds(Set, st.just("1"), st.just("cutoff_hz"), st.floats(20, 20_000, width=32)),
            st.builds(Set, st.just("2.1"), st.just("room_size"), st.floats(0, 1, width=32)),
            st.builds(lambda wet: ("other", Board([pedalboard.Reverb(wet_level=wet)])), st.floats(0, 1, width=32)),
        ),
        max_size=20,
    ),
    block_size=st.integers(32, 1500),
    ahead=st.integers(1, 4),
    latency=st.integers(0, 3000),
    late=st.floats(0, 0.3),
    seed=st.integers(0, 99),
)
@pytest.mark.any_recording
def test_any_changes_at_any_samples(clip, tmp_path, changes, block_size, ahead, latency, late, seed):
    audio, rate = excerpt(clip, "solo_piano", 1)
    swaps = [at for at, change in changes.items() if isinstance(change, tuple)]
    first = min(swaps, default=48_000)
    changes = {at: change for at, change in changes.items() if not isinstance(change, Set) or at < first}
    performance = Performance(
        room(), audio, rate, changes, block_size=block_size, ahead=ahead, latency=latency, late=late, seed=seed
    )
    require_as_heard(*performance.recorded(tmp_path))


def first_difference(found, heard):
    """The first sample in which two sounds differ."""
    different = (found != heard).any(axis=0)
    assert different.any()
    return int(np.argmax(different))


def require_told(folder, rendering, differs):
    """Where a stretch ends is up to the clock of the recorder: it is the one that holds the sample that differs."""
    rate = rendering.take.header.sample_rate
    (stretch,) = (each for each in read_take(folder).stretches if each.first <= differs < each.end)
    assert rendering.differs_at == stretch.first / rate
    assert (differs - stretch.first) / rate < 1.1  # it ends with the first read past half a second, itself no longer


def test_another_sound_is_told(clip, tmp_path):
    """What was heard came from another board than the one that is built now."""
    audio, rate = excerpt(clip, "solo_egtr_em9", 3)
    folder, heard = Performance(room(), audio, rate, {60_000: Set("2.0", "gain_db", 3.0)}).recorded(tmp_path)

    def wrong(text):
        return build(text.replace("depth = 0.25", "depth = 0.26"))

    found, rendering = rendered(folder, build=wrong)
    assert not rendering.as_heard
    require_told(folder, rendering, first_difference(found, heard))


def test_from_where_it_differs_is_told(clip, tmp_path):
    audio, rate = excerpt(clip, "solo_egtr_em9", 3)
    folder, heard = Performance(dream(), audio, rate, {100_000: ("b", room())}).recorded(tmp_path)
    found, rendering = rendered(folder, build=lambda text: build(text.replace("depth = 0.25", "depth = 0.26")))
    differs = first_difference(found, heard)
    assert differs >= 100_000
    require_told(folder, rendering, differs)


def test_a_master_is_the_performance_without_what_was_late(clip, tmp_path):
    audio, rate = excerpt(clip, "solo_egtr_em9", 4)
    changes = {50_000: Set("0", "amount", 0.3), 90_001: Set("1", "room_size", 0.9)}
    late, _ = Performance(dream(), audio, rate, changes, late=0.1, held=0.3).recorded(tmp_path / "late")
    found, rendering = rendered(late, master=True)
    punctual = Performance(dream(), audio, rate, changes)
    folder, heard = punctual.recorded(tmp_path / "punctual")
    assert rendering.counts.late_blocks > 10 and rendering.counts.held_hops > 10
    assert not rendering.as_heard
    total = read_take(folder).header.total_latency
    np.testing.assert_array_equal(found[:, : heard.shape[1] - total], heard[:, total:])
    assert found.shape[1] == read_take(late).samples


@pytest.mark.any_recording
def test_a_master_without_changes_is_the_board_under_the_ceiling(clip, tmp_path):
    audio, rate = excerpt(clip, "mix_rock", 4)
    audio = audio[:, : audio.shape[1] // 128 * 128]
    folder, _ = Performance(
        Board([Dream(target="class:flute", model="notes")]), audio, rate, late=0.1, held=0.3
    ).recorded(tmp_path)
    found, _ = rendered(folder, master=True)
    played = Board([Dream(target="class:flute", model="notes")])(audio, rate)
    np.testing.assert_allclose(found, Ceiling(-1.0, rate).process(played), atol=1e-6)


def test_a_master_with_more_steps_and_another_latency(clip, tmp_path):
    audio, rate = excerpt(clip, "solo_egtr_em9", 4)
    audio = audio[:, : audio.shape[1] // 128 * 128]
    changes = {50_000: Set("0", "steps", 2), 70_000: Set("0", "amount", 0.5)}
    folder, _ = Performance(dream(), audio, rate, changes, held=0.5).recorded(tmp_path)

    def better(text):
        return build(text.replace("\nlookahead_frames = 0", "\nlookahead_frames = 2").replace("steps = 4", "steps = 8"))

    found, rendering = rendered(
        folder, build=better, master=True, overridden=lambda path, name, effect: name == "steps"
    )
    assert rendering.latency == better(read_take(folder).header.board).latency_at(rate) > 2048
    board = dream(lookahead_frames=2, steps=8)
    alone = Performance(board, audio, rate, {70_000: Set("0", "amount", 0.5)})
    _, heard = alone.recorded(tmp_path / "alone")
    total = alone.exchange.latency
    np.testing.assert_array_equal(found[:, : heard.shape[1] - total], heard[:, total:])


def test_a_board_that_was_never_written_down(clip, tmp_path):
    audio, rate = excerpt(clip, "solo_egtr_em9", 1)
    performance = Performance(room(), audio, rate)
    performance.player.current.text = ""
    folder, _ = performance.recorded(tmp_path)
    with pytest.raises(ValueError, match="could not be written down"):
        rendered(folder)


def test_a_board_of_more_latency_than_the_take(clip, tmp_path):
    audio, rate = excerpt(clip, "solo_egtr_em9", 1)
    folder, _ = Performance(room(), audio, rate).recorded(tmp_path)
    with pytest.raises(ValueError, match="a latency of 2048 samples: expected at most 0"):
        rendered(folder, build=lambda text: dream())


@pytest.mark.parametrize("left", [0.3, 0.55, 0.9])
def test_a_take_that_was_cut_off_is_as_heard_up_to_there(clip, tmp_path, left):
    """Whatever the log lost, nothing that is left hangs on it."""
    audio, rate = excerpt(clip, "solo_egtr_em9", 5)
    changes = {1_000 + 997 * n: Set("0", "amount", n % 10 / 10) for n in range(200)}
    performance = Performance(dream(), audio, rate, changes, late=0.03, held=0.2)
    folder, heard = performance.recorded(tmp_path)
    log = folder / "changes.jsonl"
    content = log.read_bytes()
    log.write_bytes(content[: int(len(content) * left)])
    found, rendering = rendered(folder)
    assert rendering.take.cut and rendering.as_heard
    assert 0 < found.shape[1] < heard.shape[1]
    np.testing.assert_array_equal(found, heard[:, : found.shape[1]])
