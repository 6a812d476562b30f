"""`segmentare demo`: the whole way, from images to a measured model, without any data at hand."""

from __future__ import annotations

import shlex
from pathlib import Path

from segmentare.interfaces.display import Display
from segmentare.interfaces.evaluation import Evaluation
from segmentare.interfaces.predicting import Outputs, predict
from segmentare.interfaces.reporting import REPORT, score_run
from segmentare.interfaces.tables import print_scores
from segmentare.interfaces.training import Options, train
from segmentare.planning import Wishes

_IMAGES, _NEW = 240, 6


def demo(
    out: str | Path,
    data: str | Path | None = None,
    *,
    task: str = "semantic",
    budget: float = 100.0,
    seed: int = 0,
    display: Display | None = None,
) -> Evaluation | None:
    """Draw a dataset, train on it, score on unseen images, predict new ones, write a report.

    Args:
        out: Folder of everything that is made: `data`, `new`, `run`, `masks`.
        data: A dataset of your own instead of the drawn one.
        task: What is learned.
        budget: Seconds for the training.
        seed: Of the drawing and the training.
        display: Where progress is shown; `None` shows nothing.

    Returns:
        The evaluation on the test part.
    """
    from segmentare.datasets.synthetic import write_dataset

    out, display = Path(out), display or Display(quiet=True)
    new = out / "new"
    if data is None:
        data = out / "data"
        display.say(f"Drawing {_IMAGES} images of lesions that never were, into {data}.")
        if not (data / "labels.csv").exists():
            write_dataset(data, _IMAGES, seed=seed)
        if not (new / "labels.csv").exists():
            write_dataset(new, _NEW, seed=seed + 1_000_000)
        images = [new / "images"]
    else:
        images = [Path(data)]
    # The drawn lesions are much like those that the shipped weights learned from: start afresh.
    start = "none" if data == out / "data" else "default"
    wishes = Wishes(budget=budget, seed=seed)
    run = train(data, out / "run", wishes, Options(task=task, start=start, overwrite=True), display)
    command = f"segmentare demo --out {shlex.quote(str(out))}"
    evaluation = score_run(run, command, display)
    if images[0] == new / "images":
        outputs = Outputs(overlay=True, probability=True, overwrite=True)
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
