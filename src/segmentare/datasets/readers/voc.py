"""Pascal VOC: JPEGImages, SegmentationClass and lists of the parts.

Source: Everingham, Van Gool, Williams, Winn and Zisserman, "The Pascal Visual Object Classes
(VOC) Challenge", IJCV 88, 2010, http://host.robots.ox.ac.uk/pascal/VOC.
"""

from __future__ import annotations

from pathlib import Path

from segmentare.annotations.segmentation import distinct_color
from segmentare.datasets.base import PARTS, Part, Problem, Record
from segmentare.datasets.files import FileDataset, build, relative, unread
from segmentare.datasets.tables import ClassRow, ClassTable, find_classes
from segmentare.images.reading import is_image

NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
    *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant"),
    *("sheep", "sofa", "train", "tvmonitor"),
)
CLASSES = ClassTable(
    "Pascal VOC",
    (
        *(ClassRow(i, name, distinct_color(i)) for i, name in enumerate(NAMES)),
        ClassRow(255, "void", (224, 224, 192)),
    ),
)


def open_voc(root: Path) -> FileDataset | None:
    """Open a folder with JPEGImages and SegmentationClass, at most two below; else `None`."""
    for place in (root, *sorted(root.glob("*/")), *sorted(root.glob("*/*/"))):
        if (place / "JPEGImages").is_dir() and (place / "SegmentationClass").is_dir():
            break
    else:
        return None
    images = {p.stem: p for p in sorted((place / "JPEGImages").iterdir()) if is_image(p)}
    masks = {p.stem: p for p in sorted((place / "SegmentationClass").iterdir()) if is_image(p)}
    parts = _read_parts(place / "ImageSets" / "Segmentation")
    records: list[Record] = []
    problems: list[Problem] = []
    for name in sorted(parts or masks):
        if name in images and name in masks:
            records.append(Record(name, images[name], masks[name], part=parts.get(name)))
            continue
        lacking = "image in JPEGImages" if name not in images else "mask in SegmentationClass"
        path = images.get(name) or masks.get(name)
        file = relative(root, path) if path else name
        what = f"'{name}' has no {lacking}; restore it or take it off the lists."
        problems.append(Problem(file, what, stops=True))
    layout = "Pascal VOC (JPEGImages, SegmentationClass)"
    opened = unread(root, "voc", layout, records, problems)
    return build(opened, find_classes([place]) or CLASSES)


def _read_parts(folder: Path) -> dict[str, Part | None]:
    """Return the part of every listed image; `None` for those on no list but trainval's."""
    parts: dict[str, Part | None] = {}
    trainval = folder / "trainval.txt"
    if trainval.is_file():
        parts = dict.fromkeys(trainval.read_text(encoding="utf-8").split())
    for part in PARTS:
        path = folder / f"{part}.txt"
        if path.is_file():
            parts.update(dict.fromkeys(path.read_text(encoding="utf-8").split(), part))
    return parts
