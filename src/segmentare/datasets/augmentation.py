"""One random affine map and one random change of colors per sample, seeded.

Everything is sized so that a sample of 256 x 256 takes about a millisecond: the training step on
a CPU must not wait for its data. Strengths follow nnU-Net's where it has the same change.

Source: Isensee et al., "nnU-Net", Nature Methods 2021; dark corners are the vignette of a
dermatoscope.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segmentare.annotations.geometry import Affine, Image, Size

Colors = NDArray[np.uint8]


@dataclass(frozen=True)
class Augmentation:
    """How strongly samples are changed; `Augmentation.none()` changes nothing.

    Attributes:
        rotation: Largest angle in degrees, to both sides; 180 means any.
        scale: Smallest and largest factor of size, log-uniform.
        stretch: Largest factor by which one axis is stretched against the other.
        shift: Largest shift as a share of the image's sides.
        mirror_x: Probability of the left-right mirror.
        mirror_y: Probability of the up-down mirror.
        color: Strength of brightness, contrast, gamma, saturation and tint; 1 is the default.
        blur: Probability of a Gaussian blur.
        noise: Probability of pixel noise.
        corners: Probability of dark corners.
    """

    rotation: float = 180.0
    scale: tuple[float, float] = (0.7, 1.4)
    stretch: float = 1.15
    shift: float = 0.12
    mirror_x: float = 0.5
    mirror_y: float = 0.5
    color: float = 1.0
    blur: float = 0.15
    noise: float = 0.15
    corners: float = 0.1

    @classmethod
    def none(cls) -> Self:
        """Return the augmentation that gives every image back as it is."""
        return cls(0.0, (1.0, 1.0), 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def random_affine(
    augmentation: Augmentation, rng: Generator, source: Size, target: Size, zoom: float
) -> Affine:
    """Return a map from an image of size `source` into a canvas of size `target`.

    Args:
        augmentation: How far to move, turn and scale.
        rng: Source of randomness; always the same number of draws.
        source: Height and width of the stored image.
        target: Height and width of the batch.
        zoom: Pixels of the canvas per pixel of the stored image, before the random scale. Where
            the enlarged image is larger than the canvas, the window lies anywhere inside it.
    """
    angle = np.deg2rad(rng.uniform(-augmentation.rotation, augmentation.rotation))
    scale = zoom * np.exp(rng.uniform(*np.log(augmentation.scale)))
    stretch = np.exp(rng.uniform(-1, 1) * np.log(augmentation.stretch) / 2)
    sign_x = -1.0 if rng.random() < augmentation.mirror_x else 1.0
    sign_y = -1.0 if rng.random() < augmentation.mirror_y else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([sign_x * scale * stretch, sign_y * scale / stretch])
    free = rng.uniform(-1, 1, 2)  # (x, y)
    sides = np.array([source[1], source[0]], np.float64)
    canvas = np.array([target[1], target[0]], np.float64)
    room = np.maximum(sides * zoom - canvas, 0) / (2 * zoom) + augmentation.shift * np.minimum(
        sides, canvas / zoom
    )
    affine = np.eye(3)
    affine[:2, :2] = linear
    affine[:2, 2] = (canvas - 1) / 2 - linear @ ((sides - 1) / 2 + free * room)
    return affine


def warp_image(image: Image, affine: Affine, size: Size) -> Image:
    """Resample an image (H, W, C); what lies outside is its mirror image, not black."""
    if image.shape[2] > 4:
        return np.stack(
            [warp_image(image[..., c, None], affine, size)[..., 0] for c in range(image.shape[2])],
            axis=-1,
        )
    warped = cv2.warpAffine(
        image,
        affine[:2],
        (size[1], size[0]),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    result: Image = warped[..., None] if warped.ndim == 2 else warped
    return result


def change_colors(augmentation: Augmentation, rng: Generator, image: Image) -> Image:
    """Return the image under another light and another camera, in its own range and dtype.

    uint8 pictures of three channels also change saturation and tint; all others brightness,
    contrast, blur and noise only.
    """
    strength = augmentation.color
    if image.dtype == np.uint8:
        if image.shape[2] == 3:
            image = cv2.transform(image, _saturation(1 + strength * rng.uniform(-0.35, 0.35)))
        image = _like(cv2.LUT(image, _curves(rng, strength, image.shape[2])), image)
    else:
        center, spread = image.mean(), image.std() + 1e-6
        contrast = 1 + strength * rng.uniform(-0.25, 0.25)
        offset = spread * strength * rng.uniform(-0.25, 0.25)
        changed = (image.astype(np.float32) - center) * contrast + center + offset
        image = _back_to(changed, image.dtype)
    if rng.random() < augmentation.corners:
        image = _darken_corners(image, rng)
    if rng.random() < augmentation.blur:
        image = _like(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.5)), image)
    if rng.random() < augmentation.noise:
        image = _add_noise(image, rng)
    return image


def _saturation(factor: float) -> NDArray[np.float32]:
    """Return the matrix (3, 3) that moves colors from (0) or beyond (> 1) their gray."""
    gray = np.array([0.299, 0.587, 0.114])
    return (factor * np.eye(3) + (1 - factor) * gray[None].repeat(3, axis=0)).astype(np.float32)


def _curves(rng: Generator, strength: float, channels: int) -> Colors:
    """Return a table (256, 1, channels): gamma, contrast, brightness and a tint per channel."""
    level = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(strength * rng.uniform(-0.35, 0.35))
    contrast = 1 + strength * rng.uniform(-0.25, 0.25)
    brightness = strength * rng.uniform(-0.15, 0.15)
    tint = strength * rng.uniform(-0.06, 0.06, (1, channels))
    curve = (level**gamma - 0.5) * contrast + 0.5 + brightness + tint
    return np.ascontiguousarray(np.clip(curve * 255, 0, 255).round().astype(np.uint8)[:, None])


@lru_cache(maxsize=8)
def _radius(size: Size) -> NDArray[np.float32]:
    """Return every pixel's distance from the middle, 1 at the middle of the longer side's end."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    middle = (np.array(size) - 1) / 2
    radius: NDArray[np.float32] = np.hypot(y - middle[0], x - middle[1]) / max(middle.max(), 1.0)
    return radius.astype(np.float32)


