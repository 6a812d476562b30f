"""A single prediction as data: a few lines for the eye, a table, and COCO's form."""

from __future__ import annotations

from typing import Any

import numpy as np

from segmentare.annotations.geometry import Image
from segmentare.annotations.measures import measure
from segmentare.annotations.poses import Poses
from segmentare.annotations.runlengths import RLE
from segmentare.annotations.segmentation import Category, Segmentation, foreground_ids
from segmentare.datasets.writers.keypoints import CocoKeypoints, keypoint_table
from segmentare.results.files import describe
from segmentare.results.growing_tables import table_text
from segmentare.results.object_files import detections, scores_of
from segmentare.results.object_tables import channel_columns, columns, object_rows

Annotation = Segmentation | Poses
Categories = tuple[Category, ...]

_NAMED = 6  # categories that are named in a few lines


def found_lines(found: Annotation, categories: Categories) -> list[str]:
    """Return a line about the people, and one per category that was found, the largest first."""
    lines: list[str] = []
    masks = found.segmentation if isinstance(found, Poses) else found
    if isinstance(found, Poses):
        points = found.keypoints[..., 2]
        known = f"{int((points > 0).sum())} of {points.size} keypoints of {found.skeleton.name}"
        people = "1 person" if len(found) == 1 else f"{len(found)} people"
        lines.append(people + f", {known} found" * bool(len(found)))
    entries = [] if masks is None else describe(masks, categories, "")["categories"].items()
    seen = sorted(((n, e) for n, e in entries if e["area_px"]), key=lambda pair: -pair[1]["share"])
    for name, entry in seen[:_NAMED]:
        count = entry.get("objects", 0)
        objects = f"{count} object{'s' * (count > 1)}, " if count else ""
        lines.append(f"{name}: {objects}{100 * entry['share']:.1f} % of the pixels")
    if len(seen) > _NAMED:
        lines.append(f"and {len(seen) - _NAMED} more categories")
    return lines or ["nothing but background"]


def prediction_table(found: Annotation, image: Image, name: str, categories: Categories) -> str:
    """Return a CSV with a line per object; per category where objects are not told apart.

    People have a line per keypoint. Columns are those of the files of `segmentare predict`.

    Args:
        found: What the image shows.
        image: Its pixels.
        name: Of the image, for the first column.
        categories: The model's.
    """
    if isinstance(found, Poses):
        return keypoint_table([(name, found)])
    if found.instance is None:
        areas = describe(found, categories, name)["categories"].items()
        head = ("image", "category", "area_px", "share", "x0", "y0", "x1", "y1")
        cells = [
            (name, label, entry["area_px"], entry["share"], *(entry["box"] or ("",) * 4))
            for label, entry in areas
        ]
        return table_text([dict(zip(head, row, strict=True)) for row in cells], head)
    measures, channels = measure(found, image), channel_columns(image)
    about = name, channels, categories
    rows = object_rows(measures, scores_of(found, measures), about, None)
    return table_text(rows, [*columns(None), *channels])


def to_coco(found: Annotation, categories: Categories, name: str, image_id: int) -> dict[str, Any]:
    """Return what one image shows as a file of COCO's, with `score` in each annotation.

    Objects, and all else of a category in one piece, are compressed run lengths. The number of a
    category is its id, as in `coco_results.json`; that of people with keypoints is 1.

    Args:
        found: What the image shows.
        categories: The model's.
        name: File name of the image.
        image_id: Its number.
    """
    if isinstance(found, Poses):
        things = [category.name for category in categories if category.thing]
        people = CocoKeypoints(found.skeleton, *things[:1])
        people.add(name, found, found.size)
        data = people.to_dict()
        for entry in data["annotations"]:
            entry["image_id"] = image_id
    else:
        data = {"images": [{}], "annotations": _annotations(found, categories, image_id)}
        data["categories"] = [
            {"id": i, "name": categories[i].name, "supercategory": ""}
            for i in foreground_ids(categories)
        ]
    height, width = found.size
    data["images"] = [{"id": image_id, "file_name": name, "height": height, "width": width}]
    return data


def _annotations(
    found: Segmentation, categories: Categories, image_id: int
) -> list[dict[str, Any]]:
    """Return objects, then what of each category belongs to none."""
    entries: list[dict[str, Any]] = []
    rest = found.category
    if found.instance is not None:
        measures = measure(found, found.category)
        objects = detections(found, measures, image_id)
        areas = measures.area.tolist()
        entries += [e | {"area": area} for e, area in zip(objects, areas, strict=True)]
        rest = np.where(found.instance > 0, np.uint8(255), rest)
    for kind in foreground_ids(categories):
        where = rest == kind
        if where.any():
            mask, sure = RLE.from_mask(where), found.probability
            x0, y0, x1, y1 = mask.box
            entries.append(
                {
                    "image_id": image_id,
                    "category_id": kind,
                    "segmentation": {"size": list(mask.size), "counts": mask.to_text()},
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "score": 1.0 if sure is None else round(float(sure[where].mean()), 6),
                    "area": mask.area,
                }
            )
    return [{"id": i, "iscrowd": 0, **entry} for i, entry in enumerate(entries, start=1)]
