"""Which images train, choose and measure, and the files that say so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from segmentare.datasets.base import PARTS, Part, Record
from segmentare.datasets.tables import read_rows
from segmentare.errors import DatasetError


@dataclass(frozen=True)
class Split:
    """Which images are for training, for choosing, and for measuring.

    Attributes:
        train: Names of the records to train on.
        val: Names of the records that choose the checkpoint and the thresholds.
        test: Names of the records that only measure.
        seed: Of the shuffling.
        how: One sentence that says how it was made.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    seed: int = 0
    how: str = ""

    def __post_init__(self) -> None:
        often = Counter((*self.train, *self.val, *self.test))
        twice = next((name for name, count in often.items() if count > 1), None)
        if twice is not None:
            raise DatasetError(
                f"A split must name every image once; '{twice}' stands in it {often[twice]} times."
            )

    def by_part(self) -> dict[str, tuple[str, ...]]:
        """Return the names by the name of the part."""
        return {part: getattr(self, part) for part in PARTS}

    def part_of(self) -> dict[str, Part]:
        """Return the part of every name."""
        return {name: part for part in PARTS for name in getattr(self, part)}

    def to_dict(self) -> dict[str, Any]:
        """Return the split as JSON-ready data."""
        parts = {part: list(names) for part, names in self.by_part().items()}
        return parts | {"seed": self.seed, "how": self.how}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote; parts that are missing are empty."""
        train, val, test = (tuple(str(name) for name in data.get(part, ())) for part in PARTS)
        return cls(train, val, test, int(data.get("seed", 0)), str(data.get("how", "")))


def read_split(path: Path, records: Sequence[Record] | None = None) -> Split:
    """Read a split from JSON (train, val, test: lists of names) or CSV (name, part).

    Args:
        path: The file.
        records: The dataset's records, all of whose names must exist; `None` to not check.

    Raises:
        DatasetError: The file is missing, damaged, or names images that are not there.
    """
    try:
        if path.suffix.lower() == ".csv":
            split = _read_table(path)
        else:
            split = Split.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"The split '{path}' must be JSON with the lists train, val and test, or a CSV with "
            f"the columns name and part ({error})."
        ) from error
    if records is not None:
        unknown = sorted(split.part_of().keys() - {record.name for record in records})
        if unknown:
            raise DatasetError(
                f"The split '{path.name}' names {len(unknown)} images that cannot be used or are "
                f"not in the dataset, such as '{unknown[0]}'; correct the file."
            )
    return split if split.how else replace(split, how=f"read from {path.name}")


def _read_table(path: Path) -> Split:
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    for row in read_rows(path):
        part = row.get("part", "").lower()
        if part not in parts or not row.get("name"):
            raise DatasetError(
                f"Every line of '{path.name}' must have a name and a part (train, val or test); "
                f"got {row}."
            )
        parts[part].append(row["name"])
    return Split.from_dict(parts)
