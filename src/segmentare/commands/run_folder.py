"""The folder of a run: what may be written into it, what is removed, and how its plan is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from segmentare.atomic import write_json
from segmentare.commands.running import RUN, Found
from segmentare.errors import ModelError, OutputExistsError
from segmentare.locking import LOCK
from segmentare.models.checkpoint import MODEL, WEIGHTS
from segmentare.overwriting import check_inputs
from segmentare.training.logs import NAME as LOG
from segmentare.training.loop import BEST
from segmentare.training.plan import Plan
from segmentare.training.runs import SPLIT, read_seen, write_split_file
from segmentare.training.state import STATE

PLAN = "plan.json"
_SCORED = ("scores.json", "report.html")  # what is written when a run is scored


def check_folder(out: Path, *, resume: bool, overwrite: bool, inputs: Sequence[Path]) -> None:
    """Stop before anything but an earlier run, if that is wanted, would be replaced.

    Args:
        out: Folder of the run.
        resume: Go on with the run that is there.
        overwrite: Replace the run that is there.
        inputs: What the training reads besides its data, which must not be replaced.

    Raises:
        ModelError: There is nothing to resume.
        OutputExistsError: Something is there.
    """
    if resume:
        if not (out / PLAN).is_file() or not (out / STATE).is_file():
            raise ModelError(
                f"To resume, {str(out)!r} must hold {PLAN} and {STATE} of a run that was stopped; "
                "it does not. Train from the start, without `resume=True`."
            )
        return
    if out.is_file():
        raise OutputExistsError(f"{str(out)!r} must be a folder; it is a file. Give another `out`.")
    there = [name for name in (MODEL, PLAN) if _is_ours(out / name)]
    if there and not overwrite:
        stopped = (out / PLAN).is_file() and (out / STATE).is_file()
        resuming = "`resume=True` to go on with it, " if stopped else ""
        raise OutputExistsError(
            f"{str(out)!r} holds a run already ({there[0]}). Give another `out`, {resuming}or "
            "`overwrite=True` to replace it."
        )
    if there:
        check_inputs([out, *out.iterdir()], inputs)
    if out.is_dir() and not there and any(path.name != LOCK for path in out.iterdir()):
        raise OutputExistsError(
            f"{str(out)!r} must be empty or hold a run; it holds other files. Give another `out`."
        )


def write_plan(out: Path, plan: Plan, found: Found, start: str) -> None:
    """Write what a killed run goes on with, in place of the run that was there."""
    known = start in {"default", "none", ""}
    seen = () if known else read_seen(Path(start)).parts
    _clear(out)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / PLAN, plan.to_dict())
    parts = found.parts
    write_split_file(out, parts.by_part(), found.loaded.contents, parts.how, seen)


def _is_ours(path: Path) -> bool:
    """Tell whether a file of a run's names is that of a run, not something else of such a name."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and "task" in found and "preprocessing" in found


def _clear(out: Path) -> None:
    """Remove the run that was there, now that its successor is sure to start, and nothing else."""
    for name in (MODEL, WEIGHTS, PLAN, RUN, STATE, BEST, SPLIT, LOG, *_SCORED):
        (out / name).unlink(missing_ok=True)
    for path in (out / "tensorboard").glob("events.out.tfevents.*"):
        path.unlink()


def read_plan(path: Path) -> Plan:
    """Return the plan of a run that was stopped.

    Raises:
        ModelError: It is damaged.
    """
    try:
        return Plan.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{str(path)!r} is damaged ({error}). Train anew.") from error