def _darken_corners(image: Image, rng: Generator) -> Image:
    start, width = rng.uniform(0.75, 1.05), rng.uniform(0.02, 0.25)
    depth = rng.uniform(0.5, 1.0)
    radius = _radius((image.shape[0], image.shape[1]))
    light = 1 - depth * np.clip((radius - start) / width, 0, 1)
    return _back_to(image * light[..., None].astype(np.float32), image.dtype)


@lru_cache(maxsize=1)
def _noise_bank() -> NDArray[np.float32]:
    """Return two megapixels of unit noise; drawing it anew for every sample would cost more."""
    return np.random.default_rng(0).standard_normal(1 << 21, np.float32)


def _add_noise(image: Image, rng: Generator) -> Image:
    spread = 12.0 if image.dtype == np.uint8 else 0.1 * float(image.std() + 1e-6)
    start = int(rng.integers(1 << 20))
    noise = np.resize(_noise_bank()[start : start + image.size], image.shape)
    return _back_to(image + noise * np.float32(spread * rng.random()), image.dtype)


def _back_to(values: NDArray[np.float32], dtype: np.dtype[Any]) -> Image:
    if np.issubdtype(dtype, np.integer):
        values = np.clip(np.rint(values), 0, np.iinfo(dtype).max)
    return values.astype(dtype)


def _like(image: Image, other: Image) -> Image:
    """Give back the single channel that OpenCV dropped."""
    return image.reshape(other.shape)


def fit_zoom(source: Size, target: Size) -> float:
    """Return the factor at which an image of size `source` lies just inside `target`."""
    return min(target[0] / source[0], target[1] / source[1])


__all__ = ["Augmentation", "change_colors", "fit_zoom", "random_affine", "warp_image"]
