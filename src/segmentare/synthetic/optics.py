"""Draws what lies under, on and before a lesion: skin, hairs, gel, ink, light and the camera.

Pictures are float32 of shape (3, H, W) in 0 to 1, because NumPy is three times as fast on whole
planes as on interleaved pixels. Lengths are in image heights.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.synthetic.fields import (
    Plane,
    Random,
    between,
    cells,
    clouds,
    coordinates,
    sigmoid,
)
from segmentare.synthetic.lesions import Lesion

Picture = NDArray[np.float32]  #: (3, H, W), 0 to 1

_SUBPIXEL = 4  # OpenCV is given points in sixteenths of a pixel
_MELANIN = (0.6, 1.0, 1.4)  # how strongly skin's brown and its blood absorb red, green and blue
_BLOOD = (0.25, 1.0, 0.9)


def skin(rng: Random, lesion: Lesion, size: Size) -> Picture:
    """Draw the skin around and under a lesion: its tone, blotches, furrows, freckles and halo."""
    red = between(rng, 0.35, 0.6) if rng.random() < 0.04 else min(rng.normal(0.9, 0.1), 1.15)
    green = min(max(rng.normal(0.79, 0.055), 0.62), 0.95)
    blue = min(max(0.7 + 1.25 * (green - 0.79) + rng.normal(0, 0.07), 0.4), green + 0.04)
    shades = between(rng, 0.008, 0.035) * clouds(rng, size, between(rng, 3, 8), 5, 0.85)
    shades -= between(rng, 0.0, 0.12) * cells(rng, size, between(rng, 0.016, 0.04), 0.6)
    if rng.random() < 0.3:  # pores, a little paler or darker
        pores = cells(rng, size, between(rng, 0.08, 0.16), 1.0, 0.5)
        shades += rng.normal(0, 0.07) * sigmoid((0.09 - pores) * 30)
    if rng.random() < 0.3:
        shades += _freckles(rng, lesion, size)
    flush = between(rng, 0.0, 0.03) * clouds(rng, size, between(rng, 1.5, 6), 2)
    if rng.random() < 0.45:  # a reddened, or a paler, halo around the lesion
        reach = between(rng, 0.03, 0.15)
        flush += rng.normal(0.08, 0.07) * np.exp(-np.abs(lesion.distance) / reach)
    picture = np.empty((3, *size), np.float32)
    for plane, tone, brown, blood in zip(
        picture, (red, red * green, red * blue), _MELANIN, _BLOOD, strict=True
    ):
        np.exp(math.log(tone) - brown * shades - blood * flush, out=plane)
    return picture


def _freckles(rng: Random, lesion: Lesion, size: Size) -> Plane:
    """Return the density of small brown spots, and now and then of a faint neighboring patch."""
    spots = cells(rng, size, between(rng, 0.08, 0.25), 1.0, between(rng, 0.1, 0.6))
    spots += 0.03 * clouds(rng, size, 20, 2)
    density = between(rng, 0.05, 0.3) * sigmoid((between(rng, 0.03, 0.09) - spots) * 30)
    if rng.random() < 0.4:
        patch = sigmoid((clouds(rng, size, 2, 4, 0.6) - between(rng, 1.2, 2.2)) * 4)
        density += between(rng, 0.1, 0.5) * patch * np.clip(-lesion.distance * 6, 0, 1)
    return density


def lay_over(picture: Picture, lesion: Lesion) -> None:
    """Dim the skin by the lesion's pigment and mix in its veil, in place."""
    picture *= np.exp(-lesion.density)
    if lesion.veil is not None:
        mix(picture, lesion.veil, lesion.veil_color)


def mix(picture: Picture, cover: Plane, color: tuple[float, float, float]) -> None:
    """Cover the picture with a color, 0 (not at all) to 1 (fully), in place."""
    for channel, value in enumerate(color):
        picture[channel] += cover * (value - picture[channel])


def _stroke(plane: NDArray[np.uint8], points: NDArray[np.float64], ink: int, width: int) -> None:
    """Draw smooth lines of one ink through points (..., N, 2) in image heights."""
    fixed = (points * (plane.shape[0] << _SUBPIXEL)).astype(np.int32)
    lines = list(fixed.reshape(-1, *fixed.shape[-2:]))
    cv2.polylines(
        plane,
        lines,
        isClosed=False,
        color=ink,
        thickness=width,
        lineType=cv2.LINE_AA,
        shift=_SUBPIXEL,
    )


