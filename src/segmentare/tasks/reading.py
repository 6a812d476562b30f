"""From centers and vectors to skeletons: read the keypoints, snap them to peaks, drop doubles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Keypoints, Poses, Skeleton, box_areas, keypoint_boxes
from segmentare.tasks.encodings import bounded
from segmentare.tasks.peaks import Floats, Indices, Peaks

_NEAR = 6.0  # pixels within which a keypoint always looks for a peak
_ROUNDS = 4  # of dealing out peaks; whoever loses one looks for the next
GUESSED = np.float32(0.01)  #: least score of a keypoint that has a place though nothing shows it


@dataclass(frozen=True)
class Ways:
    """The vectors that lead to the keypoints of every object.

    Attributes:
        vectors: Map of shape (2K, h, w).
        unit: Pixels that a value of 1 means.
        stride: Pixels per cell.
        parents: For each keypoint the one where its vector starts, -1 for the center; nothing if
            all start there.
    """

    vectors: Floats
    unit: float
    stride: int
    parents: tuple[int, ...] = ()

    def levels(self) -> list[Indices]:
        """Return the keypoints by the number of their forebears, those of the center first."""
        parents = np.array(self.parents or (-1,) * (len(self.vectors) // 2))
        found = [np.flatnonzero(parents < 0)]
        while len(after := np.flatnonzero(np.isin(parents, found[-1]))):
            found.append(after)
        return found

    def from_cells(self, kinds: Indices, cells: Indices) -> Floats:
        """Return where vectors of some kinds (k,) point to from cells (x, y), (N, k or 1, 2)."""
        x, y = cells[..., 0], cells[..., 1]
        ways = np.stack([self.vectors[2 * kinds + axis, y, x] for axis in (0, 1)], axis=2)
        ways = bounded(ways)
        starts = cells * self.stride + (self.stride - 1) / 2
        places: Floats = (ways * np.float32(self.unit) + starts).astype(np.float32)
        return places

    def from_parents(self, kinds: Indices, places: Floats) -> Floats:
        """Return where vectors of some kinds (k,) point to from where parents are, (N, K, 2)."""
        starts = places[:, np.array(self.parents)[kinds]]
        cells = np.rint((starts - (self.stride - 1) / 2) / self.stride)
        limits = np.array(self.vectors.shape[:0:-1]) - 1
        return self.from_cells(kinds, np.clip(cells, 0, limits).astype(np.intp))


def read(ways: Ways, cells: Indices) -> Floats:
    """Return the places that the vectors lead to from N center cells (x, y), (N, K, 2)."""
    first, *others = ways.levels()
    places = np.zeros((len(cells), len(ways.vectors) // 2, 2), np.float32)
    places[:, first] = ways.from_cells(first, cells[:, None])
    for kinds in others:
        places[:, kinds] = ways.from_parents(kinds, places)
    return places


def trace(ways: Ways, places: Floats, peaks: Peaks, heatmaps: Floats, reach: float) -> Keypoints:
    """Snap keypoints to the peaks of their heatmaps, and read their children's places from there.

    Args:
        ways: Vectors of the image.
        places: What `read` returned, (N, K, 2).
        peaks: Of the heatmaps.
        heatmaps: (K, h, w).
        reach: As `snap` takes it.

    Returns:
        What `snap` returns.
    """
    keypoints = snap(places, peaks, heatmaps, reach, ways.stride)
    for kinds in ways.levels()[1:]:
        lost = keypoints[..., 2:] == 0
        places = np.where(lost, places, keypoints[..., :2])
        places[:, kinds] = ways.from_parents(kinds, places)
        keypoints[:, kinds] = snap(places, peaks, heatmaps, reach, ways.stride, kinds)
    return keypoints


def snap(
    places: Floats,
    peaks: Peaks,
    heatmaps: Floats,
    reach: float,
    stride: int,
    kinds: Indices | None = None,
) -> Keypoints:
    """Move each keypoint to the nearest peak of its heatmap, and say how sure it is.

    A peak belongs to one object only, the nearest; others look for their next. A keypoint without
    a peak in reach, as a hidden one may be, stays where the vector said.

    Source: Zhou, Wang and Krähenbühl, "Objects as Points", 2019,
    https://arxiv.org/abs/1904.07850; that nobody shares a peak is ours.

    Args:
        places: (x, y) of the keypoints of N objects, (N, K, 2).
        peaks: Of the heatmaps.
        heatmaps: (K, h, w).
        reach: Distance within which a peak counts, as a share of the diagonal of the object's
            box; 6 pixels always count.
        stride: Pixels per cell.
        kinds: Which keypoints (k,); all if `None`.

    Returns:
        x, y and score, (N, k, 3); the score is the height of the peak, or of the heatmap where
        there is none, but at least `GUESSED`. Keypoints beyond the image and out of reach of its
        edge are 0, 0, 0.
    """
    count, parts, _ = places.shape
    spans = np.ptp(places, axis=1) if count else np.zeros((0, 2), np.float32)
    reaches = np.maximum(np.float32(reach) * np.hypot(spans[:, 0], spans[:, 1]), _NEAR)
    size = np.array(heatmaps.shape[:0:-1]) * stride
    number = peaks.table(parts)
    if kinds is None:
        kinds = np.arange(parts)
    places, number = places[:, kinds], number[kinds]
    known = np.clip(places, -0.5, size - 0.5)
    beyond = (np.abs(known - places) > reaches[:, None, None]).any(axis=2)
    columns, rows = np.clip(np.rint((known - (stride - 1) / 2) / stride), 0, size // stride - 1).T
    heights = heatmaps[kinds[:, None], rows.astype(np.intp), columns.astype(np.intp)]
    keypoints = np.concatenate([known, np.maximum(heights.T, GUESSED)[..., None]], axis=2)
    keypoints = keypoints.astype(np.float32)
    keypoints[beyond] = 0
    if count and len(peaks):
        _deal(keypoints, places, reaches, peaks, number)
    return keypoints


def _deal(
    keypoints: Keypoints, places: Floats, reaches: Floats, peaks: Peaks, number: Indices
) -> None:
    """Give peaks to the keypoints that are near them, in place: both must be nearest to another."""
    count = len(places)
    table = np.where(number[..., None] < 0, np.float32(np.inf), peaks.points[number])
    far = (places[:, :, 0].T[:, :, None] - table[:, None, :, 0]) ** 2
    far += (places[:, :, 1].T[:, :, None] - table[:, None, :, 1]) ** 2
    far[far > (reaches**2)[None, :, None]] = np.inf  # (K, N, P)
    for _ in range(_ROUNDS):
        if not np.isfinite(far).any():
            return
        nearest = far.argmin(axis=2)
        best = np.take_along_axis(far, nearest[..., None], axis=2)[..., 0]
        rival = np.take_along_axis(far.argmin(axis=1), nearest, axis=1)
        kinds, who = np.nonzero(np.isfinite(best) & (rival == np.arange(count)))
        given = nearest[kinds, who]
        peak = number[kinds, given]
        keypoints[who, kinds, :2] = peaks.points[peak]
        keypoints[who, kinds, 2] = np.clip(peaks.heights[peak], GUESSED, 1)
        far[kinds, who] = np.inf
        far[kinds, :, given] = np.inf


def singles(places: Floats, heights: Floats, skeleton: Skeleton, alike: float) -> Indices:
    """Return which objects are no doubles of surer ones, the surest first.

    Args:
        places: (x, y) of the keypoints of N objects, (N, K, 2).
        heights: How sure each object is, (N,).
        skeleton: Its sigmas say how far apart keypoints may lie and be the same.
        alike: Object keypoint similarity above which two objects are one, 0 to 1.
    """
    order = np.argsort(-heights, kind="stable")
    if len(order) < 2:
        return order
    places = places[order]
    low, high = places.min(axis=1), places.max(axis=1)
    near = (low[:, None] <= high).all(axis=2)
    first, second = np.nonzero(np.triu(near & near.T, 1))
    boxes = np.concatenate([low, high], axis=1)
    area = np.maximum(box_areas(boxes), 1)
    squared = ((places[first] - places[second]) ** 2).sum(axis=2)
    scale = 8 * np.sqrt(area[first] * area[second])[:, None]
    scale = scale * np.square(np.array(skeleton.sigmas, np.float32))
    same = np.exp(-squared / scale).mean(axis=1) > alike
    kept = np.ones(len(order), np.bool_)
    for i, j in zip(first[same].tolist(), second[same].tolist(), strict=True):
        if kept[i]:
            kept[j] = False
    return order[kept]


def poses(skeleton: Skeleton, keypoints: Keypoints, scores: Floats, size: Size) -> Poses:
    """Return predicted poses, with boxes and areas from their keypoints."""
    boxes = keypoint_boxes(keypoints)
    return Poses(
        skeleton,
        keypoints,
        size,
        boxes,
        box_areas(boxes),
        np.zeros(len(keypoints), np.bool_),
        np.clip(scores, 0, 1).astype(np.float32),
    )


def sureness(keypoints: Keypoints, heights: Floats) -> Floats:
    """Return how sure objects are: the height of the center times the mean of the keypoints."""
    sure: Floats = np.clip(heights, 0, 1) * keypoints[..., 2].mean(axis=1)
    return sure


def surest(keypoints: Keypoints, scores: Floats) -> tuple[Keypoints, Floats]:
    """Return the objects in the order of their scores, the surest first."""
    order = np.argsort(-scores, kind="stable")
    return keypoints[order], scores[order]
