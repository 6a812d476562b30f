"""Draws people in front of clutter: dressed stick figures with bodies that hide each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import HIDDEN, NOT_LABELED, VISIBLE, Keypoints
from segmentare.synthetic import bodies
from segmentare.synthetic.fields import Random, between, clouds

Picture = NDArray[np.float32]  #: (H, W, 3), 0 to 1
Color = tuple[float, float, float]

_FINE = 3  # everything in front is drawn so many times finer; odd, so that pixels have a center
_SHIFT = 4  # bits of a fraction in the coordinates given to OpenCV
_LEAST = 40  # pixels of a person that must show
_TRIES = 6  # places that a person may choose from
_APART = 0.3  # of a height: people whose middles are so far apart hide little of each other
_LEAST_SHARE = 0.2  # of those that would show alone
_LEAST_JOINTS = 4  # that must be in sight

_SKINS = ((0.96, 0.82, 0.72), (0.87, 0.68, 0.54), (0.68, 0.48, 0.34), (0.42, 0.28, 0.2))
_HAIRS = ((0.12, 0.09, 0.08), (0.32, 0.2, 0.12), (0.78, 0.62, 0.34), (0.55, 0.54, 0.53))


@dataclass(frozen=True)
class Drawing:
    """One picture and what it shows.

    Attributes:
        picture: (H, W, 3), 0 to 1.
        ids: Person i has the id i + 1, (H, W), 0 elsewhere.
        keypoints: x, y, visibility, (N, 17, 3).
        unknown: Pixels of people of whom too little shows, (H, W).
    """

    picture: Picture
    ids: NDArray[np.int32]
    keypoints: Keypoints
    unknown: NDArray[np.bool_]


@dataclass
class _Stage:
    """What stands before the background, painted from back to front on a fine grid.

    Attributes:
        piece: Number of the piece that is seen in each fine pixel, 0 for none.
        colors: Of each piece.
        owners: Number (from 1) of the person that each piece is of, 0 for things.
        shows: Joints that are seen where each piece is.
        stripes: Of pieces that have some: distance in fine pixels, angle, strength.
    """

    piece: NDArray[np.uint16]
    colors: list[Color] = field(default_factory=lambda: [(0.0, 0.0, 0.0)])
    owners: list[int] = field(default_factory=lambda: [0])
    shows: list[tuple[str, ...]] = field(default_factory=lambda: [()])
    stripes: dict[int, tuple[float, float, float]] = field(default_factory=dict)

    def paint(
        self, outline: bodies.Points, color: Color, owner: int, shows: tuple[str, ...] = ()
    ) -> int:
        """Fill a convex outline (x, y) in pixels of the picture; return the piece's number."""
        fine = (outline + 0.5) * _FINE - 0.5
        corners = np.rint(fine * 2**_SHIFT).astype(np.int32)
        number = len(self.colors)
        cv2.fillConvexPoly(self.piece, corners, number, lineType=cv2.LINE_8, shift=_SHIFT)
        self.colors.append(color)
        self.owners.append(owner)
        self.shows.append(shows)
        return number


def draw(rng: Random, size: Size) -> Drawing:
    """Draw one picture with 1 to 4 people."""
    height, width = size
    horizon = between(rng, 0.25, 0.6) * height
    picture = _background(rng, size, horizon)
    stage = _Stage(np.zeros((height * _FINE, width * _FINE), np.uint16))
    talls = np.sort(rng.uniform(0.5, 0.95, int(rng.integers(1, 5)))) * height
    if rng.random() < 0.05:
        talls[-1] = between(rng, 1.0, 1.5) * height  # too near to be seen as a whole
    figures, alone = [], []
    taken: list[float] = []
    for number, tall in enumerate(talls.tolist(), start=1):
        taken.append(_free_place(rng, width, tall, taken))
        points = _placed(rng, size, tall, horizon, taken[-1])
        figures.append(points)
        alone.append(_person(rng, stage, points, number))
        if rng.random() < 0.1:
            _thing(rng, stage, size, tall)
    picture = _composed(stage, picture)
    picture *= 1 + 0.02 * clouds(rng, size, 30, 2)[..., None]
    picture = cv2.GaussianBlur(picture, (0, 0), between(rng, 0.4, 0.75))
    picture = picture * between(rng, 0.75, 1.08)
    noise = rng.standard_normal((height, width, 3), dtype=np.float32) * between(rng, 0.008, 0.03)
    return _truth(stage, picture + noise, figures, alone)


