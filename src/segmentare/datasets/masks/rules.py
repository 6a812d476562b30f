"""One rule for all masks of a dataset, decided from the values that their files hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segmentare.annotations.segmentation import (
    MAX_CATEGORIES,
    UNLABELED,
    Category,
    distinct_color,
    is_binary,
)
from segmentare.datasets.masks.patterns import VOIDS, check_plausible, mixed, strays
from segmentare.datasets.masks.reading import Color, Kind, MaskRule, Space, outside, unpack
from segmentare.datasets.masks.surveys import Smear, Survey, histogram, smear
from segmentare.datasets.tables import ClassTable
from segmentare.errors import DatasetError

_NEAR = 16  # a smeared 0 or 255 lies within so many gray levels of it
_LOW = 64  # ids that leave gaps are below, gray levels chosen for the eye above
_OBJECT_COLOR = (255, 196, 0)  # amber is seen on skin, tissue and clothes alike


@dataclass(frozen=True)
class Decision:
    """The rule of a dataset and what it means.

    Attributes:
        rule: How every mask is read.
        categories: What the ids stand for.
        warning: One sentence on what was repaired or is doubtful, or "".
        outsiders: Files that the rule cannot read, and why; they cannot be used.
    """

    rule: MaskRule
    categories: tuple[Category, ...]
    warning: str = ""
    outsiders: tuple[tuple[Path, str], ...] = ()


def decide(
    surveys: Sequence[Survey], table: ClassTable | None = None, object_name: str = "object"
) -> Decision:
    """Decide how all masks of a dataset are read.

    Args:
        surveys: What the files hold.
        table: Names and numbers or colors of the categories, if there is such a table.
        object_name: Name of the one category of a binary dataset that has no table.

    Raises:
        DatasetError: The values cannot be categories, or cannot be told apart any more.
    """
    readable = [found for found in surveys if not found.problem]
    if not readable:
        raise DatasetError("None of the mask files can be read; restore them.")
    photos = [found for found in readable if found.photo_like]
    if 2 * len(photos) >= len(readable):
        photos = []  # then it is no exception, and the rule below says what is wrong
    files = [found for found in readable if found not in photos]
    decision = _decide(files, table, object_name)
    outsiders = [(found.path, _photo(found)) for found in photos]
    for found in files:
        strange = found.values_in(decision.rule.space) - decision.rule.mapping.keys()
        if strange and decision.rule.threshold is None:
            outsiders.append((found.path, outside(found.path, min(strange), decision.rule)))
    return replace(decision, outsiders=tuple(outsiders))


def _photo(found: Survey) -> str:
    return (
        f"'{found.path.name}' holds more than {len(found.values) - 1} values where other masks "
        f"hold few, so it looks like a photograph; put the mask in its place."
    )


def _decide(files: Sequence[Survey], table: ClassTable | None, object_name: str) -> Decision:
    """Decide the rule for files that are no photographs."""
    space = _common_space(files, table)
    if space == "gray" and _is_smeared(files):
        smeared = smear(files)
        if smeared.binary:
            return _smeared(files, smeared, table, object_name)
    lossy = next((found for found in files if found.lossy and len(found.values) > 2), None)
    if lossy is not None:
        raise DatasetError(
            f"'{lossy.path.name}' and perhaps others are saved with JPEG, which has mixed up the "
            f"values of their categories beyond repair; export the masks as PNG."
        )
    holdings = [found.values_in(space) for found in files]
    values = frozenset().union(*holdings) - strays(holdings)
    decision = _from_table(values, space, table) if table and not mixed(holdings) else None
    if decision is not None:
        return decision
    check_plausible(values, holdings)
    if len(values) == 2 or mixed(holdings):
        return _pair(values, space, _two(table, object_name))
    return _colors(values, files) if space == "color" else _numbers(values, space, files)


def _common_space(files: Sequence[Survey], table: ClassTable | None) -> Space:
    """Return the narrowest way to look at the values that is right for every file."""
    spaces = {found.space for found in files}
    if spaces == {"gray"}:
        return "gray"
    if "color" not in spaces:
        numbers = frozenset().union(*(found.values for found in files))
        if table and numbers <= {*table.by_number, *VOIDS}:
            return "index"
        colors: dict[int, Color] = {}
        if spaces == {"index"} and all(
            colors.setdefault(value, found.palette[value]) == found.palette[value]
            for found in files
            for value in found.values
            if value < len(found.palette)
        ):
            return "index"
    return "color" if any(found.colored for found in files) else "gray"


def _is_smeared(files: Sequence[Survey]) -> bool:
    """Tell whether gray files hold more than clean categories would."""
    values = frozenset().union(*(found.values for found in files))
    if max(values) > 255 or len(values) < 4:
        return False
    near_ends = all(v < _NEAR or v > 255 - _NEAR for v in values)
    several_high = sum(v > 255 - _NEAR for v in values) > 1
    return any(f.lossy for f in files) or (near_ends and several_high) or len(values) >= 24


def _smeared(
    files: Sequence[Survey], found: Smear, table: ClassTable | None, object_name: str
) -> Decision:
    cause = "JPEG" if any(file.lossy for file in files) else "soft edges"
    warning = (
        f"{found.share:.2%} of the mask pixels are neither 0 nor 255 ({cause}); they were cut at "
        f"128, so outlines may be off by a pixel. Export the masks as PNG with two values."
    )
    rule = MaskRule(
        "binary",
        "gray",
        {0: 0, 255: 1},
        "the masks are binary with smeared edges: 128 and more is the object",
        threshold=128,
    )
    return Decision(rule, _two(table, object_name), warning)


def _from_table(values: frozenset[int], space: Space, table: ClassTable) -> Decision | None:
    """Apply a table of categories; `None` where it does not speak of these values."""
    mapping = table.by_color if space == "color" else table.by_number
    if not mapping or (values <= {0, 255} and 255 not in mapping and space != "color"):
        return None
    categories = table.categories
    kind: Kind = "colors" if space == "color" else "palette" if space == "index" else "ids"
    named = f"named by {table.source}"
    fitting = values & mapping.keys()
    if len(fitting) >= 2 and 2 * len(fitting) >= len(values):
        if space != "color":
            mapping = {255: UNLABELED} | mapping
        what = f"{len(categories)} colors" if space == "color" else f"{len(categories)} ids"
        text = f"the masks hold {what} {named}"
    elif space != "color" and len(values) == len(table.by_number):
        order = zip(sorted(values), sorted(table.by_number), strict=True)
        mapping = {value: table.by_number[number] for value, number in order}
        text = f"the masks hold {len(values)} gray levels that stand for the ids {named}"
    else:
        return None
    if is_binary(categories):
        kind = "binary"
    return Decision(MaskRule(kind, space, mapping, text), categories)


def _two(table: ClassTable | None, object_name: str) -> tuple[Category, ...]:
    """Return background and object, by the names of the table if it has two."""
    if table and is_binary(table.categories):
        return table.categories
    return (
        Category("background", (0, 0, 0), background=True),
        Category(object_name, _OBJECT_COLOR),
    )


def _pair(values: frozenset[int], space: Space, categories: tuple[Category, ...]) -> Decision:
    low = min(values)
    highs = sorted(values - {low})
    shown = [str(unpack(v)) if space == "color" else str(v) for v in (low, *highs)]
    text = f"the masks are binary: {shown[0]} is background, {' or '.join(shown[1:])} the object"
    mapping = {low: 0} | dict.fromkeys(highs, 1)
    return Decision(MaskRule("binary", space, mapping, text), categories)


def _colors(values: frozenset[int], files: Sequence[Survey]) -> Decision:
    """Give every color a category, black first."""
    ordered = sorted(values)
    categories = tuple(
        Category("background", (0, 0, 0), background=True)
        if value == 0
        else Category("color {} {} {}".format(*unpack(value)), unpack(value))
        for value in ordered
    )
    example = next(found.path.name for found in files if found.colored)
    text = f"the masks hold {len(ordered)} colors (see '{example}'), one per category"
    mapping = {value: i for i, value in enumerate(ordered)}
    return Decision(MaskRule("colors", "color", mapping, text), categories)


def _numbers(values: frozenset[int], space: Space, files: Sequence[Survey]) -> Decision:
    """Read numbers as ids where they are dense or small, else as gray levels in their order."""
    void = max(values) if max(values) in VOIDS else None
    ids = sorted(values - {void})
    dense = ids[0] == 0 and ids[-1] < min(2 * len(ids) + 8, MAX_CATEGORIES)
    if dense:
        ids = list(range(ids[-1] + 1))
        text = f"the masks hold the ids {ids[0]} to {ids[-1]}"
    elif ids[-1] < _LOW:
        text = f"the masks hold the ids {', '.join(map(str, ids))}"
    else:
        void, ids = None, sorted(values)
        text = f"the masks hold {len(ids)} gray levels ({', '.join(map(str, ids))}) in their order"
    mapping = {value: i for i, value in enumerate(ids)}
    if void is not None:
        mapping[void] = UNLABELED
        text += f"; {void} is unlabeled"
    palette = files[0].palette if space == "index" else ()
    categories = tuple(
        Category("background", (0, 0, 0), background=True)
        if value == 0
        else Category(
            f"category {value}", palette[value] if value < len(palette) else distinct_color(i)
        )
        for i, value in enumerate(ids)
    )
    kind: Kind = "palette" if space == "index" else "ids"
    return Decision(MaskRule(kind, space, mapping, text), categories, _soft(ids, files))


def _soft(levels: Sequence[int], files: Sequence[Survey]) -> str:
    """Return a doubt where the gray levels between 0 and 255 cover next to nothing."""
    counts = histogram(files)
    between = float(counts[1:255].sum()) / max(1.0, float(counts.sum()))
    if levels[0] != 0 or levels[-1] != 255 or between > 0.02:
        return ""
    return (
        f"The gray levels between 0 and 255 cover only {between:.2%} of the mask pixels; if they "
        f"are soft edges and no categories, export the masks with two values."
    )
