"""Which image is trained on, which one chooses, which one scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from segmentare.datasets.base import PARTS, Dataset
from segmentare.datasets.checking import usual_split
from segmentare.datasets.decoding import Loaded
from segmentare.datasets.findings import about_crossings, crossings
from segmentare.datasets.splits import Split, read_split
from segmentare.errors import DatasetError
from segmentare.images.fingerprints import near_duplicates
from segmentare.progress import Display
from segmentare.training.runs import read_split_parts


@dataclass(frozen=True)
class Splitting:
    """How a dataset is split; see `datasets.splitting.make_split`.

    Attributes:
        val: Share kept for choosing the weights and the thresholds.
        test: Share kept for scoring; 0 keeps none.
        file: A JSON or CSV file with the part of every image, or `None`.
        by: Label column that all parts get their share of, or `None` to find one.
        groups: Column, or pattern on names, of what never lies in two parts.
        seed: Of the split.
        allow_duplicates: Accept the same picture in two parts.
    """

    val: float = 0.15
    test: float = 0.15
    file: Path | None = None
    by: str | None = None
    groups: str | None = None
    seed: int = 0
    allow_duplicates: bool = False


def choose_parts(
    dataset: Dataset,
    loaded: Loaded,
    splitting: Splitting,
    display: Display,
    earlier: Path | None = None,
) -> Split:
    """Split the images that could be read, and stop where a picture would lie in two parts.

    In a split of our own, copies of a picture are kept together. In one that was given (by a file
    or by the layout of the dataset), exact copies in two parts stop the training and near ones
    are said.

    Args:
        dataset: What is split.
        loaded: Fingerprints of the images that could be read.
        splitting: How.
        display: Where warnings go.
        earlier: A run whose split is to be used again, for resuming.

    Raises:
        DatasetError: There are too few images, or copies across the parts.
    """
    records = [record for record in dataset.records if record.name in loaded.contents]
    if earlier is not None:
        parts = read_split_parts(earlier)
        train, val, test = (tuple(r.name for r in records if r.name in parts[p]) for p in PARTS)
        return Split(train, val, test, how="the split of this run")
    pairs = near_duplicates([loaded.contents[record.name] for record in records])
    twins = [(records[i].name, records[j].name) for i, j in pairs]
    if splitting.file is not None:
        split = read_split(splitting.file, records)
    else:
        split = usual_split(
            records,
            twins,
            seed=splitting.seed,
            val=splitting.val,
            test=splitting.test,
            by=splitting.by,
            groups=splitting.groups,
        )
    exact = [pair for pair in twins if _same(loaded, pair)]
    near = [pair for pair in twins if not _same(loaded, pair)]
    found = crossings(split, exact, near)
    for problem in about_crossings(found, allow=splitting.allow_duplicates):
        if problem.stops:
            raise DatasetError(f"{problem.what} Or give `allow_duplicates=True`.")
        display.warn(problem.what)
    counts = ", ".join(f"{len(names)} {part}" for part, names in split.by_part().items())
    display.say(f"Split: {counts} ({split.how}).")
    if not split.test:
        display.warn("No test part is kept: this run will have no score on unseen images.")
    return split


def _same(loaded: Loaded, pair: tuple[str, str]) -> bool:
    return loaded.contents[pair[0]].exact == loaded.contents[pair[1]].exact
