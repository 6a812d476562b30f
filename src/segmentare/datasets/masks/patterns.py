"""What the value sets of many masks have in common, and what falls out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from segmentare.annotations.segmentation import MAX_CATEGORIES
from segmentare.errors import DatasetError

VOIDS = (255, 65535)  #: values by which other tools mean "not labeled"

_CROWD = 60  # distinct values in a typical file beyond which it holds no categories
_OBJECTS = 16  # masks whose files count without a gap up to so many number single objects
_RARE = 0.02  # a value outside the pattern in at most this share of the files is a mistake
_PATTERN_FILES = 5  # fewer files show no pattern to be outside of


def strays(holdings: Sequence[frozenset[int]]) -> frozenset[int]:
    """Return the values that look like mistakes: in hardly any file, and outside the pattern.

    The pattern is two values, or ids without a gap. A value that would continue the ids is a
    rare category and no mistake.
    """
    if len(holdings) < _PATTERN_FILES:
        return frozenset()
    often = Counter(value for held in holdings for value in held)
    limit = max(1, int(_RARE * len(holdings)))
    rare = {value for value, count in often.items() if count <= limit and value not in VOIDS}
    common = set(often) - rare
    ids = common - set(VOIDS) if len(common) > 2 else common
    gapless = bool(ids) and ids == set(range(len(ids)))
    if not rare or not (gapless or len(common) == 2):
        return frozenset()
    if gapless:
        while len(ids) in rare:
            rare.discard(len(ids))
            ids.add(len(ids))
    return frozenset(rare)


def mixed(holdings: Sequence[frozenset[int]]) -> bool:
    """Tell whether some binary masks hold 0 and 1, and others of the same dataset 0 and 255."""
    kinds = {held - {0} for held in holdings} - {frozenset()}
    return kinds == {frozenset({1}), frozenset({255})}


def check_plausible(values: frozenset[int], holdings: Sequence[frozenset[int]]) -> None:
    """Refuse masks that cannot hold categories.

    Raises:
        DatasetError: There is one value only, or there are far too many.
    """
    if len(values) == 1:
        raise DatasetError(
            f"All masks hold the one value {min(values)}, so there is nothing to tell apart; "
            f"masks must show at least two categories."
        )
    typical = float(np.median([len(held) for held in holdings]))
    if typical > _CROWD or len(values) > MAX_CATEGORIES + 1 or _counts_objects(holdings):
        raise DatasetError(
            f"The masks hold {len(values)} different values, {typical:.0f} in a typical file, "
            f"which look like photographs or like numbers of single objects; masks must hold at "
            f"most {MAX_CATEGORIES} categories. If they do, name them in a classes.csv (id,name)."
        )


def _counts_objects(holdings: Sequence[frozenset[int]]) -> bool:
    """Tell whether every file counts from 1 to a number of its own, as instance masks do."""
    counted = [max(held) for held in holdings if len(held - {0}) == max(held) > 0]
    return (
        max(counted, default=0) >= _OBJECTS
        and len(set(counted)) >= 4
        and 10 * len(counted) >= 9 * len([held for held in holdings if held - {0}])
    )
