"""Draws cells under a microscope: touching ellipses and rings, fluorescent, stained or bright."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.synthetic.fields import Plane, Random, between, clouds

Picture = NDArray[np.float32]  #: (H, W, 3), 0 to 1

_OVERLAP = 0.25  # share of a cell that may lie under those drawn before it
_TRIES = 4  # places that are tried for each cell


@dataclass(frozen=True)
class Look:
    """How a microscope shows cells.

    Attributes:
        name: Of the kind of picture.
        ground: (red, green, blue) of what lies between cells.
        cell: Color of a cell's middle.
        rim: Color of its border.
        spread: How much the cells' colors differ.
    """

    name: str
    ground: tuple[float, float, float]
    cell: tuple[float, float, float]
    rim: tuple[float, float, float]
    spread: float


LOOKS = (
    Look("fluorescence", (0.04, 0.04, 0.04), (0.55, 0.55, 0.55), (0.22, 0.22, 0.22), 0.4),
    Look("stained", (0.93, 0.8, 0.87), (0.5, 0.32, 0.62), (0.33, 0.16, 0.45), 0.25),
    Look("bright", (0.72, 0.73, 0.7), (0.62, 0.64, 0.6), (0.35, 0.36, 0.34), 0.15),
)


def choose_look(rng: Random) -> Look:
    """Draw the kind of picture; always the first number drawn from a seed."""
    return LOOKS[int(rng.choice(len(LOOKS), p=(0.5, 0.3, 0.2)))]


def draw(rng: Random, look: Look, size: Size) -> tuple[Picture, NDArray[np.int32]]:
    """Draw one picture of cells and the id of each of their pixels, 0 between them."""
    height, width = size
    ids = np.zeros(size, np.int32)
    depth = np.zeros(size, np.float32)  # 0 at a cell's border, 1 in its middle
    tints = [0.0]
    radius = between(rng, 0.03, 0.08) * min(size)
    rings = between(rng, 0.0, 1.0) ** 3
    clusters = rng.uniform(0, 1, (int(rng.integers(1, 6)), 2)) * (width, height)
    most = 0.5 * height * width / (math.pi * radius**2)
    for _ in range(max(1, round(between(rng, 0.15, 1.0) * most))):
        a, b = radius * rng.uniform(0.75, 1.3) * np.array([1.0, rng.uniform(0.6, 1.0)])
        hole = rng.uniform(0.4, 0.55) if rng.random() < rings else 0.0
        if _place(rng, clusters, (ids, depth), (max(a, 2.5), max(b, 2.5), hole), len(tints)):
            tints.append(float(rng.normal(0, look.spread)))
    return _paint(rng, look, ids, depth, np.array(tints, np.float32)), ids


def _place(
    rng: Random,
    clusters: NDArray[np.float64],
    planes: tuple[NDArray[np.int32], Plane],
    form: tuple[float, float, float],
    number: int,
) -> bool:
    """Put a cell where enough of it shows, in place; tell whether there was room."""
    ids, depth = planes
    height, width = ids.shape
    a, b, hole = form
    reach = math.ceil(max(a, b))
    turn = between(rng, 0, math.pi)
    cos, sin = math.cos(turn), math.sin(turn)
    for _ in range(_TRIES):
        if rng.random() < 0.6:
            x, y = clusters[int(rng.integers(len(clusters)))] + rng.normal(0, 3 * a, 2)
        else:
            x, y = rng.uniform(0, width), rng.uniform(0, height)
        left, top = max(int(x) - reach, 0), max(int(y) - reach, 0)
        box = np.s_[top : max(int(y) + reach + 2, top), left : max(int(x) + reach + 2, left)]
        if ids[box].size == 0:
            continue
        dx = np.arange(left, left + ids[box].shape[1], dtype=np.float32) - np.float32(x)
        dy = (np.arange(top, top + ids[box].shape[0], dtype=np.float32) - np.float32(y))[:, None]
        far = ((dx * cos + dy * sin) / a) ** 2 + ((dy * cos - dx * sin) / b) ** 2
        inside = (far <= 1) & (far >= hole**2)
        free = inside & (ids[box] == 0)
        if free.sum() < max((1 - _OVERLAP) * inside.sum(), 12):
            continue
        ids[box][free] = number
        relief = (1 - far) * (1 if hole == 0 else 4 * (far - hole**2) / (1 - hole**2) ** 2)
        depth[box][free] = np.clip(relief[free], 0, 1)
        return True
    return False


def _paint(
    rng: Random, look: Look, ids: NDArray[np.int32], depth: Plane, tints: NDArray[np.float32]
) -> Picture:
    """Color cells and ground, then photograph them: a little blur, uneven light, and noise."""
    size = ids.shape
    texture = clouds(rng, size, between(rng, 20, 40), 2)
    inside = ids > 0
    shade = np.sqrt(depth) * 0.9 + 0.1 + 0.06 * texture * inside
    weight = np.clip(shade, 0, 1)[..., None]
    picture = (1 - weight) * np.array(look.rim, np.float32) + weight * np.array(look.cell)
    picture = picture * np.exp(tints[ids])[..., None]
    ground = np.array(look.ground, np.float32) * (1 + 0.08 * clouds(rng, size, 6, 3))[..., None]
    picture = np.where(inside[..., None], picture, ground).astype(np.float32)
    if look.name == "fluorescence":
        # out-of-focus light around the cells; half of the pictures are gray, as cameras see it
        hue = rng.dirichlet((2, 2, 2)) * 2.6 if rng.random() < 0.5 else np.ones(3)
        picture = (picture + 0.25 * cv2.blur(picture, (15, 15))) * hue.astype(np.float32)
    light = 1 + 0.1 * clouds(rng, size, 1.5)
    picture = cv2.GaussianBlur(picture, (0, 0), between(rng, 0.5, 0.9)) * light[..., None]
    noise = rng.standard_normal(size, dtype=np.float32) * between(rng, 0.008, 0.03)
    taken: Picture = picture + noise[..., None]
    return taken
