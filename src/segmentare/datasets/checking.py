"""What a dataset holds and what is wrong with it: one pass over all files, in threads."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from segmentare.annotations.geometry import Image
from segmentare.annotations.poses import Poses
from segmentare.annotations.segmentation import UNLABELED, Sample, Segmentation
from segmentare.datasets import findings
from segmentare.datasets.base import Dataset, Problem, Record
from segmentare.datasets.checkups import Checkup
from segmentare.datasets.files import FileDataset
from segmentare.datasets.findings import Seen
from segmentare.datasets.mask_images import (
    among_photographs,
    colors_of,
    only_masks,
    refuse_own_mask,
)
from segmentare.datasets.splits import Split
from segmentare.datasets.splitting import make_split
from segmentare.errors import DatasetError, MissingPackageError
from segmentare.images.fingerprints import fingerprint
from segmentare.images.reading import read_image


def check(
    dataset: Dataset,
    split: Split | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    allow_duplicates: bool = False,
) -> Checkup:
    """Decode every file of a dataset once and say what it holds and what is wrong.

    A file that cannot be used is named once and stops nothing.

    Args:
        dataset: What `open_dataset` returned, or any other dataset of segmentations.
        split: Where given, images and groups that lie in two of its parts are problems; `None`
            takes the split that a training would take.
        progress: Called with the number of images done and of all images, after each.
        allow_duplicates: True lets a training start although the same image lies in two parts.
    """
    everything, problems = judge(dataset, _look_at_all(dataset, progress))
    good = [seen for seen in everything if seen.problem is None]
    exact, near = findings.twins(good)
    problems = [*problems, *findings.about_twins(dataset, good, exact)]
    if split is not None:
        problems += findings.crossing_groups(split, good)
    elif not any(problem.stops and not problem.file for problem in problems):
        problems += findings.about_count(good)
        if len(good) >= findings.LEAST_IMAGES:
            try:
                split = usual_split([seen.record for seen in good], [*exact, *near])
            except DatasetError as error:
                problems.append(Problem("", str(error), stops=True))
    crossings = findings.crossings(split, exact, near) if split else []
    problems += findings.about_crossings(crossings, allow=allow_duplicates)
    left_out = {problem.file for problem in dataset.problems if problem.file and problem.stops}
    held = _sum_up(dataset, good)
    return replace(
        held,
        images=len(everything) + len(left_out),
        categories=findings.uses(dataset.categories, good),
        duplicates=tuple(exact),
        near_duplicates=tuple(near),
        crossings=tuple(crossings),
        problems=tuple(dict.fromkeys(problems)),
    )


def judge(dataset: Dataset, everything: Sequence[Seen]) -> tuple[list[Seen], list[Problem]]:
    """Decide which images can be used beside the others; a check and a training agree on it.

    Args:
        dataset: The dataset.
        everything: What `look` saw in its images.

    Returns:
        The same, with a problem at those that cannot be used, and all that is wrong with the
        dataset and its images.
    """
    done = among_photographs(dataset, findings.unlike_the_others(dataset, everything))
    problems = [*dataset.problems, *(seen.problem for seen in done if seen.problem is not None)]
    good = [seen for seen in done if seen.problem is None]
    if good:
        problems += findings.about_categories(findings.uses(dataset.categories, good))
        problems += only_masks(dataset, good)
    return done, problems


def usual_split(
    records: Sequence[Record],
    pairs: Sequence[tuple[str, str]],
    **options: Any,  # noqa: ANN401  those of `make_split`
) -> Split:
    """Split as a training does: twins stay together, unless the dataset prescribes the parts.

    Args:
        records: Those that can be used.
        pairs: Names of images that show the same.
        **options: See `make_split`.

    Raises:
        DatasetError: See `make_split`.
    """
    given = any(record.part for record in records)
    return make_split(records if given else keep_together(records, pairs), **options)


def _look_at_all(dataset: Dataset, progress: Callable[[int, int], None] | None) -> list[Seen]:
    """Read all images and masks, several at a time."""
    everything: list[Seen] = []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for seen in threads.map(lambda i: look(dataset, i)[0], range(len(dataset))):
            everything.append(seen)
            if progress is not None:
                progress(len(everything), len(dataset))
    return everything


def _sum_up(dataset: Dataset, good: Sequence[Seen]) -> Checkup:
    """Count what the usable images hold."""
    empty, full = findings.one_sided(dataset.categories, good)
    return Checkup(
        root=str(dataset.root),
        reader=dataset.reader,
        layout=dataset.layout,
        usable=tuple(seen.record.name for seen in good),
        sizes=tuple(sorted(Counter(seen.size for seen in good).items())),
        pixels=tuple(Counter(seen.pixels for seen in good).most_common()),
        unlabeled=findings.unlabeled(good),
        empty=empty,
        full=full,
        objects=tuple(seen.objects for seen in good) if _counts(dataset) else (),
        labels=findings.labels(good),
        groups=len({seen.record.group for seen in good} - {None}),
        parts=findings.parts(good),
        fingerprints={seen.record.name: seen.mark for seen in good if seen.mark is not None},
    )


def keep_together(
    records: Sequence[Record], pairs: Sequence[tuple[str, str]]
) -> tuple[Record, ...]:
    """Return records whose groups hold all twins, so that no split parts them.

    Args:
        records: The records.
        pairs: Names of images that show the same, as `Checkup.duplicates` has them.
    """
    leader = {record.name: record.name for record in records}

    def lead(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    first: dict[str, str] = {}
    links = [(first.setdefault(r.group, r.name), r.name) for r in records if r.group is not None]
    for one, other in [*links, *(pair for pair in pairs if set(pair) <= leader.keys())]:
        leader[lead(other)] = lead(one)
    shared = Counter(lead(record.name) for record in records)
    return tuple(
        replace(r, group=f"with {lead(r.name)}") if shared[lead(r.name)] > 1 else r for r in records
    )


def _counts(dataset: Dataset) -> bool:
    """Tell whether there are things, or objects before a background, that can be counted."""
    categories = dataset.categories
    return bool(categories) and (categories[0].background or any(c.thing for c in categories))


def look(dataset: Dataset, index: int) -> tuple[Seen, Sample[Any] | None]:
    """Read one image and its mask, or say which of them cannot be used."""
    record = dataset.records[index]
    if not isinstance(dataset, FileDataset):
        sample = dataset[index]
        return _measure(record, sample.image, sample.annotation), sample
    file = record.image
    try:
        image = read_image(record.image)
        refuse_own_mask(record, image)
        file = record.mask or record.image
        height, width = image.shape[:2]
        annotation = dataset.annotation(record, (height, width))
    except (DatasetError, MissingPackageError) as error:
        problem = Problem(dataset.relative(file), str(error), stops=True)
        return Seen(record, problem=problem), None
    sample = Sample(image, annotation, record.name, record.labels)
    return _measure(record, image, annotation), sample


def _measure(record: Record, image: Image, truth: Segmentation | Poses) -> Seen:
    annotation = truth.silhouettes() if isinstance(truth, Poses) else truth
    category = annotation.category
    return Seen(
        record,
        annotation.size,
        f"{image.shape[2]} channel{'s' if image.shape[2] != 1 else ''} of {image.dtype}",
        np.bincount(category.ravel(), minlength=256),
        _objects(truth),
        hashlib.sha256(np.ascontiguousarray(category).data).hexdigest(),
        fingerprint(image),
        colors_of(image),
    )


def _objects(annotation: Segmentation | Poses) -> int:
    """Return the number of objects: of ids where there are some, else of connected parts."""
    if isinstance(annotation, Poses):
        return int((~annotation.crowd).sum())
    if annotation.instance is not None:
        return len(np.unique(annotation.instance[annotation.instance > 0]))
    category = annotation.category
    objects = ((category != 0) & (category != UNLABELED)).astype(np.uint8)
    return int(cv2.connectedComponents(objects)[0]) - 1
