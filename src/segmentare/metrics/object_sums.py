"""The counts of objects and their pixels that can be added over images, and their scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from segmentare.metrics import matching
from segmentare.metrics.matching import Values
from segmentare.metrics.segments import Overlaps

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)  #: least IoU of a match in `accuracy@...`

QUALITIES: dict[str, Callable[[Values], Values]] = {
    "pq": matching.panoptic_quality,
    "sq": matching.segmentation_quality,
    "rq": matching.f1,
}


@dataclass(frozen=True)
class Sums:
    """What can be added over images: all of shape (C, ...).

    Attributes:
        at: Tallies per threshold, (T, C, 4).
        above: Tallies of matches above an IoU of 0.5, (C, 4).
        aji: Common pixels and union, (C, 2).
        aji_plus: The same one to one, (C, 2).
    """

    at: Values
    above: Values
    aji: Values
    aji_plus: Values

    @classmethod
    def of_image(cls, overlaps: Overlaps, categories: int) -> Self:
        """Count one image."""
        return cls(
            np.stack([matching.tally(overlaps, categories, at) for at in THRESHOLDS]),
            matching.tally(overlaps, categories, strict=True),
            matching.aggregated_jaccard(overlaps, categories),
            matching.aggregated_jaccard(overlaps, categories, one_to_one=True),
        )

    @classmethod
    def added(cls, images: Sequence[Sums]) -> Self:
        """Return the sums over images."""
        return cls(
            np.sum([row.at for row in images], axis=0),
            np.sum([row.above for row in images], axis=0),
            np.sum([row.aji for row in images], axis=0),
            np.sum([row.aji_plus for row in images], axis=0),
        )

    def scores(self) -> dict[str, float]:
        """Return the scores by name; those of objects and pixels count all categories together."""
        every = self.at.sum(1)
        found = {
            f"accuracy@{threshold}": float(matching.accuracy(every[level]))
            for level, threshold in enumerate(THRESHOLDS)
        }
        found["f1@0.5"] = float(matching.f1(every[0]))
        found["aji"] = float(matching.jaccard(self.aji.sum(0)))
        found["aji_plus"] = float(matching.jaccard(self.aji_plus.sum(0)))
        for name, quality in QUALITIES.items():
            found[name] = float(matching.over_categories(quality(self.above), self.above))
        return found

    def of(self, category: int) -> Sums:
        """Return the sums of one category."""
        one = slice(category, category + 1)
        return Sums(self.at[:, one], self.above[one], self.aji[one], self.aji_plus[one])

    def objects(self) -> dict[str, int]:
        """Return how many objects there are, at the first threshold."""
        _, matched, invented, missed = (int(value) for value in np.rint(self.at[0].sum(0)))
        return {"true": matched + missed, "predicted": matched + invented, "matched": matched}
