"""Images of any size: maps in rows, decoded in blocks, put together without seams."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image, Size, resample
from segmentare.annotations.measures import majority
from segmentare.annotations.segmentation import is_binary
from segmentare.errors import InputError
from segmentare.images.windows import Windows
from segmentare.large.blocks import Block, Place, Plan, Workspace
from segmentare.large.grids import Grid, MapRows
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.preprocessing import Frame
from segmentare.tasks.base import Task

OVERVIEW = 2048  #: pixels of the longer side of a picture of the whole


@dataclass(frozen=True)
class Wanted:
    """What is kept of a block beside categories and objects.

    Attributes:
        probability: The probability of each pixel.
        picture: The image, made small.
    """

    probability: bool = False
    picture: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a prediction is.

    Attributes:
        done: Number of tiles computed.
        total: Number of tiles in all.
        computed: Number of tiles computed now, not in an earlier job that was killed.
        blocks: Number of blocks that are written.
    """

    done: int
    total: int
    computed: int
    blocks: int


def predict_blocks(
    predictor: Predictor[Any],
    grid: Grid,
    windows: Windows,
    plan: Plan,
    into: tuple[Workspace, Wanted],
) -> Iterator[Progress]:
    """Predict all blocks that are not done yet, and keep them; yields how far it is.

    Args:
        predictor: The model.
        grid: The network's input.
        windows: The image.
        plan: How it is cut.
        into: Where the blocks are kept, and what of them.
    """
    workspace, wanted = into
    task, margin, width = task_for(predictor.task, grid.frame), plan.margin, plan.size[1]
    panels = []
    for panel in plan.panels:
        columns = max(0, panel[0][0] - margin), min(width, panel[-1][1] + margin)
        panels.append(MapRows(predictor, grid, columns))
    total = sum(rows.total for rows in panels)
    blocks = before = computed = 0
    for maps, panel in zip(panels, plan.panels, strict=True):
        for rows in plan.rows:
            places = [(rows, columns) for columns in panel]
            if not workspace.has(places):
                around = plan.around(places[0])[0]
                maps.skip_to(around)
                for done in maps.advance(around):
                    yield Progress(before + done, total, computed + done - maps.skipped, blocks)
                for place in places:
                    found = decode_block(task, maps, plan, place)
                    workspace.save(place, _with(found, windows, plan, (place, wanted)))
            blocks += len(places)
            now = computed + maps.done - maps.skipped
            yield Progress(before + maps.done, total, now, blocks)
        before, computed = before + maps.total, computed + maps.done - maps.skipped
        maps.close()
    yield Progress(total, total, computed, blocks)


def task_for(task: Task[Any], frame: Frame) -> Task[Any]:
    """Return the task with its settings for maps at the image's own size."""
    return task.scaled(math.sqrt(math.prod(frame.image) / math.prod(frame.content)))


def decode_block(task: Task[Any], maps: MapRows, plan: Plan, place: Place) -> Block:
    """Decode a block with the margin around it.

    Args:
        task: For maps at the image's own size.
        maps: Have computed the block's rows.
        plan: Of the blocks.
        place: Of the block.
    """
    rows, columns = plan.around(place)
    found = task.for_parts().decode(maps.read(rows, columns), 1)
    inner = tuple(
        slice(low - start, high - start)
        for (low, high), (start, _) in zip(place, (rows, columns), strict=True)
    )
    count = 0 if found.scores is None else len(found.scores)
    areas, kinds = np.zeros(0, np.int64), np.zeros(0, np.uint8)
    if found.instance is not None:
        areas = np.bincount(found.instance[inner].ravel(), minlength=count + 1)[1:]
        kinds = majority(found, found.instance, count).astype(np.uint8)
    sure = found.probability[inner]
    answered = np.maximum(sure, 1 - sure) if is_binary(task.categories) else sure
    return Block(
        category=np.ascontiguousarray(found.category[inner]),
        ids=found.instance,
        areas=areas,
        scores=np.zeros(0, np.float32) if found.scores is None else found.scores,
        kinds=kinds,
        probability=np.rint(np.clip(sure, 0, 1) * 255).astype(np.uint8),
        sure=float(answered.sum(dtype=np.float64)),
        picture=np.zeros((0, 0, 3), np.uint8),
    )


def _with(found: Block, windows: Windows, plan: Plan, what: tuple[Place, Wanted]) -> Block:
    """Add the picture, and leave out what is not wanted."""
    place, wanted = what
    nothing = np.zeros((0, 0), np.uint8)
    fields = dict(vars(found))
    if not wanted.probability:
        fields["probability"] = nothing
    if wanted.picture:
        fields["picture"] = _small(windows.read(*place), plan.size, place)
    return Block(**fields)


def overview_size(size: Size) -> Size:
    """Return the size of the picture of an image of this size."""
    factor = min(1.0, OVERVIEW / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def overview_place(size: Size, place: Place) -> tuple[slice, slice]:
    """Return where a block lies in the picture of the whole."""
    small = overview_size(size)
    rows, columns = (
        slice(low * small[axis] // size[axis], high * small[axis] // size[axis])
        for axis, (low, high) in enumerate(place)
    )
    return rows, columns


def _small(image: Image, size: Size, place: Place) -> Image:
    rows, columns = overview_place(size, place)
    return resample(image, (max(1, rows.stop - rows.start), max(1, columns.stop - columns.start)))


def overview(size: Size, parts: Iterable[tuple[Place, NDArray[Any]]]) -> NDArray[Any]:
    """Put the small parts of an image or of a map together.

    Args:
        size: Of the whole image.
        parts: Per block its place and its part, of the size that `overview_place` gives.
    """
    canvas: NDArray[Any] | None = None
    for place, part in parts:
        if canvas is None:
            canvas = np.zeros((*overview_size(size), *part.shape[2:]), part.dtype)
        rows, columns = overview_place(size, place)
        canvas[rows, columns] = part[: rows.stop - rows.start, : columns.stop - columns.start]
    if canvas is None:
        raise InputError("An image must have parts.")
    return canvas


def thinned(values: NDArray[Any], size: Size, place: Place) -> NDArray[Any]:
    """Return single pixels of a block of a map, for the picture of the whole."""
    rows, columns = overview_place(size, place)
    shape = max(1, rows.stop - rows.start), max(1, columns.stop - columns.start)
    y, x = (
        (2 * np.arange(count) + 1) * side // (2 * count)
        for count, side in zip(shape, values.shape, strict=False)
    )
    few: NDArray[Any] = values[y[:, None], x]
    return few
