"""Small tables beside the images: names and colors of categories, labels of whole images."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from segmentare.annotations.segmentation import UNLABELED, Category, distinct_color
from segmentare.datasets.masks.reading import Color, pack
from segmentare.errors import DatasetError
from segmentare.opening import read_text

CLASS_FILES = (
    "classes.csv",
    "class_dict.csv",
    "label_colors.txt",
    "label_colors.csv",
    "colors.csv",
    "classes.txt",
    "labelmap.txt",
)

_VOID = {"void", "ignore", "ignored", "unlabeled", "unlabelled", "unknown"}
_BACKGROUND = {"background", "_background_", "bg", "null", "none"}
_FEW = 20  # a column with more distinct values than this is no label to group scores by
_GROUP_COLUMNS = ("patient", "patient_id", "subject", "subject_id", "sequence", "group", "case_id")


@dataclass(frozen=True)
class ClassRow:
    """One line of a table of categories; `color` is `None` where the table names none."""

    number: int
    name: str
    color: Color | None = None

    @property
    def void(self) -> bool:
        """True for the pixels that nobody labeled."""
        return self.name.lower() in _VOID


@dataclass(frozen=True)
class ClassTable:
    """Names, ids and colors of the categories, as a file or a known dataset has them.

    Attributes:
        source: Where it comes from, for messages.
        rows: Sorted by number.
    """

    source: str
    rows: tuple[ClassRow, ...]

    @property
    def categories(self) -> tuple[Category, ...]:
        """Every row but void; the first is the background if its name says so."""
        rows = [row for row in self.rows if not row.void]
        return tuple(
            Category(
                row.name,
                row.color or distinct_color(i),
                background=i == 0 and row.name.lower() in _BACKGROUND,
            )
            for i, row in enumerate(rows)
        )

    @property
    def by_number(self) -> dict[int, int]:
        """Category id, or `UNLABELED` for void, of every number in the table."""
        return self._ids([(row.number, row) for row in self.rows])

    @property
    def by_color(self) -> dict[int, int]:
        """The same for every packed color; empty where the table names no colors."""
        return self._ids([(pack(row.color), row) for row in self.rows if row.color is not None])

    def _ids(self, keyed: Iterable[tuple[int, ClassRow]]) -> dict[int, int]:
        place = {row.number: i for i, row in enumerate(r for r in self.rows if not r.void)}
        return {key: UNLABELED if row.void else place[row.number] for key, row in keyed}


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with a header; names of columns in lower case, values stripped.

    Raises:
        DatasetError: The file cannot be read as text.
    """
    try:
        text = read_text(path, "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"'{path.name}' must be a UTF-8 text file ({error}).") from error
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    rows = csv.DictReader(text.splitlines(), delimiter=delimiter)
    return [
        {key.strip().lower(): (value or "").strip() for key, value in row.items() if key}
        for row in rows
    ]


def find_classes(folders: Iterable[Path]) -> ClassTable | None:
    """Return the table of categories in the first folder that has one."""
    for folder in folders:
        for name in CLASS_FILES:
            if (folder / name).is_file():
                return read_classes(folder / name)
    return None


def read_classes(path: Path) -> ClassTable | None:
    """Read a table of categories; `None` where the file holds something else.

    Knows lines of `id,name,r,g,b` in any order under a header, and lines without one that hold a
    name, three numbers (a color) and perhaps a fourth before them (the id).

    Raises:
        DatasetError: Two lines have the same id.
    """
    header = read_rows(path)
    columns = set(header[0]) if header else set()
    name_column = next((c for c in ("name", "class", "label", "category") if c in columns), None)
    rows = _from_header(header, name_column) if name_column else _from_lines(path)
    if not rows:
        return None
    numbers = [row.number for row in rows]
    twice = next((n for n in numbers if numbers.count(n) > 1), None)
    if twice is not None:
        raise DatasetError(f"'{path.name}' must name every id once; {twice} stands there twice.")
    return ClassTable(path.name, tuple(sorted(rows, key=lambda row: row.number)))


def _from_header(table: list[dict[str, str]], name_column: str) -> list[ClassRow]:
    rows = []
    for place, line in enumerate(table):
        number = next((line[c] for c in ("id", "index", "value", "label_id") if c in line), "")
        color = [line.get(short, line.get(long, "")) for short, long in _COLOR_COLUMNS]
        rows.append(
            ClassRow(
                int(number) if number.isdigit() else place,
                line[name_column],
                _color(color) if all(part.isdigit() for part in color) else None,
            )
        )
    return rows


_COLOR_COLUMNS = (("r", "red"), ("g", "green"), ("b", "blue"))


def _from_lines(path: Path) -> list[ClassRow]:
    rows: list[ClassRow] = []
    for line in read_text(path, "utf-8-sig").splitlines():
        words = [word for word in re.split(r"[\s,;:]+", line.strip()) if word]
        numbers = [int(word) for word in words if word.isdigit()]
        name = " ".join(word for word in words if not word.isdigit())
        if not words or words[0].startswith("#"):
            continue
        if len(numbers) not in {3, 4} or not name:
            return []
        number = numbers[0] if len(numbers) == 4 else len(rows)
        rows.append(ClassRow(number, name, _color([str(n) for n in numbers[-3:]])))
    return rows


def _color(parts: list[str]) -> Color:
    red, green, blue = (min(255, int(part)) for part in parts)
    return red, green, blue


def label_columns(rows: list[dict[str, str]]) -> list[str]:
    """Return the columns worth keeping: few-valued text, and whatever names a patient or group."""
    if not rows:
        return []
    return [
        column
        for column in rows[0]
        if column in _GROUP_COLUMNS or _is_label([row.get(column, "") for row in rows])
    ]


def _is_label(values: list[str]) -> bool:
    filled = [value for value in values if value]
    few = 2 <= len(set(filled)) <= min(_FEW, max(2, len(values) // 2))
    text = any(not re.fullmatch(r"[-+\d.,\s]*", value) for value in filled)
    return few and text and not any(re.search(r"\.\w{3,4}$", value) for value in filled)


def group_of(labels: dict[str, str]) -> str | None:
    """Return the patient or sequence that a row of labels names, if it does."""
    return next((labels[c] for c in _GROUP_COLUMNS if labels.get(c)), None)
