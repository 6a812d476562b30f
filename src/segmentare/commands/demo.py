"""`segmentare demo`: the whole way, from images to a measured model, without any data at hand."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentare.commands.options import command
from segmentare.commands.predict import predict
from segmentare.commands.train import Run, train
from segmentare.commands.values import Folder, Seconds, TaskName
from segmentare.errors import BudgetError, OutputExistsError

if TYPE_CHECKING:
    from segmentare.progress import Display

_IMAGES, _NEW = 240, 6
_MARK = ".drawn"  # file that says what was drawn into a folder
_DRAWN = {
    "semantic": "skin lesions",
    "instance": "touching cells",
    "panoptic": "sheep on a meadow",
    "pose": "people",
    "body": "people",
}


@command
def demo(
    out: Folder = "demo",
    data: Folder | None = None,
    *,
    task: TaskName = "semantic",
    budget: Seconds | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> Run:
    """Draw images (or take yours), train, score, predict, and write a report.

    Args:
        out (--out DIR): Folder of everything that is made: data, new, run, masks.
        data (--data DATA): Dataset of your own; left out, one is drawn.
        task: What is learned, which decides what is drawn: a category for every pixel (semantic),
            objects (instance) or both (panoptic); keypoints of people (pose), or these and their
            silhouettes (body).
        budget (TIME): Time for the training, such as 90s or 10m; left out, 100s for the semantic
            task and 3m for the others.
        seed (N): Seed of the drawing and of the training.
        quiet: Show no progress.

    Returns:
        The run, with its scores on images that it never saw.

    Raises:
        OutputExistsError: `out` holds something that no demo made.

    Examples:
        segmentare demo
        segmentare demo --task instance --out cells
        segmentare demo --data photos --out first --budget 5m
    """
    from segmentare.progress import Display, duration

    out, display = Path(out), Display(quiet=quiet)
    new, drawn = out / "new", data is None
    _claim(out)
    if drawn:
        draw_into(out / "data", task, _IMAGES, seed, display)
        draw_into(new, task, _NEW, seed + 1_000_000, display)
    budget = budget or ("100s" if task == "semantic" else "3m")
    attempt = partial(
        train,
        out / "data" if data is None else data,
        out / "run",
        task=task,
        overwrite=True,
        seed=seed,
        quiet=quiet,
    )
    try:
        run = attempt(budget=budget)
    except BudgetError as error:  # a demo ends with something to show, on a slow machine later
        display.warn(f"This machine is slow: the demo takes {duration(error.needed)}.")
        run = attempt(budget=error.needed)
    if drawn:
        sure = task != "pose"  # skeletons have no probability of pixels
        masks, images = out / "masks", new / "images"
        predict(
            run.folder,
            images,
            masks,
            overlay=True,
            probability=sure,
            overwrite=True,
            # Its own: to try all engines takes longer than six images.
            framework="tensorflow" if run.plan.framework == "tensorflow" else "torch",
            quiet=quiet,
        )
        display.say(f"Masks and overlays of {_NEW} new images: {masks}")
    display.say(f"Report, to be opened in a browser: {run.report}", style="bold")
    display.say(
        "Next, with your own images:\n"
        "  segmentare check FOLDER\n"
        "  segmentare train FOLDER --out run --budget 10m"
    )
    return run


def _claim(out: Path) -> None:
    """Mark a folder as that of a demo, whose run and masks a later demo replaces.

    Raises:
        OutputExistsError: It holds something else.
    """
    mark = out / ".demo"
    if out.exists() and not mark.is_file() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(
            f"'{out}' must be a new folder, an empty one, or that of an earlier demo; it holds "
            "something else. Give another `out`."
        )
    out.mkdir(parents=True, exist_ok=True)
    mark.touch()


def draw_into(folder: Path, task: str, count: int, seed: int, display: Display) -> None:
    """Draw a dataset for a task, unless it is there from an earlier demo.

    Raises:
        OutputExistsError: The folder holds something that was not drawn.
    """
    from segmentare.atomic import write_json
    from segmentare.datasets.converting import new_folder
    from segmentare.overwriting import others

    drawn = f"{task} {count} {seed}"
    if folder.exists():
        earlier = _read_mark(folder)
        if earlier["drawn"] == drawn:
            return
        if foreign := others(folder, [_MARK, *earlier["contents"]]):
            raise OutputExistsError(
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
    from segmentare.synthetic import lesion_dataset as synthetic
    from segmentare.synthetic import object_datasets as synthetic_objects
    from segmentare.synthetic import people_dataset as synthetic_people

    if task == "semantic":
        synthetic.write_dataset(folder, count, seed=seed)
    elif task in {"pose", "body"}:
        synthetic_people.write_dataset(folder, count, seed=seed)
    else:
        kind: synthetic_objects.Kind = "cells" if task == "instance" else "meadow"
        synthetic_objects.write_dataset(folder, kind, count, seed=seed)
