"""`segmentare train`: from a folder of images to a measured model."""

from __future__ import annotations

import json
import math
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from segmentare.annotations import Sample
from segmentare.atomic import write_json
from segmentare.batches import Batches, prepare
from segmentare.checkpoint import MODEL, WEIGHTS, save_description, save_model
from segmentare.datasets.as_people import one_sided
from segmentare.datasets.base import Dataset, Record
from segmentare.datasets.files import FileDataset
from segmentare.errors import DatasetError, ModelError
from segmentare.frameworks import AUTO
from segmentare.interfaces.chosen_skeletons import open_as
from segmentare.interfaces.display import Display, duration
from segmentare.interfaces.engine import framework_of, load_engine, processes_for, started
from segmentare.interfaces.loading import Loaded, load
from segmentare.interfaces.logs import NAME as LOG
from segmentare.interfaces.logs import Log
from segmentare.interfaces.machine import describe_machine, now, peak_memory_gb
from segmentare.interfaces.parts import Parts, Splitting, choose_parts
from segmentare.interfaces.runs import SPLIT, read_seen, write_split_file
from segmentare.plan import Plan
from segmentare.planning import TRIAL_SHARE, USUAL_SPEED, make_plan, time_plan
from segmentare.poses import Skeleton
from segmentare.prediction.predictor import Predictor
from segmentare.tasks import TASKS, Task
from segmentare.training.loop import BEST, Training
from segmentare.training.outcome import doubts, work_done
from segmentare.training.processes import Processes
from segmentare.training.state import STATE
from segmentare.training.tuning import Validation, tune
from segmentare.wishes import Wishes

