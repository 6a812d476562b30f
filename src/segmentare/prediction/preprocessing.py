"""How an image becomes network input: its size, its padding, and the range of its values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations import geometry
from segmentare.annotations.geometry import Image, Size
from segmentare.errors import InputError
from segmentare.json_values import entry, flag, listed, number, real, table, text, whole

STRIDE_MULTIPLE = 32  #: heights and widths of network input are multiples of this
LARGEST_SIDE = 16384  #: of a network's input, in pixels
LARGEST_SCALE = 64.0  #: by which images are enlarged for a network
WHOLE_LIMIT = 1024 * 1024  #: pixels up to which a "native" image is processed in one piece
DTYPES = ("uint8", "uint16", "float32")  #: pixel types that a model can be made for


@dataclass(frozen=True)
class Frame:
    """Where an image lies in the network's grid.

    Attributes:
        image: The image's own size.
        content: Size of the resampled image, at the top left of the grid.
        padded: Size of the grid, multiples of `STRIDE_MULTIPLE`; what the content leaves over
            at the right and the bottom repeats its edge.
        tile: Size of the pieces that are processed; equal to `padded` for one piece.
    """

    image: Size
    content: Size
    padded: Size
    tile: Size


@dataclass(frozen=True)
class Preprocessing:
    """How pixel values and sizes become network input; saved with the model.

    There are two modes. "Fit" (`scale` is `None`) brings the whole image, with its own aspect
    ratio, to about as many pixels as `size` has: for objects that fill the image. "Native"
    resamples every image by the same factor, so that objects keep the scale of the training:
    for microscopes and scanners. Large native images are processed in overlapping tiles.

    Attributes:
        channels: Number of channels that the model takes.
        dtype: Pixel type of the images: `uint8`, `uint16` or `float32`.
        mean: Per channel, in the units of the pixel values (0 to 255 for uint8).
        std: Per channel, in the same units, above 0.
        size: Height and width of the training images; of the tiles in native mode.
        scale: `None` for "fit", else the factor of "native" (1.0 keeps the image's pixels).
        level: Stretch every image to the whole range of its dtype first (0 to 1 for float32): for
            microscopes, whose exposure differs from image to image.
    """

    channels: int
    dtype: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: Size
    scale: float | None = None
    level: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise InputError(f"A model's dtype must be one of {DTYPES}; got {self.dtype!r}.")
        if self.channels < 1 or not len(self.mean) == len(self.std) == self.channels:
            raise InputError(
                f"Mean and std must hold one number for each of {self.channels} channels; "
                f"got {self.mean} and {self.std}."
            )
        if not all(math.isfinite(m) for m in self.mean) or not all(
            0 < s < math.inf for s in self.std
        ):
            raise InputError(
                f"Means must be finite and stds above 0; got {self.mean} and {self.std}."
            )
        if min(self.size) < 1 or (self.scale is not None and not 0 < self.scale < math.inf):
            raise InputError(
                f"Size and scale must be above 0; got size {self.size} and scale {self.scale}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-ready data."""
        return {
            "channels": self.channels,
            "dtype": self.dtype,
            "mean": list(self.mean),
            "std": list(self.std),
            "size": list(self.size),
            "scale": self.scale,
            "level": self.level,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: A value is missing, of another type or out of range.
        """
        data = table(data, "preprocessing")
        channels = whole(entry(data, "channels"), "channels", 1, 4096)
        mean, std = (
            tuple(real(value, name) for value in listed(entry(data, name), name, 4096))
            for name in ("mean", "std")
        )
        sides = listed(entry(data, "size"), "size", 2, 2)
        height, width = (whole(value, "size", 1, LARGEST_SIDE) for value in sides)
        scale = data.get("scale")
        return cls(
            channels,
            text(entry(data, "dtype"), "dtype"),
            mean,
            std,
            (height, width),
            None if scale is None else number(scale, "scale", 1e-4, LARGEST_SCALE),
            flag(data.get("level", False), "level"),
        )

    def check(self, image: Image) -> None:
        """Stop unless the model can take the image.

        Raises:
            InputError: The image has no pixels, or other channels or another dtype.
        """
        if image.ndim < 3 or 0 in image.shape:
            raise InputError(f"An image must have the shape (H, W, C); got {image.shape}.")
        channels, dtype = image.shape[-1], image.dtype
        if channels != self.channels or dtype != self.dtype:
            raise InputError(
                f"The model takes {_channels(self.channels)} of {self.dtype}, but the image has "
                f"{_channels(channels)} of {dtype}. Convert the image, or train on such images."
            )

    def normalize(self, image: Image) -> NDArray[np.float32]:
        """Return (value - mean) / std as float32 of the same shape.

        Args:
            image: (H, W, C), or a batch (N, H, W, C) of such images.

        Raises:
            InputError: The image has other channels or another dtype than the model takes.
        """
        self.check(image)
        mean, std = np.array(self.mean), np.array(self.std)
        if self.dtype == "uint8":  # a table of 256 results is faster than arithmetic on pixels
            table = ((np.arange(256)[:, None] - mean) / std).astype(np.float32)[None]
            pixels = np.ascontiguousarray(image).reshape(-1, image.shape[-2], self.channels)
            return np.asarray(cv2.LUT(pixels, table), np.float32).reshape(image.shape)
        values = image.astype(np.float32)
        values -= mean.astype(np.float32)
        values /= std.astype(np.float32)
        return values

    def leveled(self, image: Image, limits: tuple[float, float] | None = None) -> Image:
        """Return the image (H, W, C) with its own range stretched, if `level` asks for it.

        The range is that of all channels together, from the 1st to the 99.8th percentile (as
        StarDist normalizes), so that colors stay what they are. Leveled twice is leveled once.

        Args:
            image: Of any size.
            limits: The range, where `image` is a part of a larger one; `None` measures it.
        """
        if not self.level:
            return image
        low, high = value_range(image) if limits is None else limits
        top = 1.0 if self.dtype == "float32" else float(np.iinfo(self.dtype).max)
        factor = top / max(high - low, 1e-6 * top)
        if self.dtype == "uint8":
            table = np.clip((np.arange(256) - low) * factor, 0, top)
            return np.asarray(cv2.LUT(image, np.rint(table).astype(np.uint8))).reshape(image.shape)
        values = np.clip((image.astype(np.float32) - low) * factor, 0, top)
        stretched: Image = values if self.dtype == "float32" else np.rint(values)
        return stretched.astype(self.dtype)

    def frame(self, size: Size) -> Frame:
        """Plan where an image of this size lies in the network's grid, and in which pieces."""
        if self.scale is None:
            content = _fit(size, self.size[0] * self.size[1])
            padded = _round_up(content)
            return Frame(size, content, padded, padded)
        content = _scaled(size, self.scale)
        padded = _round_up(content)
        if padded[0] * padded[1] <= WHOLE_LIMIT:
            return Frame(size, content, padded, padded)
        tile = _round_up(self.size)
        return Frame(size, content, padded, (min(tile[0], padded[0]), min(tile[1], padded[1])))

    def arrange(self, image: Image, frame: Frame) -> Image:
        """Level, resample and pad an image (H, W, C) as `frame` says; it is not normalized yet."""
        content = geometry.resample(self.leveled(image), frame.content)
        bottom, right = (frame.padded[axis] - frame.content[axis] for axis in (0, 1))
        if not bottom and not right:
            return content
        return np.pad(content, ((0, bottom), (0, right), (0, 0)), mode="edge")


def value_range(image: Image) -> tuple[float, float]:
    """Return the 1st and the 99.8th percentile of the values of an image, all channels together.

    Large images are sampled; values that are no numbers do not count.
    """
    step = sampling_step((image.shape[0], image.shape[1]))
    return sampled_range(image[::step, ::step])


def sampling_step(size: Size) -> int:
    """Return the distance of the rows and columns that `value_range` looks at."""
    return max(1, round(math.sqrt(size[0] * size[1] / 250_000)))


def sampled_range(some: Image) -> tuple[float, float]:
    """Return what `value_range` does, of pixels that were sampled already."""
    if some.dtype == np.uint8:  # a histogram is faster than sorting
        shares = np.cumsum(np.bincount(some.ravel(), minlength=256)) / some.size
        return float(np.searchsorted(shares, 0.01)), float(np.searchsorted(shares, 0.998))
    known = some[np.isfinite(some)]
    if not known.size:
        return 0.0, 0.0
    low, high = np.percentile(known, (1, 99.8))
    return float(low), float(high)


def _channels(count: int) -> str:
    """Return "1 channel" or "n channels"."""
    return f"{count} channel" if count == 1 else f"{count} channels"


def _round_up(size: Size) -> Size:
    """Return the next multiples of `STRIDE_MULTIPLE`."""
    height, width = (-(-side // STRIDE_MULTIPLE) * STRIDE_MULTIPLE for side in size)
    return height, width


def _scaled(size: Size, factor: float) -> Size:
    """Return the size times `factor`, in whole pixels, at least one."""
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _fit(size: Size, area: int) -> Size:
    """Return the largest size of the same aspect in a box of multiples with about `area` pixels.

    The box takes the aspect of the image and not of the training images, so that a portrait
    seen by a model of landscapes keeps its resolution.
    """
    least, most = STRIDE_MULTIPLE, max(STRIDE_MULTIPLE, area / STRIDE_MULTIPLE)
    sides = (math.sqrt(area * size[0] / size[1]), math.sqrt(area * size[1] / size[0]))
    box = [round(min(max(side, least), most) / least) * least for side in sides]
    content = _scaled(size, min(box[0] / size[0], box[1] / size[1]))
    return min(content[0], box[0]), min(content[1], box[1])
