"""The files of images that `segmentare predict` writes for people, with silhouettes or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmentare.annotations.geometry import Image
from segmentare.annotations.poses import Poses, Skeleton
from segmentare.annotations.skeletons import available, dropped
from segmentare.atomic import write_bytes
from segmentare.datasets.as_skeleton import in_skeleton
from segmentare.datasets.readers import openpose
from segmentare.results import files
from segmentare.results.keypoint_tables import KeypointTables
from segmentare.results.masks import (
    file_name,
    read_backdrop,
    with_ending,
    write_pictures,
)
from segmentare.results.outputs import Outputs
from segmentare.results.prediction import Prediction
from segmentare.tasks.body import BodyTask
from segmentare.tasks.pose import PoseTask

_USUAL = 25  # OpenPose's own default


@dataclass
class PoseWriter:
    """Writes what models of the tasks `pose` and `body` find.

    Attributes:
        out: The folder.
        task: The model's task.
        outputs: What to write.

    Raises:
        ValueError: OpenPose's layout does not suit the skeleton, or tables of earlier calls are
            damaged or of other keypoints.
    """

    out: Path
    task: PoseTask | BodyTask
    outputs: Outputs
    _layout: int | None = field(init=False)
    _tables: KeypointTables = field(init=False)
    _backdrop: Image | None = field(init=False)

    def __post_init__(self) -> None:
        skeleton = self.outputs.skeleton or self.task.skeleton
        self._layout = self.outputs.openpose
        if self.outputs.skeleton is None or self._layout is not None:
            self._layout = choose_layout(skeleton, self._layout)
        kinds = [category.name for category in self.task.categories if category.thing]
        self._tables = KeypointTables(self.out, skeleton, *kinds[:1])
        self._backdrop = read_backdrop(self.outputs)

    def start(self, images: Sequence[str]) -> None:
        """Give the images their numbers in the tables."""
        self._tables.start(images)

    def tell(self, stem: str, path: Path) -> dict[str, Any]:
        """Return what the tables hold of an image."""
        return self._tables.tell(file_name(stem, path))

    def hear(self, stem: str, path: Path, told: dict[str, Any]) -> None:
        """Take an image that another process wrote into the tables."""
        self._tables.hear(file_name(stem, path), told)

    def finish(self) -> None:
        """Write the tables."""
        self._tables.write()

    def write(self, stem: str, path: Path, image: Image, found: Poses) -> dict[str, Any]:
        """Write the files of one image and return its line of `predictions.jsonl`."""
        target, overwrite = self.out / stem, self.outputs.overwrite
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.outputs.skeleton is not None:
            found = in_skeleton(found, self.outputs.skeleton)
        prediction = Prediction(found, image, path.name, self.task)
        found = prediction.numbered
        text = openpose.to_json(found, self._layout)
        listed = with_ending(target, openpose.SUFFIX)
        write_bytes(listed, text.encode(), overwrite=overwrite)
        write_pictures(target, prediction, self.outputs, self._backdrop)
        height, width = found.size
        row = {"image": path.name, "width": width, "height": height}
        row |= self._write_silhouettes(stem, prediction)
        self._tables.add(file_name(stem, path), found)
        scores = found.scores
        return row | {
            "skeleton": found.skeleton.name,
            "people": len(found),
            "mean_score": float(scores.mean()) if scores is not None and len(found) else None,
            "file": str(path),
            "keypoints": f"{stem}{openpose.SUFFIX}",
        }

    def _write_silhouettes(self, stem: str, found: Prediction) -> dict[str, Any]:
        """Write the mask and the ids of people, where they have pixels, and say what they show."""
        if found.poses.segmentation is None:
            return {}
        target, overwrite = self.out / stem, self.outputs.overwrite
        found.save(with_ending(target, ".png"), overwrite=overwrite)
        ids = found.save(with_ending(target, ".ids.png"), overwrite=overwrite)
        row = files.describe(found.masks, found.categories, found.name)
        return row | {"mask": f"{stem}.png", "ids": ids.relative_to(self.out).as_posix()}


def choose_layout(skeleton: Skeleton, wanted: int | None = None) -> int | None:
    """Return the layout of OpenPose's files, `None` for the skeleton's own order.

    Args:
        skeleton: The model's.
        wanted: 25 or 18; `None` takes 25 for skeletons of people: those that fill half of it, or
            lose nothing by it.

    Raises:
        ValueError: It is wanted, but the skeleton shares no keypoint with it.
    """
    if wanted is not None:
        dropped(skeleton, openpose.LAYOUTS[wanted])
        return wanted
    usual = openpose.LAYOUTS[_USUAL]
    try:
        lost = dropped(skeleton, usual)
    except ValueError:
        return None
    return _USUAL if not lost or 2 * len(available(skeleton, usual)) >= _USUAL else None