def _free_place(rng: Random, width: int, tall: float, taken: list[float]) -> float:
    """Return where across the picture to stand: bodies overlap, but one rarely hides another."""
    places = rng.uniform(0.06, 0.94, _TRIES if rng.random() < 0.9 else 1) * width
    if not taken:
        return float(places[0])
    apart = np.abs(places[:, None] - np.array(taken)).min(axis=1)
    # The first that is far enough away, or else the farthest.
    return float(places[np.minimum(apart, _APART * tall).argmax()])


def _placed(
    rng: Random, size: Size, tall: float, horizon: float, middle: float
) -> dict[str, bodies.Points]:
    """Return the points of a body that stands in the picture, the larger the lower."""
    height, _ = size
    points = bodies.pose(rng)
    ground = (
        horizon + (height - horizon) * min(tall / height, 1.2) + between(rng, -0.04, 0.1) * height
    )
    low = max(point[1] for point in points.values())
    shift = np.array([middle, max(ground, 0.8 * tall) - low * tall, 0.0])
    return {name: point * tall + shift for name, point in points.items()}


def _person(rng: Random, stage: _Stage, points: dict[str, bodies.Points], number: int) -> int:
    """Paint a person; return how many pixels would show were there nobody else."""
    clothes = _clothes(rng)
    striped = rng.random() < 0.35
    first = len(stage.colors)
    stripes = between(rng, 6, 14), between(rng, 0, math.pi), between(rng, 0.15, 0.5)
    for part in bodies.parts(points, between(rng, 0.85, 1.3)):
        color = clothes[part.name.removeprefix("left_").removeprefix("right_")]
        dark = tuple(0.78 * value for value in color)
        pieces = [stage.paint(part.outline, dark, number, part.shows)]  # type: ignore[arg-type]
        if part.name not in ("left_eye", "right_eye", "nose"):
            pieces.append(stage.paint(part.light, color, number, part.shows))
        if striped and part.name in ("torso", "left_upper_arm", "right_upper_arm"):
            stage.stripes.update(dict.fromkeys(pieces, stripes))
    half = _FINE // 2
    return int(np.count_nonzero(stage.piece[half::_FINE, half::_FINE] >= first))


def _clothes(rng: Random) -> dict[str, Color]:
    """Return a color for each part of a body."""
    skin = _shaken(rng, _SKINS[int(rng.integers(len(_SKINS)))], 0.04)
    hair = _shaken(rng, _HAIRS[int(rng.integers(len(_HAIRS)))], 0.05)
    shirt, trousers, shoes = (_random_color(rng) for _ in range(3))
    short, bare = rng.random() < 0.5, rng.random() < 0.35
    return {
        **dict.fromkeys(("face", "throat", "hand"), skin),
        "hair": hair,
        "nose": (skin[0] * 0.8, skin[1] * 0.65, skin[2] * 0.6),
        "eye": (0.08, 0.07, 0.08),
        **dict.fromkeys(("torso", "upper_arm"), shirt),
        "forearm": skin if short else shirt,
        **dict.fromkeys(("hips", "thigh"), trousers),
        "shin": skin if bare else trousers,
        "foot": shoes,
    }


def _shaken(rng: Random, color: Color, spread: float) -> Color:
    red, green, blue = (min(max(value + rng.normal(0, spread), 0.02), 1.0) for value in color)
    return red, green, blue


def _random_color(rng: Random) -> Color:
    hue, gray = rng.uniform(0, 1, 3), between(rng, 0, 0.7)
    level = between(rng, 0.3, 1.0)
    red, green, blue = (level * ((1 - gray) * hue + gray * hue.mean() * 1.2)).clip(0.03, 1).tolist()
    return red, green, blue


def _thing(rng: Random, stage: _Stage, size: Size, tall: float) -> None:
    """Paint a thing that hides what is behind it: a box, a bush, or a pole."""
    height, width = size
    x, kind = between(rng, 0, width), rng.random()
    base = height * between(rng, 0.8, 1.1)
    wide, high = tall * between(rng, 0.15, 0.5), tall * between(rng, 0.15, 0.45)
    color = _random_color(rng)
    if kind < 0.25:
        wide, high, base = tall * 0.05, height * 1.2, height * 1.1
    if 0.25 <= kind < 0.55:
        turns = np.linspace(0, 2 * math.pi, 24, endpoint=False)
        outline = np.stack([x + wide * np.cos(turns), base + high * np.sin(turns)], axis=1)
    else:
        tilt = between(rng, -0.1, 0.1) * wide
        outline = np.array(
            [(x - wide / 2, base), (x + wide / 2, base), (x + wide / 2 + tilt, base - high),
             (x - wide / 2 + tilt, base - high)]
        )  # fmt: skip
    stage.paint(outline, color, 0)


