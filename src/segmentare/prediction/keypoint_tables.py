"""What a whole prediction run says of keypoints: `keypoints.csv` and COCO's JSON files.

The tables grow with every run into the same folder; rows of images that are predicted again are
replaced.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from segmentare.datasets.keypoint_files import COLUMNS, coco_results, keypoint_table
from segmentare.geometry import Size
from segmentare.poses import Poses, Skeleton
from segmentare.prediction.growing_tables import (
    IMAGES,
    RESULTS,
    Earlier,
    read_earlier,
    stem,
    write_json,
    write_table,
)

KEYPOINTS = "keypoints.csv"


@dataclass
class KeypointTables:
    """Collects the people of a run, image by image, and writes them in the end.

    Attributes:
        out: The folder of the results.
        skeleton: The model's keypoints, which all tables keep as they are.
        category: Name of the objects.

    Raises:
        ValueError: The folder holds tables of other keypoints, or damaged ones.
    """

    out: Path
    skeleton: Skeleton
    category: str = "person"
    _earlier: Earlier = field(init=False)
    _numbers: dict[str, int] = field(default_factory=dict, init=False)
    _found: dict[str, _Found] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._earlier = read_earlier(self.out, (KEYPOINTS, COLUMNS), IMAGES, RESULTS)
        mine = list(self.skeleton.keypoints)
        if any(entry.get("keypoints") != mine for entry in self._earlier.categories):
            raise ValueError(
                f"The results in '{self.out}' must have the {len(mine)} keypoints of "
                f"'{self.skeleton.name}'; its {IMAGES} tells of others. Give another --out."
            )

    def start(self, images: Sequence[str]) -> None:
        """Give every image that is to come its number; see `Earlier.number`.

        Args:
            images: File names within the folder of the results.
        """
        self._numbers = self._earlier.number(images)

    def add(self, name: str, poses: Poses) -> None:
        """Take the people of one of the images that `start` named."""
        rows = list(csv.DictReader(io.StringIO(keypoint_table([(name, poses)]))))
        self._found[name] = _Found(poses.size, rows, coco_results(poses, self._numbers[name]))

    def tell(self, name: str) -> dict[str, Any]:
        """Return what was taken of an image as JSON-ready data, nothing if it was none."""
        return asdict(self._found[name]) if name in self._found else {}

    def hear(self, name: str, told: dict[str, Any]) -> None:
        """Take what the tables of another process, with the same numbers, tell of an image."""
        if told:
            self._found[name] = _Found(**told)

    def write(self) -> None:
        """Write the tables; each file is replaced whole."""
        if not self._found:
            return
        kept = self._earlier.without({stem(name) for name in self._found})
        images = kept.images + [
            {
                "id": self._numbers[name],
                "file_name": name,
                "width": found.size[1],
                "height": found.size[0],
            }
            for name, found in self._found.items()
        ]
        rows = kept.rows + [row for found in self._found.values() for row in found.rows]
        entries = kept.entries + [
            entry for found in self._found.values() for entry in found.entries
        ]
        category = {
            "id": 1,
            "name": self.category,
            "keypoints": list(self.skeleton.keypoints),
            "skeleton": [[a + 1, b + 1] for a, b in self.skeleton.limbs],
        }
        write_table(self.out / KEYPOINTS, rows, COLUMNS)
        write_json(self.out / IMAGES, {"images": images, "categories": [category]})
        write_json(self.out / RESULTS, entries)


@dataclass(frozen=True)
class _Found:
    """The people of one image."""

    size: Size
    rows: list[dict[str, Any]]
    entries: list[dict[str, Any]]
