"""Random planes that the drawn pictures are made of: clouds, cells, and soft steps.

Frequencies are counted per image height, so one seed gives the same picture at every size. All
planes are float32 of shape (H, W).
"""

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.errors import InputError

Plane = NDArray[np.float32]  #: (H, W)
Random = np.random.Generator

_ROW = 0.75**0.5  # distance between the rows of a honeycomb whose centers are 1 apart


def sigmoid(plane: Plane) -> Plane:
    """Return the soft step from 0 to 1 that crosses one half where `plane` crosses zero."""
    result: Plane = np.tanh(0.5 * plane)
    result *= 0.5
    result += 0.5
    return result


def between(rng: Random, low: float, high: float) -> float:
    """Draw one number, uniformly."""
    return float(rng.uniform(low, high))


def coordinates(size: Size) -> tuple[Plane, Plane]:
    """Return x and y of all pixel centers in image heights, zero in the middle; read only."""
    return _coordinates(size)


@lru_cache(maxsize=4)
def _coordinates(size: Size) -> tuple[Plane, Plane]:
    height, width = size
    x = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / height
    y = (np.arange(height, dtype=np.float32) - (height - 1) / 2) / height
    planes: tuple[Plane, Plane] = (
        np.tile(x, (height, 1)).astype(np.float32),
        np.repeat(y[:, None], width, axis=1).astype(np.float32),
    )
    for plane in planes:
        plane.flags.writeable = False
    return planes


def around(table: NDArray[np.float64], angle: Plane) -> Plane:
    """Look up `table`, whose entries go once around a turn, at every angle (radians)."""
    index = (angle * (len(table) / (2 * np.pi))).astype(np.int32)
    result: Plane = table.astype(np.float32).take(index, mode="wrap")
    return result


def clouds(rng: Random, size: Size, cells: float, octaves: int = 1, gain: float = 0.5) -> Plane:
    """Draw smooth noise with mean 0 and a standard deviation of about 1.

    Args:
        rng: Where the randomness comes from.
        size: Height and width of the result.
        cells: Blobs per image height in the coarsest octave.
        octaves: Number of layers; each has twice the frequency of the one before.
        gain: Amplitude of each layer relative to the one before.

    Source: Perlin, "An Image Synthesizer", SIGGRAPH 1985 (value noise, summed over octaves).
    """
    plane: Plane | None = None
    amplitude, power = 1.0, 0.0
    for octave in range(octaves):
        rows = max(3, round(cells * 2**octave))
        columns = max(3, round(cells * 2**octave * size[1] / size[0]))
        layer = rng.standard_normal((rows, columns), dtype=np.float32)
        if plane is None:
            plane = layer
        else:  # each octave is added at its own small size; only the last step is full-sized
            plane = cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_CUBIC)
            plane += amplitude * layer
        power += amplitude**2
        amplitude *= gain
    if plane is None:
        raise InputError(f"Clouds must have at least one octave; got {octaves}.")
    # Interpolation between the grid's points takes about a third of the deviation away.
    plane *= 1.35 / power**0.5
    full: Plane = cv2.resize(plane, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return full


def cells(rng: Random, size: Size, spacing: float, jitter: float, kept: float = 1.0) -> Plane:
    """Draw a tissue of cells: 0 at the cells' centers, about 0.6 on the walls between them.

    Args:
        rng: Where the randomness comes from.
        size: Height and width of the result.
        spacing: Distance between neighboring centers, in image heights.
        jitter: 0 for a honeycomb, 1 for centers strewn at random.
        kept: Share of the centers that are there; fewer leave gaps, as between freckles.

    Source: Worley, "A Cellular Texture Basis Function", SIGGRAPH 1996.
    """
    step = max(spacing * size[0], 2.0)
    rim = math.ceil(step)  # cells just outside have a share in the walls at the picture's border
    height, width = size[0] + 2 * rim, size[1] + 2 * rim
    rows, columns = int(height / (step * _ROW)) + 2, int(width / step) + 2
    shift = rng.uniform(-jitter, jitter, (2, rows, columns))
    x = (np.arange(columns) - 0.5 * (np.arange(rows)[:, None] % 2) + shift[0]) * step
    y = (np.arange(rows)[:, None] + shift[1]) * (step * _ROW)
    there = (x >= 0) & (y >= 0) & (x < width - 0.5) & (y < height - 0.5)
    if kept < 1:
        there &= rng.random((rows, columns)) < kept
    plane = np.ones((height, width), np.uint8)
    plane[np.rint(y[there]).astype(int), np.rint(x[there]).astype(int)] = 0
    plane[0, 0] = 0  # without any center there would be no distances
    distance: Plane = cv2.distanceTransform(plane, cv2.DIST_L2, 5)[rim:-rim, rim:-rim]
    return distance * np.float32(1 / step)


def border_distance(mask: NDArray[np.bool_]) -> Plane:
    """Return every pixel's distance to the border of `mask` in image heights, positive inside."""
    inner = mask.astype(np.uint8)
    distance: Plane = cv2.distanceTransform(inner, cv2.DIST_L2, 5)
    distance -= cv2.distanceTransform(1 - inner, cv2.DIST_L2, 5)
    distance -= np.where(mask, np.float32(0.5), np.float32(-0.5))  # the border lies between pixels
    distance *= 1 / mask.shape[0]
    return distance
