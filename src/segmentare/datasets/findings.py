"""What to conclude from the single images of a dataset: twins, leaks, odd ones out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.segmentation import UNLABELED, Category
from segmentare.datasets.base import Dataset, Part, Problem, Record
from segmentare.datasets.checkups import CategoryUse, Crossing
from segmentare.datasets.files import relative
from segmentare.datasets.splits import Split
from segmentare.images.fingerprints import Fingerprint, near_duplicates

LEAST_IMAGES = 3  #: one to train on, one to choose by, one to measure on

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Seen:
    """What one image and its mask hold.

    Attributes:
        record: Its files.
        size: Height and width.
        pixels: Such as "3 channels of uint8".
        counts: Pixels of each category id, shape (256,).
        objects: Number of separate objects.
        mask: A hash of the category ids.
        mark: The fingerprint of the image.
        colors: All colors of the image, packed, if it has as few as masks have; else none.
        problem: Why the image cannot be used; then the rest is empty.
    """

    record: Record
    size: Size = (0, 0)
    pixels: str = ""
    counts: NDArray[np.int64] | None = None
    objects: int = 0
    mask: str = ""
    mark: Fingerprint | None = None
    colors: frozenset[int] = frozenset()
    problem: Problem | None = None


def unlike_the_others(dataset: Dataset, everything: Sequence[Seen]) -> list[Seen]:
    """Mark the images whose channels or type differ from most, which no network takes together."""
    kinds = Counter(seen.pixels for seen in everything if seen.problem is None)
    if len(kinds) < 2:
        return list(everything)
    usual = kinds.most_common(1)[0][0]
    done = []
    for seen in everything:
        if seen.problem is None and seen.pixels != usual:
            what = (
                f"'{seen.record.image.name}' has {seen.pixels}, but most images have {usual}; "
                f"convert it, because all images of a training must be of one kind."
            )
            file = relative(dataset.root, seen.record.image)
            done.append(replace(seen, problem=Problem(file, what, stops=True)))
        else:
            done.append(seen)
    return done


def twins(good: Sequence[Seen]) -> tuple[Pairs, Pairs]:
    """Return the pairs of names with the same pixels, and those that only show the same."""
    marks = [(seen.record.name, seen.mark) for seen in good if seen.mark is not None]
    exact: Pairs = []
    near: Pairs = []
    for i, j in near_duplicates([mark for _, mark in marks]):
        same = marks[i][1].exact == marks[j][1].exact
        (exact if same else near).append((marks[i][0], marks[j][0]))
    return exact, near


def about_twins(dataset: Dataset, good: Sequence[Seen], exact: Pairs) -> list[Problem]:
    """Say which images are in the dataset twice, and whether their masks agree."""
    seen = {found.record.name: found for found in good}
    problems = []
    for one, other in exact:
        agree = seen[one].mask == seen[other].mask
        masks = "with the same mask" if agree else "but their masks differ; find out which is right"
        what = f"'{one}' and '{other}' are the same image, {masks}."
        problems.append(
            Problem(relative(dataset.root, seen[other].record.image), what, stops=False)
        )
    return problems


def crossings(split: Split, exact: Pairs, near: Pairs) -> list[Crossing]:
    """Return the twins that lie in different parts of a split."""
    part = split.part_of()
    return [
        Crossing(one, part[one], other, part[other], same)
        for pairs, same in ((exact, True), (near, False))
        for one, other in pairs
        if one in part and other in part and part[one] != part[other]
    ]


def about_crossings(found: Sequence[Crossing], *, allow: bool) -> list[Problem]:
    """Say which twins the split parts; the same image in two parts stops unless allowed."""
    problems = []
    for exact, alike in ((True, "the same picture"), (False, "nearly the same picture")):
        pairs = [crossing for crossing in found if crossing.exact == exact]
        if pairs:
            one = pairs[0]
            what = (
                f"{len(pairs)} pairs of {alike} lie in two parts of the split, such as "
                f"'{one.one}' ({one.part}) and '{one.other}' ({one.other_part}), so a score would "
                "flatter; keep them in one part or remove one."
            )
            problems.append(Problem("", what, stops=exact and not allow))
    return problems


def crossing_groups(split: Split, good: Sequence[Seen]) -> list[Problem]:
    """Name the groups that a split parts; where the dataset prescribes that, it only warns."""
    part = split.part_of()
    members: dict[str, list[Record]] = {}
    for record in (seen.record for seen in good):
        if record.group is not None and record.name in part:
            members.setdefault(record.group, []).append(record)
    problems = []
    for group, records in sorted(members.items()):
        parts = sorted({part[record.name] for record in records})
        if len(parts) > 1:
            prescribed = all(record.part == part[record.name] for record in records)
            what = f"The group '{group}' lies in {' and '.join(parts)}; keep it in one part."
            problems.append(Problem("", what, stops=not prescribed))
    return problems


def uses(categories: Sequence[Category], good: Sequence[Seen]) -> tuple[CategoryUse, ...]:
    """Return how much of all labeled pixels each category covers, and in how many images."""
    table = _table(good)
    total = max(1, int(table[:, :UNLABELED].sum()))
    return tuple(
        CategoryUse(category, float(table[:, i].sum()) / total, int((table[:, i] > 0).sum()))
        for i, category in enumerate(categories)
    )


def unlabeled(good: Sequence[Seen]) -> float:
    """Return the share of pixels without a label."""
    table = _table(good)
    return float(table[:, UNLABELED].sum()) / max(1, int(table.sum()))


def one_sided(
    categories: Sequence[Category], good: Sequence[Seen]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of images without any object, and of those without any background."""
    if not categories or not categories[0].background:
        return (), ()
    table = _table(good)
    names = [seen.record.name for seen in good]
    objects = table[:, 1:UNLABELED].sum(axis=1)
    empty = tuple(name for name, count in zip(names, objects, strict=True) if count == 0)
    full = tuple(name for name, count in zip(names, table[:, 0], strict=True) if count == 0)
    return empty, full


