"""How well skeletons were found: COCO's OKS scores and the share of correct keypoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segmentare.annotations.poses import Poses, Skeleton
from segmentare.errors import InputError
from segmentare.metrics import correct_keypoints, keypoint_similarity
from segmentare.metrics.average_precision import Ranked, average_precision, mean_precision
from segmentare.metrics.base import ImageMetric
from segmentare.metrics.correct_keypoints import Counts
from segmentare.metrics.intervals import mean_with_interval

_OKS = (
    *("oks_ap", "oks_ap50", "oks_ap75", "oks_ap_medium", "oks_ap_large"),
    *("oks_ar", "oks_ar50", "oks_ar75", "oks_ar_medium", "oks_ar_large"),
)
_RECALLS = {
    "oks_ar": (0, slice(None)),
    "oks_ar50": (0, slice(0, 1)),
    "oks_ar75": (0, slice(5, 6)),
    "oks_ar_medium": (2, slice(None)),
    "oks_ar_large": (3, slice(None)),
}  # range of area and thresholds


@dataclass(frozen=True)
class _Scored:
    """One image: what can be added over images, and its own scores.

    Attributes:
        name: Of the image.
        ranked: Right and wrong predictions by OKS.
        correct: Per measure keypoints right and to be found, (K, 2).
        objects: `true`, `predicted` and `matched` (at an OKS of 0.5) ones, crowds left out.
        measured: Per measure the true objects whose length is known.
    """

    name: str
    ranked: Ranked
    correct: dict[str, Counts]
    objects: dict[str, int]
    measured: dict[str, int]

    def scores(self) -> dict[str, float | None]:
        """Return the scores of this image alone."""
        found = _oks([self.ranked])
        scores = {"oks_ap": found["oks_ap"]}
        return scores | {key: _share(counts) for key, counts in self.correct.items()}


class PoseScores(ImageMetric[Poses, _Scored]):
    """Scores of objects with keypoints.

    OKS scores are COCO's, over all images together. In the truth, crowds and objects without
    labeled keypoints are neither to be found nor wrong. PCK looks only at keypoints of true
    objects, compared with the prediction that fits best: people who were made up do not lower it,
    so it should be read beside the average precision. See `metrics.correct_keypoints` for which
    distance is near enough.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        labels: Mapping[str, Mapping[str, str]] | None = None,
        *,
        fast: bool = False,
    ) -> None:
        """Start without images.

        Args:
            skeleton: Of truth and predictions; its sigmas decide what is near for OKS.
            labels: Per name of an image what is known of it, such as `{"sport": "tennis"}`;
                scores are given per value as well.
            fast: Leave out the interval of the average precision.
        """
        self._skeleton = skeleton
        super().__init__(labels)
        self._fast = fast
        self._measures = correct_keypoints.measures(skeleton)
        self._capped = 0

    def update(self, predicted: Poses, truth: Poses, name: str = "") -> None:
        """Count one more image.

        Raises:
            InputError: Sizes or keypoints differ, or a number is not finite.
        """
        try:
            self._check(predicted, truth)
        except ValueError as error:
            raise InputError(f"Image {name!r} cannot be scored: {error}") from error
        similarity = keypoint_similarity.similarities(predicted.keypoints, truth)
        ranked = keypoint_similarity.rank(predicted, truth, similarity)
        labeled = ~truth.crowd & (truth.keypoints[..., 2] > 0).any(axis=1)
        partners = correct_keypoints.pair(similarity, labeled)
        self._capped += len(predicted) > keypoint_similarity.MOST_DETECTIONS
        self._images.append(
            _Scored(
                name,
                ranked,
                {
                    measure.score: correct_keypoints.count(predicted, truth, partners, measure)
                    for measure in self._measures
                },
                {
                    "true": int(ranked.truths[0]),
                    "predicted": int(np.count_nonzero(~ranked.ignored[0, 0])),
                    "matched": int(np.count_nonzero(ranked.matched[0, 0])),
                },
                {
                    measure.score: int(np.count_nonzero(labeled & (measure.lengths(truth) > 0)))
                    for measure in self._measures
                },
            )
        )

    def _check(self, predicted: Poses, truth: Poses) -> None:
        names = self._skeleton.keypoints
        for what, poses in (("prediction", predicted), ("truth", truth)):
            if poses.skeleton.keypoints != names:
                raise InputError(
                    f"The {what} must have the {len(names)} keypoints of '{self._skeleton.name}'; "
                    f"it has the {len(poses.skeleton.keypoints)} of '{poses.skeleton.name}'. "
                    "Convert it first."
                )
            for field in ("keypoints", "boxes", "areas", "scores"):
                values = getattr(poses, field)
                if values is not None and not np.isfinite(values).all():
                    raise InputError(
                        f"The {field} of the {what} must be finite numbers; found "
                        f"{values[~np.isfinite(values)][0]}."
                    )
        if predicted.size != truth.size:
            raise InputError(
                f"Prediction and truth must have the same height and width; got {predicted.size} "
                f"and {truth.size}."
            )
        if truth.skeleton.sigmas != self._skeleton.sigmas:
            raise InputError(
                f"The truth must have the sigmas of '{self._skeleton.name}', "
                f"{self._skeleton.sigmas}; it has {truth.skeleton.sigmas}."
            )

    def summary(self) -> dict[str, float]:
        """Return the main scores so far, each one number.

        Returns:
            `oks_ap`, `oks_ap50`, `oks_ap75`, `oks_ap_medium`, `oks_ap_large` and the same with
            `oks_ar`, over all images, those of which there are true objects. `pck@0.2` (or
            `pck_box@0.2`) and `pckh@0.5` where the skeleton has them: means over the images that
            have such keypoints, and pooled with `_pooled` behind the name; absent where no image
            has any.

        Raises:
            InputError: No image was scored yet.
        """
        images = self._scored()
        known: dict[str, float | None] = _oks([image.ranked for image in images])
        for measure in self._measures:
            key = measure.score
            shares = [_share(image.correct[key]) for image in images]
            known[key] = _mean(shares)
            known[f"{key}_pooled"] = _share(_added(images, key))
        return {key: value for key, value in known.items() if value is not None}

    def compute(self) -> dict[str, Any]:
        """Return all scores with their intervals, as JSON-ready data.

        Returns:
            The OKS scores of `summary`: `pooled`, a number or `None`; and `ci95` for `oks_ap`
            (`None` if `fast` or for fewer than two images). The PCK scores: `mean`, `ci95`,
            `pooled`, and `objects`, the true objects whose measure is known: only they count.
            `objects`: numbers of `true`, `predicted` and `matched` ones at an OKS of 0.5.
            `joints`: per keypoint its PCK scores, `{"pooled"}` each, and how often it was
            `labeled` on measured objects. `labels`: per column and value `images`, `oks_ap`
            and the PCK scores. `limits`: `most_detections` and in how many images there are more
            predictions (`images_above`).

        Raises:
            InputError: No image was scored yet.
        """
        images = self._scored()
        ranked = [image.ranked for image in images]
        scores: dict[str, Any] = {key: {"pooled": value} for key, value in _oks(ranked).items()}
        interval = None if self._fast else keypoint_similarity.precision_interval(ranked)
        scores["oks_ap"]["ci95"] = interval
        for measure in self._measures:
            key = measure.score
            scores[key] = self._correct(images, key)
            scores[key]["objects"] = sum(image.measured[key] for image in images)
        return scores | {
            "objects": {
                key: sum(image.objects[key] for image in images)
                for key in ("true", "predicted", "matched")
            },
            "joints": self._by_joint(images),
            "labels": self._by_label(self._of_rows),
            "limits": {
                "most_detections": keypoint_similarity.MOST_DETECTIONS,
                "images_above": self._capped,
            },
            "unscored": self._unscored,
        }

    def _correct(self, images: Sequence[_Scored], key: str) -> dict[str, Any]:
        """Return mean, interval and pooled value of a PCK score."""
        shares = [_share(image.correct[key]) for image in images]
        result = mean_with_interval([share for share in shares if share is not None])
        return result | {"pooled": _share(_added(images, key))}

    def _by_joint(self, images: Sequence[_Scored]) -> dict[str, Any]:
        sums = {measure.score: _added(images, measure.score) for measure in self._measures}
        most = max(self._measures, key=lambda measure: int(sums[measure.score][:, 1].sum()))
        return {
            joint: {
                **{key: {"pooled": _share(counts[[index]])} for key, counts in sums.items()},
                "labeled": int(sums[most.score][index, 1]),
            }
            for index, joint in enumerate(self._skeleton.keypoints)
        }

    def _of_rows(self, rows: list[_Scored]) -> dict[str, Any]:
        return {
            "oks_ap": {"pooled": _oks([row.ranked for row in rows])["oks_ap"]},
            **{m.score: self._correct(rows, m.score) for m in self._measures},
        }

    def per_image(self) -> list[dict[str, Any]]:
        """Return one JSON-ready row per image, in the order of `update`.

        Returns:
            Per image `name`; `oks_ap`, that of the image alone; its PCK scores, `None` without
            keypoints to be found; `objects_true`, `objects_predicted`, `objects_matched`;
            `labels`.
        """
        return [
            {"name": row.name}
            | row.scores()
            | {f"objects_{key}": value for key, value in row.objects.items()}
            | {"labels": self._labels_of(row)}
            for row in self._images
        ]


def _oks(images: list[Ranked]) -> dict[str, float | None]:
    """Return COCO's ten numbers; `None` where there is no true object.

    Without any true object those over all areas are 1 if nothing was predicted (or all of it
    ignored), else 0.
    """
    predicted = any(bool((~image.ignored[0]).any()) for image in images)
    precisions = mean_precision({0: average_precision(images)}, predicted=predicted)
    found = {f"oks_{key}": value for key, value in precisions.items()}
    recalls = keypoint_similarity.recalls(images)
    for key, (area, levels) in _RECALLS.items():
        value = float(recalls[area, levels].mean())
        missing = None if area else float(not predicted)
        found[key] = missing if np.isnan(value) else value
    return {key: found[key] for key in _OKS}


def _added(images: Sequence[_Scored], key: str) -> Counts:
    total: Counts = np.sum([image.correct[key] for image in images], axis=0)
    return total


def _share(counts: Counts) -> float | None:
    """Return right / to be found over the keypoints, `None` for nothing to be found."""
    right, wanted = counts.sum(axis=0).tolist()
    return right / wanted if wanted else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
