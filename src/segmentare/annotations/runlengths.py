"""Masks as run lengths, in memory and in COCO's files.

Pixels are counted down the columns, one column after the other, in runs that alternate between
"outside" and "inside"; the first run is outside and may be empty.

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and the mask API of
https://github.com/cocodataset/cocoapi, for the order of the pixels and the compressed text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image, Size
from segmentare.errors import InputError

_FIRST = 48  # the character '0' stands for 0
_BITS = 5  # of a number in one character; the sixth says that more follow


@dataclass(frozen=True)
class RLE:
    """One mask; two masks are equal when their pixels are.

    Attributes:
        counts: Lengths of the runs, outside first; none but the first is 0, and they sum up to
            the number of pixels.
        size: Height and width.
    """

    counts: tuple[int, ...]
    size: Size

    def __repr__(self) -> str:
        height, width = self.size
        return f"RLE({self.area} of {height} x {width} pixels in {len(self.counts) // 2} runs)"

    @classmethod
    def of(cls, counts: Any, size: Size) -> Self:  # noqa: ANN401  from a file
        """Return the mask of foreign counts, which may hold empty runs.

        Everything is checked in Python's own whole numbers, which have no end to wrap around at.

        Args:
            counts: As a file has them: whole numbers, one would hope.
            size: Height and width.

        Raises:
            InputError: They are not a list of whole numbers, one is negative, or they do not sum
                up to the number of pixels.
        """
        if not isinstance(counts, list | tuple):
            message = f"run lengths must be a list of numbers or a text; got {_shown(counts)}"
            raise InputError(message)
        if any(type(n) is not int for n in counts):
            counts = [int(n) if isinstance(n, float) and n.is_integer() else n for n in counts]
            if strange := [n for n in counts if type(n) is not int]:
                raise InputError(f"run lengths must be whole numbers; one is {_shown(strange[0])}")
        total, pixels = sum(counts), size[0] * size[1]
        if min(counts, default=0) < 0 or total != pixels:
            raise InputError(
                f"run lengths must sum up to {size[0]} x {size[1]} pixels (height x width), "
                f"{pixels}, without negative ones; they sum up to {_shown(total)}"
            )
        lengths = np.array(counts, np.int64)
        if int(lengths[1:].min(initial=1)) > 0:
            return cls(tuple(lengths.tolist()), size)
        return cls.from_mask(_decode(lengths, size))

    @classmethod
    def from_mask(cls, mask: Image) -> Self:
        """Return the run lengths of a mask of shape (H, W); what is not 0 is inside."""
        flat = np.asarray(mask, bool).ravel(order="F")
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        ends = np.concatenate([[0], changes, [flat.size]])
        lengths = np.diff(ends).tolist()
        height, width = mask.shape
        return cls(tuple([0, *lengths] if flat.size and flat[0] else lengths), (height, width))

    @classmethod
    def from_runs(cls, starts: NDArray[np.int64], stops: NDArray[np.int64], size: Size) -> Self:
        """Return the mask whose runs inside go from `starts` up to `stops`, in their order."""
        ends = np.empty(2 * len(starts) + 1, np.int64)
        ends[:-1:2], ends[1::2], ends[-1] = starts, stops, size[0] * size[1]
        lengths = np.diff(ends, prepend=0).tolist()
        return cls(tuple(lengths[: -1 if lengths[-1] == 0 and len(lengths) > 1 else None]), size)

    @classmethod
    def from_text(cls, text: str, size: Size) -> Self:
        """Read COCO's compressed text.

        Raises:
            InputError: A character cannot stand there, or the runs do not fit the size.
        """
        characters = text.encode("utf-32-le", "surrogatepass")
        codes = np.frombuffer(characters, np.uint32).astype(np.int64) - _FIRST
        wrong = (codes < 0) | (codes > 63)
        if wrong.any() or (codes.size and codes[-1] & 32):
            place = int(np.argmax(wrong)) if wrong.any() else codes.size - 1
            raise InputError(
                f"compressed run lengths must be whole numbers in the characters '0' to 'o'; "
                f"character {place} is {text[place]!r}"
            )
        numbers = _numbers(codes)
        most = int(np.abs(numbers).max(initial=0))
        if most > size[0] * size[1]:  # before sums of such numbers wrap around
            raise InputError(
                f"compressed run lengths must be at most {size[0]} x {size[1]} pixels (height x "
                f"width); one is {most}"
            )
        return cls.of(_undo_differences(numbers).tolist(), size)

    def to_text(self) -> str:
        """Return COCO's compressed text."""
        counts = np.array(self.counts, np.int64)
        counts[3:] -= np.array(self.counts[1:-2], np.int64)
        return _text(counts)

    def to_mask(self) -> NDArray[np.bool_]:
        """Return the mask, shape (H, W)."""
        return _decode(np.array(self.counts, np.int64), self.size)

    @cached_property
    def area(self) -> int:
        """Number of pixels inside."""
        return sum(self.counts[1::2])

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """(x0, y0, x1, y1) around the pixels inside, x1 and y1 excluded; zeros where none is."""
        starts, stops = self.runs
        if not len(starts):
            return 0, 0, 0, 0
        height = self.size[0]
        first, last = starts // height, (stops - 1) // height
        if (first != last).any():  # a run that goes on in the next column touches both borders
            top, bottom = 0, height
        else:
            top, bottom = int((starts % height).min()), int(((stops - 1) % height).max()) + 1
        return int(first[0]), top, int(last[-1]) + 1, bottom

    @property
    def runs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and past-the-last pixel of every run inside, counted down the columns."""
        ends = np.cumsum(np.array(self.counts, np.int64))
        stops = ends[1::2]
        return ends[::2][: len(stops)], stops


def objects_of(labels: NDArray[np.int32]) -> dict[int, RLE]:
    """Return the mask of every id above 0 in a map of shape (H, W), in the order of the ids."""
    height, width = labels.shape
    flat = labels.ravel(order="F")
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1]).astype(np.int64)
    stops = np.append(starts[1:], flat.size)
    ids = flat[starts]
    order = np.argsort(ids, kind="stable")
    order = order[ids[order] > 0]
    ids = ids[order]
    borders = [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1).tolist(), len(ids)]
    return {
        int(ids[a]): RLE.from_runs(starts[order[a:b]], stops[order[a:b]], (height, width))
        for a, b in pairwise(borders)
        if a < b
    }


def _shown(value: object) -> str:
    """Return what a file holds in a few words, whatever it is."""
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a number of more than 20 digits"
    plain = value is None or isinstance(value, int | float)
    return repr(value) if plain else f"a {type(value).__name__}"


def _decode(counts: NDArray[np.int64], size: Size) -> NDArray[np.bool_]:
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(size, order="F")


def _numbers(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join groups of five bits, the lowest first, to signed numbers."""
    last = codes & 32 == 0
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    place = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    if int(place.max(initial=0)) > 11:
        raise InputError("compressed run lengths must be numbers of at most 60 bits")
    values = np.add.reduceat((codes & 31) << (_BITS * place), starts) if len(ends) else ends
    negative = codes[ends] & 16 != 0
    numbers: NDArray[np.int64] = values - (
        negative.astype(np.int64) << (_BITS * (ends - starts + 1))
    )
    return numbers


def _undo_differences(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """From the fourth on, every number is the difference to the last but one."""
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _text(numbers: NDArray[np.int64]) -> str:
    """Write signed numbers in groups of five bits, the lowest first."""
    reach = 16 * 32 ** np.arange(12, dtype=np.int64)  # one group holds -16 to 15
    groups = 1 + np.searchsorted(reach, np.where(numbers < 0, -numbers, numbers + 1), "left")
    starts = np.cumsum(groups) - groups
    place = np.arange(int(groups.sum())) - np.repeat(starts, groups)
    codes = (np.repeat(numbers, groups) >> (_BITS * place)) & 31
    codes[place < np.repeat(groups, groups) - 1] |= 32
    return (codes + _FIRST).astype(np.uint8).tobytes().decode("ascii")
