"""The kernels of the spectral effect beside slow twins, and what their stream keeps to while it plays."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from dreampedal.effects import Dream
from dreampedal.effects.spectral import measure
from dreampedal.effects.spectral.frame.kernels import Columns, Limits, match_loudness, pass_on, prepare
from dreampedal.effects.spectral.frame.state import InOut, Played
from dreampedal.effects.spectral.frame.tables import BandTables, MovingBands

SHIPPED = Path(__file__).parents[4] / "presets" / "models" / "notes.onnx"
BANDS, BINS = 12, 33
DRAWS = range(60)


def level_db(spectrum):
    """RMS in dBFS of the loudest channel of a Hann-windowed frame (2, channels, bins), by way of its samples."""
    samples = np.fft.irfft(spectrum[0] + 1j * spectrum[1], axis=-1)
    return 10 * np.log10(max(np.max(np.mean(samples**2, axis=-1)) / 0.375, 1e-30))


def drawn_frame(rng, rows, per_row):
    """A frame whose rows lie well over or under -40 dBFS, (2, channels, bins), with neither 0 Hz nor Nyquist in it."""
    spectrum = rng.normal(size=(2, rows * per_row, BINS))
    spectrum[:, :, [0, -1]] = 0
    for row in range(rows):
        channels = slice(row * per_row, (row + 1) * per_row)
        spectrum[:, channels] *= rng.choice([1.0, 1e-4])
    return spectrum.astype(np.float32)


def prepared(spectrum, newest, loudness, decay, frozen, gate_db, heard, features, result):
    """What `prepare` writes: features, offset, level, awake."""
    rows, _, columns = features.shape
    foreseen = np.repeat(newest[:, :, None], columns - heard + 1, axis=2)
    features = np.concatenate([features[:, :, 1:heard], foreseen], axis=2)
    offset = result if frozen else np.concatenate([result[:, :, 1:], result[:, :, -1:]], axis=2)
    offset = np.where(np.arange(columns) >= heard - 1, offset * decay, offset)
    level = loudness * np.exp(2 * (newest + offset[:, :, heard - 1]))
    awake = [level_db(part) >= gate_db for part in np.split(spectrum, rows, axis=1)]
    return features, offset, level / level.sum(axis=1, keepdims=True), awake


@pytest.mark.parametrize("seed", DRAWS)
def test_prepare_is_its_twin(seed):
    rng = np.random.default_rng(seed)
    rows, per_row, columns = rng.integers(1, 3), rng.integers(1, 3), rng.integers(1, 6)
    heard, frozen, decay = int(rng.integers(1, min(columns, 3) + 1)), bool(seed % 2), rng.uniform(0.3, 0.9)
    spectrum = drawn_frame(rng, rows, per_row)
    newest, loudness = rng.normal(-4, 2, (rows, BANDS)).astype(np.float32), rng.uniform(0, 2, BANDS).astype(np.float32)
    features, result = rng.normal(size=(2, rows, BANDS, columns)).astype(np.float32)
    offset, level, awake = np.zeros_like(result), np.zeros_like(newest), np.zeros(rows, np.bool_)
    twin = prepared(spectrum, newest, loudness, decay, frozen, -40.0, heard, features.copy(), result.astype(float))
    columns = Columns(features, offset, result, level)
    above = prepare(spectrum, newest, loudness, decay, frozen, -40.0, heard, columns, awake)
    for found, expected in zip((features, offset, level, awake), twin, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-7)
    assert np.allclose(level.sum(axis=1), 1, atol=1e-5) and above == awake.sum()


def binned(offset, place, reach):
    """Linear gains of bins at `place` bands along an offset (rows, bands)."""
    return np.stack([np.exp(np.interp(place, np.arange(BANDS), row) * reach) for row in offset])


def matched(spectrum, wanted, place, share, moving, limits, gate, makeup_gain, is_matched):
    """What `match_loudness` writes and says: offset, gate, gains, lost."""
    mask, _, loudness = moving
    parts = np.split(spectrum.astype(float), len(wanted), axis=1)
    gate = np.array(
        [
            1.0 if level_db(part) >= limits.gate_db else was * limits.release
            for part, was in zip(parts, gate, strict=True)
        ]
    )
    gate[gate < 1e-4] = 0
    lost = not np.isfinite(wanted).all()
    offset = limits.amount * gate[:, None] * mask * (0.0 if lost else wanted)
    gains = binned(offset, place, share)
    for row, part in enumerate(parts):
        smooth = np.convolve(np.pad(gains[row], 1, mode="edge"), [1 / 6, 2 / 3, 1 / 6], mode="valid")
        power = loudness * (part**2).sum(axis=0)
        louder = 0.5 * np.log((np.sum(power * smooth**2) + 1e-20) / (power.sum() + 1e-20))
        level = louder - limits.amount * makeup_gain * gate[row] if is_matched else 0.0
        offset[row] = np.clip(offset[row] - mask * level, -limits.most, limits.most)
    return offset, binned(offset, place, share), gate, lost


@pytest.mark.parametrize("is_matched", [True, False])
@pytest.mark.parametrize("seed", DRAWS)
def test_match_loudness_is_its_twin(seed, is_matched):
    rng = np.random.default_rng(seed)
    rows, per_row = rng.integers(1, 3), rng.integers(1, 3)
    limits, spectrum = Limits(rng.uniform(0.5, 1), 2.0, -40.0, 0.8), drawn_frame(rng, rows, per_row)
    wanted = rng.uniform(-2.5, 2.5, (rows, BANDS)).astype(np.float32)
    if seed % 6 == 0:
        wanted[rng.integers(rows), rng.integers(BANDS)] = rng.choice([np.nan, np.inf])
    loudness, share = (rng.uniform(0, 2, (2, BINS)) * [[1], [0.5]]).astype(np.float32)
    mask = (rng.random(BANDS) < 0.7).astype(np.float32)
    moving = MovingBands(mask, mask, loudness)
    gate, makeup_gain = rng.choice([0, 1.1e-4, 0.3, 1], rows).astype(np.float32), np.array([rng.uniform(-0.5, 0.5)])
    place = np.sort(rng.uniform(0, BANDS - 1, BINS))
    below, nothing = np.minimum(place.astype(np.int32), BANDS - 2), np.zeros(0, np.int32)
    bands = BandTables(nothing, nothing, mask, -11.5, below, (place - below).astype(np.float32), share)
    twin = matched(spectrum, wanted, place, share, moving, limits, gate, makeup_gain[0], is_matched)
    zeros = np.zeros((rows, BANDS), np.float32), np.zeros((rows, BINS), np.float32)
    played = Played(*zeros, gate, makeup_gain)
    lost = match_loudness(spectrum, wanted, bands, moving, played, limits, is_matched)
    for found, expected in zip((*played[:3], lost), twin, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-5)
    assert np.abs(played.offset).max() <= limits.most


@pytest.mark.parametrize("blocks", [[600], [1, 2, 3, 50], [128]])
def test_pass_on_is_its_twin(blocks):
    rng = np.random.default_rng(len(blocks))
    x, dry, added = rng.normal(size=(3, 2, 600)).astype(np.float32)
    x[1, 77] = np.nan
    was, aim, length, out = np.array([1.0, 0.2]), np.array([0.5, 0.9]), 400, np.zeros_like(x)
    line, past = np.full((2, 700), 7, np.float32), 100
    io = InOut(line, np.array([*was, *aim, *(aim - was) / length, length]), np.zeros(1, np.int64))
    at, turn = 0, 0
    while at < x.shape[1]:
        block = x[:, at : at + blocks[turn % len(blocks)]].copy()
        part = np.zeros_like(block)
        done = pass_on(block, 0, part, io, dry, added, at)
        out[:, at : at + done], at, turn = part, at + done, turn + 1
    way = np.minimum((np.arange(600) + 1) / length, 1)
    on_dry, on_added = was[:, None] + (aim - was)[:, None] * way
    np.testing.assert_allclose(out, on_dry * dry + on_added * added, atol=1e-5)
    assert np.array_equal(line[:, past:], np.nan_to_num(x)) and (line[:, :past] == 7).all() and io.muted_inputs[0] == 1
    assert io.ramp[:2].tolist() == aim.tolist()


def played(stream, audio, block=512):
    """All of `audio` through a stream."""
    starts = range(0, audio.shape[1], block)
    return np.concatenate([stream.process(audio[:, start : start + block]).copy() for start in starts], axis=1)


@pytest.mark.parametrize("block", [32, 7, 500])
def test_a_change_of_mix_is_one_straight_ramp_whatever_else_is_set(block, clip):
    audio, rate = clip("solo_egtr_em9")
    audio, change = audio[:, :24_000], 15_000 // block
    wet, out = [], []
    for parts, mixed in ((wet, False), (out, True)):
        effect = Dream()
        stream = effect.stream(rate, audio.shape[0], block)
        for turn in range(audio.shape[1] // block):
            effect.amount = 1.0 if turn % 2 else 0.9
            if mixed and turn == change:
                effect.mix = 0.0
            parts.append(stream.process(audio[:, turn * block : (turn + 1) * block]).copy())
    wet, out = np.concatenate(wet, axis=1), np.concatenate(out, axis=1)
    dry = np.pad(audio, ((0, 0), (stream.latency, 0)))[:, : wet.shape[1]]
    length, added = round(0.02 * rate), wet - dry
    expected = np.clip(1 - (np.arange(wet.shape[1]) - change * block + 1) / length, 0, 1)
    clear = np.abs(added) > 3e-3
    assert clear[:, change * block :][:, :length].sum() > length / 4
    weight = (out - dry)[clear] / added[clear]
    assert np.abs(weight - np.broadcast_to(expected, added.shape)[clear]).max() < 1e-3


def test_an_offset_that_is_not_finite_is_lost_and_the_dream_recovers(clip):
    audio, rate = clip("solo_egtr_em9")
    stream = Dream().stream(rate, audio.shape[0], 512)
    out = [played(stream, audio[:, :20_480])]
    kept = {name: u.copy() for name, u in stream.ascent.u.items()}
    for u in stream.ascent.u.values():
        u[:] = np.inf
    out.append(played(stream, audio[:, 20_480:20_992]))
    for name, u in kept.items():
        stream.ascent.u[name][:] = u
    assert stream.state.lost_hops == 1 and not stream.ascent.result.any()
    out.append(played(stream, audio[:, 20_992:50_000]))
    assert stream.state.lost_hops == 1 and np.isfinite(np.concatenate(out, axis=1)).all()
    again = stream.ascent.result.copy()
    untouched = Dream().stream(rate, audio.shape[0], 512)
    played(untouched, audio[:, :50_000])
    assert np.linalg.norm(again) > 0.5 * np.linalg.norm(untouched.ascent.result) > 0.1


def test_no_layout_of_memory_compiles_a_kernel_anew(clip):
    audio, rate = clip("solo_egtr_em9")
    audio = np.stack([audio[0], 0.5 * audio[-1]])[:, :16_384]
    strided = np.repeat(audio, 2, axis=1)[:, ::2]
    read_only = audio.copy()
    read_only.flags.writeable = False
    unaligned = np.ndarray(audio.shape, np.float32, np.zeros(audio.nbytes + 1, np.uint8), 1)
    unaligned[:] = audio
    first = played(Dream().stream(rate, 2, 512), audio)
    known = len(pass_on.signatures)
    for other in (np.asfortranarray(audio), strided, read_only, unaligned, audio.astype(np.float64)):
        stream = Dream().stream(rate, 2, 512)
        parts = []
        for start in range(0, audio.shape[1], 512):
            block = other[:, start : start + 512]
            parts.append(stream.process(np.asfortranarray(block) if other.flags.f_contiguous else block).copy())
        assert np.array_equal(np.concatenate(parts, axis=1), first)
        assert len(pass_on.signatures) == known


@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.any_recording
def test_a_narrower_range_leaves_the_rest_untouched_at_once(freeze, clip):
    audio, rate = clip("mix_rock")
    audio = audio[:, : 3 * rate]
    effect = Dream(listen="delta")
    stream = effect.stream(rate, audio.shape[0], 512)
    played(stream, audio[:, :rate])
    effect.freeze = freeze
    effect.low_hz, effect.high_hz = 1000.0, 4000.0
    added = played(stream, audio[:, rate:])[:, round(0.3 * rate) :]
    power = (np.abs(np.fft.rfft(added * np.hanning(added.shape[1]), axis=1)) ** 2).sum(axis=0)
    hz = np.fft.rfftfreq(added.shape[1], 1 / rate)
    inside = (hz > 800) & (hz < 5000)
    assert power[inside].sum() > 1000 * power[~inside].sum() > 0


def test_a_session_for_new_steps_is_ready_before_the_stream_needs_it(tmp_path):
    own = shutil.copy(SHIPPED, tmp_path / "own.onnx")
    effect = Dream(model=str(own), steps=2)
    stream = effect.stream(48_000, 1, 512)
    chains, ascent = effect.loaded_model().chains, stream.ascent
    key = tuple(chains.taps(ascent._chain, 3)), ascent.device
    assert key not in chains.sessions._made
    effect.steps = 3
    assert key in chains.sessions._made


def test_a_stream_outlives_the_file_of_its_model(tmp_path, clip):
    audio, rate = clip("solo_egtr_em9")
    own = Path(shutil.copy(SHIPPED, tmp_path / "own.onnx"))
    outs = []
    for deleted in (False, True):
        effect = Dream(model=str(own), steps=2)
        stream = effect.stream(rate, audio.shape[0], 512)
        out = [played(stream, audio[:, :8192])]
        if deleted:
            own.unlink()
        effect.target, effect.steps, effect.reach_db, effect.high_hz = "class:vocal", 5, 30.0, 8000.0
        outs.append(np.concatenate([*out, played(stream, audio[:, 8192:24_576])], axis=1))
    assert np.array_equal(*outs)


def test_no_makeup_gain_outlives_its_phrase(clip):
    """The second phrase lies where it lay on its own within a hop: where an onset falls in it changes what is found."""
    (first, rate), (second, _) = clip("solo_egtr_em9"), clip("speech_female_en")
    decaying = first[:1, : 172 * 512] * np.exp(-3 * np.arange(172 * 512) / rate).astype(np.float32)
    begin = np.argmax(np.abs(second[0]) > 0.05 * np.abs(second[0]).max()) - 64
    phrase, silence = second[:1, max(begin, 0) :][:, :rate], np.zeros((1, 172 * 512), np.float32)
    both = np.concatenate([decaying * np.float32(0.7) / np.abs(decaying).max(), silence, phrase], axis=1)
    effect, early = Dream(target="class:vocal", model="notes", reach_db=36.0), rate // 4
    after, alone = effect(both, rate)[:, -phrase.shape[1] :], effect(phrase, rate)
    apart = measure.loudness_db(after[:, :early], rate) - measure.loudness_db(alone[:, :early], rate)
    assert abs(apart) < 0.7


@pytest.mark.parametrize("name", ["mix_house", "solo_egtr_em9", "drums_break"])
def test_a_dream_is_as_loud_as_what_it_dreams_of(name, clip):
    audio, rate = clip(name)
    audio = audio[:1, : 8 * rate]
    wet = Dream(target="class:vocal - 0.5*class:guitar", reach_db=36.0, memory_seconds=0.2, smoothing=1.0)(audio, rate)
    assert abs(measure.loudness_db(wet, rate) - measure.loudness_db(audio, rate)) < 0.6
