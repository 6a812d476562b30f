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

from segmentare.atomic import write_bytes
from segmentare.errors import ModelError
from segmentare.models.checkpoint import Arrays
from segmentare.opening import read_bytes
from segmentare.training.backend import Engine, MapsFunction
from segmentare.training.batches import Batches
from segmentare.training.pace import Pace, Standing, pace_of
from segmentare.training.plan import Plan
from segmentare.training.processes import Processes
from segmentare.training.state import decay_at, load_state, misfit, save_state

BEST = "best.safetensors"  #: the best weights so far, beside the state

_DIVERGED = "{}; at step {} {}. Train with a lower `learning_rate`, or with `precision='float32'`."
_SAVE_EVERY = 60.0  # seconds of work, at most a little more, that a killed run loses


@dataclass(frozen=True)
class Step:
    """One line of the log.

    Attributes:
        step: Number of steps done.
        steps: Number of steps that there will be, as it looks now.
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
        after: Tells how many seconds everything after the last validation will take, so that a
            budget can be kept; 0 as long as that is unknown.
        now: The clock, in seconds.
    """

    plan: Plan
    engine: Engine
    batches: Batches
    validate: Callable[[MapsFunction], float] | None
    folder: Path
    spent: float = 0.0
    stop: bool = False
    processes: Processes = field(default_factory=Processes)
    after: Callable[[], float] = lambda: 0.0
    now: Callable[[], float] = time.perf_counter
    best_score: float = -math.inf
    best: Arrays = field(default_factory=dict)
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
        engine, began = self.engine, self.now() - self.spent
        engine.begin(self.plan)
        facts: dict[str, Any] = {}
        if resume:
            facts = self._recall()
            began = self.now() - float(facts["seconds"])
        self.step = step = int(facts.get("step", 0))
        pace = pace_of(self.plan, lambda: self.now() - began, facts, self.after)
        losses: list[Any] = []
        saved, saved_step = self.now(), step
        at = self._stand(pace)
        finished = bool(facts.get("done"))  # the clock alone cannot tell: the pace is not known yet
        while not (finished or at.over or self._agree()):
            rate = self.plan.rate(at.progress)
            with self._timed("data"):
                loaded = engine.load(self.processes.part(self.batches, step))
            with self._timed("step"):
                losses.append(engine.step(loaded, rate))
            self.step = step = step + 1
            with self._timed("average"):
                engine.average(decay_at(at.decay, step))
            at = self._stand(pace)
            ends = self._agree()
            if not (at.look or ends):
                continue
            mean, score, better = self._mean(losses, step), None, False
            if at.validate or ends:
                paused = self.now()
                with self._timed("validation"):
                    score, better = self._judge(step)
                pace.validated(self.now() - paused)
            facts = {
                "step": step,
                "steps": at.steps,
                "seconds": self.now() - began,
                "best": self.best_score,
                **pace.facts(),
                "done": at.over,
            }
            last = at.over or ends  # what comes after the steps may fail, too
            due = self.now() - saved > _SAVE_EVERY or (at.validate and self.plan.budget is None)
            if last or due:
                paused = self.now()
                with self._timed("saving"):
                    self._save(facts)
                saved, saved_step = self.now(), step
                pace.paused(saved - paused)
            steps = step if ends else at.steps
            yield Step(step, steps, facts["seconds"], mean, rate, score, better)
        if not self.best:  # stopped between two steps, before anything was validated
            self._judge(step)
        if step > saved_step:  # stopped between two steps
            done = {"step": step, "steps": at.steps, "seconds": self.now() - began}
            self._save({**facts, **done, "best": self.best_score, **pace.facts()})

    def _stand(self, pace: Pace) -> Standing:
        """Return where all processes stand, by the clock of the first."""
        return self.processes.share(pace.stand(self.step))

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

    def _judge(self, step: int) -> tuple[float | None, bool]:
        averaged = self.engine.averaged()
        if not all(np.isfinite(array).all() for array in averaged.values()):
            text = _DIVERGED.format("The weights must stay numbers", step, "they are not")
            raise ModelError(text)
        score = None
        if self.validate is not None:
            score = self.processes.share(self.validate(self.engine.maps_of(averaged)))
        better = score is None or score > self.best_score
        if better:
            self.best_score = -math.inf if score is None else score
            self.best = averaged
        return score, better

    def _save(self, facts: dict[str, Any]) -> None:
        if self.processes.first:
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
        self.best_score = -math.inf if facts["best"] is None else float(facts["best"])
        if not facts["judged"]:
            return facts
        try:
            self.best = load(read_bytes(self.folder / BEST))
        except (OSError, SafetensorError) as error:
            raise ModelError(
                f"To resume, {str(self.folder)!r} must hold {BEST}; it cannot be read ({error}). "
                "Train anew."
            ) from error
        return facts
