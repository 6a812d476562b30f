"""`segmentare predict`: images in, masks out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.annotations import Segmentation
from segmentare.datasets.images import is_image, read_image
from segmentare.errors import DatasetError
from segmentare.geometry import Image
from segmentare.interfaces.display import Display
from segmentare.prediction import files
from segmentare.prediction.cutout import cutout, place
from segmentare.prediction.drawing import overlay
from segmentare.prediction.predictor import Predictor

LINES = "predictions.jsonl"


@dataclass(frozen=True)
class Outputs:
    """What `predict` writes beside the mask of each image.

    Attributes:
        overlay: `<stem>.overlay.jpg`, the outline over the image.
        probability: `<stem>.probability.png`, 8-bit gray.
        cutout: `<stem>.cutout.png`, RGBA with soft edges.
        background: An image; `<stem>.background.jpg` shows the cut-out before it.
        overwrite: Replace files of an earlier run.
    """

    overlay: bool = False
    probability: bool = False
    cutout: bool = False
    background: Path | None = None
    overwrite: bool = False

    def names(self, stem: str) -> list[str]:
        """Return the names of the files that one image will give."""
        names = [f"{stem}.png"]
        names += [f"{stem}.overlay.jpg"] * self.overlay
        names += [f"{stem}.probability.png"] * self.probability
        names += [f"{stem}.cutout.png"] * self.cutout
        names += [f"{stem}.background.jpg"] * (self.background is not None)
        return names


@dataclass(frozen=True)
class Predictions:
    """What a bulk prediction did.

    Attributes:
        rows: One JSON-ready dictionary per image, as in `predictions.jsonl`.
        failed: (file, reason) of the images that could not be read.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def predict(
    run: str | Path,
    images: Sequence[str | Path],
    out: str | Path,
    outputs: Outputs | None = None,
    *,
    flips: bool = False,
    display: Display | None = None,
) -> Predictions:
    """Predict image files and folders of them, and write a mask for each into `out`.

    Args:
        run: Model folder.
        images: Files, or folders that are searched with their subfolders.
        out: Folder for the results; made if it is missing.
        outputs: What to write beside the masks.
        flips: Average over four mirrors of the image: four times the work.
        display: Where progress is shown; `None` shows nothing.

    Returns:
        A row per image, and the images that were skipped because they are broken.

    Raises:
        ModelError: The model folder is damaged.
        DatasetError: There is no image, or two of them would get the same name.
        FileExistsError: A result is there already and `outputs.overwrite` is false.
    """
    from segmentare.networks.inference import load

    display = display or Display(quiet=True)
    outputs, out = outputs or Outputs(), Path(out)
    predictor = load(run, flips=flips)
    found = find_images([Path(image) for image in images])
    _refuse_existing(out, found, outputs)
    background = None if outputs.background is None else read_image(outputs.background)
    out.mkdir(parents=True, exist_ok=True)
    result = Predictions()
    for stem, path in display.over(found.items(), "Predicting", len(found)):
        try:
            image = read_image(path)
            segmentation = predictor.predict(image)
        except (DatasetError, ValueError) as error:
            result.failed.append((str(path), str(error)))
            continue
        (out / stem).parent.mkdir(parents=True, exist_ok=True)
        _write(out / stem, image, segmentation, predictor, outputs, background)
        row = files.describe(segmentation, predictor.task.categories, path.name)
        result.rows.append({**row, "file": str(path), "mask": f"{stem}.png"})
    _write_lines(out / LINES, result.rows)
    return result


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a JSON line per image; those of earlier calls stay, unless their mask was replaced."""
    masks = {row["mask"] for row in rows}
    earlier = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    kept = [line for line in earlier if json.loads(line).get("mask") not in masks]
    lines = [*kept, *(json.dumps(row) for row in rows)]
    files.write_bytes(path, "".join(f"{line}\n" for line in lines).encode(), overwrite=True)


def find_images(places: Sequence[Path]) -> dict[str, Path]:
    """Return the image files among `places`, by the stem that their results will have.

    Raises:
        DatasetError: A place does not exist, there is no image, or stems collide.
    """
    found: dict[str, Path] = {}
    for given in places:
        if given.is_dir():
            files_here = sorted(path for path in given.rglob("*") if is_image(path))
            pairs = [(str(path.relative_to(given).with_suffix("")), path) for path in files_here]
        elif given.is_file():
            pairs = [(given.stem, given)]
        else:
            raise DatasetError(f"{str(given)!r} must be an image or a folder; it does not exist.")
        for stem, path in pairs:
            if stem in found:
                raise DatasetError(
                    f"{str(found[stem])!r} and {str(path)!r} would both become '{stem}.png'. "
                    "Predict them into different folders."
                )
            found[stem] = path
    if not found:
        raise DatasetError(
            f"There must be at least one image; found none in {', '.join(map(str, places))}."
        )
    return found


def _refuse_existing(out: Path, found: dict[str, Path], outputs: Outputs) -> None:
    if outputs.overwrite:
        return
    there = [name for stem in found for name in outputs.names(stem) if (out / name).exists()]
    if there:
        raise FileExistsError(
            f"{len(there)} of the results are in {str(out)!r} already, such as {there[0]!r}. "
            "Give another --out, or --overwrite."
        )


def _write(
    stem: Path,
    image: Image,
    segmentation: Segmentation,
    predictor: Predictor[Any],
    outputs: Outputs,
    background: Image | None,
) -> None:
    categories, overwrite = predictor.task.categories, outputs.overwrite
    files.write_mask(_with(stem, ".png"), segmentation, categories, overwrite=overwrite)
    if outputs.overlay:
        picture = overlay(image, segmentation, categories)
        files.write_overlay(_with(stem, ".overlay.jpg"), picture, overwrite=overwrite)
    if outputs.probability:
        files.write_probability(_with(stem, ".probability.png"), segmentation, overwrite=overwrite)
    if not outputs.cutout and background is None:
        return
    rgba = cutout(image, segmentation, categories)
    if outputs.cutout:
        files.write_cutout(_with(stem, ".cutout.png"), rgba, overwrite=overwrite)
    if background is not None:
        placed = np.ascontiguousarray(place(rgba, background))
        files.write_overlay(_with(stem, ".background.jpg"), placed, overwrite=overwrite)


def _with(stem: Path, ending: str) -> Path:
    """Append to a stem that may hold dots of its own."""
    return stem.with_name(stem.name + ending)
