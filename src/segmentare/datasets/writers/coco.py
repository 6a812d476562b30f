"""COCO on disk: instances as outlines or run lengths, panoptic as PNG files and a JSON for them.

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; Kirillov, He, Girshick,
Rother and Dollar, "Panoptic Segmentation", CVPR 2019, https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from segmentare.annotations.instances import outline_of
from segmentare.annotations.runlengths import RLE, objects_of
from segmentare.annotations.segmentation import UNLABELED, Category
from segmentare.atomic import write_text
from segmentare.datasets.writers.formats import Item, Writer, foreground


class CocoWriter(Writer):
    """COCO instances: outlines as polygons, as run lengths where there are holes."""

    layout = "COCO instances (annotations/instances_*.json)"
    holds_crowds = True

    def __init__(self, out: Path, categories: Sequence[Category]) -> None:
        super().__init__(out, categories)
        self._files: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self._count = 0

    def write(self, item: Item, image: Path) -> None:
        file = self._files.setdefault(image.parent.name, {"images": [], "annotations": []})
        number = sum(len(other["images"]) for other in self._files.values()) + 1
        height, width = item.size
        file["images"].append(
            {"id": number, "file_name": image.name, "height": height, "width": width}
        )
        objects = item.objects
        for mask, kind, crowd in zip(objects.masks, objects.categories, objects.crowd, strict=True):
            if not mask.area:
                continue
            self._count += 1
            x0, y0, x1, y1 = mask.box
            file["annotations"].append(
                {
                    "id": self._count,
                    "image_id": number,
                    "category_id": kind,
                    "iscrowd": int(crowd),
                    "area": mask.area,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "segmentation": self._segmentation(mask, crowd=crowd),
                }
            )

    def _segmentation(self, mask: RLE, *, crowd: bool) -> Any:  # noqa: ANN401  JSON of two forms
        outline = None if crowd else outline_of(mask)
        if outline is None or outline.holes:
            self.notes[
                "objects with holes are written as run lengths, which hold them"
            ] += not crowd
            if crowd:  # COCO's own files have them so
                return {"size": list(mask.size), "counts": list(mask.counts)}
            return {"size": list(mask.size), "counts": mask.to_text()}
        return [ring.astype(int).ravel().tolist() for ring in outline.parts]

    def finish(self) -> None:
        listed = [
            {"id": i, "name": self.categories[i].name, "supercategory": ""}
            for i in foreground(self.categories)
        ]
        for name, file in self._files.items():
            path = self.out / "annotations" / f"instances_{name}.json"
            write_text(path, json.dumps({**file, "categories": listed}))


class PanopticWriter(Writer):
    """COCO panoptic; the background becomes a kind of stuff."""

    layout = "COCO panoptic (annotations/panoptic_*.json, panoptic_*/*.png)"
    holds_overlaps = False
    holds_stuff = True
    holds_unlabeled = True
    holds_crowds = True

    def __init__(self, out: Path, categories: Sequence[Category]) -> None:
        super().__init__(out, categories)
        self._files: dict[str, dict[str, list[dict[str, Any]]]] = {}

    def write(self, item: Item, image: Path) -> None:
        file = self._files.setdefault(image.parent.name, {"images": [], "annotations": []})
        number = sum(len(other["images"]) for other in self._files.values()) + 1
        height, width = item.size
        file["images"].append(
            {"id": number, "file_name": image.name, "height": height, "width": width}
        )
        ids, kinds = segments(item)
        listed = []
        for segment, mask in objects_of(ids).items():
            x0, y0, x1, y1 = mask.box
            kind, crowd = kinds[segment]
            listed.append(
                {
                    "id": segment,
                    "category_id": kind + 1,  # 0 is no category
                    "iscrowd": int(crowd),
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": mask.area,
                }
            )
        name = f"{item.name}.png"
        file["annotations"].append({"image_id": number, "file_name": name, "segments_info": listed})
        colors = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=2).astype(np.uint8)
        path = self.out / "annotations" / f"panoptic_{image.parent.name}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(colors).save(path)

    def finish(self) -> None:
        listed = [
            {"id": i, "name": c.name, "isthing": int(c.thing), "color": list(c.color)}
            for i, c in enumerate(self.categories, start=1)
        ]
        for name, file in self._files.items():
            path = self.out / "annotations" / f"panoptic_{name}.json"
            write_text(path, json.dumps({**file, "categories": listed}))


def segments(item: Item) -> tuple[np.ndarray[Any, np.dtype[np.int32]], dict[int, tuple[int, bool]]]:
    """Return a map of segment ids (0 unlabeled), and category and crowd flag of each id.

    Objects keep their ids; then follow one segment per category of stuff, and the crowds.
    """
    flat = item.flat.segmentation
    ids = np.zeros(item.size, np.int32) if flat.instance is None else flat.instance.copy()
    single = ids > 0
    kinds: dict[int, tuple[int, bool]] = {}
    owners, first = np.unique(ids[single], return_index=True)
    found = flat.category[single][first]
    kinds |= {int(i): (int(kind), False) for i, kind in zip(owners, found, strict=True)}
    last = int(ids.max(initial=0))
    for kind in np.unique(flat.category[~single]):
        if kind != UNLABELED:
            last += 1
            ids[~single & (flat.category == kind)] = last
            kinds[last] = (int(kind), False)
    objects = item.objects
    for mask, kind, crowd in zip(objects.masks, objects.categories, objects.crowd, strict=True):
        if crowd:
            last += 1
            ids[mask.to_mask() & (ids == 0) & (flat.category == UNLABELED)] = last
            kinds[last] = (int(kind), True)
    return ids, kinds
