"""Who is who from frame to frame of a video: ids that stay, by overlap and the Hungarian method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.poses import Keypoints, Poses, Skeleton
from segmentare.annotations.segmentation import Segmentation, relabel
from segmentare.errors import InputError

Values = NDArray[np.float64]
Shape = TypeVar("Shape")

_FOUND = 0.05  # score of a keypoint that says where it is
_SLACK = 2.0  # keypoints move between frames farther than annotators differ, by this factor


@dataclass(frozen=True)
class Track(Generic[Shape]):
    """One object over time.

    Attributes:
        number: Its id, from 1 on; ids are never given twice.
        shape: How it was last seen: keypoints (K, 3) or a mask (H, W).
        motion: How its keypoints moved on average in the last frame, (x, y) in pixels.
        area: In pixels, of objects with keypoints.
        missed: For how many frames it has not been seen.
    """

    number: int
    shape: Shape
    motion: tuple[float, float] = (0.0, 0.0)
    area: float = 0.0
    missed: int = 0


@dataclass(frozen=True)
class Tracks(Generic[Shape]):
    """The objects of a video up to now. Start with `Tracks()`, and go on with what is returned.

    Attributes:
        least: Similarity (OKS or IoU) that two sightings of an object must have at least.
        patience: For how many frames an object may stay unseen and still keep its id.
        alive: Objects that may come again.
        given: How many ids have been given.
    """

    least: float = 0.2
    patience: int = 30
    alive: tuple[Track[Shape], ...] = ()
    given: int = 0

    def _next(
        self, shapes: Sequence[Shape], similarity: Values, motions: Sequence[tuple[float, float]]
    ) -> tuple[Tracks[Shape], tuple[int, ...]]:
        """Give every new shape the id of an object or a new one.

        Args:
            shapes: N new ones.
            similarity: Of objects and new shapes, (T, N).
            motions: From the object to the shape, if that is what it is, by place in (T, N).
        """
        pairs = assign(similarity, self.least)
        owner = {new: old for old, new in pairs}
        given, seen, numbers = self.given, [], []
        for index, shape in enumerate(shapes):
            if index in owner:
                old = self.alive[owner[index]]
                number, motion = old.number, motions[owner[index] * len(shapes) + index]
                motion = (motion[0] / (old.missed + 1), motion[1] / (old.missed + 1))
            else:
                given += 1
                number, motion = given, (0.0, 0.0)
            seen.append(Track(number, shape, motion))
            numbers.append(number)
        met = {old for old, _ in pairs}
        lost = [
            replace(track, missed=track.missed + 1)
            for place, track in enumerate(self.alive)
            if place not in met and track.missed < self.patience
        ]
        return replace(self, alive=(*seen, *lost), given=given), tuple(numbers)


def follow_poses(tracks: Tracks[Keypoints], found: Poses) -> tuple[Tracks[Keypoints], Poses]:
    """Return the tracks after one more frame, and its poses with ids.

    Objects are matched one to one so that the sum of their similarities is largest. The similarity
    is OKS with doubled sigmas over the keypoints seen in both frames, times the share of those
    among the keypoints seen in either; the better one of staying and of moving on as before.

    Source: Kuhn, "The Hungarian Method for the Assignment Problem", 1955; OKS as in
    `metrics.keypoint_similarity`.
    """
    shapes = list(found.keypoints)
    old = np.stack([t.shape for t in tracks.alive]) if tracks.alive else found.keypoints[:0]
    steps = np.array([t.motion for t in tracks.alive], np.float64).reshape(-1, 2)
    steps *= np.array([t.missed + 1 for t in tracks.alive], np.float64)[:, None]
    away = found.keypoints[None, ..., :2].astype(np.float64) - old[:, None, :, :2]
    both = (old[:, None, :, 2] >= _FOUND) & (found.keypoints[None, ..., 2] >= _FOUND)
    either = (old[:, None, :, 2] >= _FOUND) | (found.keypoints[None, ..., 2] >= _FOUND)
    areas = np.array([t.area for t in tracks.alive], np.float64)[:, None]
    areas = np.maximum(areas, np.maximum(found.areas, 1))  # a part of a person looks small
    similarity = np.maximum(
        _similarity(away, both, either, areas, found.skeleton),
        _similarity(away - steps[:, None, None], both, either, areas, found.skeleton),
    )
    count = np.maximum(both.sum(axis=2), 1)[..., None]
    motions = (away * both[..., None]).sum(axis=2) / count
    flat = [(float(x), float(y)) for x, y in motions.reshape(-1, 2)]
    after, ids = tracks._next(shapes, similarity, flat)  # noqa: SLF001 - this module's own
    sized = [replace(t, area=float(a)) for t, a in zip(after.alive, found.areas, strict=False)]
    after = replace(after, alive=(*sized, *after.alive[len(sized) :]))
    return after, replace(found, ids=ids)


def follow_objects(
    tracks: Tracks[NDArray[np.bool_]], found: Segmentation
) -> tuple[Tracks[NDArray[np.bool_]], Segmentation]:
    """Return the tracks after one more frame, and its objects with instance ids that stay.

    Objects are matched one to one so that the sum of the IoU of their masks is largest.

    Raises:
        InputError: The segmentation does not tell objects apart, or the size of frames changed.
    """
    if found.instance is None:
        raise InputError("Only objects can be followed; this segmentation has categories alone.")
    instance, scores = _compact(found)
    count = int(instance.max(initial=0))
    if tracks.alive and tracks.alive[0].shape.shape != instance.shape:
        raise InputError(
            f"All frames must have the size {tracks.alive[0].shape.shape}; got {instance.shape}."
        )
    areas = np.bincount(instance.ravel(), minlength=count + 1)[1:].astype(np.float64)
    overlap = np.array(
        [np.bincount(instance[t.shape], minlength=count + 1)[1:] for t in tracks.alive], np.float64
    ).reshape(len(tracks.alive), count)
    old = np.array([t.shape.sum() for t in tracks.alive], np.float64)[:, None]
    similarity = overlap / np.maximum(old + areas - overlap, 1)
    masks = [instance == index + 1 for index in range(count)]
    after, ids = tracks._next(masks, similarity, [(0.0, 0.0)] * similarity.size)  # noqa: SLF001
    table = np.array([0, *ids], np.int32)
    spread = None
    if scores is not None:
        spread = np.zeros(int(table.max()), np.float32)
        spread[table[1:] - 1] = scores
    return after, replace(found, instance=table[instance], scores=spread)


def assign(similarity: Values, least: float) -> list[tuple[int, int]]:
    """Return the pairs (row, column), one to one, of the largest sum of values of `least` or more.

    Args:
        similarity: (T, N), 0 to 1.
        least: Pairs below this are none.
    """
    from scipy.optimize import linear_sum_assignment

    allowed = np.where(similarity >= max(least, 1e-9), similarity, 0.0)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if allowed[row, column] > 0]


def _similarity(
    away: Values,
    both: NDArray[np.bool_],
    either: NDArray[np.bool_],
    areas: Values,
    skeleton: Skeleton,
) -> Values:
    """Return the similarity of T old and N new objects from (T, N, K, 2) distances."""
    variances = (2 * _SLACK * np.array(skeleton.sigmas)) ** 2
    closeness = np.exp(-(away**2).sum(axis=-1) / (2 * areas[..., None] * variances))
    similarity: Values = (closeness * both).sum(axis=2) / np.maximum(either.sum(axis=2), 1)
    return similarity


def _compact(found: Segmentation) -> tuple[NDArray[np.int32], NDArray[np.float32] | None]:
    """Return the map with ids 1 to N, and the scores of these."""
    instance = np.asarray(found.instance)
    if found.scores is None:
        return relabel(instance), None
    there = np.unique(instance[instance > 0])
    return relabel(instance), found.scores[there - 1]
