"""What a whole prediction run says of its objects: `objects.csv` and COCO's JSON files.

The tables grow with every run into the same folder; rows of images that are predicted again are
replaced.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from segmentare.annotations import Category, Segmentation
from segmentare.geometry import Image, Size
from segmentare.prediction import files
from segmentare.prediction.measures import Measures, measure
from segmentare.prediction.object_files import detections, scores_of

OBJECTS = "objects.csv"
RESULTS = "coco_results.json"
IMAGES = "coco_images.json"  #: which image has which number in `RESULTS`, and the categories
PANOPTIC = "panoptic.json"
PANOPTIC_FOLDER = "panoptic"  #: of its PNG files

_NUMBERED = re.compile(r"(?:.*[\W_])?[A-Za-z]*(\d{1,15})")  # a name that ends in its number


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
            raise ValueError(
                f"The size of a pixel must be a number above 0, in {self.unit or 'units'} per "
                f"pixel; got {self.size}."
            )
        if not self.unit.isidentifier():
            raise ValueError(
                f"The unit of the pixel size must be one word such as um or mm, since columns are "
                f"named after it; got {self.unit!r}."
            )


@dataclass
class ObjectTables:
    """Collects the objects of a run, image by image, and writes them in the end.

    Attributes:
        out: The folder of the results.
        categories: The model's categories.
        kind: `instance` writes `objects.csv` and `coco_results.json` with `coco_images.json`;
            `panoptic` writes `objects.csv` and `panoptic.json`.
        scale: Size of a pixel, for columns in its unit as well.
    """

    out: Path
    categories: tuple[Category, ...]
    kind: Literal["instance", "panoptic"]
    scale: Scale | None = None
    _numbers: dict[str, int] = field(default_factory=dict, init=False)
    _earlier: _Tables = field(init=False)
    _found: dict[str, _Found] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._earlier = _read_earlier(self.out, self.kind)

    def start(self, images: Sequence[str]) -> None:
        """Give every image that is to come its number.

        That is the number at the end of its name, if all of them end in different ones that are
        not taken yet; else they are counted on from the largest so far. An image that the folder
        holds already keeps its number.

        Args:
            images: File names within the folder of the results.
        """
        known = {stem(entry["file_name"]): int(entry["id"]) for entry in self._earlier.images}
        new = [name for name in images if stem(name) not in known]
        matches = [_NUMBERED.fullmatch(stem(name)) for name in new]
        ends = [int(match[1]) for match in matches if match]
        used = set(known.values())
        if len(ends) < len(new) or len(set(ends)) < len(ends) or used.intersection(ends):
            ends = [max(used, default=0) + place for place in range(1, len(new) + 1)]
        numbers = known | {stem(name): end for name, end in zip(new, ends, strict=True)}
        self._numbers = {name: numbers[stem(name)] for name in images}

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
            segments = detections(segmentation, measures, self._numbers[name])
        channels = _channels(image)
        self._found[name] = _Found(segmentation.size, measures, scores, channels, list(segments))

    def write(self) -> None:
        """Write the tables; each file is replaced whole."""
        if not self._found:
            return
        again = {stem(name) for name in self._found}
        kept = self._earlier.without(again)
        images = kept.images + [
            {
                "id": self._numbers[name],
                "file_name": name,
                "width": found.size[1],
                "height": found.size[0],
            }
            for name, found in self._found.items()
        ]
        rows = kept.rows + [row for name, found in self._found.items() for row in self._rows(name)]
        files.write_bytes(self.out / OBJECTS, _csv(rows, self._columns()), overwrite=True)
        if self.kind == "instance":
            entries = kept.entries + [e for found in self._found.values() for e in found.entries]
            listed = [
                {"id": index, "name": category.name}
                for index, category in enumerate(self.categories)
                if not category.background
            ]
            _write_json(self.out / RESULTS, entries)
            _write_json(self.out / IMAGES, {"images": images, "categories": listed})
            return
        entries = kept.entries + [
            {
                "image_id": self._numbers[name],
                "file_name": f"{stem(name)}.png",
                "segments_info": found.entries,
            }
            for name, found in self._found.items()
        ]
        listed = [
            {"id": i, "name": c.name, "isthing": int(c.thing), "color": list(c.color)}
            for i, c in enumerate(self.categories, start=1)
        ]
        data = {"images": images, "annotations": entries, "categories": listed}
        _write_json(self.out / PANOPTIC, data)

    def _columns(self) -> list[str]:
        """Return the columns in order, also those that only earlier runs had."""
        own = [column for found in self._found.values() for column in found.channels]
        plain = [*_PLAIN, *(_physical(self.scale) if self.scale else ())]
        earlier = [column for row in self._earlier.rows[:1] for column in row]
        return list(dict.fromkeys([*plain, *own, *earlier]))

    def _rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of `objects.csv` of one image."""
        found = self._found[name]
        m = found.measures
        names = np.array([category.name for category in self.categories])
        table: dict[str, Sequence[Any]] = {
            "image": [name] * len(m),
            "id": m.ids.tolist(),
            "category": names[m.category].tolist(),
            "score": ["" if score is None else score for score in found.scores],
            "area_px": m.area.tolist(),
            "centroid_x": _short(m.centroid[:, 0]),
            "centroid_y": _short(m.centroid[:, 1]),
            **{key: m.box[:, i].tolist() for i, key in enumerate(("x0", "y0", "x1", "y1"))},
            "perimeter_px": _short(m.perimeter),
            "eccentricity": _short(m.eccentricity),
        }
        if self.scale is not None:
            size = self.scale.size
            values = (m.area * size**2, m.perimeter * size, *(m.centroid.T * size))
            table |= dict(zip(_physical(self.scale), map(_short, values), strict=True))
        table |= {key: _short(m.intensity[:, i]) for i, key in enumerate(found.channels)}
        return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


