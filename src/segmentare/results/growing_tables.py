"""Tables that grow with every run into the same folder: what earlier runs left, and numbers.

Rows of images that are predicted again are replaced.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from segmentare.annotations.geometry import Size
from segmentare.atomic import write_bytes
from segmentare.errors import InputError
from segmentare.opening import open_text, read_text

RESULTS = "coco_results.json"
IMAGES = "coco_images.json"  #: which image has which number in `RESULTS`, and the categories

_NUMBERED = re.compile(r"(?:.*[\W_])?[A-Za-z]*(\d{1,15})")  # a name that ends in its number


@dataclass(frozen=True)
class Earlier:
    """What earlier runs wrote.

    Attributes:
        images: Per image its `id`, `file_name`, `width` and `height`.
        entries: What stands in COCO's file, with `image_id`.
        rows: Lines of the table, with the column `image`.
        categories: Those of COCO's file; empty without one.

    Raises:
        InputError: There are entries of images that are not listed.
    """

    images: list[dict[str, Any]]
    entries: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    categories: list[dict[str, Any]]

    def __post_init__(self) -> None:
        listed = {entry["id"] for entry in self.images}
        if any(entry["image_id"] not in listed for entry in self.entries):
            raise InputError("it has entries of images that are not listed")

    def without(self, stems: set[str]) -> Earlier:
        """Return the tables without some images."""
        gone = {entry["id"] for entry in self.images if stem(entry["file_name"]) in stems}
        return Earlier(
            [entry for entry in self.images if entry["id"] not in gone],
            [entry for entry in self.entries if entry["image_id"] not in gone],
            [row for row in self.rows if stem(row["image"]) not in stems],
            self.categories,
        )

    def number(self, images: Sequence[str]) -> dict[str, int]:
        """Give every image that is to come its number.

        That is the number at the end of its name, if all of them end in different ones that are
        not taken yet; else they are counted on from the largest so far. An image that the folder
        holds already keeps its number.

        Args:
            images: File names within the folder of the results.
        """
        known = {stem(entry["file_name"]): int(entry["id"]) for entry in self.images}
        new = [name for name in images if stem(name) not in known]
        matches = [_NUMBERED.fullmatch(stem(name)) for name in new]
        ends = [int(match[1]) for match in matches if match]
        used = set(known.values())
        if len(ends) < len(new) or len(set(ends)) < len(ends) or used.intersection(ends):
            ends = [max(used, default=0) + place for place in range(1, len(new) + 1)]
        numbers = known | {stem(name): end for name, end in zip(new, ends, strict=True)}
        return {name: numbers[stem(name)] for name in images}


@dataclass(frozen=True)
class Found:
    """What is told of one image.

    Attributes:
        size: Its height and width.
        rows: Of the table.
        entries: Of COCO's file.
        channels: Columns of the table that only images of its kind have.
    """

    size: Size
    rows: list[dict[str, Any]]
    entries: list[dict[str, Any]]
    channels: list[str] = field(default_factory=list)


class GrowingTables:
    """Collects what a run found, image by image, and adds it to what earlier runs wrote.

    Args:
        out: The folder of the results.
        table: Name of the CSV file, and the columns that it begins with.
        images: Name of the JSON file with `images` and `categories`.
        results: Name of the JSON file of the entries, if they have one of their own.

    Raises:
        InputError: The folder holds damaged tables.
    """

    def __init__(
        self,
        out: Path,
        table: tuple[str, Sequence[str]],
        images: str = IMAGES,
        results: str | None = RESULTS,
    ) -> None:
        self.out, self._table = out, table[0]
        self.earlier = read_earlier(out, table, images, results)
        self.found: dict[str, Found] = {}
        self.numbers: dict[str, int] = {}

    def start(self, images: Sequence[str]) -> None:
        """Give every image that is to come its number; see `Earlier.number`.

        Args:
            images: File names within the folder of the results.
        """
        self.numbers = self.earlier.number(images)

    def tell(self, name: str) -> dict[str, Any]:
        """Return what was taken of an image as JSON-ready data, nothing if it was none."""
        return asdict(self.found[name]) if name in self.found else {}

    def hear(self, name: str, told: dict[str, Any]) -> None:
        """Take what the tables of another process, with the same numbers, tell of an image."""
        if told:
            self.found[name] = Found(**told)

    def write(self) -> None:
        """Write the tables; each file is replaced whole."""
        if not self.found:
            return
        kept = self.earlier.without({stem(name) for name in self.found})
        images = kept.images + [
            {
                "id": self.numbers[name],
                "file_name": name,
                "width": found.size[1],
                "height": found.size[0],
            }
            for name, found in self.found.items()
        ]
        rows = kept.rows + [row for found in self.found.values() for row in found.rows]
        write_table(self.out / self._table, rows, self.columns())
        self.write_coco(images, kept.entries)

    def columns(self) -> Sequence[str]:
        """Return the columns of the table, in order."""
        raise NotImplementedError

    def write_coco(self, images: list[dict[str, Any]], entries: list[dict[str, Any]]) -> None:
        """Write COCO's files.

        Args:
            images: All there are, also those of earlier runs.
            entries: Those of earlier runs that are kept.
        """
        raise NotImplementedError

    def write_results(
        self,
        images: list[dict[str, Any]],
        entries: list[dict[str, Any]],
        categories: list[dict[str, Any]],
    ) -> None:
        """Write the entries, and the images with the categories, into a file each."""
        own = [entry for found in self.found.values() for entry in found.entries]
        write_json(self.out / IMAGES, {"images": images, "categories": categories})
        write_json(self.out / RESULTS, entries + own)


def stem(name: str) -> str:
    """Return the name of a file without its ending, by which its results are named."""
    return str(PurePosixPath(name).with_suffix(""))


def read_earlier(
    out: Path, table: tuple[str, Sequence[str]], images: str, results: str | None = None
) -> Earlier:
    """Read what earlier runs left in a folder; files that are not there are empty.

    Args:
        out: The folder.
        table: Name of the CSV file, and the columns that it begins with.
        images: Name of the JSON file with `images` and `categories`.
        results: Name of the JSON file of the entries; `None`: they are the `annotations` of
            `images`.

    Raises:
        InputError: A file is not what was written.
    """
    rows: list[dict[str, Any]] = []
    name, columns = table
    try:
        listed = _read_json(out / images, {})
        entries = (
            listed.get("annotations", []) if results is None else _read_json(out / results, [])
        )
        if (out / name).is_file():
            with open_text(out / name, newline="") as file:
                rows = _read_rows(name, file, columns)
        found = Earlier(
            list(listed.get("images", ())), list(entries), rows, list(listed.get("categories", ()))
        )
        found.without(set())  # reads every name and number
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        names = [each for each in (name, images, results) if each]
        raise InputError(
            f"'{out}' must hold the tables of earlier predictions as they were written; one of "
            f"{', '.join(names[:-1])} and {names[-1]} is damaged ({error}). Remove it, or give "
            f"another folder."
        ) from error
    return found


def write_json(path: Path, data: Any) -> None:  # noqa: ANN401  any JSON value
    """Write data as JSON on one line; the file is replaced whole."""
    text = json.dumps(data, separators=(",", ":"))
    write_bytes(path, text.encode(), overwrite=True)


def write_table(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as CSV; the file is replaced whole."""
    write_bytes(path, table_text(rows, columns).encode(), overwrite=True)


def table_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as CSV."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _read_rows(name: str, file: Iterable[str], columns: Sequence[str]) -> list[dict[str, Any]]:
    table = csv.DictReader(file)
    found = list(table.fieldnames or ())
    if found[: len(columns)] != list(columns):
        missing = next((column for column in columns if column not in found), columns[0])
        raise InputError(f"{name} lacks the column {missing} at its place")
    return list(table)


def _read_json(path: Path, absent: Any) -> Any:  # noqa: ANN401  any JSON value
    return json.loads(read_text(path)) if path.is_file() else absent