def _background(rng: Random, size: Size, horizon: float) -> Picture:
    """Return a wall or sky over a ground, with things on it that look like limbs and like boxes."""
    height, width = size
    upper, lower = np.array(_random_color(rng)), np.array(_random_color(rng))
    if rng.random() < 0.4:
        upper, lower = np.array(_shaken(rng, (0.55, 0.7, 0.9), 0.06)), lower * (0.8, 1.0, 0.7)
    down = np.arange(height)[:, None, None]
    fade = 1 + between(rng, -0.35, 0.35) * (down / height - 0.5)
    plain = np.where(down < horizon, upper, lower) * fade
    texture = 1 + between(rng, 0.03, 0.15) * clouds(rng, size, between(rng, 3, 12), 4)
    picture: Picture = (plain * texture[..., None]).astype(np.float32)
    for _ in range(int(rng.integers(1, 7))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        long, turn = between(rng, 0.1, 0.5) * height, between(rng, 0, math.pi)
        color = _random_color(rng)
        kind = rng.random()
        start = round(x), round(y)
        if kind < 0.4:
            end = round(x + long * math.cos(turn)), round(y + long * math.sin(turn))
            thick = max(1, round(between(rng, 0.01, 0.05) * height))
            cv2.line(picture, start, end, color, thick, cv2.LINE_AA)
        elif kind < 0.75:
            end = round(x + long * between(rng, 0.3, 1)), round(y + long * between(rng, 0.3, 1))
            cv2.rectangle(picture, start, end, color, -1)
        else:
            axes = max(1, round(0.4 * long)), max(1, round(long * between(rng, 0.1, 0.4)))
            cv2.ellipse(picture, start, axes, math.degrees(turn), 0, 360, color, -1, cv2.LINE_AA)
    return picture


def _composed(stage: _Stage, picture: Picture) -> Picture:
    """Lay what stands in front over the background, with smooth edges."""
    colors = np.array(stage.colors, np.float32)[stage.piece]
    striped = np.isin(stage.piece, list(stage.stripes))
    if striped.any():
        rows, columns = np.nonzero(striped)
        numbers = stage.piece[rows, columns]
        table = np.zeros((len(stage.colors), 3))
        table[list(stage.stripes)] = list(stage.stripes.values())
        gap, turn, strength = np.maximum(table[numbers], 1e-3).T
        wave = np.sin((columns * np.cos(turn) + rows * np.sin(turn)) * math.pi / gap) > 0
        colors[rows, columns] *= (1 - strength * wave)[:, None].astype(np.float32)
    cover = (stage.piece > 0).astype(np.float32)
    size = picture.shape[1], picture.shape[0]
    front = cv2.resize(colors, size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)[..., None]
    composed: Picture = front + (1 - share) * picture
    return composed


def _truth(
    stage: _Stage, picture: Picture, figures: list[dict[str, bodies.Points]], alone: list[int]
) -> Drawing:
    """Say what is seen of whom; people of whom too little shows become unknown."""
    half = _FINE // 2
    pieces = stage.piece[half::_FINE, half::_FINE]
    owner = np.array(stage.owners)[pieces]
    areas = np.bincount(owner.ravel(), minlength=len(figures) + 1)
    ids = np.zeros(owner.shape, np.int32)
    unknown = np.zeros(owner.shape, np.bool_)
    keypoints = []
    for number, points in enumerate(figures, start=1):
        found = _visibility(stage, points, number)
        enough = areas[number] >= max(_LEAST, _LEAST_SHARE * alone[number - 1])
        if enough and (found[:, 2] == VISIBLE).sum() >= _LEAST_JOINTS:
            keypoints.append(found)
            ids[owner == number] = len(keypoints)
        else:
            unknown |= owner == number
    array = np.array(keypoints, np.float32).reshape(-1, len(bodies.JOINTS), 3)
    return Drawing(picture, ids, array, unknown)


def _visibility(stage: _Stage, points: dict[str, bodies.Points], number: int) -> Keypoints:
    """Return x, y and visibility of a person's joints, zeros for those out of the picture."""
    height, width = (side // _FINE for side in stage.piece.shape)
    found = np.zeros((len(bodies.JOINTS), 3), np.float32)
    for k, name in enumerate(bodies.JOINTS):
        x, y, depth = points[name].tolist()
        if not (-0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5):
            found[k] = NOT_LABELED
            continue
        row, column = int((y + 0.5) * _FINE), int((x + 0.5) * _FINE)
        piece = int(stage.piece[row, column])
        seen = stage.owners[piece] == number and name in stage.shows[piece]
        behind = float(points["head"][2]) - depth
        if name.endswith("_eye"):
            seen &= behind < 0
        elif name.endswith("_ear"):
            seen &= behind < 0.3 * float(np.linalg.norm(points["neck"] - points["head"]))
        found[k] = x, y, VISIBLE if seen else HIDDEN
    return found
