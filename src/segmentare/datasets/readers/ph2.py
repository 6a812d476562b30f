"""PH2: dermoscopic images with a lesion mask and a diagnosis.

Source: Mendonca, Ferreira, Marques, Marcal and Rozeira, "PH2 - A dermoscopic image database for
research and benchmarking", EMBC 2013, https://www.fc.up.pt/addi/ph2%20database.html.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import FileDataset, build, relative, unread
from segmentare.datasets.listing import list_images
from segmentare.datasets.readers.folder import pairs_from_table
from segmentare.datasets.tables import read_rows
from segmentare.errors import DatasetError
from segmentare.images.reading import is_image
from segmentare.opening import read_text

DIAGNOSES = ("common_nevus", "atypical_nevus", "melanoma")  # by their code in the text file

_CASES = "PH2 Dataset images"
_TEXT = "PH2_dataset.txt"


def open_ph2(root: Path) -> FileDataset | None:
    """Open PH2, as it is distributed or as images/, masks/ and labels.csv; `None` for others."""
    compact = _open_compact(root)
    if compact is not None:
        return compact
    places = [root, *root.glob("*/"), *root.glob("*/*/")]
    for place in places:
        cases = place if place.name == _CASES else place / _CASES
        if cases.is_dir():
            return _open_original(root, cases)
    return None


def _open_compact(root: Path) -> FileDataset | None:
    if not all((root / name).exists() for name in ("images", "masks", "labels.csv")):
        return None
    rows = read_rows(root / "labels.csv")
    diagnoses = {row.get("name", ""): row.get("diagnosis", "") for row in rows}
    if not diagnoses or any(not re.fullmatch(r"IMD\d+", name) for name in diagnoses):
        return None
    pairs = pairs_from_table(root, list_images(root))
    if pairs is None:
        return None
    records, problems, _ = pairs
    records = [
        replace(r, labels={"diagnosis": diagnoses[r.name]} if diagnoses.get(r.name) else {})
        for r in records
    ]
    layout = "PH2 in its compact layout (images, masks, labels.csv)"
    return build(unread(root, "ph2", layout, records, problems), None, "lesion")


def _open_original(root: Path, cases: Path) -> FileDataset:
    text = next((p for p in (cases.parent / _TEXT, cases / _TEXT) if p.is_file()), None)
    diagnoses = _read_diagnoses(text) if text else {}
    records: list[Record] = []
    problems: list[Problem] = []
    for case in sorted(folder for folder in cases.iterdir() if folder.is_dir()):
        image = _only(case / f"{case.name}_Dermoscopic_Image")
        mask = _only(case / f"{case.name}_lesion")
        if image is None or mask is None:
            lacking = "dermoscopic image" if image is None else "lesion mask"
            what = f"Case '{case.name}' must have one {lacking}; it has none or several."
            problems.append(Problem(relative(root, case), what, stops=True))
            continue
        diagnosis = diagnoses.get(case.name)
        labels = {"diagnosis": diagnosis} if diagnosis else {}
        records.append(Record(case.name, image, mask, labels=labels))
    absent = len(diagnoses.keys() - {case.name for case in cases.iterdir()})
    if absent:
        what = f"{absent} cases of {_TEXT} are not on disk; they are left out."
        problems.append(Problem("", what, stops=False))
    layout = f"PH2 in its original layout ('{_CASES}')"
    return build(unread(root, "ph2", layout, records, problems), None, "lesion")


def _only(folder: Path) -> Path | None:
    """Return the one image file in a folder, or `None`."""
    files = [path for path in folder.iterdir() if is_image(path)] if folder.is_dir() else []
    return files[0] if len(files) == 1 else None


def _read_diagnoses(path: Path) -> dict[str, str]:
    """Read the diagnosis of every case from the table between double bars."""
    diagnoses = {}
    for line in read_text(path, errors="replace").splitlines():
        cells = [cell.strip() for cell in line.split("||")]
        if len(cells) > 3 and re.fullmatch(r"IMD\d+", cells[1]):
            if cells[3] not in {"0", "1", "2"}:
                raise DatasetError(
                    f"The diagnosis of '{cells[1]}' in {path.name} must be 0, 1 or 2; "
                    f"got '{cells[3]}'."
                )
            diagnoses[cells[1]] = DIAGNOSES[int(cells[3])]
    return diagnoses
