"""The log of a training: CSV always, TensorBoard where it is installed."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentare.opening import open_text
from segmentare.training.plan import Plan

if TYPE_CHECKING:  # reading a log needs no framework
    from segmentare.training.loop import Step

NAME = "log.csv"
_COLUMNS = ("step", "seconds", "loss", "learning_rate")


class Log:
    """Appends one row per event; rows after the step that a resumed run starts from are dropped."""

    def __init__(self, folder: Path, plan: Plan, headline: str) -> None:
        self.headline = headline
        self._path = folder / NAME
        self._columns = (*_COLUMNS, f"val_{headline}")
        self._board: Any = None
        self._started = False
        if find_spec("tensorboard") and find_spec(
            "torch"
        ):  # some TensorFlows bring the first along
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"))
            self._board.add_text("plan", "\n\n".join(plan.reasons))

    def write(self, step: Step) -> None:
        """Append one event and see that it reaches the disk."""
        if not self._started:
            self._begin(step.step)
        score = "" if step.score is None else f"{step.score:.5f}"
        row = [step.step, f"{step.seconds:.2f}", f"{step.loss:.5f}", f"{step.learning_rate:.3g}"]
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([*row, score])
        if self._board is not None:
            self._board.add_scalar("loss", step.loss, step.step)
            if step.score is not None:
                self._board.add_scalar(f"val_{self.headline}", step.score, step.step)

    def close(self) -> None:
        """Flush what TensorBoard still holds."""
        if self._board is not None:
            self._board.close()

    def _begin(self, first: int) -> None:
        kept = [row for row in read_log(self._path) if int(row["step"]) < first]
        with self._path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(kept)
        self._started = True


def read_log(path: Path) -> list[dict[str, str]]:
    """Return the rows of a log, none where there is no file."""
    if not path.is_file():
        return []
    with open_text(path, newline="") as file:
        return list(csv.DictReader(file))
