"""Draws melanocytic lesions: their outline, their pigment, and the colors in it.

Pigment is optical density: the skin's color is multiplied by exp(-density), once per color
channel, so a lesion looks right on any skin. Lengths are in image heights.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.synthetic.fields import (
    Plane,
    Random,
    around,
    between,
    border_distance,
    cells,
    clouds,
    coordinates,
    sigmoid,
)

Range = tuple[float, float]

_ANGLES = 512  # steps of a turn at which an outline's radius is tabulated
_WAVES = 24  # most bulges that an outline can have


@dataclass(frozen=True)
class Kind:
    """How the lesions of one kind vary.

    Attributes:
        name: What the label says.
        frequency: Share of this kind among all lesions.
        area: Median share of the image, and the deviation of its logarithm.
        area_range: Least and greatest share of the image.
        lobes: How far the outline departs from an ellipse, relative to its radius.
        ragged: How far the pigment's edge wanders about the outline.
        colors: Probability of a patch of each color in `_PATCHES`, and of a veil and of scars.
    """

    name: str
    frequency: float
    area: Range
    area_range: Range
    lobes: Range
    ragged: Range
    colors: dict[str, float]


KINDS = (
    Kind(
        "common", 0.4, (0.165, 0.62), (0.03, 0.6), (0.03, 0.13), (0.0, 0.01),
        {"dark": 0.3, "black": 0.04, "red": 0.05, "veil": 0.05, "scar": 0.03},
    ),
    Kind(
        "atypical", 0.4, (0.2, 0.55), (0.05, 0.78), (0.05, 0.22), (0.003, 0.016),
        {"dark": 0.5, "black": 0.1, "red": 0.07, "veil": 0.07, "scar": 0.1},
    ),
    Kind(
        "melanoma", 0.2, (0.66, 0.42), (0.1, 0.985), (0.05, 0.26), (0.004, 0.02),
        {"dark": 0.7, "black": 0.4, "red": 0.12, "veil": 0.55, "scar": 0.4},
    ),
)  # fmt: skip
#: Frequencies and areas were fitted to 160 of the 200 cases of the PH2 database, the others set by
#: eye against them. So weights trained on these drawings know PH2's statistics, though no image.
#: Source: Mendonca et al., "PH2 - A dermoscopic image database for research and benchmarking",
#: EMBC 2013, https://www.fc.up.pt/addi/ph2%20database.html

# Optical densities (red, green, blue) of a patch that replaces the brown around it.
_PATCHES = {"black": (1.2, 1.45, 1.5), "red": (0.16, 0.6, 0.6)}


@dataclass(frozen=True)
class Lesion:
    """A lesion, ready to be laid over skin.

    Attributes:
        mask: True inside, bool of shape (H, W).
        distance: Distance to the mask's border, positive inside.
        density: Optical density, float32 of shape (3, H, W).
        veil: How much of the light comes from `veil_color` instead, 0 to 1; `None` for no veil.
        veil_color: (red, green, blue), 0 to 1.
    """

    mask: NDArray[np.bool_]
    distance: Plane
    density: NDArray[np.float32]
    veil: Plane | None
    veil_color: tuple[float, float, float]


def choose_kind(rng: Random) -> Kind:
    """Draw the kind of a lesion; the first number that a picture takes from its `rng`."""
    place = float(rng.random())
    for kind in KINDS[:-1]:
        if place < kind.frequency:
            return kind
        place -= kind.frequency
    return KINDS[-1]


def lesion(rng: Random, kind: Kind, size: Size) -> Lesion:
    """Draw one lesion of a kind."""
    share = kind.area[0] * math.exp(rng.normal(0, kind.area[1]))
    share = min(max(share, kind.area_range[0]), kind.area_range[1])
    mask = _outline(rng, kind, share, size)
    distance = border_distance(mask)
    radius = math.sqrt(share * size[1] / size[0] / math.pi)
    pigment, edge = _pigment(rng, kind, distance, radius)
    texture = _texture(rng, radius, size)
    pigment *= texture
    target = (
        between(rng, 0.12, 0.22)
        if rng.random() < 0.07 and share < 0.4
        else rng.lognormal(-0.72, 0.3)
    )
    pigment *= min(max(target, 0.1), 0.9) / max(float(pigment[mask].mean()), 1e-3)
    density = pigment * _brown(rng)
    veil, veil_color = _colors(rng, kind, density, edge * texture, distance)
    return Lesion(mask, distance, np.minimum(density, 2.3, out=density), veil, veil_color)


def _outline(rng: Random, kind: Kind, share: float, size: Size) -> NDArray[np.bool_]:
    """Draw a mask in one piece, without holes, that covers about `share` of the image."""
    half = (size[0] + 1) // 2, (size[1] + 1) // 2
    aspect, room = size[1] / size[0], 1 - share**0.5
    x, y = coordinates(half)
    x = x - rng.normal(0, 0.16) * room * aspect
    y = y - rng.normal(0, 0.14) * room
    lobes = between(rng, *kind.lobes) * (1.25 - share)
    bend = 0.2 * share**0.5 * lobes**0.5
    x += bend * clouds(rng, half, 3, 4, 0.55)
    y += bend * clouds(rng, half, 3, 4, 0.55)
    turn = between(rng, 0, math.pi) if share < 0.5 else rng.normal(0, 0.3)
    stretch = 1 + abs(rng.normal(0, 0.22 if share < 0.5 else 0.1)) + (0.15 if share > 0.5 else 0)
    cos, sin = math.cos(turn) / stretch**0.5, math.sin(turn) / stretch**0.5
    radius, angle = cv2.cartToPolar(x * cos + y * sin, (y * cos - x * sin) * stretch)
    waves = np.arange(2, _WAVES)
    strength = 1.6 * lobes * waves ** -between(rng, 0.95, 1.6) * rng.standard_normal(len(waves))
    phases = np.arange(_ANGLES)[:, None] * waves * (2 * math.pi / _ANGLES)
    profile = np.exp(np.cos(phases + rng.uniform(0, 2 * math.pi, len(waves))) @ strength)
    level = radius / around(profile, angle)
    limit = float(np.quantile(level[1::2, 1::2], share))
    level = cv2.resize(level, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return _one_piece(level < limit)


def _one_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest piece of a mask, its holes filled."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    piece = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(piece, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return piece.astype(np.bool_)


def _pigment(rng: Random, kind: Kind, distance: Plane, radius: float) -> tuple[Plane, Plane]:
    """Return the pigment with its shades from border to middle, and its edge alone (0 to 1)."""
    size = distance.shape[0], distance.shape[1]
    soft = min(max(rng.lognormal(-4.1, 0.55), 0.005), 0.07, 0.16 * radius)
    ragged = between(rng, *kind.ragged) * min(1.0, radius / 0.25)
    wander: Plane = ragged * clouds(rng, size, between(rng, 8, 24), 3, 0.7)
    wander += distance
    if rng.random() < (0.3 if kind.name == "melanoma" else 0.12):
        wander += _streaks(rng, size, distance, radius)
    # Who outlines a lesion includes its faint rim, so the pigment is half there further inside.
    edge = sigmoid(wander * (1 / soft) - between(rng, 0.6, 1.8))
    deep = np.clip(distance * (1.4 / radius), 0, 1)
    middle = between(rng, -0.35, 0.0) if rng.random() < 0.2 else between(rng, 0.0, 0.9)
    uneven = between(rng, 0.04, 0.22) * (1.3 if kind.name == "melanoma" else 1.0)
    blobs = between(rng, 1.2, 3) / math.sqrt(radius)
    shade = 1 + middle * deep + uneven * clouds(rng, size, blobs, 5, 0.7)
    return edge * np.maximum(shade, 0.15), edge


def _streaks(rng: Random, size: Size, distance: Plane, radius: float) -> Plane:
    """Return fingers that reach from the rim outward, as lengths to add to the distance."""
    x, y = coordinates(size)
    count = int(between(rng, 30, 90))
    rays = np.interp(
        np.linspace(0, count, _ANGLES, endpoint=False),
        np.arange(count + 1),
        np.resize(rng.standard_normal(count), count + 1),
    )
    twist = 0.15 * clouds(rng, size, 4)
    weight = np.exp(-np.square(distance * (6 / radius)))
    fingers: Plane = weight * around(rays, cv2.phase(x, y) + twist)
    fingers *= between(rng, 0.02, 0.06) * radius
    return fingers


def _texture(rng: Random, radius: float, size: Size) -> Plane:
    """Return a factor for the pigment, about 1: grain with a network, globules, dots or pores."""
    factor = 1 + between(rng, 0.05, 0.17) * clouds(rng, size, between(rng, 20, 45), 3, 1.0)
    pattern = rng.random()
    if pattern < 0.55:
        patchy = np.clip(0.5 + 0.7 * clouds(rng, size, 3), 0, 1.5)
        if pattern < 0.3:
            factor += patchy * _network(rng, size)
        else:
            factor += patchy * _globules(rng, radius, size)
    elif pattern < 0.575:  # parallel ridges, as on palms and soles
        x, y = coordinates(size)
        turn, waves = between(rng, 0, math.pi), between(rng, 50, 110)
        run = x * math.cos(turn) + y * math.sin(turn) + 0.012 * clouds(rng, size, 5, 2)
        factor += between(rng, 0.06, 0.22) * np.sin(waves * run)
    if rng.random() < 0.35:  # dots, or the pale openings of follicles
        dots = cells(rng, size, between(rng, 0.04, 0.1), 1.0, between(rng, 0.2, 0.8))
        amount = between(rng, 0.3, 0.8) * (1 if rng.random() < 0.4 else -0.6)
        factor += amount * sigmoid((between(rng, 0.06, 0.14) - dots) * 30)
    np.maximum(factor, 0.1, out=factor)
    return factor


def _network(rng: Random, size: Size) -> Plane:
    """Return a pigment network, about zero in the mean: a dark mesh around pale holes."""
    mesh = cells(rng, size, between(rng, 0.016, 0.036), between(rng, 0.4, 0.7))
    mesh += 0.07 * clouds(rng, size, 40, 2)
    mesh -= 0.36
    mesh *= between(rng, 0.3, 1.1)
    return mesh


def _globules(rng: Random, radius: float, size: Size) -> Plane:
    """Return globules or cobblestones, about zero in the mean: dark cells, pale between."""
    blobs = cells(rng, size, between(rng, 0.022, 0.04 + 0.1 * radius), between(rng, 0.35, 0.8))
    blobs += 0.08 * clouds(rng, size, 30, 2)
    rise = sigmoid((between(rng, 0.25, 0.5) - blobs) * between(rng, 6, 14)) - 0.5
    rise *= between(rng, 0.15, 0.6)
    return rise


def _brown(rng: Random) -> NDArray[np.float32]:
    """Draw how strongly a lesion's pigment absorbs red, green and blue; shape (3, 1, 1)."""
    red = min(max(rng.normal(0.52, 0.14), 0.15), 0.95)
    blue = min(max(1.9 - 0.85 * red + rng.normal(0, 0.16), 0.85), 2.0)
    return np.array([red, 1.0, blue], np.float32)[:, None, None]