PLAN, RUN = "plan.json", "run.json"
_FEWEST, _LOOKED_AT = 20, 200  # images that the plan looks at
_VALIDATED = 0.05  # share of the budget that a validation may take
_TUNED, _SCORED_AS = 1.5, 6.0  # times of an image in validation that tuning and scoring it take
_SCORED = ("scores.json", "report.html")  # what is written when a run is scored


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


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        folder: Where the model lies.
        predictor: The model, ready to predict.
        dataset: What it was trained on.
        parts: Names per part.
        plan: What was done.
        facts: `run.json`: where it came from, how long it took.
    """

    folder: Path
    predictor: Predictor[Any]
    dataset: Dataset
    parts: Parts
    plan: Plan
    facts: dict[str, Any]


def train(
    data: str | Path,
    out: str | Path,
    wishes: Wishes | None = None,
    options: Options | None = None,
    display: Display | None = None,
) -> Trained:
    """Train a model on a folder of annotated images and write it to `out`.

    Args:
        data: Dataset folder.
        out: Folder of the run; made if it is missing.
        wishes: Budget, network and all that the plan would choose by itself.
        options: Everything else.
        display: Where progress is shown; `None` shows nothing.

    Raises:
        DatasetError: The data cannot be used as it is.
        BudgetError: The budget is too short.
        ModelError: There is nothing to resume, or starting weights do not fit.
        FileExistsError: `out` holds a run and neither `resume` nor `overwrite` is set.
        MissingPackageError: The framework, or any, is not installed.
        SystemExit: In all processes but the first, at the end of the training.
    """
    wanted = _Wanted(Path(data), Path(out), wishes or Wishes(), options or Options())
    _check(wanted)
    earlier = _read_plan(wanted.out / PLAN) if wanted.options.resume else None
    framework = framework_of(wanted.options.framework, earlier)
    load_engine(framework)  # which takes seconds, on a busy machine a minute; then the clock starts
    wanted = replace(wanted, began=time.perf_counter())
    with processes_for(wanted.options.devices, framework) as processes:
        if display is None or not processes.first:
            display = Display(quiet=True)
        return _train(wanted, earlier, framework, processes, display)


@dataclass(frozen=True)
class _Wanted:
    """What a training is told, and when its budget began."""

    data: Path
    out: Path
    wishes: Wishes
    options: Options
    began: float = field(default_factory=time.perf_counter)


def _train(
    wanted: _Wanted,
    earlier: Plan | None,
    framework: str,
    processes: Processes,
    display: Display,
) -> Trained:
    """Train as one of the processes that train together, from the dataset to the model folder."""
    out, options, began = wanted.out, wanted.options, wanted.began
    dataset = open_as(wanted.data, options.reader, options.task, _skeleton(earlier, options))
    display.say(f"Data: {dataset.layout}")
    loaded = load(dataset, dataset.records, display)
    _check_data(dataset, loaded, options, display)
    before = out if options.resume else None
    parts = choose_parts(dataset, loaded, options.splitting, display, before)
    plan = earlier or processes.share(_first_plan(dataset, loaded, parts, wanted, framework))
    plan = processes.fit(plan, wanted.wishes.batch)
    engine = load_engine(framework)(plan.spec, plan.task.heads, plan.seed)
    if earlier is None:  # the state holds all weights, and what they started from may be gone
        plan = started(engine, plan)
    samples, validation = _prepared(dataset, loaded, parts, plan, display)
    batches = Batches(
        samples,
        plan.task,
        plan.preprocessing,
        plan.augmentation,
        plan.batch,
        plan.spec.stride,
        plan.seed,
    )
    if earlier is None:
        mine, gone = processes.smaller(batches), time.perf_counter() - began
        # Several processes share a batch out evenly, so it stays.
        wishes = wanted.wishes
        asked = wishes if processes.count == 1 else replace(wishes, batch=plan.batch)
        plan = processes.share(time_plan(plan, mine, engine, gone, asked))
        batches = replace(batches, batch=plan.batch)
        if processes.first:
            _write_plan(out, plan, parts, loaded, options.start)
    for line in plan.reasons:
        display.say(line)
    del loaded
    training = Training(plan, engine, batches, None, out)
    chosen = _validate(training, validation, len(parts.test))
    training.processes, training.spent = processes, time.perf_counter() - began
    with stop_on_signal(training, display):
        stopped = _run(training, display, resume=options.resume)
        processes.leave()
        run = _finish(training, dataset, parts, chosen.chosen(), began, stopped=stopped)
    for line in run.facts["warnings"]:
        display.warn(line)
    return run


def _first_plan(
    dataset: FileDataset,
    loaded: Loaded,
    parts: Parts,
    wanted: _Wanted,
    framework: str,
) -> Plan:
    wishes, options = wanted.wishes, wanted.options
    task = TASKS[options.task].from_categories(dataset.categories, dataset.skeleton)
    budget = math.inf if wishes.steps else wishes.budget or math.inf
    speed, read = USUAL_SPEED, time.perf_counter() - wanted.began
    if wishes.steps is None:
        speed = load_engine(framework).speed(wishes.spec, task.heads, TRIAL_SHARE * budget)
    # To look at an image takes about as long as to read it.
    most = len(loaded.contents) * 0.1 * budget / max(read, 1e-9)
    some = _some(loaded, parts.train, round(min(max(most, _FEWEST), _LOOKED_AT)))
    spent = time.perf_counter() - wanted.began
    plan = make_plan(some, len(parts.train), task, wishes, options.start, speed, spent)
    return replace(plan, framework=framework)


def _write_plan(out: Path, plan: Plan, parts: Parts, loaded: Loaded, start: str) -> None:
    """Write what a killed run goes on with, in place of the run that was there."""
    known = start in {"default", "none", ""}
    seen = () if known else read_seen(Path(start)).parts
    _clear(out)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / PLAN, plan.to_dict())
    write_split_file(out, parts.by_part(), loaded.contents, parts.how, seen)


def _check(wanted: _Wanted) -> None:
    """Refuse what can be told without reading the data."""
    out, options = wanted.out, wanted.options
    if options.task not in TASKS:
        raise ValueError(f"The task must be one of {', '.join(TASKS)}; got {options.task!r}.")
    if wanted.wishes.code and options.task not in {"instance", "pose"}:
        raise ValueError(
            f"--code is of the tasks instance and pose; got it with the task '{options.task}'. "
            "Leave it out, or add --task instance."
        )
    if options.resume:
        if not (out / PLAN).is_file() or not (out / STATE).is_file():
            raise ModelError(
                f"To resume, {str(out)!r} must hold {PLAN} and {STATE} of a run that was stopped; "
                "it does not. Train anew without --resume."
            )
        return
    if out.is_file():
        raise FileExistsError(f"{str(out)!r} must be a folder; it is a file. Give another --out.")
    there = [name for name in (MODEL, PLAN) if (out / name).exists()]
    if there and not options.overwrite:
        raise FileExistsError(
            f"{str(out)!r} holds a run already ({there[0]}). Give another --out, --resume to go on "
            "with it, or --overwrite to replace it."
        )
    if out.is_dir() and not there and any(out.iterdir()):
        raise FileExistsError(
            f"{str(out)!r} must be empty or hold a run; it holds other files. Give another --out."
        )


def _clear(out: Path) -> None:
    """Remove the run that was there, now that its successor is sure to start, and nothing else."""
    for name in (MODEL, WEIGHTS, PLAN, RUN, STATE, BEST, SPLIT, LOG, *_SCORED):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / "tensorboard", ignore_errors=True)


def _skeleton(earlier: Plan | None, options: Options) -> Skeleton | None:
    """Return the wanted skeleton; that of a resumed run is what it was."""
    if earlier is None:
        return options.skeleton
    given: Skeleton | None = getattr(earlier.task, "skeleton", None)
    return given


def _check_data(dataset: Dataset, loaded: Loaded, options: Options, display: Display) -> None:
    problems = [*(p for p in dataset.problems if p.stops), *loaded.problems]
    for problem in problems:
        display.warn(f"{problem.file}: {problem.what}" if problem.file else problem.what)
    if any(not problem.file for problem in problems):
        raise DatasetError(next(problem.what for problem in problems if not problem.file))
    if problems and not options.skip_broken:
        raise DatasetError(
            f"{len(problems)} of the files cannot be used (listed above; `segmentare check` shows "
            f"them), such as '{problems[0].file}': {problems[0].what} "
            "Mend them, or leave them out with --skip-broken."
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


def _read_plan(path: Path) -> Plan:
    try:
        return Plan.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{str(path)!r} is damaged ({error}). Train anew.") from error


def _some(loaded: Loaded, names: Sequence[str], most: int) -> list[Sample[Any]]:
    """Return about so many training samples for the plan."""
    kept = [loaded.samples[name] for name in names if name in loaded.samples]
    return kept[:: max(1, len(kept) // most)]


def _prepared(
    dataset: Dataset, loaded: Loaded, parts: Parts, plan: Plan, display: Display
) -> tuple[list[Sample[Any]], list[Sample[Any]]]:
    """Return the training and the validation samples at the network's scale."""
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
                f"{len(records)} images do not. Give a smaller --size or --scale."
            )
        ready = again.samples
    return [ready[name] for name in parts.train], [ready[name] for name in parts.val]


