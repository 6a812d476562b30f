"""The parts in which a large image is decoded, and what is kept of each until all are done."""

from __future__ import annotations

import io
import json
import math
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image, Size
from segmentare.atomic import write_bytes, write_json
from segmentare.errors import InputError
from segmentare.images.tiff_windows import Range
from segmentare.opening import read_text
from segmentare.prediction.preprocessing import Frame
from segmentare.tasks.base import Task

TILE = 512  #: rows and columns of the tiles of results; blocks are multiples of it

_DECODE = 200 << 20  # bytes that the decode of a block may take
_CANVAS = 220 << 20  # bytes for the maps that are being blended
_MOST = 2_000_000_000  # bytes that maps and decode may take at most
_PER_OBJECT_PIXEL = 100  # bytes that a decode of objects takes per pixel, beside its maps
_PER_PIXEL = 24  # bytes that any other decode takes per pixel, beside its maps
_WIDEST = 8 * TILE  # columns of a block
_JOB = "job.json"

Place = tuple[Range, Range]  #: rows and columns of a block


@dataclass(frozen=True)
class Plan:
    """How a large image is cut.

    Attributes:
        size: Of the image.
        margin: Pixels around a block that its decode sees, at the image's own size.
        rows: Of the blocks, from the top to the bottom.
        panels: Columns of the blocks. Those of a panel are computed together, row by row, and
            tiles on the border of two panels twice.
        memory: Bytes that maps and decode take at most.
    """

    size: Size
    margin: int
    rows: tuple[Range, ...]
    panels: tuple[tuple[Range, ...], ...]
    memory: int

    @property
    def blocks(self) -> list[Place]:
        """Rows and columns of all blocks, row by row."""
        return [(rows, columns) for rows in self.rows for columns in self.columns]

    @property
    def columns(self) -> list[Range]:
        """Columns of the blocks, from the left to the right."""
        return [columns for panel in self.panels for columns in panel]

    def around(self, block: Place) -> Place:
        """Return the part of the image that the decode of a block sees."""
        rows, columns = (
            (max(0, low - self.margin), min(side, high + self.margin))
            for (low, high), side in zip(block, self.size, strict=True)
        )
        return rows, columns


def plan_blocks(frame: Frame, task: Task[Any]) -> Plan:
    """Cut an image so that memory stays below a limit.

    Args:
        frame: Of the image in the network's grid.
        task: Of the model.

    Raises:
        InputError: The task needs whole images, or so much of them that memory would not suffice.
    """
    reach = task.surroundings
    if reach is None:
        raise InputError(
            f"An image of {frame.image[0]:,} x {frame.image[1]:,} pixels is predicted in parts, "
            f"which only the tasks semantic and instance can; this model's is '{task.name}'. Cut "
            "the image, or raise `large` if there is memory enough for the whole."
        )
    size, channels = frame.image, sum(head.channels for head in task.heads)
    factor = math.sqrt(math.prod(frame.image) / math.prod(frame.content))
    margin = -(-round(reach * factor) // 32) * 32 if reach else 0
    per_pixel = 8 * channels + (_PER_OBJECT_PIXEL if reach else _PER_PIXEL)
    height = TILE + 2 * margin
    wide = _DECODE // (per_pixel * height) - 2 * margin
    width = min(max(wide // TILE, 1) * TILE, _WIDEST)
    rows = frame.tile[0] + min(math.ceil(height / factor) + 64, frame.padded[0])
    per_column = rows * (4 * channels + 8) / factor
    together = max(1, round((_CANVAS / per_column - 2 * margin) // width))
    starts = range(0, size[1], width)
    columns = [(start, min(start + width, size[1])) for start in starts]
    panels = [tuple(columns[i : i + together]) for i in range(0, len(columns), together)]
    widest = max(panel[-1][1] - panel[0][0] for panel in panels) + 2 * margin
    decode = min(height, size[0]) * min(width + 2 * margin, size[1]) * per_pixel
    canvas = round(per_column * min(widest, size[1]))
    memory = decode + 2 * canvas  # rows that move down are copied
    if memory > _MOST:
        raise InputError(
            f"An image of {size[0]:,} x {size[1]:,} pixels is predicted in parts, of which each "
            f"would take {memory / 1e9:.1f} GB with this model: it sees this one at "
            f"{1 / factor:.3g} of its scale, and has {channels} maps. Train with `scale`, or cut "
            "the image."
        )
    return Plan(
        size,
        margin,
        tuple((y, min(y + TILE, size[0])) for y in range(0, size[0], TILE)),
        tuple(panels),
        memory,
    )


@dataclass(frozen=True)
class Block:
    """What the decode of a block found.

    Attributes:
        category: Of its pixels, uint8.
        ids: Numbers of objects from 1, int32, with the margin around the block (`Plan.around`);
            `None` for tasks that do not tell objects apart.
        areas: Pixels within the block of each number, shape (N,).
        scores: Of each number, shape (N,).
        kinds: Category of each number, shape (N,).
        probability: round(255 p) of the pixels, uint8; empty unless wanted.
        sure: Sum of the probabilities of what was answered.
        picture: The image, made small; empty unless wanted.
    """

    category: NDArray[np.uint8]
    ids: NDArray[np.int32] | None
    areas: NDArray[np.int64]
    scores: NDArray[np.float32]
    kinds: NDArray[np.uint8]
    probability: NDArray[np.uint8]
    sure: float
    picture: Image


class Workspace:
    """The folder in which blocks wait until all are done, so that a killed job can go on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, job: dict[str, Any]) -> bool:
        """Make the folder, or go on in it if it holds blocks of the same job.

        Args:
            job: All that the result depends on, JSON-ready.

        Returns:
            Whether there is something to go on with.
        """
        path = self.folder / _JOB
        if path.is_file():
            try:
                same = json.loads(read_text(path)) == json.loads(json.dumps(job))
            except ValueError:
                same = False
            if same:
                return True
        self.remove()
        write_json(path, job)
        return False

    def place(self, block: Place) -> Path:
        """Return the file of a block."""
        return self.folder / f"{block[0][0]:07d}-{block[1][0]:07d}.npz"

    def has(self, blocks: Sequence[Place]) -> bool:
        """Tell whether all of these are done."""
        return all(self.place(block).is_file() for block in blocks)

    def bytes(self) -> int:
        """Return how much is kept so far."""
        return sum(path.stat().st_size for path in self.folder.glob("*.npz"))

    def save(self, block: Place, found: Block) -> None:
        """Write a block, whole or not at all.

        Raises:
            OSError: The disk is full.
        """
        arrays = {
            name: np.asarray(value) for name, value in vars(found).items() if value is not None
        }
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_bytes(self.place(block), buffer.getvalue())

    def load(self, block: Place, *names: str) -> list[Any]:
        """Read some arrays of a block, by the names that `Block` has; `None` where absent.

        Raises:
            InputError: The file is damaged.
        """
        path = self.place(block)
        try:
            with np.load(path, allow_pickle=False) as file:
                return [file[name] if name in file.files else None for name in names]
        except (ValueError, OSError, zipfile.BadZipFile, KeyError, EOFError) as error:
            raise InputError(
                f"'{path}' must hold a part of an unfinished prediction; it is damaged ({error}). "
                f"Remove the folder '{self.folder}' and begin anew."
            ) from error

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder)
