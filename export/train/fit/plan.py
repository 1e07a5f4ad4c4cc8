"""Plans: how a network is trained, as declared data, with a unit on every number.

>>> plan = Plan(epochs=20, schedule="plateau")
>>> plan.learning_rate, plan.schedule
(0.001, 'plateau')
>>> Plan(epochs=0)
Traceback (most recent call last):
ValueError: plan: epochs = 0: input should be greater than 0
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from dreampedal.engine.model.format.manifest import Strict
from dreampedal.export.train.fit.settings import first_fault

Share = Annotated[float, Field(ge=0, lt=1)]


class Plan(Strict, allow_inf_nan=False):
    """What `fitting.fit` does.

    A plan, a network with its first weights, and clips give the same weights every time, bit for bit, on the CPU of one
    machine, with one version of torch and as many threads; so does a training that was killed and goes on. On CUDA,
    algorithms that repeat themselves are asked for (`torch.use_deterministic_algorithms`), and torch warns of each
    operation that has none: one GPU then gives the same weights but for those. Other machines, devices and numbers of
    processes round differently, and what they train differs a little more with every step.

    An epoch is one pass of `Batches` over the training clips. "Gain" is by `judged_by` on the validation clips.
    """

    epochs: Annotated[int, Field(gt=0)] = 40
    """Epochs at most."""
    batch: Annotated[int, Field(ge=2)] = 64
    """Clips in each step, over all processes together."""
    optimiser: Literal["sgd", "adamw"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3
    """Of the first epoch after the rise."""
    momentum: Share = 0.9
    """Of SGD alone."""
    nesterov: bool = True
    """Nesterov's momentum (Sutskever et al. 2013); of SGD alone."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    clip_norm: Annotated[float, Field(gt=0)] | None = 5.0
    """Longest gradient, as the Euclidean norm over all weights; None leaves gradients as they are."""
    schedule: Literal["constant", "plateau", "cosine"] = "cosine"
    rising_epochs: Annotated[float, Field(ge=0)] = 1.0
    """The learning rate rises evenly to its value over so many epochs."""
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """What the rate is multiplied by after `plateau_epochs` without gain (0.2 cuts it by 80 %)."""
    plateau_epochs: Annotated[int, Field(gt=0)] = 5
    least_learning_rate: Annotated[float, Field(ge=0)] = 1e-5
    """Where plateau and cosine end."""
    patience_epochs: Annotated[int, Field(gt=0)] | None = None
    """Training ends after so many epochs that were not better by `least_gain`; None: never early."""
    least_gain: Annotated[float, Field(ge=0)] = 0.0
    """0.01 is one point of accuracy in a hundred, or 0.01 nats of loss."""
    judged_by: Literal["accuracy", "loss"] = "accuracy"
    """What chooses the best epoch; of two with the same accuracy, that of the lower loss."""
    balanced: bool = True
    """Classes are drawn equally often, however many clips they have."""
    label_smoothing: Share = 0.05
    """Share of each label given to all classes alike (Szegedy et al. 2016, section 7)."""
    mixup: Annotated[float, Field(ge=0)] = 0.0
    """Passed to `Batches`, which mixes clips and their labels (Zhang et al. 2018)."""
    equaliser_db: Annotated[float, Field(ge=0, le=40)] = 0.0
    """Each clip is heard through a random equaliser, up to so many dB either way (`equaliser.equalised`)."""
    gain_db: Annotated[float, Field(ge=0, le=60)] = 0.0
    """And with a random gain, up to so many dB either way."""
    averaging: Share = 0.99
    """Weight of the past, at each step, in a running mean of the weights, which is what is judged and kept; 0: none."""
    adversarial_db: Annotated[float, Field(ge=0, le=60)] = 0.0
    """How far each feature may be moved against the network (`adversary.attacked`), in dB of level; 0: not at all."""
    adversarial_steps: Annotated[int, Field(gt=0, le=100)] = 3
    adversarial_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of each batch; the rest is heard as it is."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of all that is random in training; the weights that it starts from are the caller's."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """Training ends after so long, and a cosine with it; the weights then depend on the machine."""
    threads: Annotated[int, Field(gt=0, le=256)] = 1
    """Sums are rounded differently on other numbers of threads; of very many, torch ends without a word."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ValueError(f"plan: {first_fault(error, type(self))}") from None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Plan:
        if self.optimiser == "sgd" and self.nesterov and not self.momentum:
            raise ValueError("momentum = 0: Nesterov's needs some; set nesterov=false or momentum above 0")
        if self.least_learning_rate > self.learning_rate:
            raise ValueError(f"least_learning_rate = {self.least_learning_rate}: expected at most {self.learning_rate}")
        return self

    def changed(self, **values: Any) -> Plan:
        """This plan with other values, checked again."""
        return type(self)(**(self.model_dump() | values))

    def lasting(self) -> dict[str, Any]:
        """What a resumed training must have in common with the one that began: all but how long it may go on.

        >>> sorted(set(Plan().model_dump()) - set(Plan(schedule="plateau").lasting()))
        ['epochs', 'minutes']
        """
        free = {"minutes"} if self.schedule == "cosine" else {"minutes", "epochs"}
        return self.model_dump(mode="json", exclude=free)


GENG = Plan(
    optimiser="sgd", learning_rate=0.01, momentum=0.9, nesterov=True, weight_decay=0.0, batch=480, epochs=20,
    schedule="constant", rising_epochs=0.0, label_smoothing=0.0, averaging=0.0, clip_norm=None,
)  # fmt: skip
"""Geng (2016): raw waveforms."""

VAN_MIEGHEM = Plan(
    optimiser="adamw", learning_rate=1e-2, weight_decay=0.0, epochs=400, schedule="plateau", plateau_factor=0.2,
    plateau_epochs=5, least_learning_rate=1e-4, patience_epochs=50, least_gain=0.01, rising_epochs=0.0,
    label_smoothing=0.0, averaging=0.0, clip_norm=None,
)  # fmt: skip
"""Van Mieghem (2020): images of 12 bands; the rate is cut by 80 % after 5 epochs without gain, down to 1e-4."""

PUBLISHED = {
    "raw": GENG, "dense": VAN_MIEGHEM, "recurrent": VAN_MIEGHEM, "conv": VAN_MIEGHEM, "conv_recurrent": VAN_MIEGHEM,
}  # fmt: skip
"""Plans of the theses, by the name of the network in `nets.table.NETWORKS`."""


def plan_for(network: str) -> Plan:
    """The plan that a network was published with, or ours where there is none.

    >>> plan_for("raw").batch, plan_for("vgg").batch
    (480, 64)
    """
    return PUBLISHED.get(network, Plan())
