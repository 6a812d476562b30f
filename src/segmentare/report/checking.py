"""What `segmentare check` found: a summary, tables, and pictures of samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from segmentare.annotations.poses import Poses
from segmentare.datasets.base import Dataset
from segmentare.datasets.checkups import Checkup
from segmentare.drawing.objects import draw_annotation
from segmentare.drawing.overlays import thumbnail
from segmentare.drawing.poses import draw_poses
from segmentare.report.check_page import SamplePicture
from segmentare.result import Result
from segmentare.results import files

_SIDE = 420  # pixels of the longer side of a picture on the page
_NAMED = 6  # absent categories that are named
_PROBLEMS = 40  # that a terminal has room for


@dataclass(frozen=True, repr=False)
class Checked(Result, Checkup):
    """What a dataset holds and what is wrong with it.

    Attributes:
        page: The HTML page of samples, or `None`.
    """

    page: Path | None = None

    @property
    def title(self) -> str:
        """How much of the dataset can be used."""
        return f"Check of {self.root!r}: {len(self.usable)} of {self.images} images usable"

    @property
    def summary(self) -> Mapping[str, object]:
        """The layout, what there is of each category, and whether a training can start."""
        stop = sum(problem.stops for problem in self.problems)
        shares = {use.category.name: use.share for use in self.categories if use.images}
        named = [f"{name} {share:.1%}" for name, share in list(shares.items())[:_NAMED]]
        named += [f"{len(shares) - _NAMED} more"] * (len(shares) > _NAMED)
        return {
            "layout": self.layout,
            "categories": ", ".join(named),
            "parts": ", ".join(f"{count} {part}" for part, count in self.parts.items()),
            "problems": f"{len(self.problems)}, {stop} of which stop a training"
            if self.problems
            else "none",
            "such as": next((f"{p.file}: {p.what}" for p in self.problems), ""),
            "training": self._verdict(),
            "page": self.page,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the page as JSON-ready data."""
        return Checkup.to_dict(self)

    @property
    def exit_code(self) -> int:
        """1 where a training cannot start."""
        return 0 if self.can_train else 1

    def tables(self) -> Iterator[RenderableType]:
        """Yield what the dataset holds, its categories and its problems."""
        found = self.to_dict()
        yield self.layout
        yield from _told(found)
        yield from _categories(found["categories"])
        if self.problems:
            problems = Table(title="What is wrong", title_justify="left")
            for column in ("file", "what", "stops"):
                problems.add_column(column, overflow="fold")
            for problem in self.problems[:_PROBLEMS]:
                problems.add_row(problem.file, problem.what, "yes" if problem.stops else "no")
            yield problems
            if len(self.problems) > _PROBLEMS:
                yield f"... and {len(self.problems) - _PROBLEMS} more (see --json or the page)."
        yield Text(self._verdict(), "bold green" if self.can_train else "bold red")
        if self.page is not None:
            yield f"Page: {self.page}"

    def _verdict(self) -> str:
        if self.can_train:
            return "A training can start."
        single = all(problem.file for problem in self.problems if problem.stops)
        hint = " Mend the files above, or leave them out with `train --skip-broken`."
        return f"A training cannot start.{hint if single and self.usable else ''}"


def _told(checkup: Mapping[str, Any]) -> list[str]:
    """Return what a dataset holds, as lines."""
    lines = [f"Images: {len(checkup['usable'])} usable of {checkup['images']}"]
    if checkup["height"]:
        sizes = {side: checkup[side] for side in ("height", "width")}
        middle = " x ".join(f"{size['median']:.0f}" for size in sizes.values())
        least = " x ".join(f"{size['least']:.0f}" for size in sizes.values())
        most = " x ".join(f"{size['most']:.0f}" for size in sizes.values())
        lines.append(f"Height x width: {middle} (median), {least} to {most}")
        lines.append(
            f"Pixels: {', '.join(f'{n} of {kind}' for kind, n in checkup['pixels'].items())}"
        )
    if checkup["objects"]:
        objects = checkup["objects"]
        lines.append(
            f"Objects per image: {objects['median']:g} (median), {objects['least']} to "
            f"{objects['most']}"
        )
    if checkup["unlabeled"]:
        lines.append(f"Unlabeled pixels: {100 * checkup['unlabeled']:.2f} %")
    for name, what in (("empty", "without any object"), ("full", "without any background")):
        if checkup[name]:
            lines.append(f"Images {what}: {len(checkup[name])}, such as {checkup[name][0]}")
    return [*lines, *_shares(checkup)]


def _shares(checkup: Mapping[str, Any]) -> list[str]:
    """Return how the images are spread over labels, parts and groups, and which are twins."""
    lines = []
    for name, values in checkup["labels"].items():
        if len(values) <= 12:
            counts = ", ".join(f"{count} {value}" for value, count in values.items())
            lines.append(f"{name}: {counts}")
    if checkup["parts"]:
        counts = ", ".join(f"{count} {part}" for part, count in checkup["parts"].items())
        lines.append(f"Parts that the dataset prescribes: {counts}")
    if checkup["groups"]:
        lines.append(f"Groups (patients, sequences): {checkup['groups']}")
    for name, what in (("duplicates", "Same pixels"), ("near_duplicates", "Same picture")):
        if checkup[name]:
            one, other = checkup[name][0]
            lines.append(f"{what}: {len(checkup[name])} pairs, such as {one} and {other}")
    return lines


def _categories(categories: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """Yield how much there is of every category, and which do not occur."""
    table = Table()
    for column in ("category", "share of pixels", "images"):
        table.add_column(column, justify="left" if column == "category" else "right")
    for row in categories:
        if row["images"]:
            table.add_row(str(row["name"]), f"{100 * row['share']:.2f} %", str(row["images"]))
    yield table
    absent = [str(row["name"]) for row in categories if not row["images"]]
    if absent:
        more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
        yield f"In no image: {', '.join(absent[:_NAMED])}{more}."


def sample_pictures(dataset: Dataset, checkup: Checkup, count: int) -> list[SamplePicture]:
    """Draw the outlines of some usable images, evenly spread over the dataset."""
    usable = frozenset(checkup.usable)
    places = [i for i, record in enumerate(dataset.records) if record.name in usable]
    chosen = np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int))
    shown = []
    for index in chosen:
        sample = dataset[places[index]]
        truth = sample.annotation
        if isinstance(truth, Poses):
            picture = draw_poses(sample.image, truth)
        else:
            picture = draw_annotation(sample.image, truth, dataset.categories)
        jpeg = files.encode_jpeg(thumbnail(picture, _SIDE), quality=85)
        shown.append(SamplePicture(sample.name, jpeg, dict(sample.labels)))
    return shown
