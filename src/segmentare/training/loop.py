"""The training loop: visible from top to bottom, and the same for every framework.

An `Engine` takes the steps; everything else happens in `Training.run`, which yields an event per
step and per validation and leaves the display to whoever asked.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.batches import Batches
from segmentare.checkpoint import Arrays
from segmentare.errors import ModelError
from segmentare.plan import Plan
from segmentare.training.engine import Engine, MapsFunction
from segmentare.training.processes import Processes
from segmentare.training.state import decay_at, load_state, misfit, save_state

BEST = "best.safetensors"  #: the best weights so far, beside the state

_DIVERGED = "{}; at step {} {}. Train with a lower --learning-rate, or with --precision float32."
_RESERVE = 0.97  # share of the budget that the steps may fill; the rest is for tuning and saving
_SAVE_EVERY = 60.0  # seconds of work, at most a little more, that a killed run loses
_LOG_EVERY = 10  # steps between two looks at the loss, each of which waits for the device


@dataclass(frozen=True)
class Step:
    """One line of the log.

    Attributes:
        step: Number of steps done.
        steps: Number of steps that there will be.
        seconds: Seconds since the training began, over all its sessions.
        loss: Mean loss since the line before.
        learning_rate: At this step.
        score: Headline score on the validation part, where this step was validated.
        best: True where that score is the best so far.
    """

    step: int
    steps: int
    seconds: float
    loss: float
    learning_rate: float
    score: float | None = None
    best: bool = False


@dataclass
class Training:
    """One training from its plan to its best weights.

    Attributes:
        plan: Every number.
        engine: Holds the network, which is trained in place.
        batches: Where the data comes from.
        validate: Scores the function from images to maps that it is given (of the averaged
            weights); larger is better. `None` where there is no validation part: then the last
            weights are the best.
        folder: Where the state is saved, so that a killed run can go on.
        spent: Seconds of the budget that were used before `run` is called.
        stop: Set it to true and the loop ends after the step at hand, as if it were the last.
        processes: Who else trains this network; every one of them must call `run`.
    """

    plan: Plan
    engine: Engine
    batches: Batches
    validate: Callable[[MapsFunction], float] | None
    folder: Path
    spent: float = 0.0
    stop: bool = False
    processes: Processes = field(default_factory=Processes)
    best_score: float = -math.inf
    best: Arrays = field(default_factory=dict)
    _judged: int = 0  # validations done
    _ends: bool = False  # `stop` as all processes know it
    step: int = 0  #: steps done, over all sessions of a run
    clock: dict[str, float] = field(
        default_factory=lambda: defaultdict(float)
    )  #: seconds spent on data, step, ...

    def run(self, *, resume: bool = False) -> Iterator[Step]:
        """Train; yields every few steps and after every validation.

        Args:
            resume: Go on from the state in `folder`.

        Raises:
            ModelError: The loss is no longer a number, or the state does not fit.
        """
        engine = self.engine
        with self.processes.waiting():
            engine.begin(self.plan)
        facts: dict[str, Any] = {
            "step": 0,
            "steps": self.plan.steps,
            "seconds": self.spent,
            "best": None,
        }
        if resume:
            facts = self._recall()
            self.step = int(facts["step"])
        step, steps = int(facts["step"]), int(facts["steps"])
        began, losses = time.perf_counter() - float(facts["seconds"]), []
        pace_from, saved = (step, time.perf_counter()), (step, time.perf_counter())
        while step < steps and not self._agree():
            rate = self.plan.rate(step / steps)
            with self._timed("data"):
                loaded = engine.load(self.processes.part(self.batches, step))
            with self._timed("step"), self.processes.waiting():
                losses.append(engine.step(loaded, rate))
            self.step = step = step + 1
            with self._timed("average"):
                engine.average(decay_at(self.plan.ema, step))
            self._agree()
            if step % _LOG_EVERY and step < steps and not self._due(step, steps):
                continue
            mean = self._mean(losses, step)
            seconds = time.perf_counter() - began
            if not self._due(step, steps):
                yield Step(step, steps, seconds, mean, rate)
                continue
            with self._timed("validation"):
                score, better = self._judge(step)
            seconds = time.perf_counter() - began
            if self.plan.budget is not None and step < steps and not self._ends:
                steps = self._replan(step, steps, seconds, pace_from)
            facts = {
                "step": step,
                "steps": steps,
                "seconds": seconds,
                "best": self.best_score,
                "judged": self._judged,
            }
            last = step >= steps or self._ends  # what comes after the steps may fail, too
            if last or self.plan.budget is None or time.perf_counter() - saved[1] > _SAVE_EVERY:
                with self._timed("saving"):
                    self._save(facts)
                saved = (step, time.perf_counter())
            yield Step(step, steps, seconds, mean, rate, score, better)
        if not self.best:  # stopped between two steps, before anything was validated
            self._judge(step)
        if step > saved[0]:  # stopped between two steps
            done = {"step": step, "seconds": time.perf_counter() - began}
            self._save({**facts, **done, "best": self.best_score, "judged": self._judged})

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        """Add what happens inside to the clock, so that a benchmark can see where time goes."""
        began = time.perf_counter()
        yield
        self.clock[what] += time.perf_counter() - began

    def _mean(self, losses: list[Any], step: int) -> float:
        mean = self.processes.mean(self.engine.mean(losses))
        losses.clear()
        if not math.isfinite(mean):
            raise ModelError(_DIVERGED.format("The loss must stay a number", step, f"it is {mean}"))
        return mean

    def _agree(self) -> bool:
        """Tell whether any process was told to stop."""
        self._ends = self.processes.any(self.stop)
        return self._ends

    def _due(self, step: int, steps: int) -> bool:
        """Tell whether to validate after this step: evenly spread, and at the end."""
        if step >= steps or self._ends:
            return True
        return step / steps >= (self._judged + 1) / self.plan.validations

    def _judge(self, step: int) -> tuple[float | None, bool]:
        averaged = self.engine.averaged()
        if not all(np.isfinite(array).all() for array in averaged.values()):
            text = _DIVERGED.format("The weights must stay numbers", step, "they are not")
            raise ModelError(text)
        self._judged += 1
        score = self.processes.decide(lambda: self._score(averaged))
        better = score is None or score > self.best_score
        if better:
            self.best_score = -math.inf if score is None else score
            self.best = averaged
        return score, better

    def _score(self, averaged: Arrays) -> float | None:
        return None if self.validate is None else self.validate(self.engine.maps_of(averaged))

    def _replan(self, step: int, steps: int, seconds: float, pace: tuple[int, float]) -> int:
        """Correct the number of steps to what the machine really does in the time left."""
        per_step = (time.perf_counter() - pace[1]) / max(step - pace[0], 1)
        left = float(self.plan.budget or 0) * _RESERVE - seconds
        possible = self.processes.decide(lambda: step + max(int(left / per_step), 0))
        if abs(possible - steps) > 0.02 * steps:
            steps = possible
        # Validations that a shorter plan jumped over are not made up for.
        self._judged = max(self._judged, int(self.plan.validations * step / steps))
        return steps

    def _save(self, facts: dict[str, Any]) -> None:
        if self.engine.leader:
            from segmentare.checkpoint import write_bytes

            # First, for a state may be older than the best weights, but never know of better ones.
            if self.best:
                from safetensors.numpy import save

                write_bytes(self.folder / BEST, save(self.best))
            save_state(self.folder, self.engine.state(), facts)

    def _recall(self) -> dict[str, Any]:
        """Put back the state of the killed run and return its facts."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        arrays, facts = load_state(self.folder)
        try:
            self.engine.restore(arrays)
        except (KeyError, ValueError) as error:
            raise misfit(self.folder, error) from error
        try:
            self.best = load((self.folder / BEST).read_bytes())
        except (OSError, SafetensorError) as error:
            raise ModelError(
                f"To resume, {str(self.folder)!r} must hold {BEST}; it cannot be read ({error}). "
                "Train anew."
            ) from error
        self.best_score = -math.inf if facts["best"] is None else float(facts["best"])
        self._judged = int(facts["judged"])
        return facts
