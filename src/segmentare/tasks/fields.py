"""Part affinity fields: vectors along the limbs, and the assembly of keypoints that they join.

Source: Cao, Hidalgo, Simon, Wei and Sheikh, "OpenPose: Realtime Multi-Person 2D Pose Estimation
Using Part Affinity Fields", TPAMI 2021, https://arxiv.org/abs/1812.08008. Written from the
description of the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Keypoints, Poses
from segmentare.tasks import joints
from segmentare.tasks.encodings import bounded
from segmentare.tasks.peaks import Floats, Indices, Peaks

Limbs = Sequence[tuple[int, int]]

_THICK = (0.08, 1.5, 8.0)  # of half a limb: share of sqrt(area), least, most (pixels)
_SAMPLES = (np.arange(10, dtype=np.float32) + np.float32(0.5)) / np.float32(10)  # of the way
_ALONG = 0.05  # least part of a field along the limb that counts as a limb
_AGREE = 0.8  # share of the samples that must count


def draw_fields(poses: Poses, limbs: Limbs, shape: Size, stride: int) -> Floats:
    """Return for every limb the unit vector along it, (2L, h, w), and 0 away from it.

    Where limbs of one kind cross, the field is the mean of theirs.
    """
    known = joints.labeled(poses)
    share, least, most = _THICK
    thick = np.clip(share * np.sqrt(poses.areas), max(least, 0.75 * stride), max(most, stride))
    total = np.zeros((len(limbs), 2, *shape), np.float32)
    count = np.zeros((len(limbs), *shape), np.float32)
    first = (stride - 1) / 2
    ends = np.array(limbs)
    both = known[:, ends[:, 0]] & known[:, ends[:, 1]]
    for i, limb in zip(*(where.tolist() for where in np.nonzero(both)), strict=True):
        a, b = poses.keypoints[i, ends[limb], :2].astype(np.float64)
        length = float(np.hypot(*(b - a)))
        if length < 1e-3:
            continue
        along = (b - a) / length
        box = np.concatenate([np.minimum(a, b) - thick[i], np.maximum(a, b) + thick[i]])
        rows, columns = joints.window(box, shape, stride)
        x = np.arange(columns.start, columns.stop) * stride + first - a[0]
        y = (np.arange(rows.start, rows.stop) * stride + first - a[1])[:, None]
        far = x * along[0] + y * along[1]
        aside = np.abs(x * along[1] - y * along[0])
        inside = (aside <= thick[i]) & (far >= -thick[i]) & (far <= length + thick[i])
        total[limb][:, rows, columns] += along.astype(np.float32)[:, None, None] * inside
        count[limb][rows, columns] += inside
    total /= np.maximum(count, 1)[:, None]
    maps = total.reshape(-1, *shape)
    unsure = np.where(count == 0, np.float32(0), np.float32(1))  # 1: some limb says something
    joints.blank(unsure, poses, ~both, stride)
    maps[np.isnan(unsure).repeat(2, axis=0)] = np.nan
    return maps


@dataclass(frozen=True)
class Links:
    """Pairs of peaks that a limb may join, best first.

    Attributes:
        limbs: Which limb, shape (C,).
        starts: Index of the peak at its first end.
        ends: Index of the peak at its second end.
        scores: Mean of the field along the line, shape (C,).
    """

    limbs: Indices
    starts: Indices
    ends: Indices
    scores: Floats


def link(fields: Floats, peaks: Peaks, limbs: Limbs, stride: int) -> Links:
    """Return the pairs of peaks between which the field (2L, h, w) runs from one to the other."""
    cells = (peaks.points - np.float32((stride - 1) / 2)) / np.float32(stride)
    points = np.clip(cells, 0, np.array(fields.shape[:0:-1], np.float32) - 1).astype(np.float32)
    fields = bounded(fields)
    pairs = _likely(fields, points, peaks, limbs)
    dots = _line(fields, points, pairs)
    counted = dots > _ALONG
    kept = np.flatnonzero(counted.sum(axis=0) >= _AGREE * len(_SAMPLES))
    pairs, scores = pairs[:, kept], (dots * counted).mean(axis=0)[kept]
    rank = scores + 0.1 * (peaks.heights[pairs[1]] + peaks.heights[pairs[2]])
    order = np.argsort(-rank, kind="stable")
    limb, start, end = pairs[:, order]
    return Links(limb, start, end, scores[order])


def _likely(fields: Floats, points: Floats, peaks: Peaks, limbs: Limbs) -> Indices:
    """Return limb, first and second peak, (3, C), of the pairs with a field half way.

    Of many people nearly all pairs are wrong, so this is done for all at once, (L, A, B).
    """
    _, height, width = fields.shape
    ends = np.array(limbs)
    table = peaks.table(max(int(ends.max()), int(peaks.kinds.max(initial=0))) + 1)
    if not table.size:
        return np.zeros((3, 0), np.intp)
    first, second = table[ends[:, 0]], table[ends[:, 1]]
    (x0, y0), (x1, y1) = (
        (points[side, 0].reshape(shape), points[side, 1].reshape(shape))
        for side, shape in ((first, (*first.shape, 1)), (second, (len(ends), 1, -1)))
    )
    half = np.float32(0.5)
    places = (half * (y0 + y1) + half).astype(np.int32)
    places *= width
    places += (half * (x0 + x1) + half).astype(np.int32)
    places += (np.arange(len(ends), dtype=np.int32) * (2 * height * width))[:, None, None]
    flat = fields.reshape(-1)
    dx, dy = x1 - x0, y1 - y0
    dot = flat.take(places) * dx
    places += height * width
    dot += flat.take(places) * dy
    dx *= dx
    dy *= dy
    dx += dy
    likely = (dot > 0) & (dot * dot > np.float32(_ALONG**2) * dx)
    likely &= (first >= 0)[:, :, None] & (second >= 0)[:, None]
    limb, a, b = np.nonzero(likely)
    return np.stack([limb, first[limb, a], second[limb, b]])


def _line(fields: Floats, points: Floats, pairs: Indices) -> Floats:
    """Return the part of the field along the line of each pair, at points along it, (S, C)."""
    _, height, width = fields.shape
    limbs, starts, ends = pairs
    x0, y0 = (points[starts] + np.float32(0.5)).T  # so that cutting off rounds
    dx, dy = (points[ends] - points[starts]).T
    places = (y0 + _SAMPLES[:, None] * dy).astype(np.int32)
    places *= width
    places += (x0 + _SAMPLES[:, None] * dx).astype(np.int32)
    places += limbs.astype(np.int32) * np.int32(2 * height * width)
    flat = fields.reshape(-1)
    dots: Floats = flat.take(places) * dx
    places += height * width
    dots += flat.take(places) * dy
    dots /= np.maximum(np.sqrt(dx * dx + dy * dy), np.float32(1e-6))
    return dots


@dataclass(eq=False)
class _Group:
    """Peaks that belong to one object so far."""

    kinds: int  # bit k: there is a keypoint k
    members: list[int] = field(default_factory=list)
    score: float = 0.0
    links: int = 0


def assemble(peaks: Peaks, links: Links, parts: int, least_parts: int) -> tuple[Keypoints, Floats]:
    """Join peaks to objects, the surest limb first, and return keypoints and scores of objects.

    A limb starts an object, adds a keypoint to one, connects two keypoints of one, or joins two
    objects that have no keypoint in common; where it would give an object a second nose, it is
    left out. So no keypoint gets two limbs of a kind.

    Args:
        peaks: Of the heatmaps.
        links: Candidates, best first.
        parts: Number of keypoints K.
        least_parts: Objects of fewer keypoints are dropped.

    Returns:
        (N, K, 3), zeros where a keypoint was not found, and scores (N,): the mean over the
        object's keypoints and limbs.
    """
    owner: list[_Group | None] = [None] * len(peaks)
    bits = [1 << kind for kind in peaks.kinds.tolist()]
    candidates = (links.starts.tolist(), links.ends.tolist(), links.scores.tolist())
    for a, b, score in zip(*candidates, strict=True):
        group = _joined(owner, (a, b), (bits[a], bits[b]))
        if group is not None:
            group.score += score
            group.links += 1
    found = dict.fromkeys(group for group in owner if group is not None)
    groups = [group for group in found if len(group.members) >= least_parts]
    members = np.array([peak for group in groups for peak in group.members], np.intp)
    sizes = np.array([len(group.members) for group in groups], np.intp)
    whose, kinds = np.repeat(np.arange(len(groups)), sizes), peaks.kinds[members]
    keypoints = np.zeros((len(groups), parts, 3), np.float32)
    keypoints[whose, kinds, :2] = peaks.points[members]
    keypoints[whose, kinds, 2] = np.clip(peaks.heights[members], 0, 1)
    total = keypoints[..., 2].sum(axis=1) + [group.score for group in groups]
    return keypoints, (total / (sizes + [group.links for group in groups])).astype(np.float32)


def _joined(
    owner: list[_Group | None], ends: tuple[int, int], bits: tuple[int, int]
) -> _Group | None:
    """Return the object that two peaks now belong to; `None` where they cannot be one's."""
    (a, b), (of_a, of_b) = ends, (owner[ends[0]], owner[ends[1]])
    if of_a is None and of_b is None:
        owner[a] = owner[b] = new = _Group(bits[0] | bits[1], [a, b])
        return new
    if of_a is of_b:
        return of_a
    if of_a is None or of_b is None:
        group, peak, bit = (of_b, a, bits[0]) if of_a is None else (of_a, b, bits[1])
        if group is None or group.kinds & bit:
            return None
        group.kinds |= bit
        group.members.append(peak)
        owner[peak] = group
        return group
    if of_a.kinds & of_b.kinds:
        return None
    for member in of_b.members:
        owner[member] = of_a
    of_a.kinds |= of_b.kinds
    of_a.members += of_b.members
    of_a.score += of_b.score
    of_a.links += of_b.links
    return of_a
