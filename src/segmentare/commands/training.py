"""`segmentare train`: from a folder of images to a measured model."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from segmentare.annotations.poses import Skeleton
from segmentare.annotations.segmentation import Sample
from segmentare.commands.backends import framework_of, load_engine, processes_for, started
from segmentare.commands.run_folder import PLAN, check_folder, read_plan, write_plan
from segmentare.commands.running import (
    Found,
    Trained,
    finish,
    run_loop,
    stop_on_signal,
    validate_on,
)
from segmentare.datasets.as_people import one_sided
from segmentare.datasets.base import Dataset, Record
from segmentare.datasets.chosen_skeletons import open_as
from segmentare.datasets.decoding import Loaded, load
from segmentare.errors import DatasetError, InputError
from segmentare.locking import locked
from segmentare.models.frameworks import AUTO
from segmentare.progress import Display
from segmentare.tasks import TASKS
from segmentare.training.backend import Engine
from segmentare.training.batches import Batches, one_opencv_thread, prepare
from segmentare.training.loop import Training
from segmentare.training.parts import Splitting, choose_parts
from segmentare.training.plan import Plan
from segmentare.training.planning import TRIAL_SHARE, USUAL_SPEED, make_plan, time_plan
from segmentare.training.processes import Processes
from segmentare.training.request import PlanRequest

_FEWEST, _LOOKED_AT = 20, 200  # images that the plan looks at


@dataclass(frozen=True)
class Options:
    """What a training needs to know beside the data and the plan.

    Attributes:
        task: Name of the task.
        reader: Name of the reader, or `None` to recognize the layout.
        splitting: How the data is split.
        start: Starting weights: `default`, `none`, or a model folder.
        resume: Go on with the killed run in the folder.
        overwrite: Replace the run in the folder.
        skip_broken: Leave images that cannot be used out instead of stopping.
        skeleton: Keypoints that people shall have; `None` keeps theirs.
        framework: `torch`, `tensorflow`, or `auto`: PyTorch where it is installed, else TensorFlow;
            a resumed run goes on in its own.
        devices: Processes on this machine that train together, one per GPU where there are GPUs;
            `None`: as many as `torchrun` started, else one.
    """

    task: str = "semantic"
    reader: str | None = None
    splitting: Splitting = Splitting()
    start: str = "default"
    resume: bool = False
    overwrite: bool = False
    skip_broken: bool = False
    skeleton: Skeleton | None = None
    framework: str = AUTO
    devices: int | None = None


def train_model(
    data: Path, out: Path, request: PlanRequest, options: Options, display: Display
) -> Trained:
    """Train a model: from the folder of images to the folder of the model.

    Raises:
        SegmentareError: As `commands.train`.
        SystemExit: In all processes but the first, at the end of the training.
    """
    wanted = _Wanted(data, out, request, options)
    _check(wanted)
    earlier = read_plan(out / PLAN) if options.resume else None
    framework = framework_of(options.framework, earlier)
    load_engine(framework)  # which takes seconds, on a busy machine a minute; then the clock starts
    wanted = replace(wanted, began=time.perf_counter())
    several = processes_for(options.devices, framework)
    with one_opencv_thread(), several as processes:
        if not processes.first:
            return _train(wanted, earlier, framework, processes, Display(quiet=True))
        with locked(out):
            _check(wanted)  # again, because a training may just have ended there
            trained = _train(wanted, earlier, framework, processes, display)
    for line in trained.facts["warnings"]:
        display.warn(line)
    return trained


def _train(
    wanted: _Wanted,
    earlier: Plan | None,
    framework: str,
    processes: Processes,
    display: Display,
) -> Trained:
    """Train as one of the processes that train together."""
    out, options = wanted.out, wanted.options
    found = _read(wanted, earlier, display)
    plan = earlier or processes.share(_first_plan(found, wanted, framework))
    plan = processes.fit(plan, wanted.request.batch)
    engine = load_engine(framework)(plan.spec, plan.task.heads, plan.seed)
    if earlier is None:  # the state holds all weights; what they started from may be gone
        plan = started(engine, plan)
    samples, validation = _prepared(found, plan, display)
    batches = _batches(samples, plan)
    if earlier is None:
        plan = _timed(plan, batches, engine, processes, wanted)
        batches = replace(batches, batch=plan.batch)
        if processes.first:
            write_plan(out, plan, found, options.start)
    for line in plan.reasons:
        display.say(line)
    found.loaded.samples.clear()  # only the prepared ones are used from here on
    training = Training(plan, engine, batches, None, out)
    chosen = validate_on(training, validation, len(found.parts.test))
    training.processes, training.spent = processes, time.perf_counter() - wanted.began
    with stop_on_signal(training, display):
        stopped = run_loop(training, display, resume=options.resume)
        processes.leave()
        return finish(training, found, chosen.chosen(), wanted.began, stopped=stopped)


@dataclass(frozen=True)
class _Wanted:
    """What a training is told, and when its budget began."""

    data: Path
    out: Path
    request: PlanRequest
    options: Options
    began: float = field(default_factory=time.perf_counter)


def _read(wanted: _Wanted, earlier: Plan | None, display: Display) -> Found:
    """Open and read the dataset, and split it."""
    out, options = wanted.out, wanted.options
    dataset = open_as(wanted.data, options.reader, options.task, _skeleton(earlier, options))
    display.say(f"Data: {dataset.layout}")
    loaded = load(dataset, dataset.records, display)
    _check_data(dataset, loaded, options, display)
    before = out if options.resume else None
    return Found(dataset, loaded, choose_parts(dataset, loaded, options.splitting, display, before))


def _batches(samples: list[Sample[Any]], plan: Plan) -> Batches:
    return Batches(
        samples,
        plan.task,
        plan.preprocessing,
        plan.augmentation,
        plan.batch,
        plan.spec.stride,
        plan.seed,
    )


def _timed(
    plan: Plan, batches: Batches, engine: Engine, processes: Processes, wanted: _Wanted
) -> Plan:
    """Return the plan with what a stopwatch decides: precision, batch and number of steps."""
    mine, gone = processes.smaller(batches), time.perf_counter() - wanted.began
    # Several processes share a batch out evenly, so it stays.
    request = wanted.request
    asked = request if processes.count == 1 else replace(request, batch=plan.batch)
    return processes.share(time_plan(plan, mine, engine, gone, asked))


def _first_plan(found: Found, wanted: _Wanted, framework: str) -> Plan:
    """Return the plan as far as it needs no stopwatch."""
    dataset, loaded, parts = found.dataset, found.loaded, found.parts
    request, options = wanted.request, wanted.options
    task = TASKS[options.task].from_categories(dataset.categories, dataset.skeleton)
    budget = math.inf if request.steps else request.budget or math.inf
    speed, read = USUAL_SPEED, time.perf_counter() - wanted.began
    if request.steps is None:
        speed = load_engine(framework).speed(request.spec, task.heads, TRIAL_SHARE * budget)
    # To look at an image takes about as long as to read it.
    most = len(loaded.contents) * 0.1 * budget / max(read, 1e-9)
    some = _some(loaded, parts.train, round(min(max(most, _FEWEST), _LOOKED_AT)))
    spent = time.perf_counter() - wanted.began
    plan = make_plan(some, len(parts.train), task, request, options.start, speed, spent)
    return replace(plan, framework=framework)


def _check(wanted: _Wanted) -> None:
    """Refuse what can be told without reading the data."""
    options = wanted.options
    if wanted.request.code and options.task not in {"instance", "pose"}:
        raise InputError(
            f"`code` is for the tasks instance and pose; got it with the task '{options.task}'. "
            "Leave it out, or give `task='instance'`."
        )
    start = [] if options.start in {"default", "none", ""} else [Path(options.start)]
    split = [] if options.splitting.file is None else [options.splitting.file]
    check_folder(
        wanted.out, resume=options.resume, overwrite=options.overwrite, inputs=[*start, *split]
    )


def _skeleton(earlier: Plan | None, options: Options) -> Skeleton | None:
    """Return the wanted skeleton; that of a resumed run is what it was."""
    if earlier is None:
        return options.skeleton
    given: Skeleton | None = getattr(earlier.task, "skeleton", None)
    return given


def _check_data(dataset: Dataset, loaded: Loaded, options: Options, display: Display) -> None:
    for problem in loaded.problems:
        display.warn(f"{problem.file}: {problem.what}" if problem.file else problem.what)
    problems = [problem for problem in loaded.problems if problem.stops]
    if any(not problem.file for problem in problems):
        raise DatasetError(next(problem.what for problem in problems if not problem.file))
    if problems and not options.skip_broken:
        raise DatasetError(
            f"{len(problems)} of the files cannot be used (listed above; `segmentare check` shows "
            f"them), such as '{problems[0].file}': {problems[0].what} "
            "Mend them, or leave them out with `skip_broken=True`."
        )
    if len(dataset.categories) < 2:
        names = ", ".join(category.name for category in dataset.categories) or "none"
        raise DatasetError(
            f"A dataset must have at least two categories to tell apart; found {names}. "
            "Are the masks empty?"
        )
    if options.task == "body" and loaded.samples and (said := one_sided(loaded.samples.values())):
        display.warn(said)
    if not loaded.contents:
        raise DatasetError("At least one image must have a mask that can be read; none has.")


def _some(loaded: Loaded, names: Sequence[str], most: int) -> list[Sample[Any]]:
    """Return about so many training samples for the plan."""
    kept = [loaded.samples[name] for name in names if name in loaded.samples]
    return kept[:: max(1, len(kept) // most)]


def _prepared(
    found: Found, plan: Plan, display: Display
) -> tuple[list[Sample[Any]], list[Sample[Any]]]:
    """Return the training and the validation samples at the network's scale."""
    dataset, loaded, parts = found.dataset, found.loaded, found.parts
    names = {*parts.train, *parts.val}
    if loaded.complete:
        ready = {n: prepare(s, plan.preprocessing) for n, s in loaded.samples.items() if n in names}
    else:
        records: list[Record] = [record for record in dataset.records if record.name in names]

        def shrink(sample: Sample[Any]) -> Sample[Any]:
            return prepare(sample, plan.preprocessing)

        again = load(dataset, records, display, keep=shrink, memory=8 * 10**9)
        if not again.complete:
            raise DatasetError(
                f"The training images must fit in 8 GB of memory at the training's scale; "
                f"{len(records)} images do not. Give a smaller `size` or `scale`."
            )
        ready = again.samples
    return [ready[name] for name in parts.train], [ready[name] for name in parts.val]
