"""Data, machine and time budget become a plan: size, batch, steps, precision, augmentation.

Every decision follows from something measured, is said in a line, and can be overruled by an
option. The numbers behind the rules are in `benchmarks/README.md`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from segmentare.annotations.segmentation import Category, Sample
from segmentare.datasets import traits
from segmentare.datasets.augmentation import Augmentation
from segmentare.datasets.traits import ObjectTraits
from segmentare.errors import BudgetError
from segmentare.models.architecture import LITE_FACTORS, NetworkSpec
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import InstanceTask, PoseTask, Task
from segmentare.training import posing
from segmentare.training import timing as trials
from segmentare.training.backend import Engine
from segmentare.training.batches import Batches
from segmentare.training.framing import affordable_area, are_small, choose_preprocessing
from segmentare.training.plan import LossSettings, Plan, averaging
from segmentare.training.request import PlanRequest

LEAST_STEPS = 3  #: a budget for fewer is refused; trials on busy machines are often 5 times slow
_ADVISED = 20  # steps of the budget that is advised instead
TRIAL_SHARE = 0.05  #: share of the budget for the speed, and for the steps of each precision
_FEW_STEPS = 60  # where a budget holds fewer, all becomes smaller: images, batch, network
_LEAST_BATCH = 2  # BatchNorm needs more than one
_USED = 0.9  # share of the budget that is planned; tuning, saving and scoring take the rest
_CROWDED = 0.15  # share of touching objects from which on small objects are written down as flows
_SMALL_WIDTH = 0.5  # of the network for small objects: 32 channels, as StarDist's and Cellpose's
_DETAIL_CHANNELS = 16  # of the level at stride 1 where the masks are finer than stride 2
USUAL_SPEED = 0.55e6  #: pixels a second that two cores with bfloat16 train the default network on
_UPRIGHT = 0.13  # share of a mask's up-down difference that all masks have in common


def make_plan(
    samples: Sequence[Sample[Any]],
    images: int,
    task: Task[Any],
    request: PlanRequest,
    start: str = "",
    speed: float = USUAL_SPEED,
    spent: float = 0.0,
) -> Plan:
    """Decide everything that does not need a stopwatch; `time_plan` does the rest.

    Args:
        samples: Training images at their own size; a part of them is enough.
        images: How many training images there are in all.
        task: What is learned.
        request: What the user decided.
        start: Name of the starting weights, or "".
        speed: Pixels that this machine trains on in a second, as `Engine.speed` measures it.
        spent: Seconds of the budget that are gone already.
    """
    reasons: list[str] = []
    budget = None if request.steps else request.budget
    if budget:  # what is left is what counts, though never nothing
        request = replace(request, budget=max(budget - spent, 0.1 * budget))
    looks = _USED * (request.budget or 0) * speed if budget else math.inf  # pixels in all
    if request.code and isinstance(task, PoseTask):
        code: Any = request.code
        task = replace(task, code=code)
    posed, radius = samples, traits.pose_radius(samples)
    samples = [traits.as_masks(sample) for sample in samples]
    most = looks / (_FEW_STEPS * (request.batch or 8))
    affordable = affordable_area(request.budget or 600.0, images, speed)
    if radius is not None:
        request = posing.choose(samples, images, request, speed, reasons)
    counted = radius is None and any(head.kind == "vectors" for head in task.heads)
    objects = traits.object_traits(samples) if counted else None
    preprocessing = choose_preprocessing(samples, affordable, task, objects, request, reasons, most)
    task = _fitted(task, samples, objects, preprocessing, request, reasons)
    if radius is not None:
        task = posing.fitted(task, posed, preprocessing, reasons)
    share = traits.common_uprightness(samples) if radius is None else traits.pose_uprightness(posed)
    augmentation = _augmentation(share, preprocessing, reasons)
    if radius is not None:
        augmentation = posing.augmented(augmentation, images, request, speed)
    spec = replace(request.spec, channels=preprocessing.channels)
    if spec.network == "unet":
        spec = replace(spec, stride=max(spec.stride, task.stride))
    if preprocessing.scale is not None and spec.encoder in {"resnet", *LITE_FACTORS}:
        spec = replace(spec, detail=_DETAIL_CHANNELS)
        small = objects is not None and are_small(objects)
        if small and spec.encoder == "resnet" and request.width is None:
            spec = replace(spec, width=_SMALL_WIDTH)
            reasons.append(
                "Network: half as wide as usual; small objects need few channels, and twice the "
                "steps fit into the time."
            )
    steps = looks / (8 * math.prod(preprocessing.size))
    batch = request.batch or _smaller_batch(8, steps, reasons)
    few = steps * 8 / batch < _FEW_STEPS and spec.encoder not in LITE_FACTORS
    if few and request.width is None and start in ("", "none"):
        spec = replace(spec, width=0.5 * spec.width)
        reasons.append("Network: half as wide as usual, as the budget is short for this machine.")
    rules = _encoder_rules(spec)
    return Plan(
        task=task,
        spec=spec,
        preprocessing=preprocessing,
        augmentation=augmentation,
        loss=_loss(samples, task.categories, request, reasons),
        batch=batch,
        steps=request.steps or 0,
        budget=budget,
        learning_rate=request.learning_rate or rules.learning_rate,
        encoder_rate=rules.encoder_rate,
        weight_decay=0.02,
        warm_up=0.05,
        ema=0.98,
        validations=10,
        precision=request.precision or "float32",
        channels_last=True,
        seed=request.seed,
        start=start,
        frozen_levels=rules.frozen_levels,
        fixed_statistics=rules.fixed_statistics,
        reasons=tuple(reasons),
    )


@dataclass(frozen=True)
class _EncoderRules:
    """How an encoder is trained; see the fields of `Plan` of the same names."""

    learning_rate: float = 2e-3
    encoder_rate: float = 1.0
    frozen_levels: int = 0
    fixed_statistics: bool = False


def _encoder_rules(spec: NetworkSpec) -> _EncoderRules:
    if spec.encoder == "hf":
        return _EncoderRules(encoder_rate=0.1)
    if spec.encoder not in LITE_FACTORS:
        return _EncoderRules()
    if spec.channels not in {1, 3}:  # a first convolution that knows colors must learn these
        return _EncoderRules(4e-3, fixed_statistics=True)
    return _EncoderRules(4e-3, 0.1, frozen_levels=2, fixed_statistics=True)


def _fitted(
    task: Task[Any],
    samples: Sequence[Sample[Any]],
    objects: ObjectTraits | None,
    preprocessing: Preprocessing,
    request: PlanRequest,
    reasons: list[str],
) -> Task[Any]:
    """Return the task with the code and the unit of length that suit the objects."""
    if objects is None:
        return task
    shapes = [sample.image.shape for sample in samples]
    frames = [preprocessing.frame((shape[0], shape[1])) for shape in shapes]
    factor = float(np.median([f.content[0] / f.image[0] for f in frames]))
    radius = max(1.0, factor * objects.diameter / math.sqrt(math.pi))
    task = task.fitted(round(radius, 1))
    said = (
        f"Objects: {100 * objects.crowding:.0f} % touch another one; typical radius {radius:.0f} px"
    )
    if isinstance(task, InstanceTask):
        crowded = objects.crowding > _CROWDED and preprocessing.scale is not None
        code: Any = request.code or ("flow" if crowded else "center")
        task = replace(task, code=code)
        said += f"; written down as {task.code}{' (as asked)' if request.code else ''}"
    reasons.append(f"{said}.")
    return task


def _augmentation(share: float, preprocessing: Preprocessing, reasons: list[str]) -> Augmentation:
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


def _loss(
    samples: Sequence[Sample[Any]],
    categories: tuple[Category, ...],
    request: PlanRequest,
    reasons: list[str],
) -> LossSettings:
    counts = np.zeros(256)
    for sample in samples:
        counts += np.bincount(sample.annotation.category.ravel(), minlength=256)
    shares = counts[: len(categories)] / max(counts[: len(categories)].sum(), 1)
    rarest = min((s for s in shares if s > 0), default=1.0)
    balance = request.balance if request.balance is not None else False
    weights = None
    if balance:
        raw = np.sqrt(np.median(shares[shares > 0]) / np.maximum(shares, 1e-6))
        weights = tuple(round(float(w), 3) for w in np.clip(raw, 0.3, 5.0))
    reasons.append(
        f"Loss: cross-entropy + Dice{'' if not request.focal else f', focal {request.focal:g}'}"
        f"{', categories weighted' if weights else ''} "
        f"(the rarest category holds {100 * rarest:.1f} % of the pixels)."
    )
    return LossSettings(focal=request.focal, category_weights=weights)


def _smaller_batch(batch: int, steps: float, reasons: list[str]) -> int:
    """Return a batch with which there are enough steps, if one does.

    Args:
        batch: Images per step.
        steps: That there are with this batch.
        reasons: Receives a line where the batch becomes smaller.
    """
    smaller = batch
    while steps * batch / smaller < _FEW_STEPS and smaller // 2 >= _LEAST_BATCH:
        smaller //= 2
    if smaller < batch:
        reasons.append(f"Batch: {smaller} instead of {batch} images, to have more steps in time.")
    return smaller


def time_plan(
    plan: Plan,
    batches: Batches,
    engine: Engine,
    spent: float,
    request: PlanRequest | None = None,
    now: Callable[[], float] = time.perf_counter,
) -> Plan:
    """Time a few steps in each precision that this machine supports, and set steps and the rest.

    Args:
        plan: From `make_plan`.
        batches: The real ones, so that the time of the data counts too.
        engine: Times its steps; its network is not changed.
        spent: Seconds of the budget that are gone already.
        request: A precision and a batch that the user insists on.
        now: The clock, in seconds.

    Raises:
        BudgetError: The budget is too short for `LEAST_STEPS` steps of the smallest batch.
    """
    request, reasons = request or PlanRequest(), list(plan.reasons)
    began = now()
    timed = _time_steps(plan, batches, engine, request.precision, now)
    precision = min(timed, key=lambda name: timed[name])
    seconds, spent = timed[precision], spent + now() - began
    steps, batch = plan.steps, plan.batch
    reasons.append(trials.say_times(timed, precision, plan.batch, engine.device()))
    if plan.budget is not None:
        time_left = plan.budget * _USED - spent
        if request.batch is None:
            batch = _smaller_batch(batch, time_left / seconds, reasons)
            seconds *= batch / plan.batch
        if time_left < LEAST_STEPS * seconds:  # a second look, for first steps may be slow
            began, small = now(), replace(batches, batch=batch * batches.batch // plan.batch)
            again, _ = engine.try_steps(precision, plan, small, TRIAL_SHARE * plan.budget)
            seconds, gone = min(seconds, again), now() - began
            spent, time_left = spent + gone, time_left - gone
        steps = int(time_left / seconds)
        if steps < LEAST_STEPS:
            raise _too_short(plan.budget, spent, batch, seconds)
    times = steps * batch / len(batches.samples)
    reasons.append(
        f"Steps: {steps} of {batch} images{' are planned' if plan.budget else ''}, every image "
        f"about {times:.{0 if times >= 2 else 1}f} times."
    )
    return replace(
        plan,
        precision=precision,
        batch=batch,
        steps=steps,
        ema=averaging(steps),
        reasons=tuple(reasons),
    )


def _too_short(budget: float, spent: float, batch: int, seconds: float) -> BudgetError:
    needed = math.ceil((spent + _ADVISED * seconds) / _USED)
    remain = max(int((budget * _USED - spent) / seconds), 0)
    return BudgetError(
        f"The budget must last for at least {LEAST_STEPS} steps; a step of {batch} images takes "
        f"{seconds:.2f} s here and {spent:.0f} s of {budget:.0f} s are gone, so {remain} remain. "
        f"Give at least {needed} s, or a smaller size.",
        needed,
    )


def _time_steps(
    plan: Plan,
    batches: Batches,
    engine: Engine,
    chosen: str | None,
    now: Callable[[], float],
) -> dict[str, float]:
    """Return the seconds of a step in each precision that is right, as far as there is time."""
    names = [chosen] if chosen else engine.precisions()
    if plan.budget is None and len(names) == 1:
        return {names[0]: 0.0}
    limit = math.inf if plan.budget is None else TRIAL_SHARE * plan.budget
    tried: dict[str, tuple[float, float]] = {}
    began = now()
    for name in names:
        if not tried or now() - began <= limit:
            tried[name] = engine.try_steps(name, plan, batches, limit)
    return {
        name: seconds for name, (seconds, loss) in tried.items() if trials.is_right(loss, tried)
    }
