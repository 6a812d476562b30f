"""`segmentare predict`: images in, masks out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from segmentare.annotations import Category, Segmentation
from segmentare.datasets.images import is_image, read_image
from segmentare.errors import DatasetError
from segmentare.geometry import Image
from segmentare.interfaces.display import Display
from segmentare.prediction import files
from segmentare.prediction.cutout import cutout, place
from segmentare.prediction.drawing import overlay
from segmentare.prediction.object_drawing import draw_annotation
from segmentare.prediction.object_files import write_ids, write_panoptic
from segmentare.prediction.object_tables import PANOPTIC_FOLDER, ObjectTables, Scale
from segmentare.prediction.predictor import Predictor

LINES = "predictions.jsonl"


@dataclass(frozen=True)
class Outputs:
    """What `predict` writes beside the mask of each image.

    Where objects are told apart, tables of them are written always: see `ObjectTables`.

    Attributes:
        overlay: `<stem>.overlay.jpg`, the outline over the image; objects in colors of their own,
            with their ids, in small images enlarged.
        probability: `<stem>.probability.png`, 8-bit gray.
        cutout: `<stem>.cutout.png`, RGBA with soft edges.
        background: An image; `<stem>.background.jpg` shows the cut-out before it.
        overwrite: Replace files of an earlier run.
        pixel_size: Units per pixel, for areas and lengths of objects in `unit`; `None` gives
            them in pixels only.
        unit: Name of that unit, one word.
    """

    overlay: bool = False
    probability: bool = False
    cutout: bool = False
    background: Path | None = None
    overwrite: bool = False
    pixel_size: float | None = None
    unit: str = "um"

    @property
    def scale(self) -> Scale | None:
        """The size of a pixel, if it is known.

        Raises:
            ValueError: It is not above 0, or the unit is not a word.
        """
        return None if self.pixel_size is None else Scale(self.pixel_size, self.unit)

    def names(self, stem: str, task: str = "semantic") -> list[str]:
        """Return the names of the files that one image will give."""
        names = [f"{stem}.png"]
        names += [f"{stem}.ids.png"] * (task == "instance")
        names += [f"{PANOPTIC_FOLDER}/{stem}.png"] * (task == "panoptic")
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
        ValueError: The size of a pixel cannot be used, or tables of earlier calls are damaged.
    """
    from segmentare.networks.inference import load

    display = display or Display(quiet=True)
    outputs, out = outputs or Outputs(), Path(out)
    scale = outputs.scale
    predictor = load(run, flips=flips)
    found = find_images([Path(image) for image in images])
    _refuse_existing(out, found, outputs, predictor.task.name)
    tables = _tables(out, predictor, scale)
    background = None if outputs.background is None else read_image(outputs.background)
    out.mkdir(parents=True, exist_ok=True)
    if tables is not None:
        tables.start([_file_name(stem, path) for stem, path in found.items()])
    writing = _Writing(out, predictor.task.categories, outputs, background, tables)
    result = Predictions()
    try:
        for stem, path in display.over(found.items(), "Predicting", len(found)):
            try:
                image = read_image(path)
                segmentation = predictor.predict(image)
            except (DatasetError, ValueError) as error:
                result.failed.append((str(path), str(error)))
                continue
            result.rows.append(writing.write(stem, path, image, segmentation))
    finally:  # also after Ctrl-C, for what is written until then
        _write_lines(out / LINES, result.rows)
        if tables is not None:
            tables.write()
    return result


def _tables(out: Path, predictor: Predictor[Any], scale: Scale | None) -> ObjectTables | None:
    """Return the tables for tasks that tell objects apart."""
    name = predictor.task.name
    if name not in {"instance", "panoptic"}:
        return None
    kind: Literal["instance", "panoptic"] = "instance" if name == "instance" else "panoptic"
    return ObjectTables(out, predictor.task.categories, kind, scale)


def _file_name(stem: str, path: Path) -> str:
    """Return the name of an image within the folder of the results."""
    return (Path(stem).parent / path.name).as_posix()


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


