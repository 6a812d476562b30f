"""The decode settings of a task, chosen on the validation part."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from segmentare.annotations import Sample
from segmentare.prediction.predictor import Predictor, Reading
from segmentare.tasks.base import Task

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


def score_on(predictor: Predictor[Any], samples: Sequence[Sample[Any]]) -> float:
    """Return the headline score of a predictor on prepared samples."""
    metric = predictor.task.metric(fast=True)
    for sample in samples:
        metric.update(predictor.predict(sample.image), sample.annotation, sample.name)
    return metric.summary()[predictor.task.headline]
