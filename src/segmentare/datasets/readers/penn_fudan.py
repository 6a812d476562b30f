"""Penn-Fudan pedestrians: PNGImages/FudanPed00001.png, PedMasks/FudanPed00001_mask.png.

Source: Wang, Shi, Song and Shen, "Object Detection Combining Recognition and Segmentation",
ACCV 2007, https://www.cis.upenn.edu/~jshi/ped_html.
"""

from __future__ import annotations

from pathlib import Path

from segmentare.annotations.geometry import Size
from segmentare.annotations.segmentation import Segmentation
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import relative
from segmentare.datasets.object_dataset import Listed, ObjectDataset, opened, things
from segmentare.datasets.readers.ids import read_ids
from segmentare.images.reading import is_image


def open_penn_fudan(root: Path) -> ObjectDataset | None:
    """Open folders PNGImages and PedMasks, at most one below the root; `None` for others."""
    for place in (root, *sorted(root.glob("*/"))):
        if (place / "PNGImages").is_dir() and (place / "PedMasks").is_dir():
            break
    else:
        return None
    records: list[Record] = []
    problems: list[Problem] = []
    masks = {p.stem.removesuffix("_mask"): p for p in sorted((place / "PedMasks").iterdir())}
    images = {p.stem: p for p in sorted((place / "PNGImages").iterdir()) if is_image(p)}
    for name in sorted(images.keys() | masks.keys()):
        if name in images and name in masks:
            records.append(Record(name, images[name], masks[name]))
            continue
        path = images.get(name) or masks[name]
        lacking = f"PedMasks/{name}_mask.png" if name in images else f"PNGImages/{name}.png"
        what = f"'{path.name}' needs '{lacking}', which is missing; restore it."
        problems.append(Problem(relative(root, path), what, stops=True))
    listed = Listed(root, "penn_fudan", "Penn-Fudan (PNGImages, PedMasks).", records, problems)
    return opened(listed, things(["person"]), _read)


def _read(record: Record, size: Size) -> Segmentation:
    _, instance = read_ids(record.mask or record.image, size)
    return Segmentation((instance > 0).astype("uint8"), instance)
