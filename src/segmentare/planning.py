"""Data, machine and time budget become a plan: size, batch, steps, precision, augmentation.

Every decision follows from something measured, is said in a line, and can be overruled by an
option. The numbers behind the rules are in `benchmarks/README.md`.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from segmentare import geometry
from segmentare.annotations import UNLABELED, Category, Sample, foreground_ids
from segmentare.batches import Batches
from segmentare.datasets.augmentation import Augmentation
from segmentare.errors import BudgetError
from segmentare.geometry import Size
from segmentare.networks.network import Network, NetworkSpec
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks.base import Task
from segmentare.training import trials
from segmentare.training.losses import LossSettings
from segmentare.training.plan import Plan

LEAST_STEPS = 10  #: a budget for fewer is refused
_USED = 0.95  # share of the budget that is planned; tuning and saving take the rest
_FINE = 0.9  # masks that keep less than this Dice at the usual size are finer than it
_DETAIL = 0.96  # Dice that the truth must keep when it is brought to the training size and back
_DETAIL_CHANNELS = 16  # of the level at stride 1 where the masks are finer than stride 2
_SIDES = 32  # sizes are multiples of this
_SIDES_TRIED = (128, 160, 192, 224, 256, 320, 384, 448, 512, 640)
USUAL_SPEED = 0.55e6  #: pixels a second that two cores with bfloat16 train the default network on
_USUAL = 256 * 256  # pixels beyond which only fine detail is worth the time
_UPRIGHT = 0.13  # share of a mask's up-down difference that all masks have in common


@dataclass(frozen=True)
class Wishes:
    """What a user asked for; `None` leaves the choice to the plan.

    Attributes:
        budget: Seconds for the whole training.
        steps: Exactly so many steps, whatever they take.
        spec: The network, without its channels.
        size: Height and width of the training images.
        scale: Factor for "native" scale; see `Preprocessing`.
        batch: Images per step.
        learning_rate: Of AdamW, at its highest.
        precision: `float32` or `bfloat16`.
        focal: Exponent of the focal loss.
        balance: Weigh rare categories more.
        seed: Of everything random.
    """

    budget: float | None = 600.0
    steps: int | None = None
    spec: NetworkSpec = NetworkSpec()
    size: Size | None = None
    scale: float | None = None
    batch: int | None = None
    learning_rate: float | None = None
    precision: str | None = None
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
                raise ValueError(f"--{name.replace('_', '-')} must be {what}; got {value}.")


def make_plan(
    samples: Sequence[Sample[Any]],
    images: int,
    task: Task[Any],
    wishes: Wishes,
    start: str = "",
    speed: float = USUAL_SPEED,
) -> Plan:
    """Decide everything that does not need a stopwatch; `time_plan` does the rest.

    Args:
        samples: Training images at their own size; a part of them is enough.
        images: How many training images there are in all.
        task: What is learned.
        wishes: What the user decided.
        start: Name of the starting weights, or "".
        speed: Pixels that this machine trains on in a second, as `trials.speed` measures it.
    """
    reasons: list[str] = []
    affordable = _affordable_area(wishes.budget or 600.0, images, speed)
    preprocessing = _preprocessing(samples, affordable, task, wishes, reasons)
    augmentation = _augmentation(samples, preprocessing, reasons)
    spec = replace(wishes.spec, channels=preprocessing.channels)
    if preprocessing.scale is not None and spec.encoder == "resnet":
        spec = replace(spec, detail=_DETAIL_CHANNELS)
    batch = wishes.batch or 8
    return Plan(
        spec=spec,
        preprocessing=preprocessing,
        augmentation=augmentation,
        loss=_loss(samples, task.categories, wishes, reasons),
        batch=batch,
        steps=wishes.steps or 0,
        budget=None if wishes.steps else wishes.budget,
        learning_rate=wishes.learning_rate or 2e-3,
        encoder_rate=0.1 if spec.encoder == "hf" else 1.0,
        weight_decay=0.02,
        warm_up=0.05,
        ema=0.98,
        validations=10,
        precision=wishes.precision or "float32",
        channels_last=True,
        seed=wishes.seed,
        start=start,
        reasons=tuple(reasons),
    )


def _preprocessing(
    samples: Sequence[Sample[Any]],
    affordable: float,
    task: Task[Any],
    wishes: Wishes,
    reasons: list[str],
) -> Preprocessing:
    channels, dtype = _usual_kind(samples)
    alike = [s.image for s in samples if _kind(s) == (channels, dtype)]
    pixels = np.concatenate([_some_pixels(image) for image in alike]).astype(np.float64)
    mean, std = pixels.mean(axis=0), np.maximum(pixels.std(axis=0), 1e-3 * np.ptp(pixels) + 1e-6)
    aspect = math.exp(
        float(np.median([math.log(s.image.shape[0] / s.image.shape[1]) for s in samples]))
    )
    own_area = float(np.median([s.image.shape[0] * s.image.shape[1] for s in samples]))
    scale = wishes.scale
    area = float(_USUAL)
    if wishes.size is None and scale is None:
        kept = _detail_kept(samples, task.categories, _USUAL)
        if own_area > _USUAL and kept < _FINE:
            scale = 1.0
            reasons.append(
                "Scale: the images' own pixels, in windows; at "
                f"{_side(_USUAL)} px a side the masks would keep {100 * kept:.0f} % of themselves."
            )
        else:
            wanted = _enough_detail(samples, task.categories, own_area)
            usual = min(affordable, _USUAL, 2.5 * own_area)
            area = min(max(wanted, usual), max(affordable, _USUAL))
    size = wishes.size or _size(area, 1.0 if scale else aspect)
    if scale is None:
        reasons.append(
            f"Size: whole images at {size[0]} x {size[1]} (own size: median "
            f"{math.sqrt(own_area * aspect):.0f} x {math.sqrt(own_area / aspect):.0f})."
        )
    return Preprocessing(
        channels=channels,
        dtype=dtype,
        mean=tuple(float(f"{m:.6g}") for m in mean),
        std=tuple(float(f"{s:.6g}") for s in std),
        size=size,
        scale=scale,
    )


def _kind(sample: Sample[Any]) -> tuple[int, str]:
    return sample.image.shape[2], str(sample.image.dtype)


def _usual_kind(samples: Sequence[Sample[Any]]) -> tuple[int, str]:
    """Return the channels and the dtype of most images; `prepare` stops at the others by name."""
    return Counter(_kind(sample) for sample in samples).most_common(1)[0][0]


def _affordable_area(seconds: float, images: int, speed: float) -> float:
    """Return the pixels per image that let a budget see enough images.

    A step costs time in proportion to its pixels, and a training wants to see at least 2,000
    images and every image 10 times.
    """
    return max(128 * 128, seconds * speed / max(2000, 10 * images))


def _enough_detail(
    samples: Sequence[Sample[Any]], categories: tuple[Category, ...], own_area: float
) -> float:
    """Return the smallest area at which the masks keep their shape, at most the images' own."""
    areas = (side * side for side in _SIDES_TRIED if side * side < own_area)
    return next((a for a in areas if _detail_kept(samples, categories, a) >= _DETAIL), own_area)