def _colors(
    rng: Random, kind: Kind, density: NDArray[np.float32], tissue: Plane, distance: Plane
) -> tuple[Plane | None, tuple[float, float, float]]:
    """Lay patches of further colors into `density`, in place; return a veil and its color."""
    if rng.random() < kind.colors["dark"]:
        density *= 1 + between(rng, 0.3, 1.3) * _patch(rng, distance)
    for name, hue in _PATCHES.items():
        if rng.random() < kind.colors[name]:
            patch = between(rng, 0.5, 1.0) * _patch(rng, distance)
            strength = rng.lognormal(-0.15, 0.25)
            for channel, absorbed in enumerate(hue):
                target = tissue * (absorbed * strength)
                density[channel] += patch * (target - density[channel])
    if rng.random() < kind.colors["scar"]:
        density *= 1 - between(rng, 0.4, 0.85) * _patch(rng, distance)
    if rng.random() < kind.colors["veil"]:
        veil = tissue if rng.random() < 0.25 else tissue * _patch(rng, distance)
        veil = np.clip(veil * between(rng, 0.35, 0.85), 0, 1)
        shade, tint = between(rng, 0.22, 0.6), between(rng, -0.01, 0.07)
        return veil, (shade - tint, shade, shade + tint)
    return None, (0.0, 0.0, 0.0)


def _patch(rng: Random, distance: Plane) -> Plane:
    """Draw a soft region, 0 to 1, that covers a part of the lesion, sharp or faint at its rim."""
    height, width = distance.shape
    half = (height + 1) // 2, (width + 1) // 2
    noise = clouds(rng, half, between(rng, 1.5, 4), 4, 0.65)
    deep = cv2.resize(distance, (half[1], half[0]), interpolation=cv2.INTER_LINEAR)
    noise += between(rng, -0.5, 2.5) * np.clip(deep * 5, 0, 1)
    inside = noise[deep > 0]
    limit = float(np.quantile(inside[::3], between(rng, 0.4, 0.95))) if inside.size else 0.0
    noise -= limit
    noise *= between(rng, 1.5, 7)
    patch: Plane = cv2.resize(sigmoid(noise), (width, height), interpolation=cv2.INTER_LINEAR)
    return patch