_PLAIN = (
    "image", "id", "category", "score", "area_px", "centroid_x", "centroid_y",
    "x0", "y0", "x1", "y1", "perimeter_px", "eccentricity",
)  # fmt: skip


@dataclass(frozen=True)
class _Found:
    """The objects of one image."""

    size: Size
    measures: Measures
    scores: list[float | None]
    channels: list[str]
    entries: list[dict[str, Any]]


@dataclass(frozen=True)
class _Tables:
    """What earlier runs wrote: images, entries that name them by number, rows of objects."""

    images: list[dict[str, Any]]
    entries: list[dict[str, Any]]
    rows: list[dict[str, Any]]

    def without(self, stems: set[str]) -> _Tables:
        """Return the tables without some images."""
        gone = {entry["id"] for entry in self.images if stem(entry["file_name"]) in stems}
        return _Tables(
            [entry for entry in self.images if entry["id"] not in gone],
            [entry for entry in self.entries if entry["image_id"] not in gone],
            [row for row in self.rows if stem(row["image"]) not in stems],
        )


def stem(name: str) -> str:
    """Return the name of a file without its ending, by which its results are named."""
    return str(PurePosixPath(name).with_suffix(""))


def _read_earlier(out: Path, kind: str) -> _Tables:
    """Read what earlier runs left.

    Raises:
        ValueError: A file is not what was written.
    """
    first, second = (IMAGES, RESULTS) if kind == "instance" else (PANOPTIC, PANOPTIC)
    rows: list[dict[str, Any]] = []
    try:
        listed = _read_json(out / first, {})
        entries = _read_json(out / second, [])
        images = list(listed.get("images", ()))
        if kind == "panoptic" and listed:
            entries = listed["annotations"]
        if (out / OBJECTS).is_file():
            with (out / OBJECTS).open(encoding="utf-8", newline="") as file:
                rows = _read_rows(file)
        tables = _Tables(images, list(entries), rows)
        tables.without(set())  # reads every name and number
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"'{out}' must hold the tables of earlier predictions as they were written; one of "
            f"{OBJECTS}, {first} and {second} is damaged ({error}). Remove it, or give another "
            f"folder."
        ) from error
    return tables


def _read_rows(file: Iterable[str]) -> list[dict[str, Any]]:
    table = csv.DictReader(file)
    if "image" not in (table.fieldnames or ()):
        raise ValueError(f"{OBJECTS} has no column image")
    return list(table)


def _read_json(path: Path, absent: Any) -> Any:  # noqa: ANN401  any JSON value
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else absent


def _write_json(path: Path, data: Any) -> None:  # noqa: ANN401  any JSON value
    text = json.dumps(data, separators=(",", ":"))
    files.write_bytes(path, text.encode(), overwrite=True)


def _csv(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


def _physical(scale: Scale) -> tuple[str, ...]:
    unit = scale.unit
    return f"area_{unit}2", f"perimeter_{unit}", f"centroid_x_{unit}", f"centroid_y_{unit}"


def _channels(image: Image) -> list[str]:
    count = 1 if image.ndim == 2 else image.shape[2]
    if count == 3 and image.dtype == np.uint8:
        return ["mean_red", "mean_green", "mean_blue"]
    return [f"mean_channel_{index}" for index in range(1, count + 1)]


def _short(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    """Return numbers without the digits that mean nothing."""
    return [float(f"{value:.7g}") for value in values.tolist()]