def _validate(training: Training, samples: list[Sample[Any]], tests: int) -> Validation:
    """Let a training be scored on these samples, and keep time for what follows it."""
    plan = training.plan
    limit = math.inf if plan.budget is None else _VALIDATED * plan.budget
    validation = Validation(plan, samples, limit)
    if samples:
        training.validate = validation
    training.after = lambda: validation.seconds_for(_TUNED * validation.looked + _SCORED_AS * tests)
    return validation


def _run(training: Training, display: Display, *, resume: bool) -> bool:
    """Run the loop under a progress bar; return whether it was stopped by Ctrl-C."""
    first = training.processes.first
    log = Log(training.folder, training.plan, training.plan.task.headline) if first else None
    began, name = time.perf_counter() - training.spent, training.plan.task.headline
    with display.bar("Training", training.plan.steps) as bar:
        note = ""
        for step in training.run(resume=resume):
            if log is not None:
                log.write(step)
            if step.score is not None:
                note = f"validation {name} {step.score:.3f}"
                if not display.console.is_terminal:
                    display.say(
                        f"step {step.step}/{step.steps}, {duration(step.seconds)}, "
                        f"loss {step.loss:.3f}, {note}{' (best)' if step.best else ''}"
                    )
            bar.show(step.step, step.steps, f"loss {step.loss:.3f} {note}")
    if log is not None:
        log.close()
    training.spent = time.perf_counter() - began
    return training.stop


