"""The page of `segmentare check`: what a dataset holds, what is wrong with it, and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmentare.interfaces.formatting import anything
from segmentare.interfaces.pages import picture, render, write_text

#: Entries of a checkup that have their own place on the page; others are listed as they are.
_PLACED = {
    "root", "reader", "layout", "can_train", "categories", "problems", "duplicates", "labels",
    "parts", "sizes", "images", "usable",
}  # fmt: skip
_MOST_ROWS = 500  # of the table of problems; the JSON file has them all


@dataclass(frozen=True)
class SamplePicture:
    """One image of the dataset with its annotation outlined.

    Attributes:
        name: Name of the image.
        jpeg: The picture as the bytes of a JPEG file.
        labels: What is known of the whole image.
    """

    name: str
    jpeg: bytes
    labels: Mapping[str, str] = field(default_factory=dict)


def write_check_page(
    path: Path, checkup: Mapping[str, Any], samples: Sequence[SamplePicture] = ()
) -> None:
    """Write the page; a file of that name is replaced whole or, on failure, left as it was.

    Args:
        path: The HTML file.
        checkup: What `Checkup.to_dict()` returned.
        samples: Images with outlines, in the order in which they are to be shown.
    """
    problems = sorted(
        checkup.get("problems") or (), key=lambda row: (not row["stops"], row["file"])
    )
    values = {
        "checkup": checkup,
        "name": Path(str(checkup.get("root", ""))).name or "dataset",
        "reasons": [row["what"] for row in problems if row["stops"] and not row["file"]],
        "unusable": len({row["file"] for row in problems if row["stops"] and row["file"]}),
        "warnings": sum(not row["stops"] for row in problems),
        "problems": problems[:_MOST_ROWS],
        "hidden": max(len(problems) - _MOST_ROWS, 0),
        "facts": {name: value for name, value in checkup.items() if _is_fact(name, value)},
        "samples": [
            {
                "name": sample.name,
                "source": picture(sample.jpeg),
                "labels": " · ".join(anything(value) for value in sample.labels.values()),
            }
            for sample in samples
        ],
    }
    write_text(path, render("check.html.j2", values))


def _is_fact(name: str, value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return name not in _PLACED and value not in (None, "", [], {})
