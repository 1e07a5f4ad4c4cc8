"""How natives take their blocks: the table against the plugins, and the process that finds out about all others."""

import json
import multiprocessing
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pedalboard
import pytest
from pedalboard import Gain

from dreampedal import Board, load_plugin
from dreampedal.engine.host.natives import habits as native_habits
from dreampedal.engine.host.natives.external import trial
from dreampedal.engine.host.natives.external.trial import Unplayable
from dreampedal.engine.host.natives.habits import KINDS, WITHHOLDING, Habits, habits_of
from dreampedal.engine.host.natives.native import Blocks, NotStreamable, strictest
from dreampedal.engine.host.natives.probe import native_measured, natives_measured

from ....stress import STRESSED
from .vst3 import CRASHES, HANGS, doctored, vst3

RATES = (8000.0, 22_050.0, 44_100.0, 48_000.0, 96_000.0, 192_000.0) if STRESSED else (44_100.0, 96_000.0)
VALUES = {
    "Bitcrush": [{"bit_depth": bits} for bits in (0.0, 7.3, 32.0)],
    "BrickwallLimiter": [{"lookahead_ms": ms, "true_peak": true} for ms in (0.1, 1.23, 5.0, 20.0) for true in (0, 1)],
    "Chorus": [{"rate_hz": 5.0, "depth": 1.0, "feedback": 0.9}, {"centre_delay_ms": 30.0, "mix": 1.0}],
    "Clipping": [{"threshold_db": -40.0}],
    "Compressor": [{"threshold_db": -40.0, "ratio": 20.0, "attack_ms": 0.1}, {"release_ms": 2000.0}],
    "Convolution": [{"mix": 0.0}, {"mix": 0.3}],
    "Delay": [{"delay_seconds": 0.001, "feedback": 0.9}, {"delay_seconds": 2.0, "mix": 1.0}],
    "Distortion": [{"drive_db": 60.0}],
    "Gain": [{"gain_db": -80.0}, {"gain_db": 40.0}],
    "HighShelfFilter": [{"cutoff_frequency_hz": 20.0, "gain_db": 24.0, "q": 5.0}],
    "HighpassFilter": [{"cutoff_frequency_hz": hz} for hz in (1.0, 3000.0)],
    "LadderFilter": [
        {"mode": mode, "cutoff_hz": 3000.0, "resonance": 0.9, "drive": 5.0}
        for mode in pedalboard.LadderFilter.Mode.__members__.values()
    ],
    "Limiter": [{"threshold_db": -30.0, "release_ms": 1.0}],
    "LowShelfFilter": [{"cutoff_frequency_hz": 3000.0, "gain_db": -24.0}],
    "LowpassFilter": [{"cutoff_frequency_hz": hz} for hz in (1.0, 3000.0)],
    "MP3Compressor": [{"vbr_quality": quality} for quality in (0.0, 5.5, 9.999)],
    "NoiseGate": [{"threshold_db": -10.0, "ratio": 1.5, "attack_ms": 50.0}],
    "PeakFilter": [{"cutoff_frequency_hz": 3000.0, "gain_db": 24.0, "q": 20.0}],
    "Phaser": [{"rate_hz": 5.0, "depth": 1.0, "feedback": 0.9, "mix": 1.0}],
    "Resample": [
        {"target_sample_rate": rate, "quality": quality}
        for rate in (4000.0, 12_345.0, 48_000.0)
        for quality in pedalboard.Resample.Quality.__members__.values()
    ],
    "Reverb": [{"room_size": 1.0, "damping": 0.0}, {"freeze_mode": 1.0}, {"width": 0.0, "wet_level": 1.0}],
}


def test_the_table_made_anew_is_the_table():
    """All of pedalboard's classes are in it, and none else."""
    assert natives_measured() == KINDS
    assert vars(pedalboard)["__version__"] == native_habits.VERSION


