"""The end of `segmentare train`: the loop under a progress bar, and what is left in the folder."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from segmentare.annotations.segmentation import Sample
from segmentare.atomic import write_json
from segmentare.datasets.base import Dataset
from segmentare.datasets.decoding import Loaded
from segmentare.datasets.files import FileDataset
from segmentare.datasets.splits import Split
from segmentare.models.checkpoint import save_description, save_model
from segmentare.prediction.predictor import Predictor
from segmentare.progress import Display, duration
from segmentare.tasks import Task
from segmentare.training.logs import Log
from segmentare.training.loop import BEST, Training
from segmentare.training.machine import describe_machine, now, peak_memory_gb
from segmentare.training.outcome import doubts, work_done
from segmentare.training.plan import Plan
from segmentare.training.state import STATE
from segmentare.training.tuning import Validation, tune

RUN = "run.json"
_VALIDATED = 0.05  # share of the budget that a validation may take
_TUNED, _SCORED_AS = 1.5, 6.0  # times of an image in validation that tuning and scoring it take


@dataclass(frozen=True)
class Found:
    """A dataset that was read and split.

    Attributes:
        dataset: The dataset.
        loaded: What could be read of it.
        parts: Names per part.
    """

    dataset: FileDataset
    loaded: Loaded
    parts: Split


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
    parts: Split
    plan: Plan
    facts: dict[str, Any]


def validate_on(training: Training, samples: list[Sample[Any]], tests: int) -> Validation:
    """Let a training be scored on these samples, and keep time for what follows it."""
    plan = training.plan
    limit = math.inf if plan.budget is None else _VALIDATED * plan.budget
    validation = Validation(plan, samples, limit)
    if samples:
        training.validate = validation
    training.after = lambda: validation.seconds_for(_TUNED * validation.looked + _SCORED_AS * tests)
    return validation


def run_loop(training: Training, display: Display, *, resume: bool) -> bool:
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


def finish(
    training: Training, found: Found, val: list[Sample[Any]], began: float, *, stopped: bool
) -> Trained:
    """Write the model, tune the decode on the validation part, and write what that changed.

    The model is there before anything else is done with it, so that nothing can lose it. Until all
    is done the state stays as well, so that `--resume` can do the rest.
    """
    plan, out = training.plan, training.folder
    maps_of = training.engine.maps_of(training.best, exact=True)
    predictor = Predictor(maps_of, plan.task, plan.preprocessing)
    facts = _facts(training, found, began, stopped=stopped)
    score = training.best_score if val else None
    save_model(out, _describe(plan, plan.task, score, facts), training.best)
    if val:
        limit = math.inf if plan.budget is None else max(5.0, 0.04 * plan.budget)
        tuned, score = tune(predictor, val, limit)
        predictor = replace(predictor, task=tuned)
        facts = _facts(training, found, began, stopped=stopped)
    facts["warnings"] = doubts(training, predictor, val, score)
    save_description(out, _describe(plan, predictor.task, score, facts))
    write_json(out / RUN, facts)
    for name in (STATE, BEST):
        (out / name).unlink(missing_ok=True)
    return Trained(out, predictor, found.dataset, found.parts, plan, facts)


def _facts(training: Training, found: Found, began: float, *, stopped: bool) -> dict[str, Any]:
    """Return where a model came from and how long it took, JSON-ready."""
    dataset, parts = found.dataset, found.parts
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
