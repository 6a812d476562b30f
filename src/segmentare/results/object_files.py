"""Files of single images whose objects are told apart: maps of ids, and COCO's panoptic form."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.instances import Flattened, Instances
from segmentare.annotations.measures import Measures, instances, measure
from segmentare.annotations.runlengths import objects_of
from segmentare.annotations.segmentation import Segmentation
from segmentare.atomic import write_bytes
from segmentare.datasets.writers.coco import segments
from segmentare.datasets.writers.formats import Item
from segmentare.results import files

MOST_IDS = 65535  #: more do not fit into 16 bits


def write_ids(path: Path, segmentation: Segmentation, *, overwrite: bool = False) -> Path:
    """Write the instance ids, 0 where there is no object, as 16-bit gray PNG.

    Ids above `MOST_IDS` become a TIFF file of 32 bits, of the same name but for the ending.

    Returns:
        The file that was written; the other one, of an earlier call, is removed.

    Raises:
        FileExistsError: The file exists and `overwrite` is not set.
        ValueError: The segmentation does not tell objects apart.
    """
    ids = instances(segmentation)
    if int(ids.max(initial=0)) <= MOST_IDS:
        write_bytes(path, _png(ids.astype(np.uint16)), overwrite=overwrite)
        written, other = path, path.with_suffix(".tif")
    else:
        written, other = path.with_suffix(".tif"), path
        write_bytes(written, _tiff(ids), overwrite=overwrite)
    if overwrite:
        other.unlink(missing_ok=True)
    return written


def write_panoptic(
    path: Path, segmentation: Segmentation, *, overwrite: bool = False
) -> list[dict[str, Any]]:
    """Write the segments as RGB PNG: id = red + 256 green + 65536 blue, and 0 is unlabeled.

    Objects keep their ids; surfaces have those that follow.

    Returns:
        The `segments_info` of this image, whose `category_id` is the category's id plus one.

    Raises:
        FileExistsError: The file exists and `overwrite` is not set.
        ValueError: The segmentation does not tell objects apart.

    Source: Kirillov et al., "Panoptic Segmentation", CVPR 2019, and
    https://github.com/cocodataset/panopticapi for the format.
    """
    instances(segmentation)
    nothing = Instances((), (), size=segmentation.size)
    ids, kinds = segments(Item(path.stem, path, None, nothing, Flattened(segmentation, (), ())))
    colors = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=2).astype(np.uint8)
    write_bytes(path, files.encode_png(colors), overwrite=overwrite)
    found = measure(Segmentation(segmentation.category, ids), segmentation.category)
    return [
        {
            "id": number,
            "category_id": kinds[number][0] + 1,
            "iscrowd": 0,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": area,
        }
        for number, (x0, y0, x1, y1), area in zip(
            found.ids.tolist(), found.box.tolist(), found.area.tolist(), strict=True
        )
    ]


def detections(
    segmentation: Segmentation, measures: Measures, image_id: int
) -> list[dict[str, Any]]:
    """Return the objects of one image as entries of COCO's results.

    Returns:
        Per object `image_id`, `category_id` (its id here), `segmentation` as compressed run
        lengths, `bbox` as x, y, width, height in pixels, and `score` (1 where none is known).

    Source: https://cocodataset.org/#format-results
    """
    scores = scores_of(segmentation, measures)
    masks = objects_of(instances(segmentation)).values()
    return [
        {
            "image_id": image_id,
            "category_id": kind,
            "segmentation": {"size": list(mask.size), "counts": mask.to_text()},
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "score": 1.0 if score is None else score,
        }
        for mask, kind, (x0, y0, x1, y1), score in zip(
            masks, measures.category.tolist(), measures.box.tolist(), scores, strict=True
        )
    ]


def scores_of(segmentation: Segmentation, measures: Measures) -> list[float | None]:
    """Return the score of each object, `None` where the segmentation has none."""
    given = segmentation.scores
    if given is None:
        return [None] * len(measures)
    return [round(float(score), 6) for score in given[measures.ids - 1]]


def _png(ids: NDArray[np.uint16]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(ids)).save(buffer, "PNG")
    return buffer.getvalue()


def _tiff(ids: NDArray[np.int32]) -> bytes:
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, ids, compression="zlib", photometric="minisblack")
    return buffer.getvalue()
