"""CHASE_DB1: vessels in fundus images of both eyes of 14 children.

Source: Fraz et al., "An Ensemble Classification-Based Approach Applied to Retinal Blood Vessel
Segmentation", IEEE TBME 59, 2012.
"""

from __future__ import annotations

import re
from pathlib import Path

from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import FileDataset, build, relative, unread
from segmentare.images.reading import is_image

_IMAGE = re.compile(r"Image_(?P<child>\d+)(?P<eye>[LR])\.(?:jpg|jpeg|png|tif)", re.IGNORECASE)
_EYES = {"L": "left", "R": "right"}


def open_chase(root: Path) -> FileDataset | None:
    """Open images such as Image_01L.jpg with Image_01L_1stHO.png beside; `None` for others."""
    for place in (root, *sorted(root.glob("*/"))):
        if any(place.glob("Image_*_1stHO.*")):
            break
    else:
        return None
    records: list[Record] = []
    problems: list[Problem] = []
    for path in sorted(place.iterdir()):
        match = _IMAGE.fullmatch(path.name)
        if match is None:
            continue
        masks = [mask for mask in place.glob(f"{path.stem}_1stHO.*") if is_image(mask)]
        if len(masks) != 1:
            what = f"'{path.name}' must have one '{path.stem}_1stHO.png'; found {len(masks)}."
            problems.append(Problem(relative(root, path), what, stops=True))
            continue
        eye = _EYES[match["eye"].upper()]
        group = f"child {match['child']}"
        records.append(Record(path.stem, path, masks[0], labels={"eye": eye}, group=group))
    layout = "CHASE_DB1, first observer; both eyes of a child are one group"
    return build(unread(root, "chase", layout, records, problems), None, "vessel")
