"""What a training has done, and whether its model learned anything; computed, never assumed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segmentare.annotations.segmentation import UNLABELED, Sample, Segmentation
from segmentare.datasets.traits import as_masks
from segmentare.prediction.predictor import Predictor
from segmentare.tasks import SemanticTask
from segmentare.training.loop import Training

_PART = 0.5  # a training with fewer of its planned steps is called under-trained
_LOOKED_AT = 8  # images that a model is asked about before it is called constant
_SIDE = 64  # pixels of the mean mask
_MOST = 100  # masks behind the mean one
_LEVELS = (0.0, 0.1, 0.3, 0.5, 0.7)  # shares of masks in which a pixel is an object's


def work_done(training: Training) -> dict[str, Any]:
    """Return steps and images of a training as JSON-ready data.

    `times_seen` is how often each training image was seen, in the mean.
    """
    images = training.step * training.plan.batch
    planned = {} if training.plan.budget is None else {"planned_steps": training.plan.steps}
    return {
        "steps": training.step,
        **planned,
        "batch": training.plan.batch,
        "images_seen": images,
        "times_seen": round(images / len(training.batches.samples), 2),
    }


def say_work(facts: dict[str, Any]) -> str:
    """Return the line on what `work_done` counted."""
    planned = facts.get("planned_steps")
    instead = "" if planned is None else f" ({planned} were planned)"
    return (
        f"Done: {facts['steps']} steps of {facts['batch']} images{instead}; every image was seen "
        f"about {facts['times_seen']:.{0 if facts['times_seen'] >= 2 else 1}f} times."
    )


def doubts(
    training: Training,
    predictor: Predictor[Any],
    samples: Sequence[Sample[Any]],
    score: float | None,
) -> list[str]:
    """Return a sentence for each reason to doubt that the model learned anything.

    Args:
        training: It has ended.
        predictor: The model, tuned.
        samples: The validation part, prepared; the training's own samples where there is none.
        score: The model's headline score on them, or `None` where there is none.
    """
    plan, found = training.plan, []
    if plan.budget is not None and training.step < _PART * plan.steps:
        found.append(
            f"Under-trained: only {training.step} of {plan.steps} planned steps were done, as the "
            "machine was slower than it seemed. Give a larger budget, or leave the machine to it."
        )
    constant = _constant(predictor, samples or training.batches.samples)
    if constant:
        found.append(constant)
    if score is not None and isinstance(predictor.task, SemanticTask):
        fixed = _score_of_mean(predictor.task, training.batches.samples, samples)
        if score <= fixed:
            found.append(
                "The model is no better than one and the same mask for every image: validation "
                f"{predictor.task.headline} {score:.3f}; the mean of the training masks has "
                f"{fixed:.3f}. Train for longer, and look at the masks with `segmentare check`."
            )
    return found


def _constant(predictor: Predictor[Any], samples: Sequence[Sample[Any]]) -> str:
    """Return a sentence if the model answers every image with one category, and it should not."""
    some = samples[:: max(1, len(samples) // _LOOKED_AT)][:_LOOKED_AT]
    true = {category for sample in some for category in _shown(sample.annotation)}
    answers: set[int] = set()
    for sample in some:
        answers |= _shown(predictor.predict(sample.image))
        if len(answers) > 1:
            return ""
    if len(true) < 2 or not answers:
        return ""
    category = predictor.task.categories[answers.pop()]
    what = "finds nothing" if category.background else f"takes every pixel for {category.name!r}"
    return (
        f"The model learned nothing: it {what}, in all {len(some)} images that it was asked about."
    )


def _shown(annotation: Any) -> set[int]:  # noqa: ANN401  a segmentation or poses
    """Return the categories of an annotation's pixels; those of poses are their silhouettes'."""
    image = np.zeros((1, 1, 3), np.uint8)
    shown = as_masks(Sample(image, annotation, "")).annotation.category
    return {int(category) for category in np.unique(shown)} - {UNLABELED}


def _score_of_mean(
    task: SemanticTask, taught: Sequence[Sample[Any]], samples: Sequence[Sample[Any]]
) -> float:
    """Return the headline score of the best fixed mask made of the mean of the training masks."""
    some = taught[:: max(1, len(taught) // _MOST)]
    small = [sample.annotation.resize((_SIDE, _SIDE)) for sample in some]
    ids = np.arange(len(task.categories))[:, None, None]
    shares = np.mean([mask.category == ids for mask in small], axis=0)
    if task.binary:
        masks = [Segmentation((shares[1] > level).astype(np.uint8)) for level in _LEVELS]
    else:
        masks = [Segmentation(shares.argmax(axis=0).astype(np.uint8))]
    best = max(masks, key=lambda mask: _fixed(task, mask, small))
    return _fixed(task, best, [sample.annotation for sample in samples])


def _fixed(task: SemanticTask, mask: Segmentation, truths: Sequence[Segmentation]) -> float:
    metric = task.metric(fast=True)
    for number, truth in enumerate(truths):
        metric.update(mask.resize(truth.category.shape), truth, str(number))
    return float(metric.summary()[task.headline])
