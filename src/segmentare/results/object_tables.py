"""What a whole prediction run says of its objects: `objects.csv` and COCO's JSON files.

The tables grow with every run into the same folder; rows of images that are predicted again are
replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from segmentare.annotations.geometry import Image
from segmentare.annotations.measures import Measures, measure
from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.errors import InputError
from segmentare.results.growing_tables import (
    IMAGES,
    RESULTS,
    Found,
    GrowingTables,
    stem,
    write_json,
)
from segmentare.results.object_files import detections, scores_of

OBJECTS = "objects.csv"
PANOPTIC = "panoptic.json"
PANOPTIC_FOLDER = "panoptic"  #: of its PNG files


@dataclass(frozen=True)
class Scale:
    """The size of a pixel.

    Attributes:
        size: Units per pixel.
        unit: Name of the unit, such as `um`.
    """

    size: float
    unit: str = "um"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.size) and self.size > 0):
            raise InputError(
                f"The size of a pixel must be a number above 0, in {self.unit or 'units'} per "
                f"pixel; got {self.size}."
            )
        if not self.unit.isidentifier():
            raise InputError(
                f"The unit of the pixel size must be one word such as um or mm, since columns are "
                f"named after it; got {self.unit!r}."
            )


class ObjectTables(GrowingTables):
    """The tables of objects.

    Args:
        out: The folder of the results.
        categories: The model's categories.
        kind: `instance` writes `objects.csv` and `coco_results.json` with `coco_images.json`;
            `panoptic` writes `objects.csv` and `panoptic.json`.
        scale: Size of a pixel, for columns in its unit as well.
    """

    def __init__(
        self,
        out: Path,
        categories: tuple[Category, ...],
        kind: Literal["instance", "panoptic"],
        scale: Scale | None = None,
    ) -> None:
        listed, results = (IMAGES, RESULTS) if kind == "instance" else (PANOPTIC, None)
        super().__init__(out, (OBJECTS, _PLAIN), listed, results)
        self.categories, self.kind, self.scale = categories, kind, scale

    def add(
        self,
        name: str,
        image: Image,
        segmentation: Segmentation,
        segments: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Take the objects of one of the images that `start` named.

        Args:
            name: File name within the folder of the results.
            image: Its pixels, which are measured.
            segmentation: What was predicted, with instances.
            segments: For `panoptic`: what `object_files.write_panoptic` returned.
        """
        measures = measure(segmentation, image)
        scores = scores_of(segmentation, measures)
        if self.kind == "instance":
            segments = detections(segmentation, measures, self.numbers[name])
        channels = channel_columns(image)
        rows = object_rows(measures, scores, (name, channels, self.categories), self.scale)
        self.found[name] = Found(segmentation.size, rows, list(segments), channels)

    def write_coco(self, images: list[dict[str, Any]], entries: list[dict[str, Any]]) -> None:
        """Write COCO's files."""
        if self.kind == "instance":
            listed = [
                {"id": index, "name": category.name}
                for index, category in enumerate(self.categories)
                if not category.background
            ]
            self.write_results(images, entries, listed)
            return
        own = [
            {
                "image_id": self.numbers[name],
                "file_name": f"{stem(name)}.png",
                "segments_info": found.entries,
            }
            for name, found in self.found.items()
        ]
        listed = [
            {"id": i, "name": c.name, "isthing": int(c.thing), "color": list(c.color)}
            for i, c in enumerate(self.categories, start=1)
        ]
        data = {"images": images, "annotations": entries + own, "categories": listed}
        write_json(self.out / PANOPTIC, data)

    def columns(self) -> list[str]:
        """Return the columns in order, also those that only earlier runs had."""
        own = [column for found in self.found.values() for column in found.channels]
        earlier = [column for row in self.earlier.rows[:1] for column in row]
        return list(dict.fromkeys([*columns(self.scale), *own, *earlier]))


def columns(scale: Scale | None) -> list[str]:
    """Return the columns of `objects.csv` before those of an image's channels."""
    return [*_PLAIN, *(_physical(scale) if scale else ())]


def object_rows(
    measures: Measures,
    scores: Sequence[float | None],
    about: tuple[str, Sequence[str], Sequence[Category]],
    scale: Scale | None,
) -> list[dict[str, Any]]:
    """Return the rows of `objects.csv` of an image, or of some of its objects.

    Args:
        measures: Of the objects.
        scores: Of each, as far as known.
        about: Name of the image, columns for its channels, the model's categories.
        scale: Size of a pixel, if it is known.
    """
    (name, channels, categories), m = about, measures
    names = np.array([category.name for category in categories])
    table: dict[str, Sequence[Any]] = {
        "image": [name] * len(m),
        "id": m.ids.tolist(),
        "category": names[m.category].tolist(),
        "score": ["" if score is None else score for score in scores],
        "area_px": m.area.tolist(),
        "centroid_x": _short(m.centroid[:, 0]),
        "centroid_y": _short(m.centroid[:, 1]),
        **{key: m.box[:, i].tolist() for i, key in enumerate(("x0", "y0", "x1", "y1"))},
        "perimeter_px": _short(m.perimeter),
        "eccentricity": _short(m.eccentricity),
    }
    if scale is not None:
        size = scale.size
        values = (m.area * size**2, m.perimeter * size, *(m.centroid.T * size))
        table |= dict(zip(_physical(scale), map(_short, values), strict=True))
    table |= {key: _short(m.intensity[:, i]) for i, key in enumerate(channels)}
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


_PLAIN = (
    "image", "id", "category", "score", "area_px", "centroid_x", "centroid_y",
    "x0", "y0", "x1", "y1", "perimeter_px", "eccentricity",
)  # fmt: skip


def _physical(scale: Scale) -> tuple[str, ...]:
    unit = scale.unit
    return f"area_{unit}2", f"perimeter_{unit}", f"centroid_x_{unit}", f"centroid_y_{unit}"


def channel_columns(image: Image) -> list[str]:
    """Return the names of the columns for an image's channels."""
    count = 1 if image.ndim == 2 else image.shape[2]
    if count == 3 and image.dtype == np.uint8:
        return ["mean_red", "mean_green", "mean_blue"]
    return [f"mean_channel_{index}" for index in range(1, count + 1)]


def _short(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    """Return numbers without the digits that mean nothing."""
    return [float(f"{value:.7g}") for value in values.tolist()]
