"""A worker that is held up, 100 times, for 1 to 500 ms: heard from outside by an instrument."""

import numpy as np
import pytest
from pedalboard import Invert

from dreampedal import Board, Dream
from dreampedal.engine.live.exchange.exchange import join_curve
from dreampedal.engine.live.take.take import LateBlock

from .stage import Witness, delayed, on_stage

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]

BLOCK = 128
STALLS = 100
PAUSE_SECONDS = 0.05
"""Between two of them: the worker catches up, and plays some blocks in time."""


def stalls():
    """Samples from the first sound on, and seconds to sleep there, from 1 to 500 ms in random order."""
    seconds = np.random.default_rng(0).permutation(np.geomspace(0.001, 0.5, STALLS))
    begins = np.cumsum(np.concatenate([[0.2], seconds[:-1] + PAUSE_SECONDS]))
    return [(round(begin * 48_000), float(length)) for begin, length in zip(begins, seconds, strict=True)]


def music(clip, seconds):
    """A recording, over and over, that is never quite silent for a block."""
    audio = clip("solo_egtr_em9")[0]
    audio = np.resize(audio, (audio.shape[0], round(seconds * 48_000)))
    noise = np.random.default_rng(1).uniform(-1e-3, 1e-3, audio.shape)
    # So soft that no row of joins, each begun before the last has faded, comes to the ceiling.
    return (0.3 * np.resize(audio, (2, audio.shape[1])) + noise).astype(np.float32)


def held_up(rig, audio, board):
    """What was heard, the report, and the numbers of the blocks that the callback noted as late, from block 0 on.

    Blocks are counted from the one in which the first sound was captured; those before it are not known to an ear.
    """
    witness = Witness(stalls())
    live = on_stage(rig, Board([witness, board]))
    live.playback.journal.keeps_entries = True
    with live:
        heard = rig.play(audio)
    report = live.report()
    late = [entry.block for entry in live.playback.journal.entries() if isinstance(entry, LateBlock)]
    assert witness.notes["first"] % BLOCK == 0
    return live, heard, report, np.array(late) - witness.notes["first"] // BLOCK


def joined(dry, wet, late):
    """Blocks of the wet sound, but the dry one where they are late; each step between the two is added and fades."""
    out, blocks, fade = np.zeros_like(dry), dry.shape[1] // BLOCK, join_curve(48_000)
    step, left, was_late = np.zeros((len(dry), 1), np.float32), np.zeros(0, np.float32), False
    for at in range(0, blocks * BLOCK, BLOCK):
        is_late = at // BLOCK in late
        source = dry if is_late else wet
        if is_late != was_late:
            before = out[:, at - 1] - source[:, at - 1] if at else np.zeros(len(dry), np.float32)
            step, left, was_late = before[:, None], fade, is_late
        now, left = left[:BLOCK], left[BLOCK:]
        out[:, at : at + BLOCK] = source[:, at : at + BLOCK]
        out[:, at : at + now.size] += step * now
    return out


def steepest(audio, heard):
    """How far apart two samples may lie: a step of the sound, and one of the largest join that there can be."""
    largest = np.abs(heard).max() + np.abs(audio).max()
    return np.abs(np.diff(audio)).max() + largest * np.abs(np.diff(join_curve(48_000))).max()


@pytest.fixture(scope="module")
def seconds():
    last = stalls()[-1]
    return last[0] / 48_000 + last[1] + 0.5


def test_stalls_are_bridged_by_the_dry_sound_and_counted(rig, clip, seconds):
    audio = music(clip, seconds)
    live, heard, report, noted = held_up(rig, audio, Invert())
    # Whichever blocks were late, and the machine may add some: these were dry, and all others wet, at the same latency.
    dry = delayed(audio, live.latency)
    late = set(noted[noted >= 0].tolist())
    expected = delayed(joined(dry, -dry, late), BLOCK)  # the server hands a block on in its next cycle
    samples = audio.shape[1] // BLOCK * BLOCK
    np.testing.assert_allclose(heard[:, :samples], expected[:, :samples], rtol=0, atol=2e-6)
    assert np.abs(np.diff(heard)).max() <= steepest(audio, heard) < np.abs(audio).max() / 2
    assert report.late_blocks == noted.size > 0
    turns = np.diff([block in late for block in range(samples // BLOCK)]).sum()
    assert turns > 1, "how often is the scheduler's, and any of them would be heard if it were not joined"
    assert [event for event in report.events if event.kind == "late"]
    assert report.skipped_blocks == report.muted_samples == report.guard_hits == 0


def test_a_dream_that_is_held_up_never_jumps(rig, clip, seconds):
    audio = music(clip, seconds)
    # A dream that has not much reach and is softer than the dry sound: its own steps are smaller, and no excuse.
    live, heard, report, _ = held_up(rig, audio, Dream(target="class:flute", mode="live", reach_db=6.0, output_db=-9.0))
    assert report.late_blocks > 0
    assert np.abs(np.diff(heard)).max() <= steepest(audio, heard)
    assert live.latency == live.board.latency_at(48_000) + BLOCK == report.latency_samples
    assert report.held_hops > 0
