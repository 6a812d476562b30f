"""The files of images that `segmentare predict` writes for masks, with objects or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from segmentare.annotations.geometry import Image
from segmentare.annotations.segmentation import Segmentation
from segmentare.drawing.maps import draw_heatmaps
from segmentare.images.reading import read_image
from segmentare.results import files
from segmentare.results.object_files import write_panoptic
from segmentare.results.object_tables import PANOPTIC_FOLDER, ObjectTables
from segmentare.results.outputs import Outputs, heatmap_name
from segmentare.results.prediction import Prediction
from segmentare.tasks.base import Maps, Task


class Writer(Protocol):
    """Writes the files of one image after the other, and the tables of all in the end."""

    def start(self, images: Sequence[str]) -> None:
        """Take the file names of all that is to come, within the folder of the results."""

    def write(self, stem: str, path: Path, image: Image, found: Any) -> dict[str, Any]:  # noqa: ANN401
        """Write the files of one image and return its line of `predictions.jsonl`."""

    def tell(self, stem: str, path: Path) -> dict[str, Any]:
        """Return what the tables hold of an image, to be heard by the writer of another process."""

    def hear(self, stem: str, path: Path, told: dict[str, Any]) -> None:
        """Take an image that another process wrote into the tables."""

    def finish(self) -> None:
        """Write the tables."""


@dataclass
class MaskWriter:
    """Writes what semantic, instance and panoptic models find.

    Attributes:
        out: The folder.
        task: The model's task.
        outputs: What to write.
    """

    out: Path
    task: Task[Any]
    outputs: Outputs
    _tables: ObjectTables | None = field(init=False)
    _backdrop: Image | None = field(init=False)

    def __post_init__(self) -> None:
        self._tables = _tables(self.out, self.task, self.outputs)
        self._backdrop = read_backdrop(self.outputs)

    def start(self, images: Sequence[str]) -> None:
        """Give the images their numbers in the tables."""
        if self._tables is not None:
            self._tables.start(images)

    def tell(self, stem: str, path: Path) -> dict[str, Any]:
        """Return what the tables hold of an image, nothing where there are none."""
        return {} if self._tables is None else self._tables.tell(file_name(stem, path))

    def hear(self, stem: str, path: Path, told: dict[str, Any]) -> None:
        """Take an image that another process wrote into the tables."""
        if self._tables is not None:
            self._tables.hear(file_name(stem, path), told)

    def finish(self) -> None:
        """Write the tables, where objects are told apart."""
        if self._tables is not None:
            self._tables.write()

    def write(self, stem: str, path: Path, image: Image, found: Segmentation) -> dict[str, Any]:
        """Write the files of one image and return its line of `predictions.jsonl`."""
        target = self.out / stem
        target.parent.mkdir(parents=True, exist_ok=True)
        prediction = Prediction(found, image, path.name, self.task)
        prediction.save(with_ending(target, ".png"), overwrite=self.outputs.overwrite)
        write_pictures(target, prediction, self.outputs, self._backdrop)
        row = files.describe(found, self.task.categories, path.name)
        row |= {"file": str(path), "mask": f"{stem}.png"}
        return row | self._write_objects(stem, path, prediction)

    def _write_objects(self, stem: str, path: Path, found: Prediction) -> dict[str, str]:
        """Write the map of objects, collect them for the tables, and return where the map is."""
        if self._tables is None:
            return {}
        overwrite = self.outputs.overwrite
        segments: list[dict[str, Any]] = []
        if self._tables.kind == "instance":
            target = found.save(with_ending(self.out / stem, ".ids.png"), overwrite=overwrite)
            written = {"ids": target.relative_to(self.out).as_posix()}
        else:
            target = with_ending(self.out / PANOPTIC_FOLDER / stem, ".png")
            target.parent.mkdir(parents=True, exist_ok=True)
            segments = write_panoptic(target, found.masks, overwrite=overwrite)
            written = {"panoptic": f"{PANOPTIC_FOLDER}/{stem}.png"}
        self._tables.add(file_name(stem, path), found.image, found.masks, segments)
        return written


def read_backdrop(outputs: Outputs) -> Image | None:
    """Return the new background, if there shall be one.

    Raises:
        DatasetError: It cannot be read.
    """
    return None if outputs.background is None else read_image(outputs.background)


def write_pictures(
    target: Path, found: Prediction, outputs: Outputs, backdrop: Image | None
) -> None:
    """Write overlay, probability and cut-out of one image, as far as they are wanted.

    Args:
        target: Path of the results without an ending.
        found: What the image shows.
        outputs: What to write.
        backdrop: The new background.
    """
    wanted = {
        ".overlay.jpg": outputs.overlay,
        ".probability.png": outputs.probability,
        ".cutout.png": outputs.cutout,
    }
    for ending in (ending for ending, chosen in wanted.items() if chosen):
        found.save(with_ending(target, ending), overwrite=outputs.overwrite)
    if backdrop is not None:
        placed = np.asarray(found.cutout(backdrop))
        path = with_ending(target, ".background.jpg")
        files.write_overlay(path, placed, overwrite=outputs.overwrite)


def write_heatmaps(
    target: Path, image: Image, maps: Maps, task: Task[Any], *, overwrite: bool
) -> None:
    """Write a picture of the maps of each head, each over the image."""
    for head, picture in draw_heatmaps(image, maps, task).items():
        path = target.with_name(heatmap_name(target.name, head))
        files.write_overlay(path, picture, overwrite=overwrite)


def with_ending(stem: Path, ending: str) -> Path:
    """Append to a stem that may hold dots of its own."""
    return stem.with_name(stem.name + ending)


def file_name(stem: str, path: Path) -> str:
    """Return the name of an image within the folder of the results."""
    return (Path(stem).parent / path.name).as_posix()


def _tables(out: Path, task: Task[Any], outputs: Outputs) -> ObjectTables | None:
    """Return the tables for tasks that tell objects apart."""
    if task.name not in {"instance", "panoptic"}:
        return None
    kind: Literal["instance", "panoptic"] = "instance" if task.name == "instance" else "panoptic"
    return ObjectTables(out, task.categories, kind, outputs.scale)
