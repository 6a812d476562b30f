"""Each image in one entry: what several entries say of one image, none of them says rightly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import FileDataset

D = TypeVar("D", bound=FileDataset)


def without_repeated(dataset: D) -> D:
    """Return the dataset without the images that several of its records have.

    Which annotation is that of the image, or whether all of them together are, no reader can know.
    Images are compared by what the file system says they are, so links count as what they lead to.

    Args:
        dataset: Whose records are listed, under whatever names.
    """
    entries: dict[object, list[Record]] = {}
    for record in dataset.records:
        entries.setdefault(_identity(record.image), []).append(record)
    repeated = [records for records in entries.values() if len(records) > 1]
    if not repeated:
        return dataset
    gone = {id(record) for records in repeated for record in records}
    kept = tuple(record for record in dataset.records if id(record) not in gone)
    problems = [_problem(dataset, records) for records in repeated]
    if not kept:
        what = f"No image of '{dataset.root.name}' can be used: {problems[0].what}"
        problems.append(Problem("", what, stops=True))
    return replace(dataset, records=kept, problems=(*dataset.problems, *problems))


def _identity(path: Path) -> object:
    try:
        state = path.stat()
    except OSError:  # whoever reads it says what is wrong
        return path
    return state.st_dev, state.st_ino


def _problem(dataset: FileDataset, records: list[Record]) -> Problem:
    first = dataset.relative(records[0].image)
    sources = dict.fromkeys(dataset.relative(record.mask or record.image) for record in records)
    names = [f"'{name}'" for name in sources]
    where = f" in {', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else f" in {names[0]}"
    what = (
        f"The image '{first}' must stand in one entry; it stands in {len(records)},{where}. Put "
        "its annotations into one entry, or leave out the others."
    )
    return Problem(first, what, stops=True)