@contextmanager
def stop_on_signal(training: Training, display: Display) -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM) end the training in order, and the second one at once.

    It holds until the model is written, so that a Ctrl-C while the decode is tuned loses nothing.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        if training.stop:
            raise KeyboardInterrupt
        training.stop = True
        display.warn(f"{signal.Signals(number).name}: finishing with the best weights so far.")

    before: dict[int, Any] = {}
    try:
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            before[number] = signal.signal(number, handle)
    except ValueError:  # not the main thread: a notebook's worker or a server
        before.clear()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finish(
    training: Training,
    dataset: Dataset,
    parts: Parts,
    val: list[Sample[Any]],
    began: float,
    *,
    stopped: bool,
) -> Trained:
    """Write the model, tune the decode on the validation part, and write what that changed.

    The model is there before anything else is done with it, so that nothing can lose it. Until all
    is done the state stays as well, so that `--resume` can do the rest.
    """
    plan, out = training.plan, training.folder
    maps_of = training.engine.maps_of(training.best, exact=True)
    predictor = Predictor(maps_of, plan.task, plan.preprocessing)
    facts = _facts(training, dataset, parts, began, stopped=stopped)
    score = training.best_score if val else None
    save_model(out, _describe(plan, plan.task, score, facts), training.best)
    if val:
        limit = math.inf if plan.budget is None else max(5.0, 0.04 * plan.budget)
        tuned, score = tune(predictor, val, limit)
        predictor = replace(predictor, task=tuned)
        facts = _facts(training, dataset, parts, began, stopped=stopped)
    facts["warnings"] = doubts(training, predictor, val, score)
    save_description(out, _describe(plan, predictor.task, score, facts))
    write_json(out / RUN, facts)
    for name in (STATE, BEST):
        (out / name).unlink(missing_ok=True)
    return Trained(out, predictor, dataset, parts, plan, facts)


def _facts(
    training: Training, dataset: Dataset, parts: Parts, began: float, *, stopped: bool
) -> dict[str, Any]:
    """Return where a model came from and how long it took, JSON-ready."""
    return {
        "when": now(),
        "seconds": round(time.perf_counter() - began, 1),
        "interrupted": stopped,
        "machine": describe_machine(),
        "peak_memory_gb": peak_memory_gb(),
        "processes": training.processes.count,
        **work_done(training),
        "warnings": [],
        "clock": {what: round(seconds, 2) for what, seconds in training.clock.items()},
        "data": {
            "folder": dataset.root.name,
            "reader": dataset.reader,
            "layout": dataset.layout,
            "images": {part: len(names) for part, names in parts.by_part().items()},
        },
    }


def _describe(
    plan: Plan, task: Task[Any], score: float | None, facts: dict[str, Any]
) -> dict[str, Any]:
    """Return what `model.json` says of a model.

    Args:
        plan: How it was trained.
        task: With the decode settings that it has now.
        score: Headline score on the validation part; `None` where there is none.
        facts: What `_facts` returned.
    """
    return {
        "segmentare": describe_machine().get("segmentare"),
        "task": task.to_dict(),
        "network": plan.spec.to_dict(),
        "preprocessing": plan.preprocessing.to_dict(),
        "validation": None if score is None else {task.headline: score},
        "training": {"plan": plan.to_dict(), **facts},
    }
