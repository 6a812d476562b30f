"""What a plan decides for poses: how wide the network, how large the images, where vectors start.

A pose is learned from many more looks at images than a mask: left and right, and which arm is
whose, is in no pixel alone. So the time of a budget goes into images seen: they are as small, and
the network as narrow, as it takes to see enough of them. `benchmarks/README.md` has the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from segmentare.annotations.segmentation import Sample
from segmentare.datasets import traits
from segmentare.datasets.augmentation import Augmentation
from segmentare.models.architecture import RESNET_CHANNELS, NetworkSpec
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import Task
from segmentare.training.framing import size_of, usual_aspect
from segmentare.training.request import PlanRequest

RATE = 6e-3  #: learning rate from random weights; those that ship start others at 2e-3
RESNET = NetworkSpec(encoder="resnet", decoder_channels=RESNET_CHANNELS)  #: may become narrower
DECODER = (128, 96, 64, 48, 16)  #: keypoints are told apart here, so a narrow encoder's is wider
_WANTED = 12_000  # images that a training of three minutes should see
_USUAL_WORK = 1e8  # pixels that two cores train the default network on in three minutes
_GROWTH = 0.75  # power of the work with which their number grows; the rest goes into their size
_ROUNDS = 10  # how often each image is seen, at least
_MANY_ROUNDS = 150  # from here on a network learns images by heart, if they are not changed much
_ENOUGH = 112 * 160  # pixels of an image from which a wider network is worth more
_LEAST = 96 * 96  # pixels below which nobody has elbows
_SPEEDS = ((1.0, 1.0), (0.5, 1.9), (0.25, 2.6))  # widths, and pixels a second against the widest
_SCALE = (0.8, 1.25)  # of people, where time is short
_TURNED = 30.0  # degrees, where it is not


def choose(
    samples: Sequence[Sample[Any]],
    images: int,
    request: PlanRequest,
    speed: float,
    reasons: list[str],
) -> PlanRequest:
    """Return the request with a network, a rate and a size, where the user named none.

    Args:
        samples: Training images at their own size; a part of them is enough.
        images: How many training images there are in all.
        request: What the user decided.
        speed: Pixels a second that this machine trains the user's network on.
        reasons: Receives a line.
    """
    looks = _looks(request, images, speed)
    area, spec = (request.budget or 600.0) * speed / looks, request.spec
    if request.width is None and spec == RESNET:
        width, factor = next((s for s in _SPEEDS if area * s[1] >= _ENOUGH), _SPEEDS[-1])
        area *= factor
        if width < 1:
            spec = replace(spec, width=width, decoder_channels=DECODER)
            request = replace(request, learning_rate=request.learning_rate or RATE)
            reasons.append(
                f"Network: {width:g} times as wide as usual, to see about {looks:,} images."
            )
    if request.size is not None or request.scale is not None:
        return replace(request, spec=spec)
    own = float(np.median([math.prod(sample.image.shape[:2]) for sample in samples]))
    area = min(max(area, _LEAST), max(own, _ENOUGH))
    return replace(request, spec=spec, size=size_of(area, usual_aspect(samples)))


def fitted(
    task: Task[Any],
    samples: Sequence[Sample[Any]],
    preprocessing: Preprocessing,
    reasons: list[str],
) -> Task[Any]:
    """Return the task with vectors in units of the usual distance of a keypoint, and parents."""
    shapes = [sample.image.shape for sample in samples]
    contents = [preprocessing.frame((shape[0], shape[1])).content for shape in shapes]
    side = float(np.median([math.sqrt(math.prod(content)) for content in contents]))
    unit = round(max(1.0, (traits.pose_radius(samples) or 0.0) * side), 1)
    reasons.append(f"Poses: keypoints lie {unit:.0f} px from the middle of theirs (median).")
    task = task.fitted(unit)
    if not any(head.name == "joints" for head in task.heads):
        return task
    parents = traits.pose_parents(samples)
    led = sum(parent >= 0 for parent in parents)
    if led:
        reasons.append(f"Keypoints: {led} of {len(parents)} are looked for from a neighbor.")
    posing: Any = task  # a pose or a body
    return cast("Task[Any]", replace(posing, parents=parents))


def augmented(
    augmentation: Augmentation, images: int, request: PlanRequest, speed: float
) -> Augmentation:
    """Return an augmentation that suits how often each image is seen.

    Where that is seldom, people of all sizes take longer to learn than they are worth; where it is
    often, changes are what keeps a network from learning few images by heart.
    """
    if _looks(request, images, speed) < _MANY_ROUNDS * images:
        return replace(augmentation, scale=_SCALE)
    return replace(augmentation, rotation=max(augmentation.rotation, _TURNED))


def _looks(request: PlanRequest, images: int, speed: float) -> int:
    """Return how many images a training sees."""
    work = (request.budget or 600.0) * speed
    wanted = _WANTED * math.pow(work / _USUAL_WORK, _GROWTH)
    return max(round(wanted), _ROUNDS * images)
