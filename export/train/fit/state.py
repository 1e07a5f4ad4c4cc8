"""Where a training stands: network, running mean, optimiser, course and history; and one step further."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from dreampedal.export.data.clips import Clips
from dreampedal.export.nets.net import Net
from dreampedal.export.train.fit.adversary import attacked
from dreampedal.export.train.fit.plan import Plan
from dreampedal.export.train.fit.processes import Processes
from dreampedal.export.train.fit.saved import Saved
from dreampedal.export.train.fit.schedule import Course, after_epoch

Weights = dict[str, Tensor]
Module = TypeVar("Module", bound=nn.Module)


class Descent(Generic[Module]):
    """A network that an optimiser moves, and the running mean of its weights.

    Fields:
        net: as it is trained; mean: the running mean, or the same network where the plan wants none.
        steps: taken so far.
    """

    def __init__(self, net: Module, plan: Plan) -> None:
        self.net, self.plan, self.steps = net, plan, 0
        self.mean = copy.deepcopy(net) if plan.averaging else net
        weights = [weight for weight in net.parameters() if weight.requires_grad]
        self.optimiser: torch.optim.Optimizer
        if plan.optimiser == "sgd":
            self.optimiser = torch.optim.SGD(
                weights, plan.learning_rate, plan.momentum, weight_decay=plan.weight_decay, nesterov=plan.nesterov
            )
        else:
            self.optimiser = torch.optim.AdamW(weights, plan.learning_rate, weight_decay=plan.weight_decay)

    def down(self, loss: Tensor, rate: float) -> None:
        """One step down the gradient of a loss of `net`, at a learning rate."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        if self.plan.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.plan.clip_norm)
        self.optimiser.step()
        self.steps += 1
        if self.mean is not self.net:
            follow(self.mean, self.net, min(self.plan.averaging, self.steps / (self.steps + 10)))


class Training(Descent[Net]):
    """Where a training stands.

    Fields:
        shared: the network as `Processes.shared` gives it.
        best: the weights of the best epoch; seconds: spent up to the last epoch.
    """

    def __init__(self, net: Net, plan: Plan, processes: Processes) -> None:
        super().__init__(net.to(processes.device), plan)
        self.processes, self.shared = processes, processes.shared(net)
        self.course, self.best, self.seconds = Course(), Weights(), 0.0
        self.history: list[dict[str, float]] = []

    def state(self, begun: dict[str, Any]) -> dict[str, Any]:
        """Everything that the next epoch depends on, as tensors and plain values."""
        return {
            "identity": json.dumps(begun),
            "epoch": len(self.history),
            "network": self.net.state_dict(),
            "mean": None if self.mean is self.net else self.mean.state_dict(),
            "memory": self.optimiser.state_dict()["state"],
            "course": asdict(self.course),
            "history": self.history,
            "best": self.best,
            "steps": self.steps,
            "seconds": self.seconds,
        }

    def restore(self, saved: Saved) -> None:
        """Stand where a checkpoint was taken; it must fit (`Saved.check_fits`)."""
        self.net.load_state_dict(saved.network)
        if saved.mean is not None:
            self.mean.load_state_dict(saved.mean)
        # How it steps is the plan's to say; only what it remembers is the file's.
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": saved.memory})
        self.course, self.history, self.best = saved.course, list(saved.history), saved.best
        self.steps, self.seconds = saved.steps, saved.seconds

    def step(self, x: Tensor, targets: Tensor, rate: float) -> Tensor:
        """One step of the optimiser on a batch, of which this process takes its part.

        Args:
            x: features (n, rows, frames); targets: class weights (n, classes), or at frames (n, classes, frames);
                rate: learning rate.

        Returns:
            float64 (3,), of this process's clips: sum of the losses, how many were right, how many there were.
        """
        whole, x, targets = len(x), self.processes.part(x), self.processes.part(targets)
        if self.plan.adversarial_db:
            x = self._partly_attacked(x, targets)
        logits = self.shared(x)
        loss = cross_entropy(logits, targets, label_smoothing=self.plan.label_smoothing, reduction="sum")
        # Processes' gradients are averaged: so the sum over all of them is the batch's mean.
        self.down(loss * (self.processes.count / whole), rate)
        right = (_over_time(logits).argmax(1) == _over_time(targets).argmax(1)).sum()
        return torch.tensor([loss.item(), right.item(), len(x)], dtype=torch.double)

    def _partly_attacked(self, x: Tensor, targets: Tensor) -> Tensor:
        """The first clips of a batch moved against the network, the rest as they are."""
        plan, aimed = self.plan, max(1, round(self.plan.adversarial_share * len(x)))
        budget = plan.adversarial_db, plan.adversarial_steps
        return torch.cat([attacked(self.net, self.net.input, x[:aimed], targets[:aimed], *budget), x[aimed:]])

    def judge(self, clips: Clips) -> tuple[float, float]:
        """Mean cross-entropy in nats and accuracy from 0 to 1 of the running mean on clips."""
        self.processes.follow_first(self.net)
        if self.mean is not self.net:
            self.processes.follow_first(self.mean)
        return judged(self.mean, clips, self.plan.batch, self.processes)

    def record(self, row: dict[str, float]) -> None:
        """Take in an epoch that was judged."""
        self.history.append(row)
        self.course = after_epoch(self.course, self.plan, int(row["epoch"]), row["val_loss"], row["val_accuracy"])
        if self.course.best_epoch == row["epoch"]:
            self.best = {name: value.detach().cpu().clone() for name, value in self.mean.state_dict().items()}


def _over_time(values: Tensor) -> Tensor:
    """The mean over frames, where there are any: (n, classes) or (n, classes, frames) to (n, classes)."""
    return values.flatten(2).mean(2) if values.ndim > 2 else values


@torch.no_grad()
def follow(mean: nn.Module, net: nn.Module, keep: float) -> None:
    """Move a running mean toward a network's weights and statistics; counters are copied.

    torch's `AveragedModel` begins with a copy and averages counters too: a training that goes on from a checkpoint
    written before would end with other weights.

    Args:
        keep: weight of the past.
    """
    for old, now in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.lerp_(now, 1 - keep)
        else:
            old.copy_(now)


@torch.no_grad()
def judged(net: nn.Module, clips: Clips, batch: int, processes: Processes) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy from 0 to 1 on clips, which processes share out among them."""
    training = net.training
    net.eval()
    mine = np.arange(len(clips))[processes.rank :: processes.count]
    sums = torch.zeros(3, dtype=torch.double)
    for places in np.array_split(mine, max(1, -(-len(mine) // batch))):
        if len(places):
            x = torch.from_numpy(np.asarray(clips.x[places], np.float32)).to(processes.device)
            labels = torch.from_numpy(clips.labels[places]).to(processes.device)
            logits = net(x)
            loss, right = cross_entropy(logits, labels, reduction="sum"), (logits.argmax(1) == labels).sum()
            sums += torch.tensor([loss.item(), right.item(), len(places)], dtype=torch.double)
    net.train(training)
    loss, right, count = processes.total(sums).tolist()
    return loss / count, right / count
