"""Skeletons: which keypoints an object has, and where they lie in an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations import geometry
from segmentare.annotations.geometry import Affine, Size
from segmentare.annotations.segmentation import UNLABELED, Segmentation
from segmentare.errors import InputError
from segmentare.json_values import entry, listed, number, table, text, whole

Keypoints = NDArray[np.float32]  #: (N, K, 3): x, y, and visibility (truth) or score (prediction)

MAX_KEYPOINTS = 1000  #: of a skeleton

NOT_LABELED, HIDDEN, VISIBLE = 0, 1, 2  #: visibility of a keypoint in a truth


@dataclass(frozen=True)
class Skeleton:
    """The keypoints of one kind of object, such as a person: data, so that any object has some.

    Attributes:
        name: What people call it, such as `coco17`.
        keypoints: Name of each keypoint.
        swaps: For each keypoint the index of its left-right mirror image; its own in the middle.
        limbs: Pairs of keypoints that a drawing connects and that part affinity fields follow.
        sigmas: How far annotators differ on each keypoint, per square root of the object's area;
            the constants of object keypoint similarity.
        colors: (red, green, blue) of each keypoint, 0 to 255.
    """

    name: str
    keypoints: tuple[str, ...]
    swaps: tuple[int, ...]
    limbs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]
    colors: tuple[tuple[int, int, int], ...]

    def __post_init__(self) -> None:
        count = len(self.keypoints)
        if count > MAX_KEYPOINTS:
            raise InputError(
                f"A skeleton must have at most {MAX_KEYPOINTS} keypoints; '{self.name}' has "
                f"{count}."
            )
        for field in ("swaps", "sigmas", "colors"):
            if len(getattr(self, field)) != count:
                raise InputError(
                    f"A skeleton of {count} keypoints must have {count} {field}; '{self.name}' has "
                    f"{len(getattr(self, field))}."
                )
        if any(not 0 <= i < count or self.swaps[i] != k for k, i in enumerate(self.swaps)):
            raise InputError(
                f"The swaps of '{self.name}' must pair the keypoints 0 to {count - 1}, each the "
                f"mirror image of its mirror image; got {self.swaps}."
            )
        wrong = [limb for limb in self.limbs if not all(0 <= end < count for end in limb)]
        if wrong:
            raise InputError(
                f"The limbs of '{self.name}' must connect keypoints 0 to {count - 1}; got {wrong}."
            )

    def __repr__(self) -> str:
        return f"Skeleton({self.name!r}, {len(self.keypoints)} keypoints)"

    def to_dict(self) -> dict[str, Any]:
        """Return the skeleton as JSON-ready data."""
        return {
            "name": self.name,
            "keypoints": list(self.keypoints),
            "swaps": list(self.swaps),
            "limbs": [list(limb) for limb in self.limbs],
            "sigmas": list(self.sigmas),
            "colors": [list(color) for color in self.colors],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: A value is missing, of another type or out of range.
        """
        data = table(data, "skeleton")
        given = {
            name: listed(entry(data, name), name, 4 * MAX_KEYPOINTS, int(name != "limbs"))
            for name in ("keypoints", "swaps", "limbs", "sigmas", "colors")
        }
        last = len(given["keypoints"]) - 1
        pairs = [listed(limb, "limbs", 2, 2) for limb in given["limbs"]]
        colors = [listed(color, "colors", 3, 3) for color in given["colors"]]
        return cls(
            text(entry(data, "name"), "name"),
            tuple(text(name, "keypoints") for name in given["keypoints"]),
            tuple(whole(index, "swaps", 0, last) for index in given["swaps"]),
            tuple((whole(a, "limbs", 0, last), whole(b, "limbs", 0, last)) for a, b in pairs),
            tuple(number(sigma, "sigmas", 1e-6, 1e3) for sigma in given["sigmas"]),
            tuple(
                (whole(r, "colors", 0, 255), whole(g, "colors", 0, 255), whole(b, "colors", 0, 255))
                for r, g, b in colors
            ),
        )


