"""All that lies between an image and its maps as one graph of TensorFlow, for a SavedModel.

It does with tensors what `Preprocessing` and `Predictor` do with arrays, so that a server needs
neither this package nor Python: an image is leveled, resampled to what the network was trained on,
padded and normalized; maps are brought back to its own size. Large images are not cut into tiles.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from segmentare.keras.layers import Tensor
from segmentare.keras.network import Network, activate
from segmentare.prediction.preprocessing import STRIDE_MULTIPLE, Preprocessing
from segmentare.tasks.base import Head, Task

CONTENT = "content"  #: output of coarse tasks: rows and columns of the input that the image covers


class Served(tf.Module):
    """The two functions that a SavedModel offers.

    Args:
        network: With BatchNorms folded.
        task: Names the heads.
        preprocessing: How images become input.
    """

    def __init__(self, network: Network, task: Task[Any], preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network
        self._heads, self._coarse = task.heads, task.coarse
        self._preprocessing = preprocessing

    def signatures(self) -> dict[str, Any]:
        """Return the traced functions by the names of their signatures."""
        channels = self._preprocessing.channels
        pixels = tf.TensorSpec((None, None, None, channels), self._preprocessing.dtype, "images")
        values = tf.TensorSpec((None, None, None, channels), tf.float32, "images")
        return {
            "serving_default": tf.function(self.serve, [pixels]).get_concrete_function(),
            "maps": tf.function(self.maps, [values]).get_concrete_function(),
        }

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """Map normalized images (N, H, W, C) to activated maps (N, H / stride, W / stride, ...)."""
        return activate(self.network(images, training=False), self._heads)

    def serve(self, images: Tensor) -> dict[str, Tensor]:
        """Map images (N, H, W, C) of any one size to maps (N, H, W, channels) per head.

        For tasks that read coarse maps these stay as the network gives them, and `CONTENT` says
        which part of its input the image covers.
        """
        size = tf.shape(images)[1:3]
        content = self._content(size)
        leveled = self._leveled(images) if self._preprocessing.level else images
        grid = _resampled(leveled, size, content)
        mean = tf.constant(self._preprocessing.mean, tf.float32)
        std = tf.constant(self._preprocessing.std, tf.float32)
        padded = _padded((grid - mean) / std, content)
        found = self.maps(padded)
        stride = self.network.stride
        rows, columns = (-(-content[axis] // stride) for axis in (0, 1))
        cut = {name: values[:, :rows, :columns] for name, values in found.items()}
        if self._coarse:
            return {**cut, CONTENT: content}
        scale = tf.cast(size, tf.float64) / tf.cast(content, tf.float64)
        return {
            head.name: _restored(cut[head.name], head, stride, scale, size) for head in self._heads
        }

    def _content(self, size: Tensor) -> Tensor:
        """Return the size (rows, columns) that images are resampled to; see `frame`."""
        sides = tf.cast(size, tf.float64)
        if self._preprocessing.scale is not None:
            return _whole(sides * self._preprocessing.scale)
        area, least = math.prod(self._preprocessing.size), float(STRIDE_MULTIPLE)
        wished = tf.sqrt(area * sides / sides[::-1])
        most = max(least, area / STRIDE_MULTIPLE)
        box = tf.round(tf.clip_by_value(wished, least, most) / least) * least
        return tf.minimum(_whole(sides * tf.reduce_min(box / sides)), tf.cast(box, tf.int32))

    def _leveled(self, images: Tensor) -> Tensor:
        top = 1.0 if self._preprocessing.dtype == "float32" else float(images.dtype.max)

        def level(image: Tensor) -> Tensor:
            low, high = _value_range(image)
            factor = top / tf.maximum(high - low, 1e-6 * top)
            values = tf.clip_by_value((tf.cast(image, tf.float32) - low) * factor, 0.0, top)
            return values if image.dtype == tf.float32 else tf.cast(tf.round(values), image.dtype)

        return tf.map_fn(level, images)


def _whole(sides: Tensor) -> Tensor:
    return tf.maximum(1, tf.cast(tf.round(sides), tf.int32))


def _value_range(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the 1st and the 99.8th percentile; see `preprocessing.value_range`."""
    area = tf.cast(tf.shape(image)[0] * tf.shape(image)[1], tf.float64)
    step = tf.maximum(1, tf.cast(tf.round(tf.sqrt(area / 250_000)), tf.int32))
    some = tf.reshape(image[::step, ::step], (-1,))
    if image.dtype == tf.uint8:  # the first value that so many pixels do not exceed
        counts = tf.math.bincount(tf.cast(some, tf.int32), minlength=256, maxlength=256)
        shares = tf.cumsum(tf.cast(counts, tf.float64)) / tf.cast(tf.size(some), tf.float64)
        found = tf.searchsorted(shares, tf.constant((0.01, 0.998), tf.float64))
        return tf.cast(found[0], tf.float32), tf.cast(found[1], tf.float32)
    values = tf.cast(some, tf.float32)
    values = tf.concat([tf.sort(tf.boolean_mask(values, tf.math.is_finite(values))), [0.0]], 0)
    last = tf.cast(tf.maximum(tf.size(values) - 2, 0), tf.float32)
    ends = []
    for share in (0.01, 0.998):
        place = share * last
        below = tf.cast(tf.floor(place), tf.int32)
        above = tf.cast(tf.math.ceil(place), tf.int32)
        part = place - tf.floor(place)
        ends.append((1 - part) * values[below] + part * values[above])
    return ends[0], ends[1]


