"""DRIVE: vessels in fundus images, with the field of view of the camera.

Source: Staal, Abramoff, Niemeijer, Viergever and van Ginneken, "Ridge-based vessel segmentation
in color images of the retina", IEEE TMI 23, 2004, https://drive.grand-challenge.org.
"""

from __future__ import annotations

import re
from pathlib import Path

from segmentare.datasets.base import Part, Problem, Record
from segmentare.datasets.files import FileDataset, build, relative, unread
from segmentare.images.reading import is_image

_PARTS: dict[str, Part] = {"training": "train", "test": "test"}


def open_drive(root: Path) -> FileDataset | None:
    """Open training/ and test/ with images, 1st_manual and mask; `None` for others."""
    for place in (root, *sorted(root.glob("*/"))):
        if (place / "training" / "1st_manual").is_dir():
            break
    else:
        return None
    records: list[Record] = []
    problems: list[Problem] = []
    for folder, part in _PARTS.items():
        images = _by_number(place / folder / "images")
        masks = _by_number(place / folder / "1st_manual")
        valid = _by_number(place / folder / "mask")
        for number, image in images.items():
            if number in masks:
                mask, view = masks[number], valid.get(number)
                records.append(Record(image.stem, image, mask, view, part=part))
                continue
            what = f"'{image.name}' has no mask in '{folder}/1st_manual'; it is left out."
            problems.append(Problem(relative(root, image), what, stops=True))
    layout = "DRIVE, first observer; pixels outside the field of view are unlabeled"
    return build(unread(root, "drive", layout, records, problems), None, "vessel")


def _by_number(folder: Path) -> dict[str, Path]:
    """Return the images of a folder by the number that their names begin with."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    numbered = ((re.match(r"\d+", path.name), path) for path in paths if is_image(path))
    return {match[0]: path for match, path in numbered if match}
