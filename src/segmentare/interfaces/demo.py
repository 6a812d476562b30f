"""`segmentare demo`: the whole way, from images to a measured model, without any data at hand."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

from segmentare.checkpoint import write_json
from segmentare.interfaces.converting import new_folder
from segmentare.interfaces.display import Display
from segmentare.interfaces.evaluation import Evaluation
from segmentare.interfaces.overwriting import others
from segmentare.interfaces.predicting import Outputs, predict
from segmentare.interfaces.reporting import REPORT, score_run
from segmentare.interfaces.tables import print_scores
from segmentare.interfaces.trained import Options
from segmentare.interfaces.training import train
from segmentare.wishes import Wishes

_IMAGES, _NEW = 240, 6
_MARK = ".drawn"  # file that says what was drawn into a folder
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

    Raises:
        FileExistsError: `out` holds something that no demo made.
    """
    out, display = Path(out), display or Display(quiet=True)
    if task not in _DRAWN:
        raise ValueError(f"The task must be one of {', '.join(_DRAWN)}; got {task!r}.")
    _claim(out)
    new = out / "new"
    if data is None:
        data = out / "data"
        draw_into(data, task, _IMAGES, seed, display)
        draw_into(new, task, _NEW, seed + 1_000_000, display)
        images = [new / "images"]
    else:
        images = [Path(data)]
    # The drawn lesions are much like those that the shipped weights learned from: start afresh.
    start = "none" if data == out / "data" else "default"
    wishes = Wishes(budget=budget or (100.0 if task == "semantic" else 180.0), seed=seed)
    run = train(data, out / "run", wishes, Options(task=task, start=start, overwrite=True), display)
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


def _claim(out: Path) -> None:
    """Mark a folder as that of a demo, whose run and masks a later demo replaces.

    Raises:
        FileExistsError: It holds something else.
    """
    mark = out / ".demo"
    if out.exists() and not mark.is_file() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(
            f"'{out}' must be a new folder, an empty one, or that of an earlier demo; it holds "
            "something else. Give another `out`."
        )
    out.mkdir(parents=True, exist_ok=True)
    mark.touch()


def draw_into(folder: Path, task: str, count: int, seed: int, display: Display) -> None:
    """Draw a dataset for a task, unless it is there from an earlier demo."""
    drawn = f"{task} {count} {seed}"
    if folder.exists():
        earlier = _read_mark(folder)
        if earlier["drawn"] == drawn:
            return
        if foreign := others(folder, [_MARK, *earlier["contents"]]):
            raise FileExistsError(
                f"'{folder}' holds {foreign[0]!r}, which was not drawn. Give another `out`."
            )
        shutil.rmtree(folder)
    display.say(f"Drawing {count} images of {_DRAWN[task]}, into {folder}.")
    with new_folder(folder) as made:
        _write_drawn(made, task, count, seed)
        write_json(made / _MARK, {"drawn": drawn, "contents": others(made, ())})


def _read_mark(folder: Path) -> dict[str, Any]:
    """Return what was drawn into a folder, and all its files; nothing where nothing was."""
    try:
        found = json.loads((folder / _MARK).read_text(encoding="utf-8"))
        return {"drawn": str(found["drawn"]), "contents": list(found["contents"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"drawn": "", "contents": []}


def _write_drawn(folder: Path, task: str, count: int, seed: int) -> None:
    from segmentare.datasets import synthetic, synthetic_objects, synthetic_people

    if task == "semantic":
        synthetic.write_dataset(folder, count, seed=seed)
    elif task in {"pose", "body"}:
        synthetic_people.write_dataset(folder, count, seed=seed)
    else:
        kind: synthetic_objects.Kind = "cells" if task == "instance" else "meadow"
        synthetic_objects.write_dataset(folder, kind, count, seed=seed)
