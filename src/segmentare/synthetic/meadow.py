"""Draws a meadow: sky with clouds, hills of grass, a fence, and sheep that hide each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.synthetic.fields import Random, between, clouds

Picture = NDArray[np.float32]  #: (H, W, 3), 0 to 1
Color = tuple[float, float, float]

SKY, GRASS, FENCE, SHEEP = range(4)

_LEAST = 20  # pixels of a sheep that must show, or it is not annotated


@dataclass(frozen=True)
class _Canvas:
    """What is being drawn, painted from back to front."""

    picture: Picture
    category: NDArray[np.uint8]
    instance: NDArray[np.int32]

    def _clip(
        self, mask: NDArray[np.uint8], corner: tuple[int, int]
    ) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
        """Return the window that a mask at `corner` (row, column) fills, and its part in there."""
        height, width = self.category.shape
        top, left = (min(max(corner[axis], 0), self.category.shape[axis]) for axis in (0, 1))
        part = mask[top - corner[0] :, left - corner[1] :][: height - top, : width - left] > 0
        return (slice(top, top + part.shape[0]), slice(left, left + part.shape[1])), part

    def paint(self, mask: NDArray[np.uint8], color: Color, corner: tuple[int, int]) -> None:
        """Color the pixels of a mask whose first pixel lies at `corner` (row, column)."""
        box, part = self._clip(mask, corner)
        self.picture[box][part] = color

    def mark(
        self, mask: NDArray[np.uint8], category: int, instance: int, corner: tuple[int, int]
    ) -> None:
        """Say what the pixels of a mask show."""
        box, part = self._clip(mask, corner)
        self.category[box][part] = category
        self.instance[box][part] = instance


def draw(rng: Random, size: Size) -> tuple[Picture, NDArray[np.uint8], NDArray[np.int32]]:
    """Draw one meadow: its picture, the category of every pixel, and the ids of the sheep."""
    height, width = size
    sky = _sky(rng, size)
    horizon = between(rng, 0.2, 0.5) * height
    across = np.linspace(0, 2 * math.pi, width)
    hills = sum(
        between(rng, 0.005, 0.035) * np.sin(across * between(rng, 0.4, 1.6) * k + rng.uniform(0, 7))
        for k in (1, 2)
    )
    ridge = horizon + height * np.asarray(hills)
    land = np.arange(height)[:, None] >= ridge
    picture = np.where(land[..., None], _grass(rng, size, horizon), sky).astype(np.float32)
    canvas = _Canvas(picture, np.where(land, GRASS, SKY).astype(np.uint8), np.zeros(size, np.int32))
    feet = np.sort(rng.uniform(horizon + 0.08 * height, 1.02 * height, int(rng.integers(2, 16))))
    fence = between(rng, horizon + 0.05 * height, height) if rng.random() < 0.8 else None
    flock = rng.uniform(0.2, 0.8) * width
    standing: list[tuple[float, float, float]] = []
    for foot in feet:
        if fence is not None and foot > fence:
            _fence(rng, canvas, fence, horizon)
            fence = None
        near = (foot - horizon) / (height - horizon)
        tall = (0.07 + 0.17 * near) * height
        middle = rng.normal(flock, 0.3 * width)
        # some overlap makes the task, but a sheep before another that it hides makes none
        if all(abs(x - middle) > 0.75 * t or foot - y > 0.7 * tall for x, y, t in standing):
            standing.append((middle, foot, tall))
            _sheep(rng, canvas, (middle, foot), tall, len(standing))
    if fence is not None:
        _fence(rng, canvas, fence, horizon)
    _drop_hidden(canvas)
    picture *= 1 + 0.015 * clouds(rng, size, 40, 2)[..., None]
    picture = cv2.GaussianBlur(picture, (0, 0), between(rng, 0.45, 0.7))
    picture = picture * between(rng, 0.8, 1.08)
    noise = rng.standard_normal(size, dtype=np.float32) * between(rng, 0.005, 0.02)
    return picture + noise[..., None], canvas.category, canvas.instance


def _sky(rng: Random, size: Size) -> Picture:
    """Return a sky that pales towards the ground, with clouds."""
    down = np.linspace(0, 1, size[0], dtype=np.float32)[:, None, None]
    above = np.array([rng.uniform(0.25, 0.5), rng.uniform(0.5, 0.68), rng.uniform(0.8, 0.95)])
    below = np.array([0.82, 0.9, 0.97])
    plain = above + (below - above) * np.minimum(1.8 * down, 1)
    cover = np.clip(clouds(rng, size, between(rng, 2, 4), 4) * 0.5 + rng.uniform(-0.5, 0.4), 0, 1)
    white = np.float32(rng.uniform(0.88, 0.98))
    sky: Picture = (plain + (white - plain) * cover[..., None]).astype(np.float32)
    return sky


def _grass(rng: Random, size: Size, horizon: float) -> Picture:
    """Return grass, bluish and smooth far away, with blades, patches and flowers nearby."""
    near = np.clip((np.arange(size[0]) - horizon) / (size[0] - horizon), 0, 1)[:, None, None]
    far_color = np.array([rng.uniform(0.42, 0.6), rng.uniform(0.58, 0.68), rng.uniform(0.38, 0.5)])
    close = np.array([rng.uniform(0.22, 0.42), rng.uniform(0.42, 0.55), rng.uniform(0.1, 0.22)])
    plain = far_color + (close - far_color) * near
    blades = cv2.blur(rng.standard_normal(size, dtype=np.float32), (1, 5))
    shade = 0.09 * clouds(rng, size, 5, 3) + 0.35 * blades * near[..., 0]
    grass: Picture = (plain * (1 + shade[..., None])).astype(np.float32)
    flowers = (rng.random(size, dtype=np.float32) < rng.uniform(0, 0.006)) & (near[..., 0] > 0.05)
    grass[flowers] = (0.96, 0.93, rng.uniform(0.3, 0.95))
    return grass


def _fence(rng: Random, canvas: _Canvas, foot: float, horizon: float) -> None:
    """Paint posts and two rails across the picture."""
    height, width = canvas.category.shape
    near = (foot - horizon) / (height - horizon)
    tall = (0.09 + 0.14 * near) * height
    thick = max(3, round(0.16 * tall))
    slope = between(rng, -0.06, 0.06)
    wood = np.zeros((height, width), np.uint8)
    gap = tall * between(rng, 0.9, 1.6)
    start = between(rng, 0, gap)
    for level in (0.35, 0.8):
        ends = [(0, foot - level * tall), (width - 1, foot - level * tall + slope * width)]
        points = [(round(x), round(y)) for x, y in ends]
        cv2.line(wood, points[0], points[1], 1, max(3, thick * 3 // 4))
    for x in np.arange(start, width, gap):
        bottom = foot + slope * x
        corners = (round(x), round(bottom - tall)), (round(x) + thick, round(bottom))
        cv2.rectangle(wood, corners[0], corners[1], 1, -1)
    tone = between(rng, 0.3, 0.75)
    canvas.paint(
        wood, (tone, tone * rng.uniform(0.72, 0.95), tone * rng.uniform(0.5, 0.85)), (0, 0)
    )
    canvas.mark(wood, FENCE, 0, (0, 0))


def _sheep(
    rng: Random, canvas: _Canvas, foot: tuple[float, float], tall: float, number: int
) -> None:
    """Paint one sheep that stands at `foot` (x, y): legs, wool, head and ears."""
    side = max(10, math.ceil(2.2 * tall))
    corner = round(foot[1] - 1.25 * tall), round(foot[0] - side / 2)
    wool, skin = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    turned = 1 if rng.random() < 0.5 else -1
    middle = side / 2

    def blob(plane: NDArray[np.uint8], x: float, y: float, a: float, b: float, turn: float) -> None:
        """Fill an ellipse; lengths are in heights of the sheep, x towards its head."""
        center = round(middle + turned * x * tall), round(y * tall)
        axes = max(1, round(a * tall)), max(1, round(b * tall))
        cv2.ellipse(plane, center, axes, turned * turn, 0, 360, 1, -1)

    for x in (-0.36, -0.22, 0.2, 0.34):
        blob(skin, x + rng.uniform(-0.04, 0.04), 1.05, 0.045, 0.22, 0)
    blob(wool, 0, 0.62, 0.54, 0.32, 0)
    bumps = rng.uniform(-0.03, 0.03, (12, 2))
    for (dx, dy), angle in zip(bumps, np.linspace(0, 2 * math.pi, 12, endpoint=False), strict=True):
        radius = rng.uniform(0.12, 0.17)
        blob(
            wool, 0.46 * math.cos(angle) + dx, 0.62 + 0.25 * math.sin(angle) + dy, radius, radius, 0
        )
    grazing = rng.random() < 0.4
    head = (0.66, 0.84) if grazing else (0.62, 0.36)
    face = np.zeros_like(skin)
    blob(face, *head, 0.2, 0.12, 60 if grazing else 25)
    blob(face, head[0] - 0.17, head[1] - 0.07, 0.1, 0.045, -25)
    white = between(rng, 0.78, 0.97)
    fleece = (white, white * rng.uniform(0.94, 1), white * rng.uniform(0.84, 0.98))
    if rng.random() < 0.12:
        fleece = (0.24, 0.2, 0.18)  # a black one
    dark = between(rng, 0.08, 0.5)
    hide = (dark, dark * 0.92, dark * 0.85)
    canvas.paint(skin, hide, corner)
    canvas.paint(wool, (fleece[0] * 0.82, fleece[1] * 0.82, fleece[2] * 0.84), corner)
    lit = np.zeros_like(wool)
    lit[: -max(1, round(0.09 * tall))] = wool[max(1, round(0.09 * tall)) :]
    canvas.paint(lit & wool, fleece, corner)
    canvas.paint(face, hide, corner)
    canvas.mark(skin | wool | face, SHEEP, number, corner)


def _drop_hidden(canvas: _Canvas) -> None:
    """Call sheep of which hardly anything shows grass, and number the others without gaps."""
    areas = np.bincount(canvas.instance.ravel())
    seen = areas >= _LEAST
    seen[0] = False
    canvas.category[(canvas.instance > 0) & ~seen[canvas.instance]] = GRASS
    canvas.instance[:] = (np.cumsum(seen) * seen)[canvas.instance]
