"""Training steps in TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import tensorflow as tf

from segmentare.keras.inference import maps_function
from segmentare.keras.layers import Tensor
from segmentare.keras.network import Network, build_network
from segmentare.keras.steps import Stepper
from segmentare.keras.weights import from_arrays, to_arrays
from segmentare.models.architecture import NetworkSpec
from segmentare.models.checkpoint import Arrays
from segmentare.tasks.base import Head
from segmentare.training import timing as trials
from segmentare.training.backend import MapsFunction
from segmentare.training.batches import Batch, Batches
from segmentare.training.plan import Plan
from segmentare.training.start import started

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
_TRIAL_RATE = 1e-4

Loaded = tuple[Tensor, dict[str, Tensor]]


class KerasEngine:
    """The `Engine` in TensorFlow.

    Networks of Keras have one precision for life. So there is one per precision that was tried or
    trained in, and `begin` keeps the one that the plan chose: what was traced for the trial serves
    the training.

    Args:
        spec: What to build.
        heads: The task's heads.
        seed: Of the fresh weights.
    """

    def __init__(self, spec: NetworkSpec, heads: tuple[Head, ...], seed: int) -> None:
        self.spec = spec
        self._heads = heads
        self._fresh = to_arrays(build_network(spec, heads, seed=seed))
        self._tried: dict[str, tuple[Plan, Stepper]] = {}
        self._readers: dict[str, tuple[Network, MapsFunction]] = {}

    @staticmethod
    def speed(spec: NetworkSpec, heads: tuple[Head, ...], seconds: float = math.inf) -> float:
        """Return pixels a second; takes some seconds on two cores, most of them for the tracing.

        Random images do, for the time does not depend on them.
        """
        network = build_network(spec, heads, dtype=_POLICIES[_precisions()[-1]])

        @tf.function(reduce_retracing=True)
        def gradients(images: Tensor) -> Tensor:
            with tf.GradientTape() as tape:
                outputs = network(images, training=True)
                total = tf.add_n([tf.reduce_mean(maps) for maps in outputs.values()])
            found = tape.gradient(total, network.trainable_variables)
            return tf.add_n([tf.reduce_sum(gradient) for gradient in found])

        def once(count: int, side: int) -> None:
            float(gradients(tf.random.normal((count, side, side, spec.channels))))

        return trials.pixels_a_second(once, seconds)

    def device(self) -> str:
        """Return the name of the GPU, or the number of cores."""
        where = trials.cores()
        for gpu in tf.config.list_physical_devices("GPU")[:1]:
            where = tf.config.experimental.get_device_details(gpu).get("device_name", "a GPU")
        return f"{where} in TensorFlow"

    def precisions(self) -> list[str]:
        """Return `float32`, and `bfloat16` where it is no emulation."""
        return _precisions()

    def try_steps(
        self, precision: str, plan: Plan, batches: Batches, seconds: float = math.inf
    ) -> tuple[float, float]:
        """Time a few steps; what is traced for them is kept, so all are whole batches."""
        stepper = self._stepper(precision, plan)

        def once(number: int, images: int) -> float:
            loaded = self.load(replace(batches, batch=images)[number])
            return float(stepper.step(*loaded, _TRIAL_RATE))

        return trials.seconds_a_step(once, batches.batch, seconds, few=batches.batch)

    def _stepper(self, precision: str, plan: Plan) -> Stepper:
        """Return a stepper with the fresh weights: the one that was tried, if the plan allows."""
        if precision in self._tried:
            earlier, stepper = self._tried[precision]
            if _traced(earlier) == _traced(plan):
                stepper.reset(self._fresh)
                return stepper
        network = build_network(self.spec, self._heads, dtype=_POLICIES[precision])
        stepper = Stepper(network, self._heads, plan)
        stepper.reset(self._fresh)
        self._tried[precision] = plan, stepper
        return stepper

    def start_from(self, start: str) -> tuple[str, str]:
        """Copy starting weights."""
        self._fresh, name, line = started(self._fresh, self.spec, start)
        return name, line

    def begin(self, plan: Plan) -> None:
        """Take the network of the plan's precision; what was tried in others is let go."""
        self._plan = plan
        self.stepper = self._stepper(plan.precision, plan)
        self._tried.clear()

    def load(self, batch: Batch) -> Loaded:
        """Make tensors of the arrays."""
        return tf.constant(batch[0]), {name: tf.constant(t) for name, t in batch[1].items()}

    def step(self, loaded: Loaded, rate: float) -> Tensor:
        """Go forward, backward, and down."""
        return self.stepper.step(*loaded, rate)

    def average(self, decay: float) -> None:
        """Move the average."""
        self.stepper.average(decay)

    def mean(self, losses: Sequence[Tensor]) -> float:
        """Return the mean loss."""
        return float(tf.reduce_mean(tf.stack(list(losses))))

    def arrays(self) -> Arrays:
        """Return a copy of the live weights."""
        return self.stepper.arrays()

    def averaged(self) -> Arrays:
        """Return a copy of the averaged weights."""
        return self.stepper.averaged()

    def maps_of(self, arrays: Arrays, *, exact: bool = False) -> MapsFunction:
        """Return the function of a second network, its BatchNorms folded, with these weights."""
        precision = "float32" if exact else self._plan.precision
        if precision not in self._readers:
            policy = _POLICIES[precision]
            network = build_network(self.spec, self._heads, dtype=policy, folded=True)
            self._readers[precision] = network, maps_function(network, self._heads)
        network, maps_of = self._readers[precision]
        from_arrays(network, arrays)
        return maps_of

    def state(self) -> Arrays:
        """Return everything that the next step depends on."""
        return self.stepper.state()

    def restore(self, state: Arrays) -> None:
        """Put the state back, in place."""
        self.stepper.restore(state)


def _traced(plan: Plan) -> tuple[object, ...]:
    """Return what of a plan is part of a traced step."""
    rules = (plan.encoder_rate, plan.frozen_levels, plan.fixed_statistics, bool(plan.start))
    return (plan.loss, plan.weight_decay, *rules)


def _precisions() -> list[str]:
    if tf.config.list_physical_devices("GPU") or trials.computes_bfloat16():
        return ["float32", "bfloat16"]
    return ["float32"]
