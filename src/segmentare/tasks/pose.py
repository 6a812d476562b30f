"""Poses: the keypoints of people, or of whatever has some, found bottom-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

from segmentare.annotations.poses import Keypoints, Poses, Skeleton
from segmentare.annotations.segmentation import Category
from segmentare.errors import InputError
from segmentare.metrics.keypoints import PoseScores
from segmentare.tasks import fields, joints, peaks, reading
from segmentare.tasks.base import Head, Labels, Maps, Task
from segmentare.tasks.peaks import Floats

Code = Literal["center", "fields"]

CODES: tuple[Code, ...] = get_args(Code)

PEOPLE = (
    Category("background", (0, 0, 0), background=True),
    Category("person", (255, 196, 0), thing=True),
)


@dataclass(frozen=True)
class PoseTask(Task[Poses]):
    """Find any number of objects by their keypoints, without looking for their boxes first.

    Both codes have a heatmap for each keypoint and differ in what tells whose it is. `center`: a
    bump at the mean of the keypoints, and from there the way to each of them, or to it from a
    neighbor where that is easier to see; what the vectors point to is snapped to the nearest peak.
    Hidden keypoints get a place as well, and no limbs are needed. `fields`: along each limb the
    direction from one end to the other; peaks that such a field joins belong together. What is not
    seen is not found.

    A mean square error on bumps that fill a hundredth of the image is tiny, so bumps and fields
    weigh 200, as centers of instances do, while vectors of length 1 on known cells weigh 1. The
    heatmaps weigh more, for their mean goes over K maps of which each must be learned.

    Sources: Zhou, Wang and Krähenbühl, "Objects as Points", 2019,
    https://arxiv.org/abs/1904.07850, and Nie et al., "Single-Stage Multi-Person Pose Machines",
    ICCV 2019, https://arxiv.org/abs/1908.09220 (`center`; that neighbors are found in the data is
    ours); Cao et al., "OpenPose", TPAMI 2021,
    https://arxiv.org/abs/1812.08008 (`fields`).

    Attributes:
        skeleton: Names, pairs and limbs of the keypoints.
        categories: Background and the kind of object, by id.
        code: `center` or `fields`.
        unit: Pixels of the network's input that a value of 1 in the vectors means; best the
            typical distance from the center to a keypoint, so that numbers are around 1.
        parents: For each keypoint the one from which its vector leads to it, -1 for the center;
            nothing if all start in the center (`center` only).
        peak: Least height of a keypoint, 0 to 1.
        sure: Least height of a center (`center` only), 0 to 1.
        spacing: Peaks that lie up to so many pixels apart are one, 1 or more.
        reach: How far a keypoint may lie from where the center sees it, as a share of the
            diagonal of the object's box (`center` only).
        alike: Object keypoint similarity above which two objects are one (`center` only).
        least_parts: Objects of fewer keypoints are dropped (`fields` only).
        agreement: Least score of an object, 0 to 1.
    """

    name = "pose"
    coarse = True
    stride = 4
    skeleton: Skeleton
    categories: tuple[Category, ...] = PEOPLE
    code: Code = "center"
    unit: float = 32.0
    parents: tuple[int, ...] = ()
    peak: float = 0.1
    sure: float = 0.2
    spacing: int = 3
    reach: float = 0.1
    alike: float = 0.5
    least_parts: int = 3
    agreement: float = 0.0

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise InputError(f"The code must be one of {', '.join(CODES)}; got {self.code!r}.")
        if self.unit <= 0 or self.spacing < 1:
            raise InputError(
                f"The unit must be above 0 and the spacing at least 1 pixel; got {self.unit} and "
                f"{self.spacing}."
            )
        joints.check_parents(self.parents, self.skeleton)
        if self.code == "fields" and not joints.mirrored_limbs(self.skeleton)[0]:
            raise InputError(
                f"The code 'fields' follows limbs, but the skeleton '{self.skeleton.name}' has "
                "none. Name some, or use the code 'center'."
            )

    @property
    def headline(self) -> str:
        return "oks_ap"

    @property
    def tunable(self) -> Mapping[str, tuple[float, ...]]:
        if self.code == "fields":
            return {
                "peak": (0.05, 0.1, 0.2, 0.3, 0.4),
                "spacing": (1, 3, 5, 9),
                "least_parts": (2, 3, 5),
            }
        return {
            "sure": (0.05, 0.1, 0.2, 0.3, 0.4),
            "peak": (0.05, 0.1, 0.2, 0.3, 0.4),
            "spacing": (1, 3, 5, 9),
            "reach": (0.0, 0.05, 0.1, 0.15, 0.2),
            "alike": (0.2, 0.35, 0.5, 0.7),
        }

    @property
    def heads(self) -> tuple[Head, ...]:
        heatmaps = keypoint_head(self.skeleton)
        if self.code == "center":
            center = Head("center", 1, "heatmap", weight=200.0)
            return (heatmaps, center, vector_head(self.skeleton))
        limbs, places, turned = joints.mirrored_limbs(self.skeleton)
        return (
            heatmaps,
            Head(
                "fields",
                2 * len(limbs),
                "vectors",
                weight=200.0,
                swaps=joints.vector_swaps(places),
                turned=tuple(2 * limb + axis for limb in turned for axis in (0, 1)),
                directions=True,
            ),
        )

    def encode(self, annotation: Poses, stride: int) -> Maps:
        check_skeleton(self.skeleton, annotation)
        height, width = annotation.size
        shape = -(-height // stride), -(-width // stride)
        heatmaps = joints.draw_heatmaps(annotation, shape, stride)
        if self.code == "fields":
            limbs = joints.mirrored_limbs(self.skeleton)[0]
            drawn = fields.draw_fields(annotation, limbs, shape, stride)
            return {"keypoints": heatmaps, "fields": drawn}
        centers = joints.middles(annotation)
        return {
            "keypoints": heatmaps,
            "center": joints.draw_centers(annotation, centers, shape, stride),
            "joints": joints.draw_vectors(annotation, centers, shape, stride, self.parents)
            / self.unit,
        }

    def decode(self, maps: Maps, stride: int) -> Poses:
        _, height, width = maps["keypoints"].shape
        found = self._assembled if self.code == "fields" else self._read
        keypoints, scores = reading.surest(*found(maps, stride))
        kept = scores >= self.agreement
        size = height * stride, width * stride
        return reading.poses(self.skeleton, keypoints[kept], scores[kept], size)

    def _read(self, maps: Maps, stride: int) -> tuple[Keypoints, Floats]:
        centers = peaks.find(maps["center"], self.sure, self.spacing, stride)
        tops = peaks.find(maps["keypoints"], self.peak, self.spacing, stride)
        ways = reading.Ways(maps["joints"], self.unit, stride, self.parents)
        places = reading.read(ways, centers.cells)
        chosen = reading.singles(places, centers.heights, self.skeleton, self.alike)
        snapped = reading.trace(ways, places[chosen], tops, maps["keypoints"], self.reach)
        return snapped, reading.sureness(snapped, centers.heights[chosen])

    def _assembled(self, maps: Maps, stride: int) -> tuple[Keypoints, Floats]:
        limbs = joints.mirrored_limbs(self.skeleton)[0]
        tops = peaks.find(maps["keypoints"], self.peak, self.spacing, stride)
        links = fields.link(maps["fields"], tops, limbs, stride)
        parts = len(self.skeleton.keypoints)
        return fields.assemble(tops, links, parts, min(self.least_parts, parts))

    def fitted(self, radius: float) -> Self:
        return replace(self, unit=radius)

    def scaled(self, factor: float) -> Self:
        return replace(self, spacing=max(1, round(self.spacing * factor)))

    def metric(self, labels: Labels | None = None, *, fast: bool = False) -> PoseScores:
        return PoseScores(self.skeleton, labels, fast=fast)

    @classmethod
    def from_categories(
        cls, categories: tuple[Category, ...], skeleton: Skeleton | None = None
    ) -> Self:
        return cls(needed(skeleton, cls.name), categories)


def keypoint_head(skeleton: Skeleton) -> Head:
    """Return the head of the heatmaps."""
    count = len(skeleton.keypoints)
    return Head("keypoints", count, "heatmap", weight=800.0, swaps=skeleton.swaps)


def vector_head(skeleton: Skeleton) -> Head:
    """Return the head of the vectors from the centers to the keypoints."""
    swaps = joints.vector_swaps(skeleton.swaps)
    return Head("joints", len(swaps), "vectors", swaps=swaps)


def needed(skeleton: Skeleton | None, task: str) -> Skeleton:
    """Return the skeleton of a dataset for a task that cannot do without.

    Raises:
        InputError: There is none.
    """
    if skeleton is None:
        raise InputError(
            f"The task '{task}' needs images with keypoints, but these have none. Choose a dataset "
            "with a skeleton, or the task 'instance' for silhouettes alone."
        )
    return skeleton


def check_skeleton(skeleton: Skeleton, annotation: Poses) -> None:
    """Raise ValueError where an annotation has other keypoints than a task."""
    if annotation.skeleton.keypoints != skeleton.keypoints:
        raise InputError(
            f"The annotation must have the {len(skeleton.keypoints)} keypoints of "
            f"'{skeleton.name}'; it has the {len(annotation.skeleton.keypoints)} of "
            f"'{annotation.skeleton.name}'. Convert it first."
        )
