"""`segmentare demo`: the whole way, from images to a measured model, without any data at hand."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

from segmentare.errors import BudgetError
from segmentare.interfaces.display import Display, duration
from segmentare.interfaces.evaluation import Evaluation
from segmentare.interfaces.predicting import Outputs, predict
from segmentare.interfaces.reporting import REPORT, score_run
from segmentare.interfaces.tables import print_scores
from segmentare.interfaces.trained import Options
from segmentare.interfaces.training import train
from segmentare.wishes import Wishes

_IMAGES, _NEW = 240, 6
_DRAWN = {
    "semantic": "lesions that never were",
    "instance": "touching cells",
    "panoptic": "sheep on a meadow",
    "pose": "people",
    "body": "people",
}


def demo(
    out: str | Path,
    data: str | Path | None = None,
    *,
    task: str = "semantic",
    budget: float | None = None,
    seed: int = 0,
    display: Display | None = None,
) -> Evaluation | None:
    """Draw a dataset, train on it, score on unseen images, predict new ones, write a report.

    Args:
        out: Folder of everything that is made: `data`, `new`, `run`, `masks`.
        data: A dataset of your own instead of the drawn one.
        task: What is learned, which decides what is drawn.
        budget: Seconds for the training; `None` takes 100 seconds for the semantic task and three
            minutes for the others.
        seed: Of the drawing and the training.
        display: Where progress is shown; `None` shows nothing.

    Returns:
        The evaluation on the test part.
    """
    out, display = Path(out), display or Display(quiet=True)
    new = out / "new"
    if data is None:
        data = out / "data"
        if task not in _DRAWN:
            raise ValueError(f"The task must be one of {', '.join(_DRAWN)}; got {task!r}.")
        _draw(data, task, _IMAGES, seed, display)
        _draw(new, task, _NEW, seed + 1_000_000, display)
        images = [new / "images"]
    else:
        images = [Path(data)]
    # The drawn lesions are much like those that the shipped weights learned from: start afresh.
    start = "none" if data == out / "data" else "default"
    wishes = Wishes(budget=budget or (100.0 if task == "semantic" else 180.0), seed=seed)
    options = Options(task=task, start=start, overwrite=True)
    try:
        run = train(data, out / "run", wishes, options, display)
    except BudgetError as error:  # a demo ends with something to show, on a slow machine later
        wishes = replace(wishes, budget=error.needed)
        display.warn(f"This machine is slow: the demo takes {duration(error.needed)}.")
        run = train(data, out / "run", wishes, options, display)
    command = f"segmentare demo --task {task} --out {shlex.quote(str(out))}"
    evaluation = score_run(run, command, display)
    if images[0] == new / "images":
        sure = task != "pose"  # skeletons have no probability of pixels
        outputs = Outputs(overlay=True, probability=sure, overwrite=True)
        predict(run.folder, images, out / "masks", outputs, display=display)
        display.say(f"Masks and overlays of {_NEW} new images: {out / 'masks'}")
    if evaluation is not None:
        print_scores(evaluation)
    display.say(f"Report, to be opened in a browser: {run.folder / REPORT}", style="bold")
    display.say(
        "Next, with your own images:\n"
        "  segmentare check FOLDER\n"
        "  segmentare train FOLDER --out run --budget 10m"
    )
    return evaluation


def _draw(folder: Path, task: str, count: int, seed: int, display: Display) -> None:
    """Draw a dataset for a task, unless it is there from an earlier demo."""
    from segmentare.datasets import synthetic, synthetic_objects, synthetic_people

    mark = folder / ".drawn"  # says that the folder is ours, and when it is complete what it holds
    drawn = f"{task} {count} {seed}"
    if mark.is_file():
        if mark.read_text(encoding="utf-8") == drawn:
            return
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"'{folder}' holds something that was not drawn. Give another --out.")
    display.say(f"Drawing {count} images of {_DRAWN[task]}, into {folder}.")
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text("incomplete", encoding="utf-8")
    if task == "semantic":
        synthetic.write_dataset(folder, count, seed=seed)
    elif task in {"pose", "body"}:
        synthetic_people.write_dataset(folder, count, seed=seed)
    else:
        kind: synthetic_objects.Kind = "cells" if task == "instance" else "meadow"
        synthetic_objects.write_dataset(folder, kind, count, seed=seed)
    mark.write_text(drawn, encoding="utf-8")
