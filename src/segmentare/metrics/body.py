"""How well bodies were found: their skeletons, their silhouettes, and both in one number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from segmentare.annotations.poses import Poses, Skeleton
from segmentare.annotations.segmentation import UNLABELED, Category
from segmentare.errors import InputError
from segmentare.metrics.base import Metric
from segmentare.metrics.instance import InstanceScores
from segmentare.metrics.keypoints import PoseScores
from segmentare.metrics.semantic import SemanticScores

_MASKS = ("ap", "ap50", "ap75")


class BodyScores(Metric[Poses]):
    """Scores of people with keypoints and pixels.

    Skeletons are scored as `PoseScores` does. Of silhouettes there are the IoU of all pixels of
    people, whoever's they are, and the average precision of each person's mask. Images whose
    truth has no silhouettes count for skeletons only, those that are unknown as a whole, for
    nobody looked for keypoints, for silhouettes only. `body` is the mean of `oks_ap` and the
    pooled `iou`, or the one of them that there is.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        categories: tuple[Category, ...],
        labels: Mapping[str, Mapping[str, str]] | None = None,
        *,
        fast: bool = False,
    ) -> None:
        """Start without images.

        Args:
            skeleton: Of truth and predictions.
            categories: Background and the kind of object.
            labels: Per name of an image what is known of it; scores of skeletons are given per
                value as well.
            fast: Leave out intervals of the average precision, and that of masks.
        """
        self._poses = PoseScores(skeleton, labels, fast=fast)
        self._pixels = SemanticScores(categories, labels, boundary=False)
        self._masks = None if fast else InstanceScores(categories, labels)
        self._outlined: list[str] = []
        self._unmarked: set[str] = set()
        self._marked = 0
        self._told_apart = 0

    def update(self, predicted: Poses, truth: Poses, name: str = "") -> None:
        """Count one more image.

        Raises:
            InputError: Sizes or keypoints differ, a number is not finite, or the prediction has
                no silhouettes though the truth has.
        """
        if truth.unknown is not None and truth.unknown.all():
            self._unmarked.add(name)
            self._poses.update(_nobody(predicted), _nobody(truth), name)
        else:
            self._marked += 1
            self._poses.update(predicted, truth, name)
        if truth.segmentation is None or bool((truth.segmentation.category == UNLABELED).all()):
            return
        if predicted.segmentation is None:
            raise InputError(
                f"Image {name!r} cannot be scored: the truth has silhouettes, so the prediction "
                "must have some; got skeletons only."
            )
        self._pixels.update(predicted.segmentation, truth.segmentation, name)
        if self._masks is not None and truth.segmentation.instance is not None:
            self._told_apart += 1
            self._masks.update(predicted.segmentation, truth.segmentation, name)
        self._outlined.append(name)

    def summary(self) -> dict[str, float]:
        """Return the main scores so far, each one number.

        Returns:
            `body`; those of `PoseScores`, if any image has keypoints; `iou` and `dice` pooled over
            the pixels of all images; unless `fast`, `mask_ap`, `mask_ap50` and `mask_ap75`.

        Raises:
            InputError: No image was scored yet.
        """
        scores = self._poses.summary() if self._marked else {}
        if self._outlined:
            pixels = self._pixels.summary()
            scores |= {"iou": pixels["iou_pooled"], "dice": pixels["dice_pooled"]}
            if self._masks is not None and self._told_apart:
                masks = self._masks.summary()
                scores |= {f"mask_{key}": masks[key] for key in _MASKS if key in masks}
        return {"body": _both(scores), **scores}

    def compute(self) -> dict[str, Any]:
        """Return all scores with their intervals, as JSON-ready data.

        Returns:
            What `PoseScores` does, if any image has keypoints; `body`: `pooled`; `iou` and `dice`:
            `mean`, `ci95`, `pooled`; unless `fast` `mask_ap`, `mask_ap50`, `mask_ap75`: `pooled`.
            `outlined`: how many images have silhouettes.

        Raises:
            InputError: No image was scored yet.
        """
        scores = self._poses.compute()
        if not self._marked:
            scores = {key: scores[key] for key in ("labels", "unscored")}
        if self._outlined:
            pixels = self._pixels.compute()
            scores |= {key: pixels[key] for key in ("iou", "dice")}
            if self._masks is not None and self._told_apart:
                masks = self._masks.compute()
                scores |= {f"mask_{key}": masks[key] for key in _MASKS}
        return {
            "body": {"pooled": _both(self.summary())},
            **scores,
            "outlined": len(self._outlined),
        }

    def per_image(self) -> list[dict[str, Any]]:
        """Return the rows of `PoseScores` with `body`, `iou` and `dice`; `None` where unknown."""
        pixels = self._pixels.per_image() if self._outlined else []
        by_name = {row["name"]: {key: row[key] for key in ("iou", "dice")} for row in pixels}
        missing = {"iou": None, "dice": None}
        rows = [row | by_name.get(row["name"], missing) for row in self._poses.per_image()]
        for row in rows:
            if row["name"] in self._unmarked:
                row["oks_ap"] = None
            row["body"] = _both(row)
        return rows


def _nobody(poses: Poses) -> Poses:
    none = slice(0, 0)
    return replace(
        poses,
        keypoints=poses.keypoints[none],
        boxes=poses.boxes[none],
        areas=poses.areas[none],
        crowd=poses.crowd[none],
        scores=None if poses.scores is None else poses.scores[none],
        segmentation=None,
        unknown=None,
        ids=None,
    )


def _both(scores: Mapping[str, Any]) -> float:
    known = [scores[key] for key in ("oks_ap", "iou") if scores.get(key) is not None]
    return sum(known) / len(known) if known else 0.0
