"""Several processes that train one network: those that torchrun starts, or this one alone.

Every process goes through the same batches and takes each `count`-th clip of them; gradients are averaged
(DistributedDataParallel), so that the plan's batch is the batch of all processes together. Batch norms take mean and
variance over the clips of all processes too, on CPUs (gloo) as on GPUs (nccl; torch's own SyncBatchNorm knows only
these). So several processes train as one does, but for rounding and for what each draws by itself: dropout and the
starts of attacks. Attacks are made with running statistics, which all processes have in common.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

NORMS = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


@dataclass(frozen=True)
class Processes:
    """Which process this is, of how many, and where it computes."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the one that writes files."""
        return self.rank == 0

    def part(self, tensor: Tensor) -> Tensor:
        """This process's clips of a batch, on its device: every `count`-th row."""
        return tensor[self.rank :: self.count].to(self.device)

    def shared(self, net: nn.Module) -> nn.Module:
        """The network as it is called while training: gradients are averaged over all processes."""
        if self.count == 1:
            return net
        places = [self.device.index or 0] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(net, device_ids=places)

    @contextmanager
    def in_step(self, net: nn.Module) -> Iterator[None]:
        """Batch norms of the network go by the clips of all processes while it trains; as they were afterwards."""
        norms = [module for module in net.modules() if isinstance(module, NORMS)] if self.count > 1 else []
        for norm in norms:
            vars(norm)["forward"] = partial(_normalised, norm)
        try:
            yield
        finally:
            for norm in norms:
                del norm.forward

    def total(self, sums: Tensor) -> Tensor:
        """Sums over all processes."""
        if self.count > 1:
            sums = sums.to(self.device)
            dist.all_reduce(sums)
        return sums

    def agree(self, value: float) -> float:
        """The first process's value, on all of them."""
        if self.count > 1:
            said = torch.tensor([value], dtype=torch.double, device=self.device)
            dist.broadcast(said, 0)
            return float(said[0])
        return value

    def follow_first(self, net: nn.Module) -> None:
        """Take over the first process's buffers, bit for bit."""
        if self.count > 1:
            for buffer in net.buffers():
                dist.broadcast(buffer, 0)


def own_rank() -> int:
    """Which of torchrun's processes this is, from 0; 0 where torchrun did not start it."""
    return _told("RANK", 0)


@contextmanager
def joined(device: str = "auto") -> Iterator[Processes]:
    """This process, as one of those that torchrun's environment tells of (WORLD_SIZE, RANK, LOCAL_RANK).

    Args:
        device: "auto" (CUDA where there is any), "cpu" or "cuda".

    Raises:
        ValueError: if the device is not there.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device {device!r}: expected auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda': torch sees none; use cpu, or install a driver and a CUDA build of torch")
    cuda = device != "cpu" and torch.cuda.is_available()
    count, rank, place = _told("WORLD_SIZE", 1), own_rank(), _told("LOCAL_RANK", 0)
    if cuda and place >= torch.cuda.device_count():
        raise ValueError(
            f"process {place + 1} of this machine, which has {torch.cuda.device_count()} GPUs: start fewer"
        )
    began = count > 1 and not dist.is_initialized()
    if began:
        if cuda:
            torch.cuda.set_device(place)
        dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Processes(rank, count, torch.device("cuda", place) if cuda else torch.device("cpu"))
    finally:
        if began:
            dist.destroy_process_group()


def _told(name: str, otherwise: int) -> int:
    """A whole number from torchrun's environment."""
    text = os.environ.get(name, str(otherwise))
    if not text.isdecimal():
        raise ValueError(f"{name}={text!r} in the environment: expected a whole number, as torchrun sets it")
    return int(text)


class _Total(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs. torch.distributed.nn has it, but is deprecated."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Total.forward(ctx, gradient)


_total: Callable[[Tensor], Tensor] = _Total.apply


def _normalised(norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d, x: Tensor) -> Tensor:
    """What a batch norm gives while training, by mean and variance over the clips of all processes.

    Args:
        x: this process's clips, (n, channels, ...); processes may have different numbers of them.

    Raises:
        ValueError: if all processes together hear one value a channel, which has no variance.
    """
    if not norm.training:
        y: Tensor = type(norm).forward(norm, x)
        return y
    across, channels = (0, *range(2, x.ndim)), (1, -1, *(1 for _ in x.shape[2:]))
    heard = x.new_tensor([x.numel() / x.shape[1]])
    sums = _total(torch.cat([x.sum(across), heard]))
    count = sums[-1].detach()
    if count < 2:
        raise ValueError(
            f"a batch norm heard {count:.0f} value a channel from all processes together: expected two or more; make "
            "the batch larger"
        )
    mean = sums[:-1] / count
    centred = x - mean.reshape(channels)
    variance = _total(centred.square().sum(across)) / count
    if norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None:
        with torch.no_grad():
            norm.num_batches_tracked += 1
            share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
            norm.running_mean.lerp_(mean, share)
            norm.running_var.lerp_(variance * (count / (count - 1)), share)
    y = centred * (variance + norm.eps).rsqrt().reshape(channels)
    if norm.weight is None or norm.bias is None:
        return y
    return y * norm.weight.reshape(channels) + norm.bias.reshape(channels)
