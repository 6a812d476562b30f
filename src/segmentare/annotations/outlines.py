"""Polygons of pixel edges: masks as outlines that lose nothing, and any polygon as a mask.

Points are (x, y) as annotation files have them: whole numbers are the *edges* of pixels, and
(0, 0) is the upper left corner of the image, so that the pixel in row r and column c is the
square from (c, r) to (c + 1, r + 1). A ring is an array of points (N, 2) whose last point joins
the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image, Size
from segmentare.errors import InputError

Ring = NDArray[np.float64]

_FAR = 1e9  # pixels from the image at which no polygon has a point
_AT_ONCE = 2**21  # crossings of edges and rows that are computed at once: about 200 MB
_LONGEST = 10**7  # crossings of all polygons of an object: seconds, and a gigabyte at most


@dataclass(frozen=True)
class Outline:
    """The exact border of a mask, as rings that touch themselves at most in points.

    Attributes:
        parts: Around each part of pixels that share an edge, clockwise on the screen.
        holes: Around each hole, counterclockwise.
    """

    parts: tuple[Ring, ...]
    holes: tuple[Ring, ...]

    def __repr__(self) -> str:
        points = sum(len(ring) for ring in self.rings)
        return f"Outline({len(self.parts)} parts, {len(self.holes)} holes, {points} points)"

    @property
    def rings(self) -> tuple[Ring, ...]:
        """Parts and holes; `fill` makes the mask of them."""
        return self.parts + self.holes


def trace(mask: Image) -> Outline:
    """Return the outline of a mask of shape (H, W); what is not 0 is inside."""
    inside = np.pad(np.asarray(mask, bool), 1)
    rows, columns, turned = _corners(inside)
    across = _mates(rows, columns, np.zeros_like(turned)).tolist()
    down = _mates(columns, rows, turned).tolist()
    parts: list[Ring] = []
    holes: list[Ring] = []
    left = [True] * len(rows)
    for start in range(len(rows)):  # sorted by rows: the first of a ring is on its top edge
        if not left[start]:
            continue
        places = []
        corner = start
        while left[corner]:
            left[corner] = left[across[corner]] = False
            places += [corner, across[corner]]
            corner = down[across[corner]]
        ring = np.stack([columns[places], rows[places]], axis=1).astype(np.float64)
        is_part = bool(inside[rows[start] + 1, columns[start] + 1])
        ring = ring if (signed_area(ring) > 0) == is_part else ring[::-1].copy()
        (parts if is_part else holes).append(ring)
    return Outline(tuple(parts), tuple(holes))


def _corners(
    inside: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return row and column of the corners of a padded mask, sorted, and an order for doubles.

    Where two pixels touch in a point only, there are two corners, one for each pixel. The first
    one ends an edge that comes from the left; the order says which of them ends one from above.
    """
    above_left, above_right = inside[:-1, :-1], inside[:-1, 1:]
    below_left, below_right = inside[1:, :-1], inside[1:, 1:]
    odd = above_left ^ above_right ^ below_left ^ below_right
    crossed = (
        (above_left == below_right) & (above_right == below_left) & (above_left != above_right)
    )
    rows, columns = np.nonzero(odd | crossed)
    times = 1 + crossed[rows, columns].astype(np.int64)
    rising = (crossed & above_right)[rows, columns]
    first = np.cumsum(times) - times
    rows, columns, rising = (np.repeat(a, times) for a in (rows, columns, rising))
    second = np.ones(len(rows), np.int64)
    second[first] = 0
    return rows, columns, np.where(rising, 1 - second, second)


