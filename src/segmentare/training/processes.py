"""The processes that train one network together: here one, alone.

Each takes its share of every batch, and all do the same work otherwise. Whatever follows from a
clock is shared by the first process, so that all of them take the same way through the loop. Only
the first one writes and prints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from segmentare.errors import InputError
from segmentare.training.batches import Batch, Batches
from segmentare.training.plan import Plan

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """One process that trains alone; see `torch_processes` for one among several.

    Attributes:
        rank: Number of this process; the first, 0, writes and prints.
        count: How many there are, on all machines.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Tell whether this process writes and prints."""
        return self.rank == 0

    def part(self, batches: Batches, step: int) -> Batch:
        """Return this process's share of a batch."""
        if self.count == 1:
            return batches[step]
        return self.smaller(batches)[step * self.count + self.rank]

    def smaller(self, batches: Batches) -> Batches:
        """Return batches of the size that one process takes; `fit` saw that it is whole."""
        return batches if self.count == 1 else replace(batches, batch=batches.batch // self.count)

    def fit(self, plan: Plan, batch: int | None) -> Plan:
        """Return a plan with a batch that can be shared out evenly.

        Args:
            plan: Made, or read for resuming.
            batch: The batch that the user chose, which is not changed.

        Raises:
            InputError: It cannot be shared out evenly.
        """
        if not plan.batch % self.count:
            return plan
        if batch is not None or plan.steps:
            raise InputError(
                f"The images of a batch must be shared out evenly over {self.count} processes; "
                f"the batch has {plan.batch}. Give a batch that is a multiple of {self.count}."
            )
        larger = -(-plan.batch // self.count) * self.count
        line = f"Batch: {larger} instead of {plan.batch} images, for {self.count} processes."
        return replace(plan, batch=larger, reasons=(*plan.reasons, line))

    def share(self, value: T) -> T:
        """Return the value that the first process gave."""
        return value

    def any(self, flag: bool) -> bool:  # noqa: FBT001  the one argument there is
        """Tell whether the flag is set in any process."""
        return flag

    def mean(self, value: float) -> float:
        """Return the mean of the values of all processes."""
        return value

    def leave(self) -> None:
        """End all processes but the first, which goes on alone.

        Raises:
            SystemExit: In all processes but the first.
        """
