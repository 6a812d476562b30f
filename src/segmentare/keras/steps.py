"""One step of training, traced once: forward, backward, AdamW; and the averaged weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from segmentare.keras.adamw import AdamW, Scalars
from segmentare.keras.layers import BatchNorm, Tensor
from segmentare.keras.losses import total_loss
from segmentare.keras.network import Network
from segmentare.keras.weights import inward, outward, variables
from segmentare.models.checkpoint import Arrays
from segmentare.tasks.base import Head
from segmentare.training.plan import Plan

_MOMENTS = ("exp_avg", "exp_avg_sq")  # PyTorch's names


class Stepper:
    """A network, its optimizer, and the exponential moving average of its weights.

    Args:
        network: Trained in place.
        heads: The task's heads.
        plan: Losses, decay, and the rate of an encoder with starting weights.
    """

    def __init__(self, network: Network, heads: tuple[Head, ...], plan: Plan) -> None:
        self.network = network
        self._heads, self._loss = heads, plan.loss
        self._all = {name: variable.value for name, variable in variables(network)}
        self._live = {name: v for name, v in self._all.items() if v.dtype.is_floating}
        for layer in network.layers:
            if isinstance(layer, BatchNorm):
                layer.fixed = plan.fixed_statistics and plan.is_started(f"{layer.name}.")
        trained = {id(variable.value) for variable in network.trainable_variables}
        learning = {n for n, v in self._live.items() if id(v) in trained and not plan.is_frozen(n)}
        self._optimizer = AdamW({name: self._live[name] for name in sorted(learning)}, plan)
        self._average = {name: tf.Variable(v, trainable=False) for name, v in self._live.items()}
        self._step = tf.function(self._traced)
        self._update = tf.function(self._averaging)

    def step(self, images: Tensor, targets: Mapping[str, Tensor], rate: float) -> Tensor:
        """Take one step and return the loss before it.

        Args:
            images: (N, H, W, C), normalized.
            targets: Per head as `Task.encode` makes them, stacked: (N, channels, h, w).
            rate: Learning rate.
        """
        return self._step(images, dict(targets), self._optimizer.scalars(rate))

    def average(self, decay: float) -> None:
        """Move the averaged weights and statistics toward the live ones."""
        self._update(tf.constant(1 - decay))

    def _traced(self, images: Tensor, targets: dict[str, Tensor], scalars: Scalars) -> Tensor:
        turned = {name: tf.transpose(target, (0, 2, 3, 1)) for name, target in targets.items()}
        with tf.GradientTape() as tape:
            outputs = self.network(images, training=True)
            loss = total_loss(outputs, turned, self._heads, self._loss)
        self._optimizer.apply(tape.gradient(loss, self._optimizer.trained), scalars)
        return loss

    def _averaging(self, share: Tensor) -> None:
        for name, average in self._average.items():
            average.assign_add(share * (self._live[name] - average))

    def arrays(self) -> Arrays:
        """Return a copy of the live weights, statistics and counters by name."""
        return _copied(self._all)

    def averaged(self) -> Arrays:
        """Return a copy of the averaged weights and statistics; counters are the live ones."""
        return _copied({**self._all, **self._average})

    def reset(self, arrays: Arrays) -> None:
        """Begin anew from these weights."""
        _assign(self._all, arrays)
        _assign(self._average, arrays)
        self._optimizer.reset()

    def state(self) -> Arrays:
        """Return weights, average, and AdamW's moments by name."""
        return {**_copied(self._stored()), "optimizer.step": np.array(self._optimizer.done)}

    def restore(self, state: Arrays) -> None:
        """Put back what `state` returned.

        Raises:
            KeyError: An array is missing.
            ValueError: An array does not fit.
        """
        _assign(self._stored(), state)
        self._optimizer.done = int(state["optimizer.step"])

    def _stored(self) -> dict[str, Any]:
        """Return all variables that a step changes, by their names in the state."""
        stored = {f"network.{name}": variable for name, variable in self._all.items()}
        stored |= {f"ema.{name}": variable for name, variable in self._average.items()}
        for name, pair in self._optimizer.moments.items():
            both = zip(_MOMENTS, pair, strict=True)
            stored |= {f"optimizer.{name}.{key}": moment for key, moment in both}
        return stored


def _copied(named: Mapping[str, Any]) -> Arrays:
    return {name: np.array(outward(variable.numpy())) for name, variable in named.items()}


def _assign(named: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, variable in named.items():
        variable.assign(inward(arrays[name]))
