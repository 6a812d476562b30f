"""The processes that train one network together, and what they tell each other.

Each has its share of every batch. Whatever follows from a clock, a score or a file is decided by
the first process and shared, so that all of them take the same way through the loop and none waits
for another in vain.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from segmentare.batches import Batch, Batches
from segmentare.plan import Plan

T = TypeVar("T")

LAUNCHED = "TORCHELASTIC_RUN_ID"  #: a variable that says that all processes are started


@dataclass
class Processes:
    """One process that trains alone, at no cost; see `torch_processes` for one among several.

    Attributes:
        rank: Number of this process; the first, 0, decides, writes and prints.
        count: How many there are, on all machines.
        local: How many of them are on this machine.
    """

    rank: int = 0
    count: int = 1
    local: int = 1

    @property
    def first(self) -> bool:
        """Tell whether this process decides, writes and prints."""
        return self.rank == 0

    def part(self, batches: Batches, step: int) -> Batch:
        """Return this process's share of a batch."""
        if self.count == 1:
            return batches[step]
        return self.share(batches)[step * self.count + self.rank]

    def share(self, batches: Batches) -> Batches:
        """Return batches of the size that one process takes; `fit` saw that it is whole."""
        return batches if self.count == 1 else replace(batches, batch=batches.batch // self.count)

    def fit(self, plan: Plan, batch: int | None) -> Plan:
        """Return a plan that several processes can train by: with a batch to share out evenly.

        Args:
            plan: Made, or read for resuming.
            batch: What was asked for, which stays.

        Raises:
            ValueError: It cannot be shared out, or the framework trains with one process only.
        """
        if self.count > 1 and plan.framework != "torch":
            raise ValueError(
                "Only PyTorch trains with several processes; got --framework "
                f"{plan.framework}. Leave out --devices, or take --framework torch."
            )
        if not plan.batch % self.count:
            return plan
        if batch is not None or plan.steps:
            raise ValueError(
                f"The images of a batch must be shared out evenly over {self.count} processes; "
                f"the batch has {plan.batch}. Give a --batch that is a multiple of {self.count}."
            )
        larger = -(-plan.batch // self.count) * self.count
        line = f"Batch: {larger} instead of {plan.batch} images, for {self.count} processes."
        return replace(plan, batch=larger, reasons=(*plan.reasons, line))

    def lead(self, engine: Any) -> None:  # noqa: ANN401  an engine that knows of processes
        """Let the engine know what to share its gradients with."""

    def decide(self, make: Callable[[], T]) -> T:
        """Return what `make` returns in the first process, to all of them."""
        return make()

    def any(self, flag: bool) -> bool:  # noqa: FBT001  the one argument there is
        """Tell whether the flag is set in any process."""
        return flag

    def mean(self, value: float) -> float:
        """Return the mean of the values of all processes."""
        return value

    def waiting(self) -> AbstractContextManager[None]:
        """Mark that this process waits for others, and shall end if one of them is gone."""
        return nullcontext()

    def leave(self) -> None:
        """Part for good: the first process goes on alone, the others end here.

        Raises:
            SystemExit: In all processes but the first.
        """
