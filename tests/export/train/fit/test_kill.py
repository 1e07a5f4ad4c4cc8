"""A training that is killed comes to the weights, bit for bit, of one that was left alone; two processes come near."""

import signal
import subprocess

import pytest
import torch

from dreampedal.export.train.fit.fitting import fit

from .fit_scene import PLAIN, PLAN, Small, clips, command, same


def test_killed_in_the_middle_of_an_epoch(tmp_path):
    folder, out = tmp_path / "run", tmp_path / "out.pt"
    train, val = clips(), clips("speech_female_en", 24)
    process = subprocess.Popen(**command(folder, out, held=True), stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(ValueError, match="a training is running there and holds"):
        fit(Small(), train, val, PLAN, folder, device="cpu")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not out.exists()
    assert len((folder / "log.csv").read_text().splitlines()) == 1 + 1
    resumed = fit(Small(), train, val, PLAN, folder, device="cpu")
    whole = fit(Small(), train, val, PLAN, device="cpu")
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