def _some_pixels(image: geometry.Image) -> geometry.Image:
    flat = image.reshape(-1, image.shape[2])
    return flat[:: max(1, len(flat) // 2000)]


def _side(area: float) -> int:
    return round(math.sqrt(area))


def _size(area: float, aspect: float) -> Size:
    """Return the multiples of 32 that come nearest to an area and an aspect (height over width)."""
    sides = range(_SIDES, 1025, _SIDES)

    def misfit(size: Size) -> float:
        height, width = size
        return abs(math.log(height / width / aspect)) + abs(math.log(height * width / area)) / 2

    return min(((height, width) for height in sides for width in sides), key=misfit)


def _detail_kept(
    samples: Sequence[Sample[Any]], categories: tuple[Category, ...], area: float
) -> float:
    """Return the Dice of the true masks with themselves, brought to `area` pixels and back."""
    scores = []
    for sample in samples[:24]:
        truth = sample.annotation.category
        factor = math.sqrt(area / truth.size)
        if factor >= 1:
            return 1.0
        small = (max(1, round(truth.shape[0] * factor)), max(1, round(truth.shape[1] * factor)))
        back = geometry.resample_labels(geometry.resample_labels(truth, small), truth.shape)
        for category in foreground_ids(categories):
            one, other = truth == category, back == category
            if one.any():
                scores.append(2 * float((one & other).sum()) / float(one.sum() + other.sum()))
    return float(np.mean(scores)) if scores else 1.0


def _augmentation(
    samples: Sequence[Sample[Any]], preprocessing: Preprocessing, reasons: list[str]
) -> Augmentation:
    share = common_uprightness(samples)
    if share < _UPRIGHT:
        reasons.append(
            f"Orientation: none found (up-down asymmetry {share:.2f}), so images are turned and "
            "mirrored at will."
        )
        if preprocessing.scale is None:
            return Augmentation()
        return Augmentation(scale=(0.75, 1.35), corners=0.0)
    reasons.append(
        f"Orientation: images have an up and a down (asymmetry {share:.2f}), so they are turned "
        "little and mirrored left-right only."
    )
    return Augmentation(rotation=12.0, scale=(0.65, 1.5), mirror_y=0.0, corners=0.0)


def common_uprightness(samples: Sequence[Sample[Any]]) -> float:
    """Return how much of the difference between masks and their up-down mirrors they share.

    Thumbnails of the masks minus their own mirror are averaged: where up and down mean nothing
    the differences cancel (about 1 / number of images remains), where heads are above feet they
    add up. Only the masks count: a lamp that always shines from above says nothing of the objects.
    Measured: PH2 0.01, blood cells 0.01, DRIVE 0.02, CHASE 0.07; portraits 0.20, full-body
    photographs 0.28, CamVid 0.45.

    Returns:
        0 to 1; 0 for fewer than 8 images, for which nothing can be said.
    """
    if len(samples) < 8:
        return 0.0
    thumbnails = np.stack([_mask_thumbnail(sample) for sample in samples])
    differences = thumbnails - thumbnails[:, ::-1]
    total = float((differences**2).mean())
    if total == 0:
        return 0.0
    return max(0.0, float((differences.mean(axis=0) ** 2).mean()) / total - 1 / len(samples))


def _mask_thumbnail(sample: Sample[Any]) -> geometry.Image:
    category = sample.annotation.category
    ids = np.where(category == UNLABELED, 0, category).astype(np.float32)
    return geometry.resample(ids, (16, 16))


def _loss(
    samples: Sequence[Sample[Any]],
    categories: tuple[Category, ...],
    wishes: Wishes,
    reasons: list[str],
) -> LossSettings:
    counts = np.zeros(256)
    for sample in samples:
        counts += np.bincount(sample.annotation.category.ravel(), minlength=256)
    shares = counts[: len(categories)] / max(counts[: len(categories)].sum(), 1)
    rarest = min((s for s in shares if s > 0), default=1.0)
    balance = wishes.balance if wishes.balance is not None else False
    weights = None
    if balance:
        raw = np.sqrt(np.median(shares[shares > 0]) / np.maximum(shares, 1e-6))
        weights = tuple(round(float(w), 3) for w in np.clip(raw, 0.3, 5.0))
    reasons.append(
        f"Loss: cross-entropy + Dice{'' if not wishes.focal else f', focal {wishes.focal:g}'}"
        f"{', categories weighted' if weights else ''} "
        f"(the rarest category holds {100 * rarest:.1f} % of the pixels)."
    )
    return LossSettings(focal=wishes.focal, category_weights=weights)


def time_plan(
    plan: Plan, batches: Batches, network: Network, spent: float, *, chosen: str | None = None
) -> Plan:
    """Time a few steps in each precision that this machine supports, and set steps and the rest.

    Args:
        plan: From `make_plan`.
        batches: The real ones, so that the time of the data counts too.
        network: Not changed; a copy is timed.
        spent: Seconds of the budget that are gone already.
        chosen: A precision that the user insists on.

    Raises:
        BudgetError: The budget is too short for `LEAST_STEPS` steps.
    """
    reasons = list(plan.reasons)
    names = [chosen] if chosen else trials.precisions()
    began = time.perf_counter()
    if plan.budget is None and (chosen or len(names) == 1):
        timed = {names[0]: 0.0}
    else:
        tried = {name: trials.try_steps(name, plan, batches, network) for name in names}
        timed = {
            name: seconds for name, (seconds, loss) in tried.items() if trials.is_right(loss, tried)
        }
    precision = min(timed, key=lambda name: timed[name])
    seconds = timed[precision]
    spent += time.perf_counter() - began
    steps = plan.steps
    if plan.budget is not None:
        steps = int((plan.budget * _USED - spent) / seconds)
        if steps < LEAST_STEPS:
            raise BudgetError(
                f"The budget must last for at least {LEAST_STEPS} steps; a step of {plan.batch} "
                f"images takes {seconds:.2f} s here and {spent:.0f} s of {plan.budget:.0f} s are "
                f"gone, so {max(steps, 0)} remain. Give at least "
                f"{math.ceil((spent + 2 * LEAST_STEPS * seconds) / _USED)} s, or a smaller --size."
            )
    reasons.append(trials.say_times(timed, precision, plan.batch))
    reasons.append(
        f"Steps: {steps} of {plan.batch} images, every image about "
        f"{max(1, round(steps * plan.batch / len(batches.samples)))} times."
    )
    return replace(
        plan,
        precision=precision,
        steps=steps,
        ema=float(np.clip(np.exp(-1 / (0.03 * steps)), 0.9, 0.999)),
        reasons=tuple(reasons),
    )
