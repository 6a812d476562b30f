"""What can be measured of objects: size, place, shape and brightness, for all of them at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image
from segmentare.annotations.segmentation import UNLABELED, Segmentation
from segmentare.errors import InputError

Numbers = NDArray[np.int64]
Values = NDArray[np.float64]

_MOST_IDS = 1 << 22  # larger ids are sorted instead of counted


@dataclass(frozen=True)
class Measures:
    """N objects in ascending order of their ids; lengths in pixels.

    Attributes:
        ids: Instance ids, shape (N,).
        category: Category of most pixels of each object, shape (N,).
        area: Number of pixels, shape (N,).
        centroid: Mean of the (x, y) of the pixels' centers, shape (N, 2).
        box: x0, y0, x1, y1 with x1 and y1 excluded, shape (N, 4).
        perimeter: Length of the border with holes and with what runs along the edge of the image,
            shape (N,).
        eccentricity: Of the ellipse of the same second moments, shape (N,): 0 for a circle, near 1
            for a line.
        intensity: Mean of each channel over the object, in units of the image, shape (N, C).
    """

    ids: Numbers
    category: Numbers
    area: Numbers
    centroid: Values
    box: Numbers
    perimeter: Values
    eccentricity: Values
    intensity: Values

    def __len__(self) -> int:
        """Return the number of objects, N."""
        return self.ids.size


def measure(segmentation: Segmentation, image: Image) -> Measures:
    """Measure every object of a segmentation in one pass over its pixels.

    Args:
        segmentation: With instance ids.
        image: Of the same size, shape (H, W) or (H, W, C).

    Raises:
        InputError: The segmentation does not tell objects apart.
    """
    ids, place = compact(instances(segmentation))
    flat = np.flatnonzero(place)
    owner = place.ravel()[flat].astype(np.int64) - 1
    count = ids.size
    area = np.bincount(owner, minlength=count)
    y, x = np.divmod(flat, place.shape[1])
    points = np.stack([x, y]).astype(np.float64)
    centroid = np.stack([np.bincount(owner, axis, count) for axis in points], 1) / area[:, None]
    channels = image.reshape(place.size, -1)[flat].T
    intensity = np.stack([np.bincount(owner, channel, count) for channel in channels], 1)
    return Measures(
        ids=ids,
        category=majority(segmentation, place, count),
        area=area,
        centroid=centroid,
        box=_boxes(x, y, owner, count),
        perimeter=perimeters(place, count),
        eccentricity=_eccentricity(points - centroid.T[:, owner], owner, area),
        intensity=intensity / area[:, None],
    )


def instances(segmentation: Segmentation) -> NDArray[np.int32]:
    """Return the map of instance ids.

    Raises:
        InputError: The segmentation does not tell objects apart.
    """
    if segmentation.instance is None:
        raise InputError(
            "Objects can only be measured, drawn or listed where a segmentation has instance ids; "
            "this one has categories alone."
        )
    return segmentation.instance


def compact(instance: NDArray[np.int32]) -> tuple[Numbers, NDArray[np.int32]]:
    """Return the ids above 0 in ascending order, and a map of their places: 1 to N, 0 for none."""
    if int(instance.max(initial=0)) >= _MOST_IDS:
        ids, places = np.unique(instance, return_inverse=True)
        first = int(np.searchsorted(ids, 0, "right"))
        place = (places.reshape(instance.shape) - (first - 1)).astype(np.int32)
        return ids[first:].astype(np.int64), place
    there = np.bincount(instance.ravel()) > 0
    there[:1] = False
    used = np.flatnonzero(there).astype(np.int64)
    if used.size == there.size - 1:
        return used, instance
    table = (np.cumsum(there) * there).astype(np.int32)
    return used, np.asarray(table[instance])


def majority(segmentation: Segmentation, place: NDArray[np.int32], count: int) -> Numbers:
    """Return the category of most pixels of each of `count` places, unlabeled ones left out."""
    where = place > 0
    codes = (place[where].astype(np.int64) - 1) * 256 + segmentation.category[where]
    counts = np.bincount(codes, minlength=256 * count).reshape(-1, 256)
    return np.asarray(counts[:, :UNLABELED].argmax(axis=1), np.int64)


def perimeters(place: NDArray[np.int32], count: int) -> Values:
    """Return the length of the border of each place, 1 to `count`, in pixels.

    Crofton's formula with lines in four directions: right on average over directions, which
    counting the edges of pixels is not (it makes every circle 27 % too long).

    Source: Legland, Kieu and Devaux, "Computation of Minkowski Measures on 2D and 3D Binary
    Images", Image Analysis and Stereology 2007, https://doi.org/10.5566/ias.v26.p83-92
    """
    everything = slice(0, place.shape[0] + 2), slice(0, place.shape[1] + 2)
    return np.pi / 8 * crossings(np.pad(place, 1), everything, count)[1:]


def crossings(place: NDArray[np.int32], part: tuple[slice, slice], count: int) -> Values:
    """Return how often lines in four directions enter or leave each place, 0 to `count`.

    Each line counts with its spacing.

    Args:
        place: Map of places 0 to `count`.
        part: Which pixels' lines to their neighbors right and below are counted, from a start to
            a stop; their neighbors may lie beside it.
        count: Number of places.
    """
    total = np.zeros(count + 1)
    height, width = place.shape
    top, bottom, left, right = part[0].start, part[0].stop, part[1].start, part[1].stop
    for (down, aside), spacing in (
        ((0, 1), 1.0),
        ((1, 0), 1.0),
        ((1, 1), 0.5**0.5),
        ((1, -1), 0.5**0.5),
    ):
        y1, x0, x1 = min(bottom, height - down), max(left, -aside), min(right, width - aside)
        one = place[top:y1, x0:x1]
        other = place[top + down : y1 + down, x0 + aside : x1 + aside]
        crossed = one != other
        for side in (one, other):  # every line that enters an object leaves it
            total += spacing * np.bincount(side[crossed], minlength=count + 1)
    return total


def _boxes(x: Numbers, y: Numbers, owner: Numbers, count: int) -> Numbers:
    """Return the boxes; the pixels come row by row."""
    box = np.zeros((count, 4), np.int64)
    box[owner, 3] = y + 1  # of several values for one place NumPy keeps the last
    box[owner[::-1], 1] = y[::-1]
    across = np.argsort(x.astype(np.uint16 if x.max(initial=0) < 65536 else x.dtype), kind="stable")
    box[owner[across], 2] = x[across] + 1
    across = across[::-1]
    box[owner[across], 0] = x[across]
    return box


def _eccentricity(offset: Values, owner: Numbers, area: Numbers) -> Values:
    """Return the eccentricity from (x, y) relative to the centroid, shape (2, pixels)."""
    xx, yy, xy = (
        np.bincount(owner, offset[a] * offset[b], area.size) / area
        for a, b in ((0, 0), (1, 1), (0, 1))
    )
    return eccentricities(xx, yy, xy)


def eccentricities(xx: Values, yy: Values, xy: Values) -> Values:
    """Return the eccentricity of ellipses of these second moments about their middles."""
    spread = np.hypot(xx - yy, 2 * xy)
    longer = (xx + yy + spread) / 2
    share = np.divide(spread, longer, out=np.zeros(xx.size), where=longer > 0)
    eccentricity: Values = np.sqrt(np.minimum(share, 1))  # 1 - (longer - spread) / longer
    return eccentricity
