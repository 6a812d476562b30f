"""The decode settings of a task, chosen on the validation part."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from segmentare.annotations.segmentation import Sample
from segmentare.prediction.predictor import Predictor, Reading
from segmentare.tasks.base import Task
from segmentare.training.backend import MapsFunction
from segmentare.training.plan import Plan

_LEAST = 8  # samples that every setting is tried on, where there are so many
_GAIN = 2e-4  # a setting is changed only for a gain that is more than rounding


def tune(
    predictor: Predictor[Any], samples: Sequence[Sample[Any]], seconds: float = math.inf
) -> tuple[Task[Any], float]:
    """Try the task's tunable settings one after the other, each at the best of those before.

    The maps are computed once, so that every setting costs a decode only. In native scale the
    smallest area stays as it is: it is a share of the image, and images of any size may come.

    Source: the idea is StarDist's `optimize_thresholds`.

    Args:
        predictor: With the final weights.
        samples: The validation part, prepared.
        seconds: About how long the settings may be tried; where all samples would take longer,
            every second or third of them is used, at least 8.

    Returns:
        The task with the best settings, and its headline score on these samples.
    """
    task = predictor.task
    readings = [predictor.read(sample.image) for sample in samples]
    began = time.perf_counter()
    best = whole = score_readings(predictor, task, readings, samples)
    tries = sum(len(values) for values in task.tunable.values())
    step = math.ceil((time.perf_counter() - began) * tries / seconds)
    step = min(max(step, 1), max(len(samples) // _LEAST, 1))
    if step > 1:
        best = score_readings(predictor, task, readings[::step], samples[::step])
    for name, values in task.tunable.items():
        if name == "smallest" and predictor.preprocessing.scale is not None:
            continue
        for value in values:
            candidate = replace(task, **{name: value})  # type: ignore[type-var]
            score = score_readings(predictor, candidate, readings[::step], samples[::step])
            if score > best + _GAIN:
                task, best = candidate, score
    if step == 1:
        return task, best
    tuned = score_readings(predictor, task, readings, samples)
    return (task, tuned) if tuned > whole else (predictor.task, whole)


def score_readings(
    predictor: Predictor[Any],
    task: Task[Any],
    readings: Sequence[Reading],
    samples: Sequence[Sample[Any]],
) -> float:
    """Return the headline score of decoding what was read of prepared samples."""
    metric = task.metric(fast=True)
    for reading, sample in zip(readings, samples, strict=True):
        metric.update(predictor.decode(reading, task), sample.annotation, sample.name)
    return metric.summary()[task.headline]


@dataclass
class Validation:
    """Scores weights on the validation part, in a limited time.

    The first call decides how many samples there is time for; all later ones take the same.

    Attributes:
        plan: Task and preprocessing.
        samples: The validation part, prepared.
        limit: Seconds that the first call may take.
        looked: How many samples are scored, 0 before the first call.
        seconds: Of the last call.
        now: The clock, in seconds.
    """

    plan: Plan
    samples: Sequence[Sample[Any]]
    limit: float = math.inf
    looked: int = 0
    seconds: float = 0.0
    now: Callable[[], float] = time.perf_counter

    def __call__(self, maps_of: MapsFunction) -> float:
        """Return the headline score."""
        predictor = Predictor(maps_of, self.plan.task, self.plan.preprocessing)
        metric = self.plan.task.metric(fast=True)
        began, scored = self.now(), 0
        for sample in self.chosen():
            if not self.looked and scored >= _LEAST and self.now() - began > self.limit:
                break
            metric.update(predictor.predict(sample.image), sample.annotation, sample.name)
            scored += 1
        self.looked, self.seconds = scored, self.now() - began
        return metric.summary()[self.plan.task.headline]

    def chosen(self) -> list[Sample[Any]]:
        """Return the samples that are scored, in an order that mixes them; first all."""
        order = np.random.default_rng(0).permutation(len(self.samples))
        return [self.samples[index] for index in order[: self.looked or None]]

    def seconds_for(self, images: float) -> float:
        """Return how long so many more images will take, 0 before the first call."""
        return images * self.seconds / max(self.looked, 1)