def labels(good: Sequence[Seen]) -> dict[str, dict[str, int]]:
    """Return how many images have each value of each label."""
    counted: dict[str, Counter[str]] = {}
    for seen in good:
        for label, value in seen.record.labels.items():
            counted.setdefault(label, Counter())[value] += 1
    return {label: dict(sorted(values.items())) for label, values in counted.items()}


def about_count(good: Sequence[Seen]) -> list[Problem]:
    """Say that there are too few images for three parts."""
    if len(good) >= LEAST_IMAGES:
        return []
    what = (
        f"A training needs at least {LEAST_IMAGES} images with masks; {len(good)} can be used. Add "
        "images or repair those listed."
    )
    return [Problem("", what, stops=True)]


def about_categories(used: Sequence[CategoryUse]) -> list[Problem]:
    """Say which categories do not occur, and stop where there are not two that do."""
    problems = []
    absent = [use.category.name for use in used if use.images == 0]
    present = [use.category.name for use in used if use.images > 0]
    if len(present) < 2:
        shown = f"only '{present[0]}'" if present else "no category at all"
        what = f"The masks must show at least two categories; they show {shown}."
        problems.append(Problem("", what, stops=True))
    elif absent:
        what = f"These categories occur in no mask and cannot be learned: {', '.join(absent)}."
        problems.append(Problem("", what, stops=False))
    return problems


def parts(good: Sequence[Seen]) -> dict[Part, int]:
    """Return how many images each part has that the dataset prescribes."""
    return dict(Counter(seen.record.part for seen in good if seen.record.part is not None))


def _table(good: Sequence[Seen]) -> NDArray[np.int64]:
    """Return the pixels of each category in each image, shape (N, 256)."""
    counts = [seen.counts for seen in good if seen.counts is not None]
    return np.stack(counts) if counts else np.zeros((0, 256), np.int64)
