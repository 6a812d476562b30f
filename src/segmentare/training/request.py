"""What a user fixes of a training's plan, before anything is known of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from segmentare.annotations.geometry import Size
from segmentare.errors import InputError
from segmentare.models.architecture import NetworkSpec


@dataclass(frozen=True)
class PlanRequest:
    """What a user fixes of a plan; `None` leaves the choice to the planner.

    Attributes:
        budget: Seconds for the whole training.
        steps: Exactly so many steps, whatever they take.
        spec: The network, without its channels.
        width: Factor on the channels of the encoder, as `spec` has it, if the user chose it.
        size: Height and width of the training images.
        scale: Factor for "native" scale; see `Preprocessing`.
        batch: Images per step.
        learning_rate: Of AdamW, at its highest.
        precision: `float32` or `bfloat16`.
        code: How a task writes objects down: `center` or `flow` (instance), `center` or `fields`
            (pose).
        focal: Exponent of the focal loss.
        balance: Weigh rare categories more.
        seed: Of everything random.
    """

    budget: float | None = 600.0
    steps: int | None = None
    spec: NetworkSpec = NetworkSpec()
    width: float | None = None
    size: Size | None = None
    scale: float | None = None
    batch: int | None = None
    learning_rate: float | None = None
    precision: str | None = None
    code: str | None = None
    focal: float = 0.0
    balance: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"steps": 1, "batch": 1, "seed": 0, "focal": 0}
        for name in (*least, "budget", "learning_rate", "scale"):
            value = getattr(self, name)
            good = value is None or (value >= least[name] if name in least else value > 0)
            if not good or (value is not None and math.isinf(value)):
                what = f"at least {least[name]}" if name in least else "a number above 0"
                raise InputError(f"`{name}` must be {what}; got {value}.")
