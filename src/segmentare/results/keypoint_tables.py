"""What a whole prediction run says of keypoints: `keypoints.csv` and COCO's JSON files.

The tables grow with every run into the same folder; rows of images that are predicted again are
replaced.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segmentare.annotations.poses import Poses, Skeleton
from segmentare.datasets.writers.keypoints import COLUMNS, coco_results, keypoint_table
from segmentare.errors import InputError
from segmentare.results.growing_tables import IMAGES, Found, GrowingTables

KEYPOINTS = "keypoints.csv"


class KeypointTables(GrowingTables):
    """The tables of people.

    Args:
        out: The folder of the results.
        skeleton: The model's keypoints, which all tables keep as they are.
        category: Name of the objects.

    Raises:
        InputError: The folder holds tables of other keypoints, or damaged ones.
    """

    def __init__(self, out: Path, skeleton: Skeleton, category: str = "person") -> None:
        super().__init__(out, (KEYPOINTS, COLUMNS))
        self.skeleton, self.category = skeleton, category
        mine = list(skeleton.keypoints)
        if any(entry.get("keypoints") != mine for entry in self.earlier.categories):
            raise InputError(
                f"The results in '{out}' must have the {len(mine)} keypoints of "
                f"'{skeleton.name}'; its {IMAGES} tells of others. Give another `out`."
            )

    def add(self, name: str, poses: Poses) -> None:
        """Take the people of one of the images that `start` named."""
        rows = list(csv.DictReader(io.StringIO(keypoint_table([(name, poses)]))))
        self.found[name] = Found(poses.size, rows, coco_results(poses, self.numbers[name]))

    def columns(self) -> Sequence[str]:
        """Return the columns of the table."""
        return COLUMNS

    def write_coco(self, images: list[dict[str, Any]], entries: list[dict[str, Any]]) -> None:
        """Write COCO's files."""
        category = {
            "id": 1,
            "name": self.category,
            "keypoints": list(self.skeleton.keypoints),
            "skeleton": [[a + 1, b + 1] for a, b in self.skeleton.limbs],
        }
        self.write_results(images, entries, [category])