def _resampled(images: Tensor, size: Tensor, content: Tensor) -> Tensor:
    """Return the images as float32 at another size; see `geometry.resample`."""
    whole = images.dtype != tf.float32
    smaller = tf.minimum(size, content)
    # Whole numbers are rounded after each step, as pixels are stored.
    shrunk = tf.image.resize(tf.cast(images, tf.float32), smaller, method="area")
    shrunk = tf.round(shrunk) if whole else shrunk
    grown = _linear(shrunk, tf.cast(content, tf.float64) / tf.cast(smaller, tf.float64), content)
    return tf.round(grown) if whole else grown


def _linear(images: Tensor, factors: Tensor, size: Tensor) -> Tensor:
    """Enlarge by (vertical, horizontal) factors, exactly these, and cut to a size."""
    return tf.raw_ops.ScaleAndTranslate(
        images=images,
        size=size,
        scale=tf.cast(factors, tf.float32),
        translation=tf.zeros(2),
        kernel_type="triangle",
        antialias=False,
    )


def _padded(grid: Tensor, content: Tensor) -> Tensor:
    """Repeat the last row and column up to multiples of what a `Predictor` pads to."""
    for axis in (0, 1):
        target = -(-content[axis] // STRIDE_MULTIPLE) * STRIDE_MULTIPLE
        grid = tf.gather(grid, tf.minimum(tf.range(target), content[axis] - 1), axis=axis + 1)
    return grid


def _restored(maps: Tensor, head: Head, stride: int, scale: Tensor, size: Tensor) -> Tensor:
    """Bring maps to the image's own size; see `prediction.predictor`."""
    factors = stride * scale
    sides = tf.cast(tf.shape(maps)[1:3], tf.float64)

    def shrink() -> Tensor:
        small = tf.image.resize(maps, _whole(sides * factors), method="area")
        return small[:, : size[0], : size[1]]

    maps = keras.ops.cond(tf.reduce_max(factors) < 1, shrink, lambda: _linear(maps, factors, size))
    if head.kind != "vectors":
        return maps
    mean = tf.sqrt(scale[0] * scale[1]) if head.directions else tf.constant(1.0, tf.float64)
    pair = tf.cast(scale[::-1] / mean, tf.float32)  # x before y
    return maps * tf.tile(pair, [head.channels // 2])
