"""A real audio server for tests: JACK without a sound card, and an instrument plugged into it.

`Rig` starts a server with a name of its own and a client of it in another process, so that LiveStream plays through the
whole way: client -> server -> PortAudio -> callback -> ... -> server -> client. To PortAudio every JACK client is a
device: a stream that is opened on `Rig.DEVICE` is connected to the instrument, and to nothing else.

The server waits for its clients (jackd -S), so that no sample is lost on a busy machine: it runs late instead. A test
that opens MIDI while a stream plays needs one that does not wait: rtmidi keeps the interpreter while the server waits
for the callback, which waits for the interpreter.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

CLIENT = Path(__file__).with_name("rig_client.py")
CLIENT_TIMEOUT_MS = 20_000
START_SECONDS = 20.0
NAMES = [f"dreampedal{number}" for number in range(6)]


class Rig:
    """A JACK server at `rate` and the instrument in it, with `channels` inputs and outputs."""

    DEVICE = "instrument"

    def __init__(self, rate=48_000, block_size=128, channels=8):
        self.name = ""
        self.folder = Path(tempfile.mkdtemp(prefix="rig-"))
        self.channels = channels
        self.server = self.client = None
        self.settings = ()
        self.claim = None
        self.sent = []
        """When the instrument sent each message of the last `play`: not before the first time, nor after the second."""
        self.xruns = 0
        self.start(rate, block_size)

    @staticmethod
    def missing():
        """What to install before this can run; empty if nothing."""
        found = {"jackd2": shutil.which("jackd"), "JACK-Client": True, "libportaudio2": True}
        for package, module in (("JACK-Client", "jack"), ("libportaudio2", "sounddevice")):
            try:
                __import__(module)
            except (ImportError, OSError):
                found[package] = False
        return [package for package, there in found.items() if not there]

    def start(self, rate=48_000, block_size=128, waits=True):
        """Start the server and plug the instrument in."""
        self.settings = rate, block_size, waits
        options = ["-r", "--no-mlock", "-T", *["-S"] * waits, "-t", CLIENT_TIMEOUT_MS]
        options += ["-d", "dummy", "-r", rate, "-p", block_size]
        waits_until = time.monotonic() + START_SECONDS
        # Names are few, since JACK keeps a place for each that was killed, and has eight places; one of the same name
        # takes it over. Once found, the name stays.
        for name in cycle([self.name] if self.name else NAMES):
            if (self.name or self._claims(name)) and self._serves(name, options):
                self.name = os.environ["JACK_DEFAULT_SERVER"] = name
                return
            time.sleep(0.1)
            assert time.monotonic() < waits_until, f"no JACK server: {self._log('jackd')}"

    def _claims(self, name):
        """Take a name, unless another run of the tests has it: else its instrument might be plugged into our server."""
        import fcntl

        self.claim = (Path(tempfile.gettempdir()) / f"{name}.lock").open("w")
        try:
            fcntl.flock(self.claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.claim.close()
            return False
        return True

    def _serves(self, name, options):
        """Start a server of this name; whether it is there, and ours."""
        with open(self.folder / "jackd.log", "w") as log:
            self.server = subprocess.Popen(
                ["jackd", "-n", name, *map(str, options)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_parent,
            )  # fmt: skip
        for _ in range(20):
            time.sleep(0.1)
            if self.server.poll() is not None:
                return False
            if self._plugged_in(name):
                return self.server.poll() is None
        self.server.terminate()
        self.server.wait()
        return False

    def _log(self, name):
        """The end of what a process of the rig said, if it was started."""
        log = self.folder / f"{name}.log"
        return log.read_text()[-2000:] if log.exists() else "(nothing was started)"

    def _plugged_in(self, name):
        command = [sys.executable, CLIENT, name, self.DEVICE, self.channels]
        with open(self.folder / "client.log", "w") as log:
            self.client = subprocess.Popen(
                [*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        return bool(self.client.stdout.readline())

    def kill(self, how=signal.SIGKILL):
        """The cable is pulled: the server dies, and the instrument with it."""
        self.server.send_signal(how)
        self.server.wait()
        self.client.kill()
        self.client.wait()

    def restart(self, rate=48_000, block_size=128, waits=True):
        """A new server under the old name."""
        if self.runs():
            self.kill(signal.SIGTERM)
        self.start(rate, block_size, waits)

    def tidy(self):
        """As a test expects it: alive, 48 kHz, blocks of 128, at its own pace."""
        if self.runs() and self.settings == (48_000, 128, True):
            self.block_size = 128
            self.slow(0)
        else:
            self.restart()

    def runs(self):
        """Whether server and instrument are there."""
        return self.server.poll() is None and self.client.poll() is None

    def close(self):
        """Unplug, and stop the server."""
        if not self.runs():
            # A server that was killed keeps its place among the machine's eight until one of its name ends in peace.
            self.restart()
        self.kill(signal.SIGTERM)
        self.claim.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def block_size(self):
        """The server's, in samples; may be set while it runs."""
        return self._ask("block_size", samples=0)["block_size"]

    @block_size.setter
    def block_size(self, samples):
        assert self._ask("block_size", samples=samples)["block_size"] == samples
        look_again()

    def slow(self, pause_seconds):
        """Let each cycle of the server take at least so long: time for all that is tested on a busy machine."""
        self._ask("pause", seconds=pause_seconds)

    def connections(self):
        """Names of the ports that each port is connected to."""
        found = self._ask("connections")
        found.pop("xruns")
        return found

    def play(self, signal, messages=(), seconds=120.0):
        """Play `(channels, samples)`, and MIDI messages `(sample, bytes)`; returns what came back, of the same shape.

        The first sample of both belongs to the same cycle of the server.
        """
        signal = np.ascontiguousarray(signal, np.float32)
        played, recorded = self.folder / "played", self.folder / "recorded"
        signal.tofile(played)
        np.zeros_like(signal).tofile(recorded)
        messages = [[int(at), list(message)] for at, message in messages]
        answer = self._ask(
            "play", played=str(played), recorded=str(recorded), channels=signal.shape[0], samples=signal.shape[1],
            messages=messages, seconds=seconds,
        )  # fmt: skip
        self.sent = answer["sent"]
        assert answer["finished"], f"the server did not play {signal.shape[1]} samples in {seconds:g} s"
        return np.fromfile(recorded, np.float32).reshape(signal.shape)

    def _ask(self, do, **request):
        self.client.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self.client.stdin.flush()
        ready, _, _ = select.select([self.client.stdout], [], [], request.get("seconds", 0.0) + START_SECONDS)
        line = self.client.stdout.readline() if ready else ""
        assert line, f"the instrument does not answer: {self._log('client')}"
        answer = json.loads(line)
        self.xruns = answer["xruns"]
        return answer


def die_with_parent():
    """Linux ends the process when the one that started it ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def look_again():
    """Let PortAudio see what runs now."""
    # Imported late: a test's environment is set before anything of ours is loaded.
    from dreampedal.engine.live.device import devices

    devices.refresh()


@pytest.fixture(scope="session")
def plugged_in():
    """The rig of this process. Where it cannot run, its tests are skipped; where `CI` is set, they fail."""
    if missing := Rig.missing():
        reason = f"no audio server to play through: install {' and '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    rig = Rig()
    yield rig
    rig.close()
    look_again()


@pytest.fixture
def rig(plugged_in):
    """A `Rig` at 48 kHz with blocks of 128, and PortAudio looking at it. Tests of it belong to the group "jack"."""
    plugged_in.tidy()
    look_again()
    return plugged_in
