"""How well objects were found: counts, overlaps and average precision, per image and pooled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation
from segmentare.errors import InputError
from segmentare.metrics import average_precision, matching
from segmentare.metrics.average_precision import Ranked
from segmentare.metrics.base import ImageMetric, check_names
from segmentare.metrics.intervals import mean_with_interval
from segmentare.metrics.object_sums import Sums
from segmentare.metrics.segments import Counted, boundary_iou, find_overlaps, find_segments

_OF_LABELS = ("accuracy@0.5", "f1@0.5", "aji", "pq")


@dataclass(frozen=True)
class _Scored:
    """One image."""

    name: str
    sums: Sums
    scores: dict[str, float]


class InstanceScores(ImageMetric[Segmentation, _Scored]):
    """Scores of objects that do not overlap.

    Objects match only within a category. In the truth, pixels without a label and pixels of a
    category without an instance, a crowd, are neither to be found nor wrong (see
    `metrics.segments`).

    Most scores exist twice: the *mean* over images, which is the one that papers on cells and
    this toolkit quote, and *pooled*, from the counts of all images together. An image without any
    object in truth and prediction scores 1; one with objects in only one of them scores 0. The
    categories of an image are counted together, but for `pq`, `sq` and `rq`, which are means over
    its categories. Average precision exists for a whole set only.
    """

    def __init__(
        self,
        categories: tuple[Category, ...],
        labels: Mapping[str, Mapping[str, str]] | None = None,
        *,
        fast: bool = False,
        most_detections: int = average_precision.MOST_DETECTIONS,
    ) -> None:
        """Start without images.

        Args:
            categories: Of the dataset; a category's id is its place.
            labels: Per name of an image what is known of it, such as `{"organ": "liver"}`; scores
                are given per value as well.
            fast: Leave out average precision, whose keys are then absent everywhere.
            most_detections: Predictions per image and category that average precision looks at,
                the surest ones; COCO's number is too small for images of more objects.

        Raises:
            InputError: Every category is background, or two have the same name.
        """
        self._counted = Counted.instances(categories)
        check_names(categories if self._counted.objects.any() else ())
        self._categories = categories
        super().__init__(labels)
        self._fast = fast
        self._most = most_detections
        self._ranked: dict[str, dict[int, list[Ranked]]] = {"mask": {}, "boundary": {}}
        self._capped = 0

    def update(self, predicted: Segmentation, truth: Segmentation, name: str = "") -> None:
        """Count one more image.

        Raises:
            InputError: The sizes differ, an object has no category or no score, or there is no
                map of instances.
        """
        try:
            if bool((truth.category == UNLABELED).all()):
                self._unscored.append(name)
                return
            self._count(predicted, truth, name)
        except ValueError as error:
            raise InputError(f"Image {name!r} cannot be scored: {error}") from error

    def _count(self, predicted: Segmentation, truth: Segmentation, name: str) -> None:
        number = len(self._categories)
        overlaps = find_overlaps(
            find_segments(predicted, self._counted, truth=False),
            find_segments(truth, self._counted, truth=True),
        )
        if not self._fast:
            scores = predicted.scores
            bands = np.minimum(overlaps.iou, boundary_iou(overlaps))
            for kind, iou in (("mask", overlaps.iou), ("boundary", bands)):
                ranked = average_precision.rank(overlaps, iou, scores, self._most)
                for category, result in ranked.items():
                    self._ranked[kind].setdefault(category, []).append(result)
            self._capped += bool(
                (np.bincount(overlaps.predicted.category, minlength=1) > self._most).any()
            )
        sums = Sums.of_image(overlaps, number)
        self._images.append(_Scored(name, sums, sums.scores()))

    def _precisions(self) -> tuple[dict[str, float | None], dict[int, dict[str, float | None]]]:
        """Return average precision over all categories and per category."""
        if self._fast:
            return {}, {}
        averages = {
            kind: {
                category: average_precision.average_precision(images)
                for category, images in ranked.items()
            }
            for kind, ranked in self._ranked.items()
        }
        predicted = any(
            image.scores.size for images in self._ranked["mask"].values() for image in images
        )
        overall = average_precision.mean_precision(averages["mask"], predicted=predicted)
        bands = average_precision.mean_precision(averages["boundary"], predicted=predicted)
        overall["boundary_ap"] = bands["ap"]
        single = {
            category: {
                key: float(value) if np.isfinite(value) else None
                for key, value in (("ap", values[0].mean()), ("ap50", values[0, 0]))
            }
            for category, values in averages["mask"].items()
        }
        return overall, single

    def summary(self) -> dict[str, float]:
        """Return the main scores so far, each one number.

        Returns:
            `accuracy@0.5` to `accuracy@0.9`, `f1@0.5`, `aji`, `aji_plus`, `pq`, `sq`, `rq` as
            means over images, and pooled with `_pooled` behind the name; unless `fast` the keys
            of average precision of which there are true objects (see `compute`).

        Raises:
            InputError: No image was scored yet.
        """
        images = self._scored()
        means = {
            key: float(np.mean([row.scores[key] for row in images])) for key in images[0].scores
        }
        pooled = Sums.added([row.sums for row in images]).scores()
        precisions = {
            key: value for key, value in self._precisions()[0].items() if value is not None
        }
        return precisions | means | {f"{key}_pooled": value for key, value in pooled.items()}

    def compute(self) -> dict[str, Any]:
        """Return all scores with their intervals, as JSON-ready data.

        Returns:
            Unless `fast`: `ap`, `ap50`, `ap75`, `ap_small`, `ap_medium`, `ap_large` and
            `boundary_ap`: `pooled`, a number or `None` (see `average_precision.mean_precision`).
            `accuracy@0.5` to `accuracy@0.9`, `f1@0.5`, `aji`, `aji_plus`, `pq`, `sq`, `rq`: `mean`,
            `ci95` (`None` for fewer than two images), `pooled`. `objects`: numbers of `true`,
            `predicted` (without those in crowds) and `matched` ones at an IoU of 0.5.
            `categories`: see `_category`. `labels`: per column and value `images` and four
            scores. `limits`: `most_detections` and in how many images a category has more
            predictions (`images_above`). `unscored`: names of images without a labeled pixel.

        Raises:
            InputError: No image was scored yet.
        """
        images = self._scored()
        sums = Sums.added([row.sums for row in images])
        overall, single = self._precisions()
        scores: dict[str, Any] = {key: {"pooled": value} for key, value in overall.items()}
        for key, pooled in sums.scores().items():
            scores[key] = mean_with_interval([row.scores[key] for row in images])
            scores[key]["pooled"] = pooled
        if not self._fast:
            scores["limits"] = {"most_detections": self._most, "images_above": self._capped}
        return scores | {
            "objects": sums.objects(),
            "categories": {
                self._categories[index].name: self._category(index, sums, single.get(index))
                for index in np.flatnonzero(self._counted.objects).tolist()
            },
            "labels": self._by_label(self._of_rows),
            "unscored": list(self._unscored),
        }

    def _category(
        self, index: int, sums: Sums, precision: dict[str, float | None] | None
    ) -> dict[str, Any]:
        """Return the pooled scores of one category, `None` where no image shows it.

        Returns:
            Unless `fast`: `ap`, `ap50`; `accuracy@0.5`, `f1@0.5`, `aji`, `pq`: `{"pooled"}` each.
            `objects_true`, `objects_predicted`. `images`: how many show it.
        """
        own = sums.of(index)
        shown = bool(matching.seen(own.at[0].sum(0)))
        scores = own.scores()
        known = {} if self._fast else precision or {"ap": None, "ap50": None}
        result: dict[str, Any] = {key: {"pooled": value} for key, value in known.items()}
        for key in _OF_LABELS:
            result[key] = {"pooled": scores[key] if shown else None}
        objects = own.objects()
        images = sum(bool(matching.seen(row.sums.at[0, index])) for row in self._images)
        return result | {
            "objects_true": objects["true"],
            "objects_predicted": objects["predicted"],
            "images": images,
        }

    def _of_rows(self, rows: list[_Scored]) -> dict[str, Any]:
        return {key: mean_with_interval([row.scores[key] for row in rows]) for key in _OF_LABELS}

    def per_image(self) -> list[dict[str, Any]]:
        """Return one JSON-ready row per scored image, in the order of `update`.

        Returns:
            Per image `name`, its scores as in `summary` (those that exist per image),
            `objects_true`, `objects_predicted` and `objects_matched`, `categories` with `pq` and
            `f1@0.5` of those that it shows, and `labels`.
        """
        return [
            {"name": row.name}
            | row.scores
            | {f"objects_{key}": value for key, value in row.sums.objects().items()}
            | {
                "categories": {
                    self._categories[index].name: {
                        key: row.sums.of(index).scores()[key] for key in ("pq", "f1@0.5")
                    }
                    for index in np.flatnonzero(matching.seen(row.sums.at[0])).tolist()
                },
                "labels": self._labels_of(row),
            }
            for row in self._images
        ]
