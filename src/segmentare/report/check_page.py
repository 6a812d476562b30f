"""The page of `segmentare check`: what a dataset holds, what is wrong with it, and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmentare.report.formatting import number
from segmentare.report.pages import picture, write_page

_MOST_ROWS = 500  # of the table of problems; the JSON file has them all
_MOST_NAMES = 60  # of a list of images; as above


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
    """Write the page; an earlier one is replaced whole or, on failure, left as it was.

    Args:
        path: The HTML file.
        checkup: What `Checkup.to_dict()` returned.
        samples: Images with outlines, in the order in which they are to be shown.

    Raises:
        OutputExistsError: There is something else of that name.
    """
    problems = sorted(checkup["problems"], key=lambda row: (not row["stops"], row["file"]))
    values = {
        "checkup": checkup,
        "name": Path(checkup["root"]).name or "Dataset",
        "reasons": [row["what"] for row in problems if row["stops"] and not row["file"]],
        "problems": problems[:_MOST_ROWS],
        "hidden": max(len(problems) - _MOST_ROWS, 0),
        "broken": len({row["file"] for row in problems if row["stops"] and row["file"]}),
        "tiles": _tiles(checkup),
        "alike": _alike(checkup),
        "lists": {
            title: _shortened(checkup[key])
            for title, key in (("nothing but background", "empty"), ("no background", "full"))
            if checkup[key]
        },
        "samples": [
            {
                "name": sample.name,
                "source": picture(sample.jpeg),
                "labels": " · ".join(map(str, sample.labels.values())),
            }
            for sample in samples
        ],
    }
    write_page(path, "check", "check.html.j2", values)


def _tiles(checkup: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, value and remark of what is worth a glance."""
    tiles = [("images", number(checkup["images"]), f"{number(len(checkup['usable']))} usable")]
    if checkup["height"] and checkup["width"]:
        kinds = len(checkup["sizes"])
        sizes = "all alike" if kinds == 1 else f"{number(kinds)} sizes, median"
        sides = (number(round(checkup[side]["median"])) for side in ("width", "height"))
        tiles.append(("width \u00d7 height", " \u00d7 ".join(sides), sizes))
    if checkup["pixels"]:
        kind, count = next(iter(checkup["pixels"].items()))
        channels, _, dtype = kind.partition(" of ")
        remark = f"in {number(count)}" if len(checkup["pixels"]) > 1 else "in all images"
        tiles.append((channels, dtype, remark))
    if checkup["objects"]:
        found = checkup["objects"]
        span = f"{number(found['least'])} to {number(found['most'])}"
        tiles.append(("objects per image", f"{found['median']:g}", f"median; {span}"))
    if checkup["unlabeled"]:
        tiles.append(("unlabeled", f"{100 * checkup['unlabeled']:.1f} %", "of the pixels"))
    if checkup["groups"]:
        tiles.append(("groups", number(checkup["groups"]), "stay together in a split"))
    return tiles


def _alike(checkup: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (image, image, what) for images that show the same, the worst first."""
    found: dict[tuple[str, str], str] = {}
    for row in checkup["crossings"]:
        kind = "same pixels" if row["exact"] else "same picture"
        found[row["one"], row["other"]] = f"{kind}, in {row['part']} and in {row['other_part']}"
    for key, what in (("duplicates", "same pixels"), ("near_duplicates", "same picture")):
        for one, other in checkup[key]:
            found.setdefault((one, other), what)
    return [(one, other, what) for (one, other), what in found.items()]


def _shortened(names: Sequence[str]) -> tuple[int, str]:
    """Return how many names there are, and the first of them as text."""
    rest = len(names) - _MOST_NAMES
    text = ", ".join(names[:_MOST_NAMES])
    return len(names), f"{text} and {rest} more" if rest > 0 else text
