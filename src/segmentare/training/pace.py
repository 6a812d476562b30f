"""How far a training has come: by its steps, or by the clock where it has a budget.

By steps everything is the same in every run, and a killed run ends as the unbroken one. By the
clock nothing is planned for good: before every step the rest of the schedule is spread over the
time that is left, so the learning rate comes down to its end however fast the machine turns out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Protocol

from segmentare.training.plan import Plan, averaging

LOG_EVERY = 10  #: steps between two looks at the loss, each of which waits for the device
_RESERVE = 0.97  # share of the budget that training and all after it may fill; the rest is slack
_MOST_AFTER = 0.3  # share of the budget that is kept for what follows the last step, at most
_LOOKS = (
    100  # by the clock: looks in a budget, but not more often or seldom than the next line says
)
_SOONEST, _LATEST = 0.2, 5.0  # seconds between two looks
_VALIDATING = 6.0  # between two validations there is at least so many times the time of one
_JUMP = 0.1  # share of the schedule that a step may take, however long the machine stood still
_OVERTIME = 0.05  # share of the budget in which a training that stood still may still cool down


@dataclass(frozen=True)
class Standing:
    """Where a training stands between two steps.

    Attributes:
        over: No step follows.
        progress: Share of the schedule that is done, 0 to 1; the learning rate follows it.
        steps: How many steps there will be, as it looks now.
        decay: Of the averaged weights.
        look: It is time for a line of the log.
        validate: It is time to score the averaged weights.
    """

    over: bool
    progress: float
    steps: int
    decay: float
    look: bool
    validate: bool


class Pace(Protocol):
    """Tells how far a training has come."""

    def stand(self, step: int) -> Standing:
        """Return where the training stands after `step` steps; called once per step."""

    def validated(self, seconds: float) -> None:
        """Count a validation, which took so long."""

    def paused(self, seconds: float) -> None:
        """Take note of time that was spent on something other than steps."""

    def facts(self) -> dict[str, Any]:
        """Return what a resumed run must know, JSON-ready."""


def pace_of(
    plan: Plan, seconds: Callable[[], float], facts: Mapping[str, Any], after: Callable[[], float]
) -> Pace:
    """Return the pace of a plan: by the clock if it has a budget.

    Args:
        plan: Of the training.
        seconds: Tells how long the run has lasted, over all its sessions.
        facts: Of the state from which a run is resumed; empty for a new one.
        after: Tells how many seconds everything after the last validation will take, 0 as long
            as that is unknown.
    """
    if plan.budget is None:
        return BySteps(plan, int(facts.get("judged", 0)))
    kept = {name: facts[name] for name in ("judged", "first", "aside", "cost") if name in facts}
    pace = ByClock(plan, plan.budget, seconds, after, **{"first": seconds(), **kept})
    pace.progress = float(facts.get("progress", 0.0))
    return pace


@dataclass
class BySteps:
    """Exactly the steps of the plan.

    Attributes:
        plan: Its steps and its validations.
        judged: Validations done.
    """

    plan: Plan
    judged: int = 0

    def stand(self, step: int) -> Standing:
        """Return where the training stands; validations are evenly spread, and one at the end."""
        steps = self.plan.steps
        over = step >= steps
        validate = over or step / steps >= (self.judged + 1) / self.plan.validations
        look = validate or step % LOG_EVERY == 0
        return Standing(over, step / steps, steps, self.plan.ema, look, validate)

    def validated(self, seconds: float) -> None:
        """Count a validation."""
        del seconds
        self.judged += 1

    def paused(self, seconds: float) -> None:
        """Do nothing: time does not matter."""

    def facts(self) -> dict[str, Any]:
        """Return how many validations were done."""
        return {"judged": self.judged}


@dataclass
class ByClock:
    """As many steps as the budget holds.

    The progress is the share of the training's time that is gone, where validations count neither
    as gone nor as left. One step moves it by a tenth at most (or by two steps of usual length), so
    a machine that stood still past the end finds a few steps to cool down in, not none.

    Attributes:
        plan: Its steps are a first guess; its validations are how many there are at most.
        budget: Seconds from the run's beginning to its last score.
        seconds: Tells how long the run has lasted, over all its sessions.
        after: Tells how many seconds everything after the last validation will take.
        first: Second at which the steps began.
        aside: Seconds since then that were no steps.
        cost: Seconds of the last validation.
        judged: Validations done.
        progress: Share of the schedule that is done.
    """

    plan: Plan
    budget: float
    seconds: Callable[[], float]
    after: Callable[[], float]
    first: float
    aside: float = 0.0
    cost: float = 0.0
    judged: int = 0
    progress: float = 0.0
    _paces: deque[float] = field(default_factory=lambda: deque(maxlen=5))
    _looked: tuple[int, float] | None = None  # step, and seconds of training, at the last look
    _late: float | None = None  # second at which no time was left
    _judged_at: float | None = None  # seconds of training at the last validation

    def stand(self, step: int) -> Standing:
        """Return where the training stands."""
        now = self.seconds()
        trained, left = now - self.first - self.aside, self._left(now)
        look = self._look(step, trained)
        usual = median(self._paces) if self._paces else 0.0
        whole = max(trained + left, 1e-9)
        gone = trained / whole
        jump = max(_JUMP, 2 * usual / whole)
        self.progress = max(self.progress, min(gone, self.progress + jump))
        late = left <= 0.5 * usual
        if late and self._late is None:
            self._late = now
        cooling = late and self.progress < gone - 0.5 * _JUMP
        cooling = cooling and now < (self._late or now) + _OVERTIME * self.budget
        over = step > 0 and late and not cooling
        steps = max(self.plan.steps, step + 1)
        if usual:
            steps = step if over else step + max(1, round(left / usual))
        since = trained - (self._judged_at or 0.0)
        due = since >= self._interval() and left >= self._interval() / 2
        validate = over or (step > 0 and due)
        if validate:
            self._judged_at = trained
        decay = averaging(steps)
        return Standing(over, self.progress, steps, decay, look or validate, validate)

    def validated(self, seconds: float) -> None:
        """Count a validation and keep its cost in mind, for the next and for the end."""
        self.judged += 1
        self.cost = seconds
        self.paused(seconds)

    def paused(self, seconds: float) -> None:
        """Leave this time out of the training's."""
        self.aside += seconds

    def facts(self) -> dict[str, Any]:
        """Return the numbers above; `seconds` are the loop's."""
        names = ("judged", "first", "aside", "cost", "progress")
        return {name: getattr(self, name) for name in names}

    def _end(self) -> float:
        """Return the second at which the last step must be done."""
        follows = min(self.cost + self.after(), _MOST_AFTER * self.budget)
        return self.budget * _RESERVE - follows

    def _interval(self) -> float:
        """Return the seconds of training between two validations."""
        evenly = (self._end() - self.first) / self.plan.validations
        return max(evenly, _VALIDATING * self.cost)

    def _left(self, now: float) -> float:
        """Return the seconds that are left for steps: what the validations will not take."""
        left = max(self._end() - now, 0.0)
        interval = self._interval()
        return left / (1 + self.cost / interval) if interval > 0 else 0.0

    def _look(self, step: int, trained: float) -> bool:
        """Tell whether it is time for a look, and measure how long a step takes now."""
        if self._looked is None:
            self._looked = step, trained
            self._judged_at = trained
            return False
        steps, seconds = step - self._looked[0], trained - self._looked[1]
        if steps < 1 or seconds < min(max(self.budget / _LOOKS, _SOONEST), _LATEST):
            return False
        self._paces.append(seconds / steps)
        self._looked = step, trained
        return True
