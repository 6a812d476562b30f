"""What a framework does in a training; everything else is the loop's and exists once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segmentare.models.architecture import NetworkSpec
from segmentare.models.checkpoint import Arrays
from segmentare.tasks.base import Head, Maps
from segmentare.training.batches import Batch, Batches
from segmentare.training.plan import Plan

MapsFunction = Callable[[NDArray[np.float32]], Maps]


class Engine(Protocol):
    """A network in one framework, with all that changes its weights.

    Made by `Engine(spec, heads, seed)` with fresh weights; `begin` makes it ready for steps. Arrays
    go in and out by the names and in the layouts of a model folder, whatever the framework's are.

    Attributes:
        spec: What the network was built from.
    """

    spec: NetworkSpec

    @staticmethod
    def speed(spec: NetworkSpec, heads: tuple[Head, ...], seconds: float = math.inf) -> float:
        """Return how many pixels a second this machine trains a network on, at its best.

        Args:
            spec: The network.
            heads: Of the task.
            seconds: About how long it may take; see `trials.pixels_a_second`.
        """

    def device(self) -> str:
        """Return what computes, for people: the GPU's name or the number of cores."""

    def precisions(self) -> list[str]:
        """Return what is worth timing here, `float32` first."""

    def try_steps(
        self, precision: str, plan: Plan, batches: Batches, seconds: float = math.inf
    ) -> tuple[float, float]:
        """Return the seconds of a step (the fastest after a warm-up) and the first loss.

        The network is not changed.

        Args:
            precision: In which the steps are taken.
            plan: Losses.
            batches: Of the training.
            seconds: About how long it may take; see `trials.seconds_a_step`.
        """

    def start_from(self, start: str) -> tuple[str, str]:
        """Copy starting weights into the network; see `start.started`."""

    def begin(self, plan: Plan) -> None:
        """Make the optimizer and the average, and whatever else a step needs.

        AdamW with decay of the convolutions' weights only; `Plan.encoder_rate` for an encoder with
        starting weights. The average is an exponential moving one of weights and running
        statistics.
        """

    def load(self, batch: Batch) -> Any:  # noqa: ANN401  the framework's own tensors
        """Bring a batch to where the network is."""

    def step(self, loaded: Any, rate: float) -> Any:  # noqa: ANN401  the framework's own tensors
        """Take one step at this learning rate and return the loss, not waited for."""

    def average(self, decay: float) -> None:
        """Move the averaged weights toward the live ones."""

    def mean(self, losses: Sequence[Any]) -> float:
        """Return the mean of what `step` returned; waits for the device."""

    def arrays(self) -> Arrays:
        """Return a copy of the live weights and statistics by name."""

    def averaged(self) -> Arrays:
        """Return a copy of the averaged weights and statistics by name."""

    def maps_of(self, arrays: Arrays, *, exact: bool = False) -> MapsFunction:
        """Return the function from images to maps with these weights, until the next call.

        Args:
            arrays: Weights and statistics by name.
            exact: Compute in float32 on the CPU, as a loaded model does; else as `Plan.precision`
                says, where the training computes.
        """

    def state(self) -> Arrays:
        """Return everything that the next step depends on, by name."""

    def restore(self, state: Arrays) -> None:
        """Put back what `state` returned.

        Raises:
            KeyError: An array is missing.
            ValueError: An array does not fit.
        """