def _soft(cover: NDArray[np.uint8], strength: float) -> Plane:
    """Return drawn strokes as a cover of the picture, 0 to `strength`."""
    return cover.astype(np.float32) * np.float32(strength / 255)


def hairs(rng: Random, picture: Picture) -> None:
    """Draw from no to fifty hairs over the picture, in place: thin or thick, dark or fair."""
    fate = rng.random()
    if fate < 0.25:
        return
    most = 8 if fate < 0.6 else 20 if fate < 0.92 else 50
    height, width = picture.shape[1:]
    aspect = width / height
    cover = np.zeros((height, width), np.uint8)
    heading, spread = between(rng, 0, math.pi), between(rng, 0.1, 1.2)
    bow, fine = between(rng, 0.05, 0.9), min(rng.lognormal(-6.05, 0.45), 0.008) * height
    steps = np.linspace(-0.5, 0.5, 14)
    for _ in range(int(rng.integers(1, most + 1))):
        turn, length = heading + rng.normal(0, spread), between(rng, 0.25, 1.5)
        bends = turn + rng.normal(0, bow) * steps * 2 + rng.normal(0, bow) * (4 * steps**2 - 0.3)
        x = np.cumsum(np.cos(bends)) * (length / 14) + between(rng, -0.3, 1.0) * aspect
        y = np.cumsum(np.sin(bends)) * (length / 14) + between(rng, -0.3, 1.0)
        thick = fine * between(rng, 0.6, 1.4)
        # A hair thinner than a pixel is drawn one pixel wide and more transparent.
        ink = int(255 * min(1.0, thick) * between(rng, 0.6, 1.0))
        _stroke(cover, np.stack([x, y], axis=-1), ink, max(1, round(thick)))
    dark = between(rng, 0.06, 0.3) if rng.random() < 0.85 else between(rng, 0.4, 0.75)
    mix(picture, _soft(cover, 0.95), (dark * 1.3, dark * 0.9, dark * 0.6))


def gel(rng: Random, picture: Picture) -> None:
    """Draw reflections of the immersion gel in place: crumbs, scratches, and bubbles."""
    cover = np.zeros(picture.shape[1:], np.uint8)
    aspect = picture.shape[2] / picture.shape[1]
    if rng.random() < 0.25:  # crumbs and scratches: short bright squiggles in a cluster
        middle = rng.uniform(0, 1, 2) * (aspect, 1)
        wide, long = between(rng, 0.08, 0.4), between(rng, 0.004, 0.016)
        count = int(between(rng, 5, 60))
        for ink in (60, 110, 180):
            starts = middle + rng.normal(0, wide, (count, 1, 2))
            _stroke(cover, starts + np.cumsum(rng.normal(0, long, (count, 4, 2)), 1), ink, 1)
    if rng.random() < 0.25:
        for _ in range(int(rng.integers(1, 7))):
            _bubble(rng, cover, aspect)
    if cover.any():
        mix(picture, _soft(cover, 0.85), (1.0, 0.97, 0.95))


def _bubble(rng: Random, cover: NDArray[np.uint8], aspect: float) -> None:
    """Draw the bright rim of one bubble, whole or in part."""
    unit = cover.shape[0] << _SUBPIXEL
    center = int(between(rng, 0, aspect) * unit), int(between(rng, 0, 1) * unit)
    radius = between(rng, 0.008, 0.05) * unit
    axes = int(radius), int(radius * between(rng, 0.5, 1))
    start, ink = between(rng, 0, 360), int(rng.integers(60, 230))
    end = start + between(rng, 90, 360)
    cv2.ellipse(cover, center, axes, start, start, end, ink, 1, cv2.LINE_AA, _SUBPIXEL)


