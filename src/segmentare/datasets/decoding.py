"""Decode every image of a dataset once, side by side, and say which cannot be used."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from segmentare.annotations.segmentation import Sample
from segmentare.datasets.base import Dataset, Problem, Record
from segmentare.datasets.checking import judge, look
from segmentare.datasets.findings import Seen
from segmentare.images.fingerprints import Fingerprint
from segmentare.progress import Display

MEMORY = 1_500_000_000  #: bytes of decoded images that are kept at once

Keep = Callable[[Sample[Any]], Sample[Any]]


@dataclass
class Loaded:
    """Decoded samples by name.

    Attributes:
        samples: Those that could be kept.
        contents: Fingerprint of every image that can be used, kept or not.
        problems: All that is wrong with the dataset and its images, as a check finds it.
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
    loaded, used, everything = Loaded(), 0, []

    def read(record: Record) -> tuple[Seen, Sample[Any] | None]:
        seen, sample = look(dataset, place[record.name])
        return seen, sample if keep is None or sample is None else keep(sample)

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        results = pool.map(read, records)
        for seen, sample in display.over(results, "Reading", len(records)):
            everything.append(seen)
            if sample is None:
                continue
            used += sample.image.nbytes + sample.annotation.nbytes
            if used <= memory:
                loaded.samples[seen.record.name] = sample
            else:
                loaded.complete = False
    judged, loaded.problems = judge(dataset, everything)
    for seen in judged:
        if seen.problem is None and seen.mark is not None:
            loaded.contents[seen.record.name] = seen.mark
        else:
            loaded.samples.pop(seen.record.name, None)
    return loaded
