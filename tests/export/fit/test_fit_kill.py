"""A training that is killed comes to the weights, bit for bit, of one that was left alone; two processes come near."""

import signal
import subprocess
import time

import pytest
import torch

from dreampedal.export.fit.fitting import fit
from tests.export.fit.fit_scene import PLAIN, PLAN, Small, clips, command, same


def killed_after(folder, out, seconds):
    """Train in a process of its own and kill it so long after its first checkpoint; whether it was still at it."""
    train, val = clips(), clips("speech_female_en", 24)  # made before it begins, since it does not wait
    process = subprocess.Popen(**command(folder, out, pause=0.2), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    end = time.monotonic() + 60
    while not (folder / "training.pt").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    with pytest.raises(ValueError, match="a training is running there and holds"):
        fit(Small(), train, val, PLAN, folder, device="cpu")
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def test_killed_in_the_middle_of_an_epoch(tmp_path):
    folder, out = tmp_path / "run", tmp_path / "out.pt"
    assert killed_after(folder, out, 0.35) and not out.exists()
    rows = (folder / "log.csv").read_text().splitlines()
    assert 1 < len(rows) < 1 + PLAN.epochs
    resumed = fit(Small(), clips(), clips("speech_female_en", 24), PLAN, folder, device="cpu")
    whole = fit(Small(), clips(), clips("speech_female_en", 24), PLAN, device="cpu")
    assert same(resumed.net, whole.net)


def test_two_processes_of_torchrun_train_as_one(tmp_path):
    out, run = tmp_path / "out.pt", ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    line = command(tmp_path / "run", out, torchrun=run)
    done = subprocess.run(**line, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (torch.load(f"{out}.{rank}", weights_only=True) for rank in (0, 1))
    one = fit(Small(plain=True), clips(), clips("speech_female_en", 24), PLAIN, device="cpu").net.state_dict()
    assert same(first, second)
    # A batch norm over the clips of one process alone is off by a hundredth, as its clips are.
    assert all(torch.allclose(first[name], one[name], rtol=1e-3, atol=1e-4) for name in one)
    assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 1 + PLAIN.epochs