@dataclass(frozen=True)
class Poses:
    """The skeletons of N objects (people, say) in one image, and their silhouettes if known.

    Truth and prediction have this same type. In a truth the third number of a keypoint is its
    visibility (`NOT_LABELED`: x and y mean nothing; `HIDDEN`; `VISIBLE`); in a prediction it is a
    score from 0 (not found) to 1.

    Attributes:
        skeleton: Names and pairs of the keypoints.
        keypoints: float32 of shape (N, K, 3); N may be 0.
        size: Height and width of the image.
        boxes: (x0, y0, x1, y1) around each object, float32 of shape (N, 4), where whole numbers
            are the centers of pixels and x1, y1 lie on the far edge.
        areas: Pixels of each object, float32 of shape (N,), as object keypoint similarity needs
            them; by `box_areas` where no silhouette is known.
        crowd: True for a region of many people whose keypoints nobody marked; bool of shape (N,).
        scores: How sure a prediction is of each object, float32 of shape (N,) in 0 to 1; `None` in
            a truth.
        unknown: Pixels of crowds and of people whose keypoints nobody marked, bool of shape
            (H, W): no loss there. `None` where there are none.
        segmentation: Silhouettes; the instance id of object i is i + 1. `None` without any.
        ids: Identity of each object from frame to frame of a video; `None` without tracking.
    """

    skeleton: Skeleton
    keypoints: Keypoints
    size: Size
    boxes: NDArray[np.float32]
    areas: NDArray[np.float32]
    crowd: NDArray[np.bool_]
    scores: NDArray[np.float32] | None = None
    unknown: NDArray[np.bool_] | None = None
    segmentation: Segmentation | None = None
    ids: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        count, parts = len(self.keypoints), len(self.skeleton.keypoints)
        shapes = {
            "keypoints": (count, parts, 3),
            "boxes": (count, 4),
            "areas": (count,),
            "crowd": (count,),
            "scores": (count,),
            "unknown": self.size,
        }
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise InputError(
                    f"The {name} of {count} objects with the {parts} keypoints of "
                    f"'{self.skeleton.name}' must have the shape {shape}; got {value.shape}."
                )
        if self.segmentation is not None and self.segmentation.size != self.size:
            raise InputError(
                f"The silhouettes must have the size of the image, {self.size}; got "
                f"{self.segmentation.size}."
            )

    def __len__(self) -> int:
        return len(self.keypoints)

    def __repr__(self) -> str:
        height, width = self.size
        known = int((self.keypoints[..., 2] > 0).sum())
        parts = [
            f"{len(self)} objects of {self.skeleton.name!r}",
            f"{known} of {self.keypoints[..., 2].size} keypoints",
            f"{height} x {width} pixels",
        ]
        names = ("scores", "unknown", "segmentation", "ids")
        return f"Poses({', '.join(parts + [n for n in names if getattr(self, n) is not None])})"

    @property
    def nbytes(self) -> int:
        """Memory of the keypoints and the maps, in bytes."""
        maps = (self.unknown, self.segmentation)
        return self.keypoints.nbytes + sum(values.nbytes for values in maps if values is not None)

    def silhouettes(self) -> Segmentation:
        """Return the silhouettes, or where nobody knows them the boxes, as categories and ids.

        Objects are category 1; what is unknown is `UNLABELED`.
        """
        if self.segmentation is not None:
            return self.segmentation
        instance = np.zeros(self.size, np.int32)
        for i, box in enumerate(self.boxes):
            left, top, right, bottom = np.rint(box).astype(int).clip(0)
            if not self.crowd[i]:
                instance[top : bottom + 1, left : right + 1] = i + 1
        category = (instance > 0).astype(np.uint8)
        if self.unknown is not None:
            category[self.unknown & (instance == 0)] = UNLABELED
        return Segmentation(category, instance)

    def warp(self, affine: Affine, size: Size) -> Poses:
        """Return the poses seen through `affine`; a mirror swaps left and right keypoints.

        Keypoints that leave the image become `NOT_LABELED`, and what comes from outside is unknown
        where anything was unknown. Objects stay in their places, also those that are out of sight.
        """
        moved = self.keypoints.copy()
        moved[..., :2] = geometry.apply(affine, self.keypoints[..., :2])
        if geometry.mirrors(affine):
            moved = moved[:, list(self.skeleton.swaps)]
        inside = (moved[..., :2] >= -0.5).all(axis=-1)
        inside &= (moved[..., 0] <= size[1] - 0.5) & (moved[..., 1] <= size[0] - 0.5)
        moved[~inside | (moved[..., 2] == 0)] = 0
        linear = affine[:2, :2]
        unknown, seen = self.unknown, self.segmentation
        return Poses(
            self.skeleton,
            moved,
            size,
            _warp_boxes(self.boxes, affine, size),
            (self.areas * abs(np.linalg.det(linear))).astype(np.float32),
            self.crowd,
            self.scores,
            None
            if unknown is None
            else geometry.warp(unknown.astype(np.uint8), affine, size, fill=0).astype(bool),
            None if seen is None else seen.warp(affine, size),
            self.ids,
        )

    def resize(self, size: Size) -> Poses:
        """Return the poses in the image stretched to `size`."""
        seen, unknown = self.segmentation, self.unknown
        warped = Poses(
            self.skeleton,
            self.keypoints,
            self.size,
            self.boxes,
            self.areas,
            self.crowd,
            self.scores,
            ids=self.ids,
        ).warp(geometry.resize(self.size, size), size)
        return Poses(
            **{
                **vars(warped),
                "segmentation": None if seen is None else seen.resize(size),
                "unknown": None
                if unknown is None
                else geometry.resample_labels(unknown, size).astype(bool),
            }
        )


def box_areas(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the areas that stand in for unknown silhouettes: 0.53 of the boxes' areas.

    Source: the common substitution for data without masks (AI Challenger, LSP); a person fills
    about half of its box.
    """
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    areas: NDArray[np.float32] = (0.53 * sides[:, 0] * sides[:, 1]).astype(np.float32)
    return areas


def keypoint_boxes(keypoints: Keypoints, margin: float = 0.1) -> NDArray[np.float32]:
    """Return the boxes (x0, y0, x1, y1) around the labeled keypoints, (N, 4).

    Args:
        keypoints: (N, K, 3); those with a third number of 0 do not count.
        margin: Share of the longer side that is added all around, for keypoints lie inside.

    Returns:
        float32; zeros for objects without keypoints.
    """
    known = keypoints[..., 2:] > 0
    low = np.where(known, keypoints[..., :2], np.inf).min(axis=1, initial=np.inf)
    high = np.where(known, keypoints[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    some = known.any(axis=1)
    low, high = np.where(some, low, 0), np.where(some, high, 0)
    more = margin * (high - low).max(axis=1, keepdims=True)
    boxes: NDArray[np.float32] = np.concatenate([low - more, high + more], axis=1)
    return boxes.astype(np.float32)


def _warp_boxes(boxes: NDArray[np.float32], affine: Affine, size: Size) -> NDArray[np.float32]:
    """Return the upright boxes around the warped corners, cut to the image."""
    corners = geometry.apply(affine, boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))
    low, high = corners.min(axis=1), corners.max(axis=1)
    edge = np.array([size[1], size[0]]) - 0.5
    both = np.concatenate([low, high], axis=1)
    cut: NDArray[np.float32] = np.clip(both, -0.5, np.tile(edge, 2)).astype(np.float32)
    return cut
