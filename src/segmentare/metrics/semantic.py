"""How well categories of pixels were predicted: per image with intervals, and pooled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.segmentation import Category, Segmentation, foreground_ids
from segmentare.errors import InputError
from segmentare.metrics import confusion
from segmentare.metrics.base import ImageMetric, check_names
from segmentare.metrics.boundary import boundary_scores
from segmentare.metrics.confusion import Counts, Scores
from segmentare.metrics.intervals import mean_with_interval

_AREAS: dict[str, Callable[[Counts], Scores]] = {
    "dice": confusion.dice,
    "iou": confusion.iou,
    "precision": confusion.precision,
    "recall": confusion.recall,
}
_OUTLINES = {"boundary_f": 1.0, "hd95": 0.0}  # scores of outlines, and their best values


@dataclass(frozen=True)
class _Scored:
    """One image: which categories count in it, shape (C,), and their scores, shape (C,) each."""

    name: str
    counted: NDArray[np.bool_]
    categories: dict[str, Scores]
    image: dict[str, float]


class SemanticScores(ImageMetric[Segmentation, _Scored]):
    """Scores of a segmentation into categories.

    Every score exists twice, because the two differ by several points on real data: the *mean*
    over images, each image with the same weight and with a bootstrap interval, and *pooled*, from
    the pixels of all images counted together. Pixels whose truth is `UNLABELED` count nowhere;
    an image without any labeled pixel is not scored, and `compute` lists its name.

    The score of one image is the mean over the categories that its truth or its prediction shows,
    background left out (unless no category is background: then all count). An image of which
    neither shows any is a perfect answer: 1, and 0 px of `hd95`. A category that only one of the
    two shows scores 0, and the diagonal of the image as `hd95`.

    The mean of one category runs over the images that show it in truth or prediction. With only
    one category beside the background it runs over all images, so that it equals the mean of the
    set: a correctly empty image scores 1.

    Source: Maier-Hein et al., "Metrics reloaded", Nature Methods 2024,
    https://doi.org/10.1038/s41592-023-02151-z
    """

    def __init__(
        self,
        categories: tuple[Category, ...],
        labels: Mapping[str, Mapping[str, str]] | None = None,
        *,
        boundary: bool = True,
    ) -> None:
        """Start without images.

        Args:
            categories: Of the dataset; a category's id is its place.
            labels: Per name of an image what is known of it, such as `{"diagnosis": "melanoma"}`;
                scores are given per value as well.
            boundary: Score the outlines too (`boundary_f`, `hd95`); without them the two keys are
                absent everywhere, and an image takes about a millisecond.

        Raises:
            InputError: There is no category, or two have the same name.
        """
        check_names(categories)
        self._categories = categories
        super().__init__(labels)
        self._boundary = boundary
        self._foreground = np.zeros(len(categories), np.bool_)
        self._foreground[list(foreground_ids(categories))] = True
        self._matrix: Counts = np.zeros((len(categories), len(categories)), np.int64)

    def update(self, predicted: Segmentation, truth: Segmentation, name: str = "") -> None:
        """Count one more image.

        Raises:
            InputError: The sizes differ, or an id has no category (see `confusion_matrix`).
        """
        try:
            matrix = confusion.confusion_matrix(
                predicted.category, truth.category, len(self._categories)
            )
        except ValueError as error:
            raise InputError(f"Image {name!r} cannot be scored: {error}") from error
        if not matrix.any():
            self._unscored.append(name)
            return
        self._matrix += matrix
        counted = confusion.present(matrix)
        if self._foreground.sum() == 1:
            counted |= self._foreground
        scores = {key: score(matrix) for key, score in _AREAS.items()}
        if self._boundary:
            scores |= self._outlines(predicted, truth, counted)
        image = {key: self._over_categories(values, counted) for key, values in scores.items()}
        image["pixel_accuracy"] = confusion.pixel_accuracy(matrix)
        if self._boundary and not (counted & self._foreground).any():
            image |= _OUTLINES
        self._images.append(_Scored(name, counted, scores, image))

    def _outlines(
        self, predicted: Segmentation, truth: Segmentation, counted: NDArray[np.bool_]
    ) -> dict[str, Scores]:
        scores = {key: np.full(len(self._categories), best) for key, best in _OUTLINES.items()}
        known = truth.category < len(self._categories)  # what is left is UNLABELED
        everywhere = bool(known.all())
        for index in np.flatnonzero(counted & self._foreground):
            result = boundary_scores(
                predicted.category == index,
                truth.category == index,
                known=None if everywhere else known,
            )
            scores["boundary_f"][index] = result.boundary_f
            scores["hd95"][index] = result.hd95
        return scores

    def _over_categories(self, values: Scores, counted: NDArray[np.bool_]) -> float:
        chosen = counted & self._foreground
        return float(values[chosen].mean()) if chosen.any() else 1.0

    def _pooled(self, key: str) -> float:
        return self._over_categories(_AREAS[key](self._matrix), confusion.present(self._matrix))

    def summary(self) -> dict[str, float]:
        """Return the main scores so far, each one number.

        Returns:
            `dice`, `iou`, `precision`, `recall`, `pixel_accuracy`, `boundary_f` and `hd95` as
            means over images; `dice_pooled`, `iou_pooled` and `miou` pooled.

        Raises:
            InputError: No image was scored yet.
        """
        images = self._scored()
        means = {key: float(np.mean([row.image[key] for row in images])) for key in images[0].image}
        pooled = {"dice_pooled": self._pooled("dice"), "iou_pooled": self._pooled("iou")}
        return means | pooled | {"miou": confusion.mean_iou(self._matrix)}

    def compute(self) -> dict[str, Any]:
        """Return all scores with their intervals, as JSON-ready data.

        `mean` is `None` where nothing was seen, `ci95` where there are fewer than two images.

        Returns:
            `dice`, `iou`, `precision`, `recall`: `mean`, `ci95`, `pooled` (the mean over the
            categories of their pooled scores). `boundary_f`, `hd95`: `mean`, `ci95`, the latter
            with `median` and `unit`. `miou`: mean over all categories that occur, background
            included, of the pooled IoU. `pixel_accuracy`: `mean`, `ci95`, `pooled`. `categories`:
            see `_category`. `confusion`: pixels, one row per true category. `labels`: per column
            and value `images`, `dice` and `iou`. `unscored`: names of images without a labeled
            pixel.

        Raises:
            InputError: No image was scored yet.
        """
        images = self._scored()
        scores: dict[str, Any] = {
            key: mean_with_interval([row.image[key] for row in images]) for key in images[0].image
        }
        for key in _AREAS:
            scores[key]["pooled"] = self._pooled(key)
        scores["pixel_accuracy"]["pooled"] = confusion.pixel_accuracy(self._matrix)
        if self._boundary:
            distances = [row.image["hd95"] for row in images]
            scores["hd95"] |= {"median": float(np.median(distances)), "unit": "px"}
        return scores | {
            "miou": confusion.mean_iou(self._matrix),
            "categories": {
                category.name: self._category(index)
                for index, category in enumerate(self._categories)
            },
            "confusion": self._matrix.tolist(),
            "labels": self._by_label(self._of_rows),
            "unscored": list(self._unscored),
        }

    def _category(self, index: int) -> dict[str, Any]:
        """Return the scores of one category.

        Returns:
            `dice`, `iou`: `mean`, `ci95`, `pooled`. `precision`, `recall`, `boundary_f`, `hd95`:
            means over images, plain numbers; the last two are `None` for the background, whose
            outline is that of everything else. `pixels_true`, `pixels_predicted`. `images`: how
            many the means run over.
        """
        rows = [row for row in self._images if row.counted[index]]
        seen = bool(confusion.present(self._matrix)[index])
        result: dict[str, Any] = {}
        for key in ("dice", "iou"):
            result[key] = mean_with_interval([row.categories[key][index] for row in rows])
            pooled = float(_AREAS[key](self._matrix)[index])
            result[key]["pooled"] = pooled if seen or rows else None
        for key in ("precision", "recall", *(_OUTLINES if self._boundary else ())):
            scored = bool(rows) and (key not in _OUTLINES or bool(self._foreground[index]))
            values = [row.categories[key][index] for row in rows]
            result[key] = float(np.mean(values)) if scored else None
        return result | {
            "pixels_true": int(self._matrix[index].sum()),
            "pixels_predicted": int(self._matrix[:, index].sum()),
            "images": len(rows),
        }

    def _of_rows(self, rows: list[_Scored]) -> dict[str, Any]:
        return {
            key: mean_with_interval([row.image[key] for row in rows]) for key in ("dice", "iou")
        }

    def per_image(self) -> list[dict[str, Any]]:
        """Return one JSON-ready row per scored image, in the order of `update`.

        Returns:
            Per image `name`, its scores as in `summary` (those that exist per image),
            `categories` with `dice` and `iou` of those that count in it, and `labels`.
        """
        return [
            {"name": row.name}
            | row.image
            | {
                "categories": {
                    self._categories[index].name: {
                        key: float(row.categories[key][index]) for key in ("dice", "iou")
                    }
                    for index in np.flatnonzero(row.counted)
                },
                "labels": self._labels_of(row),
            }
            for row in self._images
        ]
