"""One prediction: what an image shows, and ways to look at it, save it and take it elsewhere."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageColor, ImageOps

from segmentare.annotations.geometry import Image
from segmentare.annotations.poses import Poses
from segmentare.atomic import write_bytes
from segmentare.drawing import cutout
from segmentare.drawing.objects import draw_annotation
from segmentare.drawing.overlays import overlay, thumbnail
from segmentare.drawing.poses import draw_poses
from segmentare.errors import InputError, MissingPackageError, OutputExistsError
from segmentare.images.reading import read_image
from segmentare.results import files
from segmentare.results.data import (
    found_lines,
    prediction_table,
    to_coco,
)
from segmentare.results.found import Found
from segmentare.results.object_files import write_ids

Background = str | Path | Pillow.Image | NDArray[Any] | tuple[int, int, int]

#: ends of the names of files that can be saved, the longer ones first
ENDINGS = (
    *(".probability.png", ".cutout.png", ".ids.png"),
    *(".png", ".tif", ".tiff", ".jpg", ".jpeg", ".csv", ".json"),
)

_NOTEBOOK = 1000  # pixels of the longer side of the picture in a notebook


class Prediction(Found):
    """What a model found in one image.

    It has the attributes of its annotation: `category`, `probability`, `instance`, `scores` where
    there are masks, and `keypoints`, `boxes`, `scores` where there are people.

    >>> import numpy as np
    >>> from segmentare.annotations.segmentation import Category, Segmentation
    >>> from segmentare.tasks import SemanticTask
    >>> skin = Category("skin", (0, 0, 0), background=True)
    >>> task = SemanticTask((skin, Category("mole", (9, 0, 0))))
    >>> mask = np.zeros((40, 60), np.uint8)
    >>> mask[10:20, 15:45] = 1
    >>> found = Prediction(Segmentation(mask), np.zeros((40, 60, 3), np.uint8), "new.jpg", task)
    >>> found
    Prediction of 'new.jpg': 40 x 60 pixels (height x width), task semantic
      mole: 12.5 % of the pixels
    >>> found.overlay().size, found.cutout().mode
    ((60, 40), 'RGBA')
    >>> found.to_coco()["annotations"][0]["bbox"]
    [15, 10, 30, 10]
    """

    def overlay(self) -> Pillow.Image:
        """Return the image with what was found drawn over it; small images with objects grow."""
        if isinstance(self.annotation, Poses):
            return Pillow.fromarray(draw_poses(self.image, self.numbered))
        draw = overlay if self.annotation.instance is None else draw_annotation
        return Pillow.fromarray(draw(self.image, self.annotation, self.categories))

    def cutout(self, background: Background | None = None) -> Pillow.Image:
        """Return what was found with soft edges and transparent elsewhere, or on a background.

        Args:
            background: A path, a PIL image or an array, which is scaled to cover the image; or a
                color, as (red, green, blue) or a name such as "white". `None` leaves RGBA.

        Raises:
            InputError: The task finds no masks.
            DatasetError: The background cannot be read.
        """
        if background is None:
            return Pillow.fromarray(self._rgba)
        placed = cutout.place(self._rgba, _backdrop(background))
        return Pillow.fromarray(np.ascontiguousarray(placed))

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the prediction in the form that the end of the name asks for.

        `.png` and `.tif`: the mask of categories; `.ids.png`: the ids of objects;
        `.probability.png`: how sure the model is; `.cutout.png`: the cut-out; `.jpg`: the overlay;
        `.csv`: a table, see `to_frame`; `.json`: COCO's form, see `to_coco`.

        Args:
            path: Its folder must exist. The file appears whole or not at all.
            overwrite: Replace a file of that name.

        Returns:
            The file that was written.

        Raises:
            OutputExistsError: The file exists and `overwrite` is false.
            InputError: The name ends in something else, or the task does not find what would be
                written.
        """
        path = Path(path)
        ending = next((end for end in ENDINGS if path.name.lower().endswith(end)), None)
        if ending is None:
            raise InputError(
                f"The name of a saved prediction must end in one of "
                f"{', '.join(sorted(ENDINGS, key=len))}; got {path.name!r}."
            )
        if path.exists() and not overwrite:  # before the work, not after it
            raise OutputExistsError(
                f"{str(path)!r} exists already. Give another name, or overwrite=True."
            )
        return self._write(ending, path, overwrite=overwrite)

    def to_coco(self, image_id: int = 1) -> dict[str, Any]:
        """Return COCO's `images`, `annotations` and `categories`, as pycocotools reads them.

        Masks are compressed run lengths. A category that is not told apart into objects is one
        annotation.

        Args:
            image_id: Number of the image.
        """
        return to_coco(self.annotation, self.categories, self.name, image_id)

    def to_frame(self) -> Any:  # noqa: ANN401  pandas need not be installed
        """Return a pandas `DataFrame`: a row per object, else per category, or per keypoint.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingPackageError(
                "A data frame needs the package pandas: pip install pandas"
            ) from error
        names = ("image", "category", "keypoint")  # one may be "NA", or "007"
        numbers = set(self._table.partition("\n")[0].split(",")).difference(names)
        return pd.read_csv(
            io.StringIO(self._table),
            dtype=dict.fromkeys(names, str),
            keep_default_na=False,
            na_values={name: [""] for name in numbers},
        )

    def __repr__(self) -> str:
        height, width = self.size
        first = f"Prediction of {self.name!r}: {height} x {width} pixels (height x width), "
        return "\n  ".join(
            [f"{first}task {self.task.name}", *found_lines(self.annotation, self.categories)]
        )

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows."""
        return files.encode_png(thumbnail(np.asarray(self.overlay()), _NOTEBOOK))

    def _write(self, ending: str, path: Path, *, overwrite: bool) -> Path:
        match ending:
            case ".ids.png":
                return write_ids(path, self.masks, overwrite=overwrite)
            case ".probability.png":
                files.write_probability(path, self.masks, overwrite=overwrite)
            case ".cutout.png":
                files.write_cutout(path, self._rgba, overwrite=overwrite)
            case ".jpg" | ".jpeg":
                files.write_overlay(path, np.asarray(self.overlay()), overwrite=overwrite)
            case ".csv":
                write_bytes(path, self._table.encode(), overwrite=overwrite)
            case ".json":
                data = json.dumps(self.to_coco()).encode()
                write_bytes(path, data, overwrite=overwrite)
            case _:
                # the files of this task all have the colors of their categories
                colored = {"overwrite": overwrite, "palette": self.task.name == "panoptic"}
                files.write_mask(path, self.masks, self.categories, **colored)
        return path

    @cached_property
    def _rgba(self) -> NDArray[np.uint8]:
        things = any(category.thing for category in self.categories)
        kept = [replace(c, background=not c.thing) if things else c for c in self.categories]
        return cutout.cutout(self.image, self.masks, tuple(kept))

    @cached_property
    def _table(self) -> str:
        found = self.numbered if isinstance(self.annotation, Poses) else self.annotation
        return prediction_table(found, self.image, self.name, self.categories)


def _backdrop(background: Background) -> Image:
    """Return a background as pixels; a color is one pixel."""
    if isinstance(background, np.ndarray):
        return background
    if isinstance(background, Pillow.Image):
        return np.asarray(ImageOps.exif_transpose(background).convert("RGB"))
    if isinstance(background, str) and not Path(background).exists():
        with contextlib.suppress(ValueError):  # not the name of a color
            background = ImageColor.getrgb(background)[:3]
    if not isinstance(background, tuple):
        return read_image(background)
    if len(background) != 3 or not all(0 <= value <= 255 for value in background):
        raise InputError(
            f"A color must be (red, green, blue), each from 0 to 255; got {background}."
        )
    return np.array([[background]], np.uint8)