def _mates(
    lines: NDArray[np.int64], along: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return for every corner the other end of its edge on its line."""
    ranked = np.lexsort((order, along, lines))
    mates = np.empty(len(ranked), np.int64)
    mates[ranked[::2]], mates[ranked[1::2]] = ranked[1::2], ranked[::2]
    return mates


def signed_area(ring: Ring) -> float:
    """Return the area of a ring in pixels, above 0 where it goes clockwise on the screen."""
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def fill(rings: Sequence[Ring], size: Size) -> NDArray[np.bool_]:
    """Return the pixels whose centers lie within an odd number of rings, shape `size`.

    What lies outside the image is cut off. COCO's own rule differs for centers that lie next to a
    ring, by less than a pixel, and not at all for rings of pixel edges.

    Raises:
        InputError: A point is not a number, or the rings are too long.
    """
    toggles = np.zeros((size[0], size[1] + 1), np.int32)
    for edges in _edges(rings, size).parts():
        _, row, column = edges.crossings()
        np.add.at(toggles, (row, column), 1)
    filled: NDArray[np.bool_] = np.cumsum(toggles, axis=1, out=toggles)[:, :-1] % 2 == 1
    return filled


def fill_union(rings: Sequence[Ring], size: Size) -> NDArray[np.bool_]:
    """Return the pixels within at least one ring, each of them filled by itself.

    Raises:
        InputError: As `fill`.
    """
    filled = np.zeros(size, bool)
    edges = _edges(rings, size)
    if not len(edges.count):
        return filled
    top, bottom = int(edges.first.min()), int((edges.first + edges.count).max())
    x = np.stack([edges.upper[:, 0], edges.lower[:, 0]]).clip(0, size[1])
    left, right = int(np.floor(x.min())), int(np.ceil(x.max()))
    depth = np.zeros((bottom - top, right - left + 1), np.int32)
    for part in edges.parts(whole=True):
        owner, row, column = part.crossings()
        order = np.lexsort((column, row, owner))  # a ring's first crossing of a row enters it, ...
        row, column = row[order] - top, column[order] - left
        np.add.at(depth, (row[::2], column[::2]), 1)
        np.add.at(depth, (row[1::2], column[1::2]), -1)
    filled[top:bottom, left:right] = np.cumsum(depth, axis=1, out=depth)[:, :-1] > 0
    return filled


@dataclass(frozen=True)
class _Edges:
    """Edges of rings that cross the middle of rows of an image, from their upper ends down.

    Attributes:
        upper: (x, y), shape (E, 2).
        lower: The same.
        owner: Which ring each is of, ascending, shape (E,).
        first: First row whose middle it crosses, shape (E,).
        count: How many rows it crosses, 1 or more, shape (E,).
        width: Of the image.
    """

    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    owner: NDArray[np.int64]
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    width: int

    def parts(self, *, whole: bool = False) -> Iterator[_Edges]:
        """Yield parts of few crossings each; with `whole` no ring is torn apart."""
        piece = np.cumsum(self.count) // _AT_ONCE
        if whole:  # what its first edge is in
            starts = np.flatnonzero(np.diff(self.owner, prepend=-1))
            piece = np.repeat(piece[starts], np.diff(starts, append=len(piece)))
        borders = [*np.flatnonzero(np.diff(piece, prepend=-1)).tolist(), len(piece)]
        for a, b in pairwise(borders):
            yield self.take(slice(a, b))

    def take(self, chosen: slice | NDArray[np.intp]) -> _Edges:
        """Return some of the edges."""
        upper, lower, owner = self.upper[chosen], self.lower[chosen], self.owner[chosen]
        return _Edges(upper, lower, owner, self.first[chosen], self.count[chosen], self.width)

    def crossings(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return ring, row and first column right of every crossing of the middle of a row."""
        upper, lower, count = self.upper, self.lower, self.count
        edge = np.repeat(np.arange(len(upper)), count)
        row = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count - self.first, count)
        tall = (lower - upper)[edge, 1]
        share = (row + 0.5 - upper[edge, 1]) / np.where(tall > 0, tall, 1)
        x = upper[edge, 0] + share * (lower - upper)[edge, 0]
        column = np.ceil(x - 0.5).clip(0, self.width).astype(np.int64)
        return self.owner[edge], row, column


def _edges(rings: Sequence[Ring], size: Size) -> _Edges:
    """Return the edges of rings.

    Raises:
        InputError: A point is not a number or far away, or the edges cross too many rows.
    """
    height, width = size
    points = np.concatenate([np.zeros((0, 2)), *rings])
    if not (np.abs(points) < _FAR).all():
        raise InputError(f"must have points that are numbers below {_FAR:,.0f}")
    ends = np.concatenate([np.zeros((0, 2)), *(part for r in rings for part in (r[1:], r[:1]))])
    flipped = (points[:, 1] > ends[:, 1])[:, None]
    upper, lower = np.where(flipped, ends, points), np.where(flipped, points, ends)
    first = np.ceil(upper[:, 1] - 0.5).clip(0, height).astype(np.int64)
    count = np.ceil(lower[:, 1] - 0.5).clip(0, height).astype(np.int64) - first
    total = int(count.sum())
    if total > _LONGEST:
        raise InputError(
            f"must cross the rows of its image at most {_LONGEST:,} times; "
            f"it does so {total:,} times"
        )
    owner = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    return _Edges(upper, lower, owner, first, count, width).take(np.flatnonzero(count))


def joined(outline: Outline) -> Ring:
    """Return parts and holes as one ring, joined by cuts of no width that it runs along twice.

    From left to right, every ring hangs on the nearest point of those before it. Filling the
    result gives the same mask, by the even-odd and by the nonzero rule alike.
    """
    rings = sorted(outline.rings, key=lambda ring: float(ring[:, 0].min()))
    points = np.concatenate(rings)
    owner = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    hanging: dict[int, list[int]] = {}
    start = len(rings[0])
    for ring in rings[1:]:
        before = points[:start]
        squares = sum((before[:, None, axis] - ring[None, :, axis]) ** 2 for axis in (0, 1))
        hook, end = np.unravel_index(int(np.argmin(squares)), (start, len(ring)))
        hanging.setdefault(int(hook), []).append(start + int(end))
        start += len(ring)
    return points[_walk(owner, hanging)]


def _walk(owner: NDArray[np.int64], hanging: dict[int, list[int]]) -> list[int]:
    """Go around the first ring, and on the way around each ring where it hangs."""
    first = np.searchsorted(owner, np.arange(int(owner[-1]) + 2))

    def around(start: int) -> list[int]:
        low, high = int(first[owner[start]]), int(first[owner[start] + 1])
        return [*range(start, high), *range(low, start)]

    path: list[int] = []
    stack = [("go", place) for place in reversed(around(0))]
    while stack:
        step, place = stack.pop()
        path.append(place)
        if step == "go":
            for end in reversed(hanging.get(place, [])):
                stack += [("back", place), ("back", end)]
                stack += [("go", other) for other in reversed(around(end))]
    return path
