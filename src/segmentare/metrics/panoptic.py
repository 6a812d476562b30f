"""How well every pixel was given to a segment: panoptic quality, and IoU of the categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation
from segmentare.errors import InputError
from segmentare.metrics import confusion, matching
from segmentare.metrics.base import ImageMetric, check_names
from segmentare.metrics.intervals import pooled_interval
from segmentare.metrics.object_sums import QUALITIES
from segmentare.metrics.segments import Counted, find_overlaps, find_segments

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class _Scored:
    """One image: its tallies of shape (C, 4), and its pixels, (C, C + 1) with the unanswered."""

    name: str
    tallies: Values
    pixels: NDArray[np.int64]


def _quality(name: str, chosen: Flags, tallies: Values) -> Values:
    """Return one quality, mean over the chosen categories that were seen; (..., C, 4) -> (...)."""
    some = tallies[..., chosen, :]
    return matching.over_categories(QUALITIES[name](some), some)


def _ious(pixels: NDArray[np.int64]) -> tuple[Values, Flags]:
    """Return the IoU of each category and whether it was seen, (C,) each."""
    hits = np.diagonal(pixels)
    union = pixels.sum(1) + pixels.sum(0)[: len(pixels)] - hits
    return hits / np.maximum(union, 1), union > 0


class PanopticScores(ImageMetric[Segmentation, _Scored]):
    """Panoptic quality of a segmentation into things and stuff.

    PQ, SQ and RQ follow panopticapi: the segments of all images are counted together per
    category, then averaged over the categories that truth or prediction shows. A segment matches
    above an IoU of 0.5, pixels that nobody labeled left out; missed crowds cost nothing, and
    neither do unmatched predictions of which more than half is unlabeled or a crowd of their
    category. A crowd is a thing's category without an instance in the truth. Where a prediction is
    `UNLABELED`, or a thing without an instance, it answers nothing, which misses segments but
    invents none.

    Where truth and prediction show nothing at all, scores are 1.

    Source: Kirillov et al., "Panoptic Segmentation", CVPR 2019, https://arxiv.org/abs/1801.00868
    """

    def __init__(
        self,
        categories: tuple[Category, ...],
        labels: Mapping[str, Mapping[str, str]] | None = None,
        *,
        fast: bool = False,
    ) -> None:
        """Start without images.

        Args:
            categories: Of the dataset; a category's id is its place, `Category.thing` tells
                things from stuff. A background is stuff like any other.
            labels: Per name of an image what is known of it, such as `{"city": "Ulm"}`; PQ is
                given per value as well.
            fast: Leave out intervals, which are then `None`.

        Raises:
            InputError: There is no category, or two have the same name.
        """
        check_names(categories)
        self._categories = categories
        super().__init__(labels)
        self._fast = fast
        self._counted = Counted.panoptic(categories)

    def update(self, predicted: Segmentation, truth: Segmentation, name: str = "") -> None:
        """Count one more image.

        Raises:
            InputError: The sizes differ, an id is no category, an instance is not of a thing, or
                there is no map of instances.
        """
        try:
            if bool((truth.category == UNLABELED).all()):
                self._unscored.append(name)
                return
            overlaps = find_overlaps(
                find_segments(predicted, self._counted, truth=False),
                find_segments(truth, self._counted, truth=True),
            )
            number = len(self._categories)
            answer = np.where(predicted.category == UNLABELED, number, predicted.category)
            pixels = confusion.confusion_matrix(
                answer.astype(np.uint8), truth.category, number + 1
            )[:number]
        except ValueError as error:
            raise InputError(f"Image {name!r} cannot be scored: {error}") from error
        tallies = matching.tally(overlaps, number, strict=True)
        self._images.append(_Scored(name, tallies, pixels))

    def _groups(self) -> dict[str, Flags]:
        """Return the suffix of a score -> the categories it is a mean over."""
        groups = {"": np.ones(len(self._categories), np.bool_)}
        if self._counted.objects.any():
            groups["_things"] = self._counted.objects
        if self._counted.stuff.any():
            groups["_stuff"] = self._counted.stuff
        return groups

    def _miou(self) -> float:
        values, shown = _ious(np.sum([row.pixels for row in self._scored()], axis=0))
        return float(values[shown].mean())

    def summary(self) -> dict[str, float]:
        """Return the main scores so far, each one number.

        Returns:
            `pq`, `sq`, `rq` pooled over the images, the same of things and of stuff with
            `_things` and `_stuff` behind the name where there are such categories, and `miou` of
            the category maps, pooled.

        Raises:
            InputError: No image was scored yet.
        """
        total = np.sum([row.tallies for row in self._scored()], axis=0)
        return {
            f"{key}{suffix}": float(_quality(key, chosen, total))
            for suffix, chosen in self._groups().items()
            for key in QUALITIES
        } | {"miou": self._miou()}

    def compute(self) -> dict[str, Any]:
        """Return all scores with their intervals, as JSON-ready data.

        Returns:
            `pq`, `sq`, `rq` and the same of `_things` and `_stuff`: `pooled`, and `ci95` by
            resampling images (`None` for fewer than two). `miou`: mean over all categories that
            occur of their pooled IoU. `objects`: numbers of `true`, `predicted` (without those in
            crowds) and `matched` things. `categories`: per name `pq`, `sq`, `rq` and `iou`
            (`{"pooled"}`, `None` where nothing shows it), `objects_true`, `objects_predicted` and
            `images` that show it. `confusion`: pixels, one row per true category, those without an
            answer left out. `labels`: per column and value `images` and `pq`. `unscored`: names of
            images without a labeled pixel.

        Raises:
            InputError: No image was scored yet.
        """
        images = self._scored()
        scores: dict[str, Any] = {
            f"{key}{suffix}": self._pooled(key, chosen, images)
            for suffix, chosen in self._groups().items()
            for key in QUALITIES
        }
        total = np.sum([row.tallies for row in images], axis=0)
        pixels = np.sum([row.pixels for row in images], axis=0)
        matched, invented, missed = (
            int(value) for value in total[self._counted.objects, matching.MATCHED :].sum(0)
        )
        return scores | {
            "miou": self._miou(),
            "objects": {
                "true": matched + missed,
                "predicted": matched + invented,
                "matched": matched,
            },
            "categories": self._by_category(images, total, pixels),
            "confusion": pixels[:, : len(pixels)].tolist(),
            "labels": self._by_label(self._of_rows),
            "unscored": list(self._unscored),
        }

    def _pooled(self, key: str, chosen: Flags, images: list[_Scored]) -> dict[str, Any]:
        tallies = np.stack([row.tallies for row in images])
        score = partial(_quality, key, chosen)
        return {
            "pooled": float(score(tallies.sum(0))),
            "ci95": None if self._fast else pooled_interval(tallies, score),
        }

    def _by_category(
        self, images: list[_Scored], total: Values, pixels: NDArray[np.int64]
    ) -> dict[str, Any]:
        values, painted = _ious(pixels)
        shown = matching.seen(total)
        result: dict[str, Any] = {}
        for index, category in enumerate(self._categories):
            scores: dict[str, Any] = {
                key: {"pooled": float(quality(total[index])) if shown[index] else None}
                for key, quality in QUALITIES.items()
            }
            scores["iou"] = {"pooled": float(values[index]) if painted[index] else None}
            _, matched, invented, missed = total[index].tolist()
            result[category.name] = scores | {
                "objects_true": int(matched + missed),
                "objects_predicted": int(matched + invented),
                "images": sum(bool(matching.seen(row.tallies[index])) for row in images),
            }
        return result

    def _of_rows(self, rows: list[_Scored]) -> dict[str, Any]:
        return {"pq": self._pooled("pq", self._groups()[""], rows)}

    def per_image(self) -> list[dict[str, Any]]:
        """Return one JSON-ready row per scored image, in the order of `update`.

        Returns:
            Per image `name`; `pq`, `sq`, `rq` as means over its categories, and `miou`; the
            numbers of things `objects_true`, `objects_predicted`, `objects_matched`; `categories`
            with `pq` of those it shows; `labels`. The mean of these `pq` over images is not the
            pooled one of `summary`.
        """
        every = self._groups()[""]
        rows = []
        for row in self._images:
            values, painted = _ious(row.pixels)
            matched, invented, missed = (
                int(value) for value in row.tallies[self._counted.objects, 1:].sum(0)
            )
            rows.append(
                {"name": row.name}
                | {key: float(_quality(key, every, row.tallies)) for key in QUALITIES}
                | {
                    "miou": float(values[painted].mean()),
                    "objects_true": matched + missed,
                    "objects_predicted": matched + invented,
                    "objects_matched": matched,
                    "categories": {
                        self._categories[index].name: {
                            "pq": float(matching.panoptic_quality(row.tallies[index]))
                        }
                        for index in np.flatnonzero(matching.seen(row.tallies)).tolist()
                    },
                    "labels": self._labels_of(row),
                }
            )
        return rows
