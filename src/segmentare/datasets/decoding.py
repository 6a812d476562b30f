"""Decode every image of a dataset once, side by side, and say which cannot be used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from segmentare.annotations.segmentation import Sample
from segmentare.datasets.base import Dataset, Problem, Record
from segmentare.errors import DatasetError
from segmentare.images.fingerprints import Fingerprint, fingerprint
from segmentare.progress import Display

MEMORY = 1_500_000_000  #: bytes of decoded images that are kept at once

Keep = Callable[[Sample[Any]], Sample[Any]]


@dataclass
class Loaded:
    """Decoded samples by name.

    Attributes:
        samples: Those that could be kept.
        contents: Fingerprint of every image that could be read, kept or not.
        problems: One for each image that could not be used.
        complete: False where memory did not suffice to keep them all.
    """

    samples: dict[str, Sample[Any]] = field(default_factory=dict)
    contents: dict[str, Fingerprint] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    complete: bool = True


def load(
    dataset: Dataset,
    records: Sequence[Record],
    display: Display,
    *,
    keep: Keep | None = None,
    memory: int = MEMORY,
) -> Loaded:
    """Read images and masks with all cores.

    Args:
        dataset: Where they come from.
        records: Which of them.
        display: Where progress is shown.
        keep: Makes of a sample what is kept of it, such as a smaller one.
        memory: Bytes after which nothing more is kept.
    """
    place = {record.name: index for index, record in enumerate(dataset.records)}
    loaded, used = Loaded(), 0

    def read(record: Record) -> tuple[Record, Sample[Any] | None, Fingerprint | None, str]:
        try:
            sample = dataset[place[record.name]]
        except DatasetError as error:
            return record, None, None, str(error)
        content = fingerprint(sample.image)
        return record, sample if keep is None else keep(sample), content, ""

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        results: Iterator[Any] = pool.map(read, records)
        for record, sample, content, reason in display.over(results, "Reading", len(records)):
            if sample is None:
                loaded.problems.append(Problem(record.image.name, reason, stops=True))
                continue
            loaded.contents[record.name] = content
            used += sample.image.nbytes + sample.annotation.nbytes
            if used <= memory:
                loaded.samples[record.name] = sample
            else:
                loaded.complete = False
    return loaded
