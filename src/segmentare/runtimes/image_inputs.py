"""What a Python user may give as an image: a path, a PIL image, an array or a tensor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from segmentare.annotations.geometry import Image
from segmentare.errors import InputError
from segmentare.images.reading import read_image
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.video.reading import is_video

_COUNTS = (1, 3, 4)  # channels of gray, RGB and RGBA pictures
_UNCLEAR = "Convert the image to uint8 with values from 0 to 255."


class Tensor(Protocol):
    """What is asked of a tensor of PyTorch, so that its types need not be installed."""

    def detach(self) -> Any:  # noqa: ANN401  PyTorch's own type
        """Return it without its gradient."""


Picture = str | Path | Pillow.Image | NDArray[Any] | Tensor  #: one image


def image_name(given: Picture, otherwise: str = "image") -> str:
    """Return the name of the file that an image is, or came from.

    >>> image_name("photos/new.jpg")
    'new.jpg'
    """
    if isinstance(given, str | Path):
        return Path(given).name
    return Path(getattr(given, "filename", "") or otherwise).name


def to_image(given: Picture, preprocessing: Preprocessing) -> Image:
    """Return an image as a model takes it, of shape (H, W, C).

    Gray is repeated and transparency dropped where the model takes RGB, as in files. A PIL image is
    turned upright by its EXIF, as files are. Floats for a model of 8-bit images are taken as 0 to 1
    where none is larger, and as 0 to 255 where all are whole numbers.

    Args:
        given: A path; a PIL image; an array of shape (H, W) or (H, W, C); a tensor of PyTorch of
            these shapes or (C, H, W).
        preprocessing: What the model takes.

    Raises:
        DatasetError: The file is missing, damaged or not an image.
        InputError: It is something else, its shape or the range of its values is not clear, or the
            model takes other channels or other pixels.
    """
    if isinstance(given, str | Path):
        _refuse_video(Path(given))
        image = read_image(given)
    elif isinstance(given, Pillow.Image):
        image = _from_pillow(given)
    elif isinstance(given, np.ndarray):
        image = given
    elif _is_tensor(given):
        image = _from_tensor(given, preprocessing.channels)
    else:
        raise InputError(
            "An image must be a path, a PIL image, a NumPy array or a tensor of PyTorch; got "
            f"{type(given).__name__}. Convert it, for instance with numpy.asarray."
        )
    image = _with_channels(_in_range(image, preprocessing.dtype), preprocessing.channels)
    preprocessing.check(image)
    return image


def _refuse_video(path: Path) -> None:
    if is_video(path) and path.is_file():
        raise InputError(
            f"'{path.name}' must be an image; it is a video. Use segmentare.predict for videos."
        )


def _from_pillow(picture: Pillow.Image) -> Image:
    """Return the pixels of a picture, upright."""
    upright = ImageOps.exif_transpose(picture)
    deep = upright.mode in {"I", "F"} or upright.mode.startswith("I;")
    return np.asarray(upright if deep else upright.convert("RGB"))


def _is_tensor(given: object) -> TypeGuard[Tensor]:
    torch = sys.modules.get("torch")  # who has a tensor has imported it
    return torch is not None and isinstance(given, torch.Tensor)


def _from_tensor(tensor: Tensor, channels: int) -> Image:
    """Return a tensor of shape (H, W), (H, W, C) or (C, H, W) as an array with channels last.

    Raises:
        InputError: Either end of the shape could be the channels, or none.
    """
    plain: Any = tensor.detach().cpu()
    shape = tuple(plain.shape)
    array: Image = (plain.float() if str(plain.dtype) == "torch.bfloat16" else plain).numpy()
    if len(shape) != 3:
        return array
    first, last = (side in {*_COUNTS, channels} for side in (shape[0], shape[2]))
    if first == last:
        raise InputError(
            "A tensor must have the shape (C, H, W) or (H, W, C), with "
            f"{' or '.join(map(str, sorted({*_COUNTS, channels})))} channels; {shape} could be "
            f"{'either' if first else 'neither'}. Give a NumPy array of shape (H, W, C)."
        )
    return array.transpose(1, 2, 0) if first else array


def _with_channels(image: Image, channels: int) -> Image:
    """Return an image of shape (H, W, C), with as many channels as the model takes if it can be.

    Raises:
        InputError: It is not one image.
    """
    if image.ndim not in {2, 3}:
        raise InputError(
            f"An image must have the shape (H, W) or (H, W, C); got {image.shape}. Give the images "
            "of a batch one by one, for instance as a list."
        )
    image = image[..., None] if image.ndim == 2 else image
    if image.shape[0] in _COUNTS and image.shape[2] not in {*_COUNTS, channels}:
        raise InputError(
            f"An array must have its channels last, (H, W, C); got {image.shape}. If the first "
            "axis holds the channels, give image.transpose(1, 2, 0)."
        )
    if channels == 3 and image.shape[2] == 1 and image.dtype == np.uint8:
        return np.repeat(image, 3, axis=2)
    return image[..., :3] if channels == 3 and image.shape[2] == 4 else image


def _in_range(image: Image, dtype: str) -> Image:
    """Return an image with values of the model's type, if it is clear what they mean.

    Raises:
        InputError: It is not.
    """
    kind = image.dtype.kind
    if image.dtype == dtype or image.dtype in {np.dtype(np.uint8), np.dtype(np.uint16)}:
        return image  # the model says what it takes
    if kind not in "fiub":
        raise InputError(f"The pixels of an image must be numbers; got {image.dtype}. {_UNCLEAR}")
    if kind == "b":
        return image.astype(np.uint8) * np.uint8(255)  # as 1-bit files are read
    if dtype == "float32":
        return image.astype(np.float32)
    if not image.size:
        return image.astype(dtype)
    low, high = float(image.min()), float(image.max())
    if kind == "f" and dtype == "uint8" and low >= 0 and high <= 1:
        return np.rint(image.astype(np.float32) * 255).astype(np.uint8)
    if low >= 0 and high <= np.iinfo(dtype).max and (kind != "f" or (image % 1 == 0).all()):
        return image.astype(dtype)  # whole numbers can have come from nothing else
    raise InputError(
        f"The model takes {dtype}, and {image.dtype} must hold "
        + ("0 to 1, or " if dtype == "uint8" else "")
        + f"whole numbers from 0 to {np.iinfo(dtype).max}; got values from {low:g} to {high:g}. "
        f"Convert the image to {dtype}, without normalizing it."
    )
