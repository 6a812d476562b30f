"""How far two predictions of the same image are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.poses import Poses
from segmentare.annotations.segmentation import Segmentation
from segmentare.tasks.base import Maps

_NEAR = 0.02  # of the square root of a person's area: keypoints as near as that are the same
_LEAST = 0.5  # pixels that keypoints may always differ


def alike(one: Any, other: Any) -> float:  # noqa: ANN401  any annotation
    """Return the share of pixels, or of keypoints, that two predictions agree on, 0 to 1.

    Objects agree where they cover the same pixels, whatever their ids. Of people with silhouettes
    both are compared, and the worse counts.
    """
    if isinstance(one, Poses):
        shares = [_keypoints_alike(one, other)]
        if one.segmentation is not None and other.segmentation is not None:
            shares.append(_pixels_alike(one.segmentation, other.segmentation))
        return min(shares)
    return _pixels_alike(one, other)


def differing(one: Any, other: Any) -> int:  # noqa: ANN401  any annotation
    """Return how many pixels, or keypoints, differ."""
    return round((1 - alike(one, other)) * extent(one))


def extent(one: Any) -> int:  # noqa: ANN401  any annotation
    """Return how many pixels a prediction has, or keypoints where it has no pixels."""
    if isinstance(one, Poses) and one.segmentation is None:
        return int(one.keypoints[..., 0].size)
    pixels: Any = one.segmentation if isinstance(one, Poses) else one
    return int(pixels.category.size)


def largest_difference(one: Maps, other: Maps) -> dict[str, float]:
    """Return per head by how much the values of its maps differ at most."""
    return {name: float(np.abs(maps - other[name]).max()) for name, maps in one.items()}


def _pixels_alike(one: Segmentation, other: Segmentation) -> float:
    same: NDArray[np.bool_] = one.category == other.category
    if one.instance is not None and other.instance is not None:
        same = same & (_renamed(one.instance, other.instance) == other.instance)
    return float(same.mean())


def _renamed(ids: NDArray[np.int32], like: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the ids as the other prediction has them: those that they share most pixels with.

    Ids that share none become -1; each id of the other is given to one object only.
    """
    span = int(like.max(initial=0)) + 1
    pairs, counts = np.unique(ids.astype(np.int64) * span + like, return_counts=True)
    names = np.full(int(ids.max(initial=0)) + 1, -1, np.int64)
    names[0] = 0
    given: set[int] = set()
    for place in np.argsort(-counts, kind="stable"):
        mine, theirs = divmod(int(pairs[place]), span)
        if mine and theirs and names[mine] < 0 and theirs not in given:
            names[mine] = theirs
            given.add(theirs)
    renamed: NDArray[np.int64] = names[ids]
    return renamed


def _keypoints_alike(one: Poses, other: Poses) -> float:
    most = max(len(one.keypoints), len(other.keypoints))
    if not most:
        return 1.0
    found, free = 0, list(range(len(other.keypoints)))
    for keypoints, area in zip(one.keypoints, one.areas, strict=True):
        if not free:
            break
        far = np.hypot(*(other.keypoints[free, :, :2] - keypoints[:, :2]).transpose(2, 0, 1))
        close = far <= max(_LEAST, _NEAR * float(np.sqrt(area)))
        best = int(close.sum(axis=1).argmax())
        found += int(close[best].sum())
        del free[best]
    return float(found / (most * one.keypoints.shape[1]))
