"""Several processes that train one network: those that torchrun starts, or this one alone.

Every process goes through the same batches and takes each `count`-th clip of them; gradients are averaged
(DistributedDataParallel), so that the plan's batch is the batch of all processes together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch import distributed as dist


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
        """Take over the first process's buffers: running statistics are of what each process heard."""
        if self.count > 1:
            for buffer in net.buffers():
                dist.broadcast(buffer, 0)


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
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    began = count > 1 and not dist.is_initialized()
    if began:
        if cuda:
            torch.cuda.set_device(place)
        dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Processes(rank, count, place)
    finally:
        if began:
            dist.destroy_process_group()
