"""Codes of keypoints: heatmaps, and vectors that lead from the center of an object to them.

Vectors start in the center or, for a keypoint with a parent, in that: where a wrist is can be seen
from the elbow, and hardly from the middle of the body.

Points are (x, y) in pixels of the image, whatever the stride of the maps. In all targets NaN means
that nobody knows: where people stand whose keypoints nobody marked, and for each keypoint that
was not labeled anywhere in the box of its person.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Poses, Skeleton
from segmentare.errors import InputError
from segmentare.tasks import encodings, grouping
from segmentare.tasks.grouping import Objects

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Window = tuple[slice, slice]  #: rows and columns of cells

_DISK = (0.2, 3.0, 20.0)  # radius around a center: share of sqrt(area), least, most (pixels)


def labeled(poses: Poses) -> Flags:
    """Tell which keypoints somebody marked, (N, K); none of a crowd's."""
    known: Flags = (poses.keypoints[..., 2] > 0) & ~poses.crowd[:, None]
    return known


def middles(poses: Poses) -> NDArray[np.float64]:
    """Return the mean (x, y) of each object's labeled keypoints, (N, 2); NaN without any."""
    known = labeled(poses)[..., None]
    count = known.sum(axis=1)
    total = np.where(known, poses.keypoints[..., :2], 0).sum(axis=1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def areas(poses: Poses, known: Flags) -> NDArray[np.int64]:
    """Return the objects' areas, at least 1 pixel, and 0 where `known` (N,) is false."""
    return np.where(known, np.maximum(poses.areas, 1), 0).astype(np.int64)


def draw_heatmaps(poses: Poses, shape: Size, stride: int) -> Floats:
    """Return one map of bumps for each keypoint, (K, h, w)."""
    known = labeled(poses)
    parts = known.shape[1]
    kinds = np.repeat(np.arange(parts), len(known))
    points = poses.keypoints[..., :2].swapaxes(0, 1).reshape(-1, 2).astype(np.float64)
    sizes = np.where(known.T, np.maximum(poses.areas, 1), 0).astype(np.int64).ravel()
    maps = grouping.draw_bumps_of_kinds(Objects(points, sizes), kinds, parts, shape, stride)
    blank(maps, poses, ~known, stride)
    return maps


def draw_centers(poses: Poses, centers: NDArray[np.float64], shape: Size, stride: int) -> Floats:
    """Return a map of bumps (1, h, w) at centers (N, 2), which are NaN where they are unknown."""
    known = np.asarray(np.isfinite(centers).all(axis=1))
    objects = Objects(np.where(known[:, None], centers, 0), areas(poses, known))
    maps = grouping.draw_bumps(objects, shape, stride)[None]
    blank(maps, poses, ~known[:, None], stride)
    return maps


def check_parents(parents: Sequence[int], skeleton: Skeleton) -> None:
    """Refuse parents of keypoints from which a keypoint cannot be reached.

    Raises:
        ValueError: There is not one for each keypoint, or some keypoints lead to each other only.
    """
    count = len(skeleton.keypoints)
    if not parents:
        return
    reached = {-1}
    for _ in range(count):
        reached |= {kind for kind, parent in enumerate(parents) if parent in reached}
    if len(parents) != count or len(reached) <= count:
        raise InputError(
            f"The parents of the {count} keypoints of '{skeleton.name}' must be one for each, and "
            f"lead from the center (-1) to all of them; got {list(parents)[:40]}."
        )


def draw_vectors(
    poses: Poses,
    centers: NDArray[np.float64],
    shape: Size,
    stride: int,
    parents: Sequence[int] = (),
) -> Floats:
    """Return the ways to the keypoints from cells around where they start, (2K, h, w), in pixels.

    Each object has a disk of cells around its center and around each parent; a cell in two of a
    kind belongs to the one that it is nearer to, in radii. Elsewhere the vectors are NaN, and in
    unknown places.

    Args:
        poses: The objects.
        centers: Theirs, (x, y) in pixels, (N, 2); NaN where they are unknown.
        shape: Height and width of the maps, in cells.
        stride: Pixels per cell.
        parents: For each keypoint the one where its vector starts, -1 for the center; nothing if
            all start there.
    """
    parts = poses.keypoints.shape[1]
    known = labeled(poses)
    tree = np.array(tuple(parents) or (-1,) * parts)
    vectors = np.full((parts, 2, shape[0] * shape[1]), np.nan, np.float32)
    share, least, most = _DISK
    radii = np.clip(share * np.sqrt(poses.areas.astype(np.float64)), least, most)
    first = (stride - 1) / 2
    for start in sorted(set(tree.tolist())):
        anchors = centers
        if start >= 0:
            anchors = np.where(known[:, [start]], poses.keypoints[:, start, :2], np.nan)
        owner = _owners(anchors, radii, shape, stride)
        places = np.flatnonzero(owner >= 0)
        who = owner.ravel()[places]
        y, x = np.divmod(places, shape[1])
        cells = np.stack([x, y], axis=1) * stride + first
        kinds = np.flatnonzero(tree == start)
        ways = poses.keypoints[:, kinds, :2][who] - cells[:, None]
        ways[~known[:, kinds][who]] = np.nan
        vectors[kinds[:, None, None], [[0], [1]], places] = ways.transpose(1, 2, 0)
    result = vectors.reshape(2 * parts, *shape)
    blank_unknown(result, poses, stride)
    return result


def _owners(
    anchors: NDArray[np.float64], radii: NDArray[np.float64], shape: Size, stride: int
) -> NDArray[np.intp]:
    """Return which point's disk each cell is in, (h, w), -1 for none; NaN points have no disk."""
    nearest = np.full(shape, np.inf)
    owner = np.full(shape, -1, np.intp)
    first = (stride - 1) / 2
    across = (np.arange(shape[1]) * stride + first - anchors[:, [0]]) ** 2
    down = (np.arange(shape[0]) * stride + first - anchors[:, [1]]) ** 2
    reach = np.maximum(radii, stride)[:, None]
    low = np.maximum(np.ceil((anchors - reach - first) / stride), 0)
    high = np.minimum(np.floor((anchors + reach - first) / stride) + 1, shape[::-1])
    for i in np.flatnonzero(np.isfinite(anchors).all(axis=1)).tolist():
        rows = slice(int(low[i, 1]), int(max(high[i, 1], 0)))
        columns = slice(int(low[i, 0]), int(max(high[i, 0], 0)))
        far = across[i, columns] + down[i, rows, None]
        if not far.size:
            continue
        squared = radii[i] ** 2
        far[far > max(squared, far.min() + 1e-6)] = np.inf  # one cell at least is inside
        far /= squared
        window = nearest[rows, columns]
        mine = far < window
        window[mine] = far[mine]
        owner[rows, columns][mine] = i
    return owner


def blank(maps: Floats, poses: Poses, missing: Flags, stride: int) -> None:
    """Make maps (C, h, w) NaN, in place, where nobody knows what they hold.

    That is in `poses.unknown`, in crowds, and, where the map is 0, in the boxes of objects of
    which it misses something.

    Args:
        maps: One map for each kind of thing.
        poses: The objects.
        missing: Which of the things of each object nobody marked, (N, C).
        stride: Pixels per cell.
    """
    for i in np.flatnonzero(missing.any(axis=1)).tolist():
        if poses.crowd[i] and poses.unknown is not None:
            continue  # whoever knows a crowd's pixels need not blank its whole box
        rows, columns = window(poses.boxes[i].astype(np.float64), maps.shape[1:], stride)
        part = maps[:, rows, columns]
        part[missing[i][:, None, None] & (part == 0)] = np.nan
    blank_unknown(maps, poses, stride)


def blank_unknown(maps: Floats, poses: Poses, stride: int) -> None:
    """Make maps (C, h, w) NaN, in place, on the unknown pixels."""
    if poses.unknown is not None:
        maps[:, encodings.subsample(poses.unknown, stride)] = np.nan


def window(box: NDArray[np.float64], shape: tuple[int, ...], stride: int) -> Window:
    """Return the cells whose centers lie in a box (x0, y0, x1, y1) of pixels."""
    first = (stride - 1) / 2
    low = np.maximum(np.ceil((box[:2] - first) / stride), 0).astype(int)
    high = np.minimum(np.floor((box[2:] - first) / stride) + 1, shape[::-1]).astype(int)
    high = np.maximum(high, low)
    return slice(low[1], high[1]), slice(low[0], high[0])


def vector_swaps(swaps: tuple[int, ...]) -> tuple[int, ...]:
    """Return the swaps of channels x, y, x, y, ... of which each pair swaps as `swaps` says."""
    return tuple(2 * index + axis for index in swaps for axis in (0, 1))


def mirrored_limbs(
    skeleton: Skeleton,
) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...], tuple[int, ...]]:
    """Return limbs of which each has its mirror image among them, and how a mirror swaps them.

    Returns:
        The skeleton's limbs and the missing mirror images; for each the index of its mirror
        image; and the indices of those that run the other way than their mirror image's image,
        as one from the left to the right hip does.
    """
    swaps = skeleton.swaps
    limbs: list[tuple[int, int]] = []
    for a, b in [*skeleton.limbs, *((swaps[a], swaps[b]) for a, b in skeleton.limbs)]:
        if a != b and (a, b) not in limbs and (b, a) not in limbs:
            limbs.append((a, b))
    images = [(swaps[a], swaps[b]) for a, b in limbs]
    places = [limbs.index(p if p in limbs else p[::-1]) for p in images]
    turned = [i for i, image in enumerate(images) if limbs[places[i]] != image]
    return tuple(limbs), tuple(places), tuple(turned)