def _refuse_existing(out: Path, found: dict[str, Path], outputs: Outputs, task: str) -> None:
    if outputs.overwrite:
        return
    names = [name for stem in found for name in outputs.names(stem, task)]
    there = [name for name in names if (out / name).exists()]
    if there:
        raise FileExistsError(
            f"{len(there)} of the results are in {str(out)!r} already, such as {there[0]!r}. "
            "Give another --out, or --overwrite."
        )


@dataclass(frozen=True)
class _Writing:
    """Writes the files of one image after the other.

    Attributes:
        out: The folder.
        categories: The model's categories.
        outputs: What to write.
        background: The new background, or `None`.
        tables: What collects the objects, or `None` for a task without.
    """

    out: Path
    categories: tuple[Category, ...]
    outputs: Outputs
    background: Image | None
    tables: ObjectTables | None

    def write(
        self, stem: str, path: Path, image: Image, segmentation: Segmentation
    ) -> dict[str, Any]:
        """Write the files of one image and return its line of `predictions.jsonl`."""
        target, overwrite = self.out / stem, self.outputs.overwrite
        target.parent.mkdir(parents=True, exist_ok=True)
        panoptic = self.tables is not None and self.tables.kind == "panoptic"
        mask = _with(target, ".png")
        files.write_mask(mask, segmentation, self.categories, overwrite=overwrite, palette=panoptic)
        self._write_pictures(target, image, segmentation)
        row = files.describe(segmentation, self.categories, path.name)
        row |= {"file": str(path), "mask": f"{stem}.png"}
        return row | self._write_objects(stem, path, image, segmentation)

    def _write_objects(
        self, stem: str, path: Path, image: Image, segmentation: Segmentation
    ) -> dict[str, str]:
        """Write the map of objects, collect them for the tables, and return where the map is."""
        if self.tables is None:
            return {}
        overwrite = self.outputs.overwrite
        segments: list[dict[str, Any]] = []
        if self.tables.kind == "instance":
            target = _with(self.out / stem, ".ids.png")
            target = write_ids(target, segmentation, overwrite=overwrite)
            written = {"ids": target.relative_to(self.out).as_posix()}
        else:
            target = _with(self.out / PANOPTIC_FOLDER / stem, ".png")
            target.parent.mkdir(parents=True, exist_ok=True)
            segments = write_panoptic(target, segmentation, overwrite=overwrite)
            written = {"panoptic": f"{PANOPTIC_FOLDER}/{stem}.png"}
        self.tables.add(_file_name(stem, path), image, segmentation, segments)
        return written

    def _write_pictures(self, target: Path, image: Image, segmentation: Segmentation) -> None:
        outputs, overwrite = self.outputs, self.outputs.overwrite
        if outputs.overlay:
            draw = overlay if segmentation.instance is None else draw_annotation
            picture = draw(image, segmentation, self.categories)
            files.write_overlay(_with(target, ".overlay.jpg"), picture, overwrite=overwrite)
        if outputs.probability:
            gray = _with(target, ".probability.png")
            files.write_probability(gray, segmentation, overwrite=overwrite)
        if not outputs.cutout and self.background is None:
            return
        rgba = cutout(image, segmentation, self._cut_out())
        if outputs.cutout:
            files.write_cutout(_with(target, ".cutout.png"), rgba, overwrite=overwrite)
        if self.background is not None:
            placed = np.ascontiguousarray(place(rgba, self.background))
            files.write_overlay(_with(target, ".background.jpg"), placed, overwrite=overwrite)

    def _cut_out(self) -> tuple[Category, ...]:
        """Return the categories with all but things as background where there are things."""
        if not any(category.thing for category in self.categories):
            return self.categories
        return tuple(replace(c, background=not c.thing) for c in self.categories)


def _with(stem: Path, ending: str) -> Path:
    """Append to a stem that may hold dots of its own."""
    return stem.with_name(stem.name + ending)
