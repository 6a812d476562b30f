"""The plan of a training: every number that the loop needs, as data that can be read and saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np

from segmentare.datasets.augmentation import Augmentation
from segmentare.models.architecture import NetworkSpec
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import Head, Task, task_from_dict


@dataclass(frozen=True)
class LossSettings:
    """How the parts of a loss for pixels are weighed.

    Attributes:
        cross_entropy: Factor of the (binary) cross-entropy.
        dice: Factor of the soft Dice loss. Never use it alone: on an image without objects it has
            no gradient.
        focal: Exponent of the focal loss; 0 is plain cross-entropy, 2 the paper's value.
        category_weights: Factor of each category's pixels in the cross-entropy of a `classes`
            head, or (background, object) in that of a `binary` head; `None` weighs all alike.
    """

    cross_entropy: float = 1.0
    dice: float = 1.0
    focal: float = 0.0
    category_weights: tuple[float, ...] | None = None

    def of(self, head: Head) -> LossSettings:
        """Return the settings without category weights for a head that tells none apart."""
        told_apart = {"classes": head.channels, "binary": 2}.get(head.kind)
        weights = self.category_weights
        if weights is None or len(weights) == told_apart:
            return self
        return replace(self, category_weights=None)


def averaging(steps: int) -> float:
    """Return the decay of the averaged weights that suits a training of so many steps."""
    return float(np.clip(np.exp(-1 / (0.03 * max(steps, 1))), 0.9, 0.999))


@dataclass(frozen=True)
class Plan:
    """How one network is trained on one dataset.

    Attributes:
        task: What is learned, with its settings before validation chooses some of them.
        spec: The network.
        preprocessing: Size of the batches and normalization.
        augmentation: How strongly samples are changed.
        loss: Parts of the loss for pixels.
        batch: Images per step.
        steps: Number of steps; with a budget a first guess, for as many are done as there is time.
        budget: Seconds from reading the data, once the framework is loaded, to the scores of the
            test part, or `None`: exactly `steps`.
        learning_rate: Of AdamW, at its highest.
        encoder_rate: Factor of the learning rate for an encoder with starting weights.
        frozen_levels: So many of the finest levels of such an encoder keep their starting weights.
        fixed_statistics: The BatchNorms of such an encoder keep the statistics they started with.
        weight_decay: Of AdamW, on the weights of convolutions only.
        warm_up: Share of the schedule in which the rate rises.
        ema: Decay of the averaged weights per step; with a budget it follows the machine's pace.
        validations: How often the averaged weights are scored on the validation part; with a budget
            at most.
        precision: `float32` or `bfloat16` (mixed: weights stay float32).
        channels_last: Memory layout of the images.
        seed: Of the weights and of the batches.
        start: Name of the starting weights, or "" for none.
        framework: `torch` or `tensorflow`.
        reasons: A line per decision, for people.
    """

    task: Task[Any]
    spec: NetworkSpec
    preprocessing: Preprocessing
    augmentation: Augmentation
    loss: LossSettings
    batch: int
    steps: int
    budget: float | None
    learning_rate: float
    encoder_rate: float
    weight_decay: float
    warm_up: float
    ema: float
    validations: int
    precision: str
    channels_last: bool
    seed: int
    start: str = ""
    framework: str = "torch"
    frozen_levels: int = 0
    fixed_statistics: bool = False
    reasons: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data."""
        data = asdict(self)
        data["task"] = self.task.to_dict()
        data["spec"] = self.spec.to_dict()
        data["preprocessing"] = self.preprocessing.to_dict()
        data["reasons"] = list(self.reasons)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        augmentation = {**data["augmentation"], "scale": tuple(data["augmentation"]["scale"])}
        weights = data["loss"]["category_weights"]
        loss = {**data["loss"], "category_weights": None if weights is None else tuple(weights)}
        return cls(
            **{
                **data,
                "task": task_from_dict(data["task"]),
                "spec": NetworkSpec.from_dict(data["spec"]),
                "preprocessing": Preprocessing.from_dict(data["preprocessing"]),
                "augmentation": Augmentation(**augmentation),
                "loss": LossSettings(**loss),
                "reasons": tuple(data["reasons"]),
            }
        )

    def is_started(self, name: str) -> bool:
        """Tell whether a parameter or statistic, by its name in a model folder, has known weights.

        These are all of an encoder with starting weights but its level at stride 1, which is ours.
        """
        inside = name.startswith("encoder.") and not name.startswith("encoder.detail.")
        return inside and bool(self.start)

    def is_frozen(self, name: str) -> bool:
        """Tell whether a parameter keeps its starting weights; see `frozen_levels`."""
        levels = (f"encoder.levels.{level}." for level in range(self.frozen_levels))
        frozen = ("encoder.stem.", *levels) if self.frozen_levels else ()
        return self.is_started(name) and name.startswith(frozen)

    def factor(self, name: str) -> float:
        """Return the factor of the learning rate for a parameter that is not frozen."""
        return self.encoder_rate if self.is_started(name) else 1.0

    def rate(self, progress: float) -> float:
        """Return the learning rate at `progress` (0 to 1): a linear rise, then half a cosine.

        Source: Loshchilov and Hutter, "SGDR", ICLR 2017, without its restarts.
        """
        if progress < self.warm_up:
            return self.learning_rate * (0.02 + 0.98 * progress / self.warm_up)
        fall = (progress - self.warm_up) / max(1 - self.warm_up, 1e-9)
        return float(self.learning_rate * (0.5 + 0.5 * np.cos(np.pi * min(fall, 1.0))) + 1e-7)
