"""A worker that is held up, 100 times, for 1 to 500 ms: heard from outside by an instrument."""

import numpy as np
import pytest
from pedalboard import Invert

from dreampedal import Board, Dream
from dreampedal.engine.live.exchange import join_samples
from dreampedal.engine.live.take import Late

from .stage import Witness, delayed, on_stage

pytestmark = pytest.mark.xdist_group("jack")

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
    return (0.5 * np.resize(audio, (2, audio.shape[1])) + noise).astype(np.float32)


def held_up(rig, audio, board):
    """What was heard, the report, and the numbers of the blocks that the callback noted as late, from block 0 on.

    Blocks are counted from the one in which the first sound was captured; those before it are not known to an ear.
    """
    witness = Witness(stalls())
    live = on_stage(rig, Board([witness, board]))
    live.journal.keeps_entries = True
    with live:
        heard = rig.play(audio)
    report = live.report()
    late = [entry.block for entry in live.journal.entries() if isinstance(entry, Late)]
    assert witness.notes["first"] % 128 == 0
    return live, heard, report, np.array(late) - witness.notes["first"] // 128


def is_dry(block, dry):
    """Whether a block of an inverting board is the dry sound and a fading step, not the wet one and a fading step.

    What is left of a step is smooth: whichever of the two leaves the smoother rest was played.
    """
    roughness = [np.abs(np.diff(block + sign * dry, 2, axis=1)).sum() for sign in (-1, 1)]
    return roughness[0] < roughness[1]


@pytest.fixture(scope="module")
def seconds():
    last = stalls()[-1]
    return last[0] / 48_000 + last[1] + 0.5


def test_stalls_are_bridged_by_the_dry_sound_and_counted(rig, clip, seconds):
    audio = music(clip, seconds)
    live, heard, report, noted = held_up(rig, audio, Invert())
    dry = delayed(audio, live.latency + 128)
    assert np.abs(np.diff(heard)).max() <= np.abs(np.diff(audio)).max()
    # Each block is either all wet or all dry, but for steps that fade: the latency is what it was, after every stall.
    blocks = range(live.latency + 128, audio.shape[1] - 127, 128)
    late = [is_dry(heard[:, at : at + 128], dry[:, at : at + 128]) for at in blocks]
    # The server hands a block on in its next cycle. Blocks before the first sound and after the last may be late too.
    there = [block for block in noted if blocks[0] <= 128 * (block + 1) <= blocks[-1]]
    assert there == [at // 128 - 1 for at, was_late in zip(blocks, late, strict=True) if was_late]
    assert report.late_blocks == noted.size
    assert report.late_blocks > 500
    turns = np.flatnonzero(np.diff([False, *late]))
    assert turns.size > 50
    settled = np.ones(len(late), bool)
    for turn in turns:
        settled[turn : turn + -(-join_samples(48_000) // 128)] = False
    assert settled.sum() > 300
    for at, calm, was_late in zip(blocks, settled, late, strict=True):
        if calm:
            np.testing.assert_array_equal(heard[:, at : at + 128], (1 if was_late else -1) * dry[:, at : at + 128])
    counted = [event for event in report.events if event.kind == "late"]
    assert counted
    assert report.skipped_blocks == report.muted_samples == report.guard_hits == 0


def test_a_dream_that_is_held_up_never_jumps(rig, clip, seconds):
    audio = music(clip, seconds)
    # A dream that has not much reach and is softer than the dry sound: its own steps are smaller, and no excuse.
    live, heard, report, _ = held_up(rig, audio, Dream(target="class:flute", mode="live", reach_db=6.0, output_db=-9.0))
    assert report.late_blocks > 500
    assert np.abs(np.diff(heard)).max() <= np.abs(np.diff(audio)).max()
    assert live.latency == live.board.latency_at(48_000) + 128 == report.latency_samples
    assert report.held_hops > 0
