"""What the mask files of a dataset hold: their values, before any rule is decided."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.datasets.masks.reading import Color, Space, Values, pack, read_raw
from segmentare.errors import DatasetError

_MANY = 4096  # values of one file that are listed; a photograph has more


@dataclass(frozen=True)
class Survey:
    """What one mask file holds.

    Attributes:
        path: The file.
        size: Height and width, upright.
        space: See `RawMask`.
        values: The distinct values, sorted; only the first thousands of a photograph.
        counts: How many pixels have each value; empty for colors and beyond 8 bits.
        palette: See `RawMask`.
        lossy: See `RawMask`.
        problem: Why the file cannot be read, or "".
    """

    path: Path
    size: Size = (0, 0)
    space: Space = "gray"
    values: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    palette: tuple[Color, ...] = ()
    lossy: bool = False
    problem: str = ""

    def values_in(self, space: Space) -> frozenset[int]:
        """Return the values as `masks.in_space` would yield them."""
        if space in {self.space, "index"}:
            return frozenset(self.values)
        if self.space == "gray":
            return frozenset(value * 0x010101 for value in self.values)
        colors = {pack(self.palette[v]) if v < len(self.palette) else 0 for v in self.values}
        return frozenset(c & 255 for c in colors) if space == "gray" else frozenset(colors)

    @property
    def colored(self) -> bool:
        """True if the file holds colors that are not gray, by itself or by its palette."""
        if self.space != "index":
            return self.space == "color"
        used = [self.palette[v] for v in self.values if v < len(self.palette)]
        return any(len(set(color)) > 1 for color in used)

    @property
    def photo_like(self) -> bool:
        """True if the values are too many for a mask, even for one with smeared edges."""
        if not self.counts:
            return len(self.values) > 256
        between = sum(n for v, n in zip(self.values, self.counts, strict=True) if 48 <= v < 208)
        return len(self.values) > 60 and 4 * between > sum(self.counts)


@dataclass(frozen=True)
class Smear:
    """How far gray levels have run together around 0 and 255.

    Attributes:
        binary: True if 0 and 255 are all that was there.
        share: Share of the pixels that are neither 0 nor 255.
    """

    binary: bool
    share: float


def survey(paths: Sequence[Path]) -> list[Survey]:
    """Look at all mask files, in threads."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(survey_file, paths))


def survey_file(path: Path) -> Survey:
    """Look at a mask file; one that did not change is not read again."""
    try:
        stat = path.stat()
    except OSError as error:
        return Survey(path, problem=f"'{path.name}' cannot be opened ({error.strerror}).")
    return _survey_file(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=100_000)
def _survey_file(path: Path, _changed: int, _length: int) -> Survey:
    try:
        raw = read_raw(path)
    except DatasetError as error:
        return Survey(path, problem=str(error))
    values, counts = _distinct(raw.values)
    height, width = raw.values.shape
    return Survey(path, (height, width), raw.space, values, counts, raw.palette, raw.lossy)


def _distinct(values: Values) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the distinct values and, for 8 bits, how often each occurs."""
    flat = values.ravel()
    if values.dtype == np.uint8:
        counts = np.bincount(flat, minlength=256)
        found = np.flatnonzero(counts)
        return tuple(found.tolist()), tuple(counts[found].tolist())
    starts = np.ones(flat.size, bool)  # of runs of equal values, so that little is left to sort
    starts[1:] = flat[1:] != flat[:-1]
    return tuple(np.unique(flat[starts])[:_MANY].tolist()), ()


def smear(surveys: Sequence[Survey]) -> Smear:
    """Judge from the levels of 8-bit gray files whether they were once 0 and 255.

    In a binary mask the levels between come from edges, so they are few and spread evenly; a
    third category stands out among them as a peak.
    """
    levels = histogram(surveys)
    total = float(levels.sum()) or 1.0
    between = levels[48:208]
    share = float(between.sum()) / total
    peak = float(np.convolve(between, np.ones(17), "valid").max())
    several = share > 0.25 or (share > 0.002 and peak > 0.35 * float(between.sum()))
    high = float(levels[240:].sum()) / total
    return Smear(high > 0.0005 and not several, float(levels[1:255].sum()) / total)


def histogram(surveys: Sequence[Survey]) -> NDArray[np.float64]:
    """Return how many pixels of all 8-bit files have each value, shape (256,)."""
    levels = np.zeros(256)
    for found in surveys:
        if found.counts:
            levels[list(found.values)] += found.counts
    return levels