def marks(rng: Random, picture: Picture) -> None:
    """Draw a ruler's ticks or a surgeon's ink in place, each on one picture in forty."""
    fate = rng.random()
    if fate > 0.05:
        return
    height, width = picture.shape[1:]
    cover = np.zeros((height, width), np.uint8)
    if fate < 0.025:
        color = (0.12, 0.12, 0.14)
        at, step = between(rng, 0.02, 0.1), between(rng, 0.02, 0.06)
        sideways = rng.random() < 0.5
        for index in range(int(width / height / step)):
            long = at + (0.06 if index % 5 == 0 else 0.03)
            tick = np.array([[index * step, at], [index * step, long]])
            _stroke(cover, tick[:, ::-1] if sideways else tick, 230, 1)
    else:
        color = (0.3, 0.16, 0.5) if rng.random() < 0.7 else (0.1, 0.2, 0.5)
        corner = np.array([between(rng, 0, width / height), float(rng.random() < 0.5)])
        run = np.cumsum(rng.normal(0, 0.08, (6, 2)), axis=0)
        _stroke(cover, corner + run, 220, max(2, round(0.03 * height)))
        cover = cv2.blur(cover, (5, 5)).astype(np.uint8, copy=False)
    mix(picture, _soft(cover, between(rng, 0.4, 0.9)), color)


def lamps(rng: Random, picture: Picture) -> None:
    """Light the picture in place: unevenly, too strongly or too weakly, and with a color cast."""
    height, width = picture.shape[1:]
    x, y = coordinates((height, width))
    turn, slope = between(rng, 0, 2 * math.pi), abs(rng.normal(0, 0.13))
    level = slope * math.cos(turn) * x + slope * math.sin(turn) * y
    level -= between(rng, -0.05, 0.25) * (x * x + y * y)
    level += between(rng, 0.95, 1.12)
    for channel, cast in enumerate(rng.normal(1, 0.03, 3).tolist()):
        picture[channel] *= level * cast


def aperture(rng: Random, size: Size) -> tuple[Plane, tuple[float, float, float]] | None:
    """Draw the round frame of the instrument: its cover of the picture, 0 to 1, and its color.

    Returns:
        The frame, or `None` on one picture in eight.
    """
    fate = rng.random()
    if fate < 0.12:
        return None
    edge = 0.5 * max(size) / size[0] * between(rng, 0.98, 1.13)
    soft, dark = between(rng, 0.015, 0.045), between(rng, 0.12, 0.24)
    if fate < 0.17:  # a small, sharp, black aperture, as other makers' instruments have
        edge, soft, dark = edge * 0.86, soft * 0.25, dark * 0.3
    middle_x, middle_y = rng.normal(0, 0.04, 2).tolist()
    x, y = coordinates(size)
    cover = sigmoid((cv2.magnitude(x - middle_x, y - middle_y) - edge) * (1 / soft))
    red, green, blue = (dark * rng.normal((1.12, 0.97, 0.93), 0.06)).tolist()
    return cover, (red, green, blue)


def photograph(rng: Random, picture: Picture) -> NDArray[np.uint8]:
    """Return the picture as a camera saves it, uint8 RGB of shape (H, W, 3).

    It may be blurred or sharpened, has noise, and half of the time the traces of JPEG.
    """
    height, width = picture.shape[1:]
    pixels = cv2.merge(list(picture))
    np.clip(pixels, 0, 1, out=pixels)
    blur = between(rng, -0.4, 0.8)
    if blur > 0.3:
        pixels = cv2.GaussianBlur(pixels, (0, 0), blur)
    if rng.random() < 0.45:
        sharp = between(rng, 0.3, 1.1)
        soft = cv2.GaussianBlur(pixels, (0, 0), between(rng, 0.8, 1.4))
        pixels = cv2.addWeighted(pixels, 1 + sharp, soft, -sharp, 0)
    grain = between(rng, 0.001, 0.012)
    noise = grain * rng.standard_normal((height, width), dtype=np.float32)
    pixels += cv2.merge([noise, noise, noise])
    tint = 0.5 * grain * rng.standard_normal((height // 2, width // 2, 3), dtype=np.float32)
    pixels += cv2.resize(tint, (width, height), interpolation=cv2.INTER_LINEAR)
    np.clip(pixels, 0, 1, out=pixels)
    image = cv2.convertScaleAbs(pixels, alpha=255)
    if rng.random() < 0.5:
        quality = int(rng.integers(60, 96))
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    return np.ascontiguousarray(image, np.uint8)
