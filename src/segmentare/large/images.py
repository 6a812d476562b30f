"""Images too large for memory: `segmentare predict` reads, predicts and writes them in parts."""

from __future__ import annotations

import csv
import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.annotations.measures import Measures
from segmentare.annotations.segmentation import Segmentation, foreground_ids
from segmentare.atomic import replacing
from segmentare.drawing.overlays import overlay, viewable
from segmentare.errors import InputError
from segmentare.images.tiff_windows import TiffWindows
from segmentare.images.windows import Windows
from segmentare.large import prediction as large
from segmentare.large.assembly import Answers
from segmentare.large.blocks import Plan, Workspace, plan_blocks
from segmentare.large.files import write_category, write_tiff
from segmentare.large.grids import Grid, measure_range
from segmentare.large.measures import measure_blocks
from segmentare.prediction.predictor import Predictor
from segmentare.progress import Display, duration
from segmentare.results import files
from segmentare.results.masks import with_ending
from segmentare.results.object_files import MOST_IDS
from segmentare.results.object_tables import channel_columns, columns, object_rows
from segmentare.results.outputs import Outputs

MASK = ".tif"  #: ending of the mask of a large image

_WHOLE_ONLY = ("cutout", "background", "heatmaps")
_ROWS = 10_000  # of the table of objects that are written at once
_FIRST_GUESS = 0.05  # share of the parts from which on the room that all need can be told

Tell = Callable[[str], None]


@dataclass(frozen=True)
class LargeImages:
    """Predicts one large image after the other.

    Attributes:
        predictor: The model.
        model: Identifies the model; an unfinished job of another one is not continued.
        out: Folder of the results.
        outputs: What to write.
        display: Where is told what happens.
    """

    predictor: Predictor[Any]
    model: str
    out: Path
    outputs: Outputs
    display: Display

    def predict(self, stem: str, path: Path, windows: Windows, tell: Tell) -> dict[str, Any]:
        """Write what an image shows, and return its line of `predictions.jsonl`.

        What is done is kept in the folder `.<stem>.parts` until all is. A job that was killed
        goes on there if the image, the model and the options are still the same.

        Args:
            stem: Name of the results.
            path: File of the image.
            windows: Its pixels.
            tell: Takes a line about the progress, often.

        Raises:
            DatasetError: A part of the image is damaged.
            InputError: Something is wanted that only whole images give, the model takes no such
                images, or the disk has no room for the results.
        """
        self._check(windows)
        grid = Grid(windows, self.predictor.preprocessing, self._limits(windows))
        plan = plan_blocks(grid.frame, self.predictor.task)
        wanted = large.Wanted(self.outputs.probability, self.outputs.overlay)
        target = self.out / stem
        target.parent.mkdir(parents=True, exist_ok=True)
        workspace = Workspace(workspace_of(target))
        again = workspace.open(self._job(path, plan, wanted))
        self._announce(path, windows, plan, again=again)
        self._fill(workspace, grid, windows, plan, (wanted, path.name, tell))
        tell(f"{path.name}: writing")
        answers = Answers(workspace, plan, large.task_for(self.predictor.task, grid.frame))
        row = self._describe(answers, plan, path)
        row |= self._write(target, stem, windows, answers, (plan, path))
        workspace.remove()
        return row

    def _check(self, windows: Windows) -> None:
        wanted = [name for name in _WHOLE_ONLY if getattr(self.outputs, name)]
        if wanted:
            raise InputError(
                f"`{wanted[0]}` is for images that are predicted whole, and '{windows.name}' of "
                f"{windows.size[0]:,} x {windows.size[1]:,} pixels is not. Leave it out, or raise "
                "`large` if there is memory enough."
            )
        part = windows.read((0, 1), (0, 1))
        self.predictor.preprocessing.check(part)

    def _limits(self, windows: Windows) -> tuple[float, float] | None:
        return measure_range(windows) if self.predictor.preprocessing.level else None

    def _job(self, path: Path, plan: Plan, wanted: large.Wanted) -> dict[str, Any]:
        """Return all that the parts depend on, JSON-ready."""
        state = path.stat()
        return {
            "image": [path.name, state.st_size, state.st_mtime_ns],
            "model": self.model,
            "task": self.predictor.task.to_dict(),
            "flips": self.predictor.flips,
            "overlap": self.predictor.overlap,
            "wanted": vars(wanted),
            "plan": vars(plan),
        }

    def _announce(self, path: Path, windows: Windows, plan: Plan, *, again: bool) -> None:
        memory = (plan.memory + windows.memory) / 1e9
        self.display.say(
            f"{path.name}: {windows.size[0]:,} x {windows.size[1]:,} pixels, "
            f"{'going on' if again else 'predicted'} in {len(plan.blocks)} parts with up to "
            f"{memory:.1f} GB beside the model."
        )

    def _fill(
        self,
        workspace: Workspace,
        grid: Grid,
        windows: Windows,
        plan: Plan,
        about: tuple[large.Wanted, str, Tell],
    ) -> None:
        """Predict all parts that are missing."""
        wanted, name, tell = about
        began, guessed = time.monotonic(), 0.0
        check_room(workspace, plan, 0)
        steps = large.predict_blocks(self.predictor, grid, windows, plan, (workspace, wanted))
        for step in steps:
            share = step.blocks / len(plan.blocks)
            if share >= guessed + _FIRST_GUESS:
                check_room(workspace, plan, step.blocks)
                guessed = share
            text = f"{name}: {100 * step.done // step.total} %"
            if step.computed:
                left = (time.monotonic() - began) / step.computed * (step.total - step.done)
                text += f", {duration(left)} left"
            tell(text)

    def _describe(self, answers: Answers, plan: Plan, path: Path) -> dict[str, Any]:
        """Return what `files.describe` does for whole images."""
        categories, pixels = self.predictor.task.categories, plan.size[0] * plan.size[1]
        found: dict[str, dict[str, Any]] = {}
        for index in foreground_ids(categories):
            area = int(answers.areas[index])
            found[categories[index].name] = {
                "area_px": area,
                "share": area / pixels,
                "box": answers.boxes[index].tolist() if area else None,
            }
            if answers.objects is not None:
                own = answers.objects.scores[answers.objects.kinds == index]
                mean = float(own.mean()) if own.size else None
                found[categories[index].name] |= {"objects": int(own.size), "mean_score": mean}
        row = {
            "image": path.name,
            "width": plan.size[1],
            "height": plan.size[0],
            "categories": found,
            "confidence": answers.confidence(),
        }
        if answers.objects is not None:
            row["objects"] = len(answers.objects.scores)
        return row

    def _write(
        self,
        target: Path,
        stem: str,
        windows: Windows,
        answers: Answers,
        about: tuple[Plan, Path],
    ) -> dict[str, Any]:
        """Write all files; the mask comes last, so that it says that all are there."""
        (plan, path), outputs, categories = about, self.outputs, self.predictor.task.categories
        scale, row = outputs.scale, {"file": str(path), "mask": f"{stem}{MASK}"}
        if answers.objects is not None:
            ids = with_ending(target, ".ids.tif")
            count = len(answers.objects.scores)
            kind = np.dtype(np.uint16 if count <= MOST_IDS else np.int32)
            write_tiff(ids, plan, answers.ids, kind, scale=scale)
            with TiffWindows(ids) as written:
                measures = measure_blocks(written, windows, plan, answers.objects.kinds)
            table = with_ending(target, ".objects.csv")
            self._write_table(table, measures, answers, (path, windows))
            row |= {"ids": f"{stem}.ids.tif", "table": f"{stem}.objects.csv"}
        if outputs.probability:
            gray = with_ending(target, ".probability.tif")
            write_tiff(gray, plan, answers.probability, np.dtype(np.uint8), scale=scale)
        if outputs.overlay:
            picture = viewable(large.overview(plan.size, answers.pictures()))
            small = large.overview(
                plan.size,
                ((p, large.thinned(answers.category(p), plan.size, p)) for p in plan.blocks),
            )
            drawn = overlay(picture, Segmentation(small), categories)
            files.write_overlay(with_ending(target, ".overlay.jpg"), drawn, overwrite=True)
        write_category(with_ending(target, MASK), plan, answers.category, categories, scale)
        return row

    def _write_table(
        self, path: Path, measures: Measures, answers: Answers, image: tuple[Path, Windows]
    ) -> None:
        """Write the objects as CSV, whole or not at all, in the columns of `objects.csv`."""
        scores = [] if answers.objects is None else answers.objects.scores.tolist()
        source, windows = image
        channels = channel_columns(np.zeros((1, 1, windows.channels), windows.dtype))
        about = (source.name, channels, self.predictor.task.categories)
        scale = self.outputs.scale
        with (
            replacing(path, f".{path.name}.tmp") as place,
            place.open("w", encoding="utf-8", newline="") as file,
        ):
            table = csv.DictWriter(file, [*columns(scale), *channels], lineterminator="\n")
            table.writeheader()
            for first in range(0, len(measures), _ROWS):
                part = slice(first, first + _ROWS)
                some = replace(measures, **{k: v[part] for k, v in vars(measures).items()})
                rounded = [round(score, 6) for score in scores[part]]
                table.writerows(object_rows(some, rounded, about, scale))


