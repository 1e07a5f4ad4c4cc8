"""The FFT against NumPy's in float64, on noise of every level, for every size that frames use."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreampedal.engine.dsp.fft.real import irfft_add, plan_for, rfft

SIZES = [2**n for n in range(4, 17)]
WAYS = ["vectors", "plain"]
"""Both on every machine: vectors, and the loops that stand in for them where they do not compile."""


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


def spectrum_of(samples, window, way):
    re, im = np.full((2, samples.size // 2 + 1), np.nan, np.float32)
    rfft(samples, window, re, im, plan_for(samples.size, way))
    return re + 1j * im


@pytest.mark.parametrize("size", SIZES)
def test_forward_equals_float64_twin(size, way):
    rng = np.random.default_rng(size)
    samples, window = rng.standard_normal((2, size)).astype(np.float32)
    twin = np.fft.rfft(samples.astype(np.float64) * window)
    assert np.abs(spectrum_of(samples, window, way) - twin).max() < 4e-7 * np.abs(twin).max()


@settings(deadline=None)  # the first call compiles
@given(st.sampled_from(WAYS), st.sampled_from(SIZES), st.integers(0, 2**32 - 1), st.floats(-8, 4))
def test_inverse_adds_the_windowed_signal_at_any_level(way, size, seed, decades):
    rng = np.random.default_rng(seed)
    samples, onto, window = (rng.standard_normal((3, size)) * 10**decades).astype(np.float32)
    ones = np.ones(size, np.float32)
    wanted = onto.astype(np.float64) + samples.astype(np.float64) * window
    re, im = np.ascontiguousarray(spectrum_of(samples, ones, way).view(np.float32).reshape(-1, 2).T)
    irfft_add(re, im, window, onto, plan_for(size, way))
    assert np.abs(onto - wanted).max() <= 2e-6 * max(np.abs(wanted).max(), np.abs(samples).max() * np.abs(window).max())


def test_an_impulse_turns_at_its_own_rate(way):
    samples = np.zeros(2048, np.float32)
    samples[3] = 1
    turns = np.exp(-2j * np.pi * 3 * np.arange(1025) / 2048)
    assert np.abs(spectrum_of(samples, np.ones(2048, np.float32), way) - turns).max() < 1e-6


@pytest.mark.parametrize("size", [0, 8, 100, 2047, 3072])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match="power of two"):
        plan_for(size)


@pytest.mark.parametrize("size", [16, 64, 128, 2048])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so(size, bad, way):
    samples, ones = np.zeros(size, np.float32), np.ones(size, np.float32)
    samples[size // 3] = bad
    re, im = np.zeros((2, size // 2 + 1), np.float32)
    rfft(samples, ones, re, im, plan_for(size, way))
    assert not (np.isfinite(re) & np.isfinite(im)).any()
    onto = np.zeros(size, np.float32)
    irfft_add(re, im, ones, onto, plan_for(size, way))
    assert not np.isfinite(onto).any()


@pytest.mark.parametrize("size", SIZES)
def test_nothing_outside_the_arrays_is_touched(size, way):
    """Vector code that reads or writes a lane too far would change the guard values beside each plane."""
    rng = np.random.default_rng(size)
    bins, guard = size // 2 + 1, np.float32(12345.678)
    samples, window = rng.standard_normal((2, size)).astype(np.float32)
    planes = np.full((5, bins + 64), guard, np.float32)
    re, im = (planes[row, 32 : 32 + bins] for row in (1, 3))
    rfft(samples, window, re, im, plan_for(size, way))
    line = np.full(size + 64, guard, np.float32)
    line[32 : 32 + size] = 0
    irfft_add(re, im, window, line[32 : 32 + size], plan_for(size, way))
    re[:], im[:], line[32 : 32 + size] = guard, guard, guard
    assert (planes == guard).all() and (line == guard).all()


@pytest.mark.parametrize("size", SIZES)
def test_the_first_and_last_bin_are_real(size, way):
    samples, window = np.random.default_rng(0).standard_normal((2, size)).astype(np.float32)
    assert spectrum_of(samples, window, way)[[0, -1]].imag.tolist() == [0, 0]


BOTH_WAYS = """
import hashlib
import numpy as np
from dreampedal.engine.dsp.stft import Frames, FrameState
signal = np.random.default_rng(0).standard_normal((2, 8192)).astype(np.float32)
for size in (64, 256, 1024, 2048):
    frames = Frames(size, size // 4)
    state = FrameState.silent(frames, 2)
    for t in range(0, 8192, size // 4):
        spectrum = frames.analyse(signal[:, t : t + size // 4], state)
        print(hashlib.sha1(spectrum.tobytes() + frames.synthesise(spectrum, state).tobytes()).hexdigest())
"""


def test_the_process_that_compiles_gives_the_same_bits_as_those_that_load(tmp_path):
    """In both ways, which share one cache and never take each other's kernels."""
    said = []
    for way in WAYS:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "DREAMPEDAL_FFT": way}
        first, second = (
            subprocess.run(
                [sys.executable, "-c", BOTH_WAYS], env=environment, cwd=tmp_path, check=True, capture_output=True,
                text=True,
            ).stdout
            for _ in range(2)
        )  # fmt: skip
        assert first == second and len(set(first.split())) > 100
        said.append(first)
    assert said[0] != said[1]


CHOSEN = """
import sys
import numpy as np
from dreampedal.engine.dsp.fft.real import way
print(*way(), sep="|")
from dreampedal.engine.dsp.stft import Frames, FrameState
frames = Frames(256, 64)
state = FrameState.silent(frames, 1)
noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
parts = [frames.synthesise(frames.analyse(noise[:, t : t + 64], state), state).copy() for t in range(0, 4096, 64)]
print(np.abs(np.concatenate(parts, axis=1)[:, 192:] - noise[:, :-192]).max() < 1e-6)
"""


def chosen(before="", **more):
    """What a process of its own chooses, and whether its frames give the signal back; or its error."""
    environment = {name: value for name, value in os.environ.items() if name != "DREAMPEDAL_FFT"} | more
    run = subprocess.run([sys.executable, "-c", before + CHOSEN], env=environment, capture_output=True, text=True)
    return run.stdout if run.returncode == 0 else run.stderr.strip().splitlines()[-1]


def test_vectors_are_chosen_where_they_compile():
    assert chosen() == "vectors|\nTrue\n"


def test_the_plain_way_can_be_asked_for():
    assert chosen(DREAMPEDAL_FFT="plain") == "plain|DREAMPEDAL_FFT is set\nTrue\n"


def test_another_way_is_refused():
    assert chosen(DREAMPEDAL_FFT="fast") == "ValueError: DREAMPEDAL_FFT = 'fast': expected vectors or plain"


GONE = "import llvmlite.ir\ndel llvmlite.ir.IRBuilder.shuffle_vector\n"
MOVED = "import numba\nnumba.njit(lambda: 1)()\nimport numba.extending\ndel numba.extending.lower_builtin\n"


@pytest.mark.parametrize("before, reason", [(GONE, "shuffle_vector"), (MOVED, "lower_builtin")])
def test_a_numba_whose_insides_have_changed_plays_in_plain_loops(before, reason, tmp_path):
    """Something that only vectors are made of is gone: it shows when they are compiled, or when they are imported."""
    compiled = {"NUMBA_CACHE_DIR": str(tmp_path)} if before == GONE else {}  # nothing is known to compile yet
    said = chosen(before, **compiled)
    assert said.startswith("plain|") and reason in said and said.endswith("\nTrue\n")
    refused = chosen(before, DREAMPEDAL_FFT="vectors", **compiled)
    assert refused.startswith("ValueError: DREAMPEDAL_FFT = vectors: they cannot be used here") and reason in refused


def test_without_a_compiler_transforms_are_plain_python():
    said = chosen(NUMBA_DISABLE_JIT="1")
    assert said.startswith("plain|") and said.endswith("\nTrue\n")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda plan: pickle.loads(pickle.dumps(plan))])
def test_a_copy_of_a_plan_has_memory_of_its_own(copied):
    plan = plan_for(256)
    again = copied(plan)
    assert again.work is not plan.work and not np.shares_memory(again.work, plan.work)
    assert np.array_equal(again.twiddle, plan.twiddle) and again.forward == plan.forward