@pytest.mark.stress
@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind])
def test_the_table_holds_for_other_parameters_and_rates(name):
    """Each plugin takes blocks at least as well as the table has it, and withholds what it is said to."""
    cls = vars(pedalboard)[name]
    cases = [
        (arguments, rate, channels) for arguments in VALUES.get(name, [{}]) for rate in RATES for channels in (1, 2)
    ]
    for arguments, rate, channels in cases if STRESSED else cases[:: max(1, len(cases) // 2)]:
        if name == "MP3Compressor" and rate > 48_000:
            continue
        kind, latency = native_measured(cls, arguments, rate, channels)
        if name == "Resample" and arguments["target_sample_rate"] == rate:
            continue  # a wire
        assert strictest(kind, KINDS[name]) == KINDS[name], (arguments, rate, channels, kind)
        if name != "Convolution":
            told = habits_of(cls(**arguments), rate, channels)
            assert told.blocks == KINDS[name]
            assert told.latency == latency, (arguments, rate, channels)


def test_what_withholds_nothing_has_no_latency():
    assert {name for name in KINDS if KINDS[name] and latency_at_default(name)} == WITHHOLDING


def latency_at_default(name):
    arguments = {"impulse_response_filename": np.ones((1, 3), np.float32), "sample_rate": 44_100.0}
    plugin = vars(pedalboard)[name](**(arguments if name == "Convolution" else {}))
    return habits_of(plugin, 44_100.0, 2).latency


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and a process that knows nothing; how many processes were started."""
    if sys.platform != "linux":
        pytest.skip("the cache folder is set by XDG_CACHE_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(native_habits, "_KNOWN", {})
    return tmp_path / "cache" / "dreampedal" / "natives"


@pytest.fixture
def asked(monkeypatch):
    """What other processes were asked, in order."""
    requests, ask = [], trial._asked

    def noted(request):
        requests.append(request["do"])
        return ask(request)

    monkeypatch.setattr(trial, "_asked", noted)
    return requests


def test_natives_of_pedalboard_ask_nobody(cache, asked):
    board = Board([vars(pedalboard)[name]() for name in ("Reverb", "BrickwallLimiter", "HighpassFilter", "Chorus")])
    board(np.zeros((2, 100), np.float32), 44_100)
    board.stream(44_100, 2)
    assert not asked and not cache.exists()


def test_a_plugin_is_asked_for_once(cache, asked, monkeypatch):
    for _ in range(2):
        monkeypatch.setattr(native_habits, "_KNOWN", {})
        plugin = load_plugin(vst3("ZaMaximX2"))
        assert habits_of(plugin, 48_000, 2) == Habits(Blocks.ANY, 480)
        assert habits_of(plugin, 48_000, 2).latency == Board([plugin]).latency_at(48_000)
    assert asked == ["load", "external"]
    assert len(list(cache.iterdir())) == 2
    habits_of(plugin, 44_100, 2)
    plugin._parameters[5].raw_value = 0.2
    habits_of(plugin, 48_000, 2)
    assert asked == ["load", "external", "external", "external"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"key": 1, "found": {}}', b"[" * 100_000])
def test_a_damaged_cache_is_none(damage, cache, asked):
    load_plugin(vst3("ZamComp"))
    (file,) = cache.iterdir()
    file.write_bytes(damage)
    load_plugin(vst3("ZamComp"))
    assert asked == ["load", "load"]
    assert json.loads(file.read_text())["found"] == {}


def test_a_cache_of_nonsense_is_no_error(cache, asked, monkeypatch):
    plugin = load_plugin(vst3("ZamComp"))
    habits_of(plugin, 48_000, 1)
    for found in ({"blocks": "NONE", "latency": "x"}, {"latency": 3}, {}):
        for file in cache.iterdir():
            file.write_text(json.dumps({"key": json.loads(file.read_text())["key"], "found": found}))
        monkeypatch.setattr(native_habits, "_KNOWN", {})
        try:
            assert habits_of(plugin, 48_000, 1).blocks is Blocks.CONSTANT
        except NotStreamable:
            assert found == {"latency": 3}


def test_a_cache_that_cannot_be_written_keeps_nothing(tmp_path, cache, asked, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    for _ in range(2):
        load_plugin(vst3("ZamComp"))
    assert asked == ["load", "load"]
    folder = tmp_path / "readonly"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    load_plugin(vst3("ZamComp"))


def test_what_crashes_is_refused_by_its_name(tmp_path, cache, asked):
    path = doctored("ZamComp", tmp_path, CRASHES)
    for _ in range(2):
        with pytest.raises(Unplayable, match=r"ZamComp\.vst3 crashed \(SIGILL\) when it was tried.*delete .*\.json\)"):
            load_plugin(path)
    assert asked == ["load"]
    (tmp_path / "new").mkdir()
    new = doctored("ZamComp", tmp_path / "new", b"")
    os.rename(path, tmp_path / "old.vst3")
    os.rename(new, path)
    load_plugin(path)  # another file in its place has another chance


def test_what_hangs_is_refused_by_its_name(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(trial, "PROBE_SECONDS", 3.0)
    with pytest.raises(Unplayable, match=r"ZamComp\.vst3 gave no answer in 3 seconds"):
        load_plugin(doctored("ZamComp", tmp_path, HANGS))


def test_what_crashes_as_it_plays_is_refused(cache, monkeypatch):
    """On a board, in one call and in a stream; the answer of a child that ended is what a crash leaves."""
    plugin = load_plugin(vst3("ZamComp"))
    child = [sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"]
    run = subprocess.run
    monkeypatch.setattr(trial.subprocess, "run", lambda command, **how: run(child, **how))
    for use in (lambda: Board([plugin]).stream(48_000, 1), lambda: Board([plugin])(np.zeros(100, np.float32), 48_000)):
        with pytest.raises(Unplayable, match=r"ZamComp of .*ZamComp\.vst3 crashed \(SIGSEGV\)"):
            use()


def test_where_no_process_can_be_started_blocks_have_one_size(cache, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    plugin = load_plugin(vst3("ZaMaximX2"))
    assert habits_of(plugin, 48_000, 2) == Habits(Blocks.CONSTANT, 480)
    assert not cache.exists()
    stream = Board([plugin]).stream(48_000, 2)
    assert stream.latency == 480 + 127


def test_another_version_of_pedalboard_is_measured_once(cache, asked, monkeypatch):
    native_habits._kinds.cache_clear()
    monkeypatch.setattr(pedalboard, "__version__", "99.0.0")
    try:
        for _ in range(2):
            assert native_habits._kinds() == KINDS
            native_habits._kinds.cache_clear()
        assert asked == ["natives"]
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        monkeypatch.setattr(pedalboard, "__version__", "99.0.1")
        assert native_habits._kinds() == KINDS
    finally:
        native_habits._kinds.cache_clear()


def test_the_process_imports_no_torch_and_says_nothing(cache):
    script = (
        "import sys, json, io; sys.stdin = io.StringIO(json.dumps({'do': 'nothing'}))\n"
        "import dreampedal.engine.host.natives.probe\n"
        "print([name for name in ('torch', 'sounddevice', 'onnxruntime') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    request = json.dumps({"do": "load", "path": vst3("ZamHeadX2"), "name": None, "state": ""})
    command = [sys.executable, "-m", "dreampedal.engine.host.natives.probe"]
    done = subprocess.run(command, input=request, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("{}", "")


def measured_in_worker(line):
    plugin = load_plugin(vst3("ZaMaximX2"))
    line.send(habits_of(plugin, 48_000, 2).latency)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_daemonic_worker_may_ask(method, cache):
    context = multiprocessing.get_context(method)
    here, there = context.Pipe()
    worker = context.Process(target=measured_in_worker, args=(there,), daemon=True)
    worker.start()
    assert here.poll(60) and here.recv() == 480
    worker.join()


def test_any_thread_may_ask_load_and_play(cache, clip):
    audio = clip("mix_rock")[0][:, :9000]
    expected = Board([load_plugin(vst3("ZaMaximX2"))])(audio, 48_000)

    def play(_):
        return Board([load_plugin(vst3("ZaMaximX2")), Gain(0)])(audio, 48_000)

    with ThreadPoolExecutor(3) as pool:
        for played in pool.map(play, range(6)):
            assert np.array_equal(played, expected)
    assert threading.current_thread() is threading.main_thread()


def test_nobody_asks_standard_input(cache, monkeypatch):
    """A program that is fed by a pipe, or has no input at all."""
    monkeypatch.setattr(sys, "stdin", None)
    load_plugin(vst3("ZamComp"))
    script = (
        "import sys; from dreampedal import load_plugin, Board; import numpy as np\n"
        "Board([load_plugin(sys.argv[1])])(np.zeros(9, np.float32), 48000); print(sys.stdin.read())"
    )
    command = [sys.executable, "-c", script, vst3("ZamComp")]
    done = subprocess.run(command, input="mine", capture_output=True, text=True, check=True)
    assert done.stdout == "mine\n"


def test_the_place_of_a_key_is_in_the_users_cache(cache):
    assert trial.place_of({"what": "natives"}).parent == cache
