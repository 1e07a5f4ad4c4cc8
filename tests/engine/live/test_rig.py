"""What the rig itself does to a signal: the measure that everything live is held against."""

import os

import numpy as np
import pytest

pytestmark = [pytest.mark.xdist_group("jack"), pytest.mark.live]


def test_tests_that_play_take_turns(request):
    """Two servers at once would make each other late. Some pairs of pytest and xdist lose the groups without a word."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@jack"), "expected --dist loadgroup, and a pytest whose ids xdist can set"


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("block_size", [32, 128, 1024])
def test_a_bare_stream_is_one_block_late_and_exact(rig, clip, block_size, channels):
    import sounddevice

    rig.block_size = block_size
    audio = np.resize(clip("solo_egtr_em9")[0], (channels, 24_000))

    def through(indata, outdata, frames, time, status):
        outdata[:] = indata

    with sounddevice.Stream(
        device=(rig.DEVICE, rig.DEVICE), samplerate=48_000, blocksize=0, channels=channels, dtype="float32",
        callback=through, clip_off=True, dither_off=True,
    ):  # fmt: skip
        heard = rig.play(audio)
        ports = rig.connections()
    np.testing.assert_array_equal(heard[:, block_size:], audio[:, :-block_size])
    assert not heard[:, :block_size].any()
    assert not any(ports[name] for name in ports if name.startswith("system:"))