def names_of_large(stem: str, task: str, outputs: Outputs) -> list[str]:
    """Return the names of the files that one image will give if it is large, the mask first."""
    names = [f"{stem}{MASK}"]
    names += [f"{stem}.ids.tif", f"{stem}.objects.csv"] * (task == "instance")
    names += [f"{stem}.probability.tif"] * outputs.probability
    return names + [f"{stem}.overlay.jpg"] * outputs.overlay


def workspace_of(target: Path) -> Path:
    """Return the folder of what is done of a large image, which is there while it is not whole."""
    return target.with_name(f".{target.name}.parts")


def check_room(workspace: Workspace, plan: Plan, blocks: int) -> None:
    """Stop early where the disk has no room for all parts and the results made of them.

    Args:
        workspace: Holds what is done.
        plan: Of all parts.
        blocks: Number of those that are done.

    Raises:
        InputError: It has not.
    """
    pixels, kept = plan.size[0] * plan.size[1], workspace.bytes()
    # the parts so far tell what all will take, and results take about as much as their parts
    need = 2 * kept * len(plan.blocks) // blocks - kept if blocks else pixels // 200
    free = shutil.disk_usage(workspace.folder).free
    if need > free:
        raise InputError(
            f"The results need about {need / 1e9:.3g} GB more in '{workspace.folder.parent}', "
            f"where {free / 1e9:.3g} GB are free. Free some space and give the same command again, "
            "which goes on where it stopped; or give another `out`."
        )


def model_key(folder: Path) -> str:
    """Return what tells a model from others: its description, and the state of its weights."""
    key = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.name == "model.json":
            key.update(path.read_bytes())
        elif path.suffix in {".safetensors", ".onnx", ".xml", ".bin"}:
            state = path.stat()
            key.update(f"{path.name} {state.st_size} {state.st_mtime_ns}".encode())
    return key.hexdigest()
