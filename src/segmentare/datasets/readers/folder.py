"""Folders of images and masks in the usual namings, with whatever tables lie beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segmentare.datasets.base import Part, Problem, Record
from segmentare.datasets.file_finder import FileFinder
from segmentare.datasets.files import FileDataset, build, relative, unread
from segmentare.datasets.listing import Found, classify, list_images, part_of
from segmentare.datasets.pairing import named, pair
from segmentare.datasets.tables import find_classes, group_of, label_columns, read_rows
from segmentare.images.reading import is_image
from segmentare.opening import read_text

_IMAGE_COLUMNS = ("image", "images", "img", "image_path", "img_path", "image_file")
_MASK_COLUMNS = ("mask", "masks", "mask_path", "mask_file", "segmentation", "annotation", "label")
_KEY_COLUMNS = ("name", *_IMAGE_COLUMNS, "file", "filename", "file_name", "image_id", "id")


def open_folder(root: Path) -> FileDataset | None:
    """Open a folder of images and masks; `None` where there are no images.

    The pairs come from a CSV table with columns for image and mask (`df.csv`), else from list
    files with "image mask" lines (`train.txt`), else from the names of folders and files.
    """
    opened = list_pairs(root)
    if opened is None:
        return None
    folders = {r.mask.parent.parent for r in opened.records if r.mask is not None}
    return build(opened, find_classes([root, *sorted(folders)]))


def list_pairs(root: Path) -> FileDataset | None:
    """List images with their mask files and labels, nothing decoded; `None` without images."""
    paths = list_images(root)
    if not paths:
        return None
    listed = pairs_from_table(root, paths) or _pairs_from_lists(root, paths)
    records, problems, layout = listed or _pairs_from_names(root, paths)
    records = _with_labels(root, _with_parts(records))
    opened = unread(root, "folder", layout, records, problems)
    if not records and not any(problem.file == "" for problem in problems):
        what = f"None of the {len(paths)} image files has a mask of its own; see the list."
        opened = replace(opened, problems=(*problems, Problem("", what, stops=True)))
    return opened


Pairs = tuple[list[Record], list[Problem], str]


def _pairs_from_names(root: Path, paths: Sequence[Path]) -> Pairs:
    found = classify(root, list(paths))
    if not any(file.role == "mask" for file in found):
        what = (
            f"There are {len(paths)} images but no masks; a training needs a mask for every "
            f"image, in a folder 'masks' beside 'images' or named like 'a_mask.png'."
        )
        return [], [Problem("", what, stops=True)], "images without masks"
    records, problems = pair(root, found)
    return records, problems, _layout(root, records, found)


def _layout(root: Path, records: Sequence[Record], found: Sequence[Found]) -> str:
    """Say which folders the pairs came from, and which masks were left aside."""
    if not records or records[0].mask is None:
        return "images and masks that do not fit together"
    images = sorted({_shown(root, record.image) for record in records})
    masks = sorted({_shown(root, r.mask) for r in records if r.mask is not None})
    text = f"images in {', '.join(images)} and masks in {', '.join(masks)}"
    spare = {_shown(root, file.path) for file in found if file.role == "mask"} - set(masks)
    return text + (f" (masks in {', '.join(sorted(spare))} not used)" if spare else "")


def _shown(root: Path, path: Path) -> str:
    folder = relative(root, path.parent)
    return "the folder itself" if folder == "." else f"'{folder}'"


def pairs_from_table(root: Path, paths: Sequence[Path]) -> Pairs | None:
    """Read the pairs from a CSV file in the root, where one has columns for image and mask."""
    for table in sorted(root.glob("*.csv")):
        rows = read_rows(table)
        columns = set(rows[0]) if rows else set()
        image = next((c for c in _IMAGE_COLUMNS if c in columns), None)
        mask = next((c for c in _MASK_COLUMNS if c in columns), None)
        if image is not None and mask is not None:
            lines = [(row[image], row[mask], None) for row in rows if row[image]]
            if any(is_image(Path(line[0])) for line in lines):
                return _from_lines(root, table, lines, paths)
    return None


def _pairs_from_lists(root: Path, paths: Sequence[Path]) -> Pairs | None:
    """Read the pairs from text files with an image and a mask in every line."""
    lines: list[tuple[str, str, Part | None]] = []
    lists = []
    for path in sorted([*root.glob("*.txt"), *root.glob("*/*.txt")]):
        rows = [line.replace(",", " ").split() for line in _lines(path)]
        if rows and all(len(row) == 2 and is_image(Path(row[1])) for row in rows):
            lists.append(path)
            lines += [(row[0], row[1], part_of((path.stem,))) for row in rows]
    return _from_lines(root, lists[0], lines, paths) if lists else None


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in read_text(path).splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):  # some other kind of text
        return []


def _from_lines(
    root: Path,
    table: Path,
    lines: Sequence[tuple[str, str, Part | None]],
    paths: Sequence[Path],
) -> Pairs:
    """Look for the files that a table names; what is missing or not named is a problem."""
    above = tuple(p for p in (table.parent, table.parent.parent) if p.is_relative_to(root))
    finder = FileFinder(root, paths, above)
    records: list[Record] = []
    problems: list[Problem] = []
    taken: set[Path] = set()
    for image_name, mask_name, part in lines:
        image, mask = finder.find(image_name), finder.find(mask_name, "mask")
        if image is None or mask is None:
            lost = None if image is None else mask_name
            problems.append(_missing(finder, table, image_name, lost))
        elif image == mask:
            what = f"{table.name} names '{image_name}' as an image and as its mask; correct it."
            problems.append(Problem(image_name, what, stops=True))
        elif image in taken:
            what = f"'{image_name}' stands twice in {table.name}; remove one line."
            problems.append(Problem(image_name, what, stops=True))
        else:
            taken.add(image)
            records.append(Record("", image, mask, part=part))
    if not records and problems:
        what = f"No line of {table.name} can be followed: {problems[0].what}"
        problems.insert(0, Problem("", what, stops=True))
    folders = {record.image.parent for record in records}
    spare = [path for path in paths if path.parent in folders and path not in taken]
    spare = [path for path in spare if path not in {record.mask for record in records}]
    if spare:
        what = f"{len(spare)} images such as '{spare[0].name}' do not stand in {table.name}."
        problems.append(Problem("", what, stops=False))
    return named(root, records), problems, f"pairs of images and masks listed in {table.name}"


def _missing(finder: FileFinder, table: Path, image: str, mask: str | None) -> Problem:
    """Say that a table names no mask, or a file that is not there, and which is there instead."""
    name, role = (image, "image") if mask is None else (mask, "mask")
    if not name:
        return Problem(image, f"'{image}' has no mask in {table.name}; name it.", stops=True)
    there = finder.alike(name, "image" if mask is None else "mask")
    near = f"there is '{relative(finder.root, there)}', so correct the table" if there else ""
    what = f"The {role} '{name}' stands in {table.name} but not on disk; {near or 'restore it'}."
    return Problem(name, what, stops=True)


def _with_parts(records: Sequence[Record]) -> list[Record]:
    """Forget the parts where all images have the same, which is no split."""
    if len({record.part for record in records}) > 1:
        return list(records)
    return [replace(record, part=None) for record in records]


def _with_labels(root: Path, records: Sequence[Record]) -> list[Record]:
    """Add what the tables in the root know of whole images, and their patients as groups."""
    known: dict[str, dict[str, str]] = {}
    for table in sorted(root.glob("*.csv")):
        rows = read_rows(table)
        columns = label_columns(rows)
        key = next((c for c in _KEY_COLUMNS if rows and c in rows[0]), None)
        stems = {record.image.stem for record in records}
        if not columns or key is None or not any(Path(row[key]).stem in stems for row in rows):
            continue
        for row in rows:
            labels = {column: row[column] for column in columns if row.get(column)}
            known.setdefault(Path(row[key]).stem, {}).update(labels)
    done = []
    for record in records:
        labels = {**record.labels, **known.get(record.image.stem, {})}
        done.append(replace(record, labels=labels, group=record.group or group_of(labels)))
    return done
