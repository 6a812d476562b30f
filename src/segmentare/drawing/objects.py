"""Pictures of objects and surfaces: outlines, numbers, names, and what was found or missed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Image, resample, resample_labels
from segmentare.annotations.measures import compact, instances, majority
from segmentare.annotations.segmentation import (
    UNLABELED,
    Category,
    Segmentation,
    foreground_ids,
    is_binary,
)
from segmentare.drawing.borders import Picture, draw_lines, enlarged, tint
from segmentare.drawing.lettering import write_inside
from segmentare.drawing.object_colors import Labels, object_colors, shades
from segmentare.drawing.overlays import (
    PREDICTION_COLOR,
    TRUTH_COLOR,
    Color,
    draw_outlines,
    overlay,
    viewable,
)
from segmentare.metrics.matching import match
from segmentare.metrics.segments import Counted, Overlaps, find_overlaps, find_segments

Flags = NDArray[np.bool_]

#: missed objects have the color of truths, invented ones that of predictions; the green keeps its
#: distance from both for people who see no red, no green or no blue (at least 60 in CIELAB)
OUTCOMES: dict[str, Color] = {
    "matched": (60, 210, 155),
    "missed": TRUTH_COLOR,
    "invented": PREDICTION_COLOR,
}

NOT_JUDGED: Color = (150, 150, 150)  #: of what lies where the truth is unknown, or a crowd

_TINT, _SURFACE, _HIGHLIGHT = 0.22, 0.5, 0.3  # opacities of objects, of surfaces, of mistakes


@dataclass(frozen=True)
class Comparison:
    """A picture of truth and prediction.

    Attributes:
        picture: uint8 RGB.
        counts: How many segments are `matched`, `missed` and `invented`.
    """

    picture: Picture
    counts: dict[str, int]


def draw_annotation(
    image: Image, annotation: Segmentation, categories: tuple[Category, ...]
) -> Picture:
    """Return the image with what its annotation holds: outlines, tinted categories, or objects.

    Args:
        image: uint8, uint16 or float32 of shape (H, W) or (H, W, C).
        annotation: Of the image's size.
        categories: Categories of the annotation.

    Returns:
        uint8 RGB; small images with objects are enlarged.
    """
    if annotation.instance is None:
        draw = draw_outlines if is_binary(categories) else overlay
        return draw(image, annotation, categories)
    if any(not (category.thing or category.background) for category in categories):
        return draw_panoptic(image, annotation, categories)
    return draw_objects(image, annotation, categories)


def draw_objects(
    image: Image, segmentation: Segmentation, categories: tuple[Category, ...]
) -> Picture:
    """Return the image with every object outlined in a color of its own, and its id in it.

    Neighbors differ in color. Where there are several kinds of objects, the category stands before
    the id if there is room. Images below 900 pixels are enlarged two or four times, so that ids
    can be read; objects that are too small for theirs have none.

    Raises:
        ValueError: The segmentation does not tell objects apart.
    """
    ids, small = compact(instances(segmentation))
    colors = object_colors(small, ids)
    canvas, (place,) = enlarged(viewable(image), small)
    tint(canvas, place > 0, colors[place], _TINT)
    draw_lines(canvas, place, colors)
    words: list[list[str]] = [[str(number)] for number in ids]
    if len(foreground_ids(categories)) > 1:
        names = [categories[kind].name for kind in majority(segmentation, small, ids.size)]
        words = [[f"{name} {word[0]}", *word] for name, word in zip(names, words, strict=True)]
    return write_inside(canvas, place, words, _font(canvas))


def draw_panoptic(
    image: Image, segmentation: Segmentation, categories: tuple[Category, ...]
) -> Picture:
    """Return the image with surfaces tinted and things in shades of their category's color.

    Things are outlined; the names of the categories stand where there is room. Pixels without an
    answer stay as they are. Small images are enlarged as in `draw_objects`.

    Raises:
        ValueError: The segmentation does not tell objects apart.
    """
    ids, things = compact(instances(segmentation))
    kinds = majority(segmentation, things, ids.size)
    colors = shades(things, ids, kinds, categories)
    canvas, (things, surface) = enlarged(viewable(image), things, segmentation.category)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(categories)] = [category.color for category in categories]
    known = (things > 0) | (surface < len(categories))
    flat = np.where((things > 0)[..., None], colors[things], palette[surface])
    tint(canvas, known, flat, _SURFACE)
    light = (colors.astype(np.float32) * 0.35 + 255 * 0.65).astype(np.uint8)
    draw_lines(canvas, things, light)
    place, stuff = _segments(things, surface, ids.size, len(categories))
    names = [category.name for category in categories]
    words = [[names[kind]] for kind in (*kinds.tolist(), *stuff)]
    return write_inside(canvas, place, words, 1.1 * _font(canvas))


def compare_objects(
    image: Image,
    truth: Segmentation,
    predicted: Segmentation,
    categories: tuple[Category, ...],
    *,
    surfaces: bool = False,
    side: int | None = None,
) -> Comparison:
    """Draw which segments are matched, missed and invented, in the colors `OUTCOMES`.

    Matched objects show the prediction's outline, and below it the truth's as a thin white line;
    matched surfaces show nothing. What was missed or invented is tinted as well, and what was
    missed is dashed. What the truth does not judge is gray: pixels without a label, crowds, and
    predictions that lie mostly there.

    Args:
        image: uint8, uint16 or float32 of shape (H, W) or (H, W, C).
        truth: Of the image's size, with instances.
        predicted: Of the same size, with instances.
        categories: Categories of both.
        surfaces: Count the surfaces too, one segment for each category, and match above an IoU of
            0.5 only, as panoptic quality does; else objects match from 0.5 on.
        side: Shrink what is larger to a longer side of so many pixels.

    Raises:
        ValueError: Sizes differ, or there are no instances.
    """
    counted = Counted.panoptic(categories) if surfaces else Counted.instances(categories)
    overlaps = find_overlaps(
        find_segments(predicted, counted, truth=False), find_segments(truth, counted, truth=True)
    )
    left, right = overlaps.pairs[match(overlaps, 0.5, strict=surfaces)].T
    hit, found = (np.zeros(len(half) + 1, np.bool_) for half in (overlaps.true, overlaps.predicted))
    hit[left + 1], found[right + 1] = True, True
    invented = ~found & np.append(False, overlaps.excused <= 0.5)
    picture = viewable(image)
    true, guess = overlaps.true.place, overlaps.predicted.place
    if side is not None and max(picture.shape[:2]) > side:
        factor = side / max(picture.shape[:2])
        size = round(picture.shape[0] * factor), round(picture.shape[1] * factor)
        picture = resample(picture, size)
        true, guess = resample_labels(true, size), resample_labels(guess, size)
    canvas, (true, guess) = enlarged(picture, true, guess)
    _draw_outcomes(canvas, overlaps, (true, hit), (guess, found, invented))
    counts = {"matched": len(left), "missed": len(overlaps.true) - len(left)}
    return Comparison(canvas, counts | {"invented": int(invented.sum())})


def _draw_outcomes(
    canvas: Picture,
    overlaps: Overlaps,
    truth: tuple[Labels, Flags],
    prediction: tuple[Labels, Flags, Flags],
) -> None:
    """Draw onto the canvas, in place.

    Args:
        canvas: The enlarged image.
        overlaps: Of the segments.
        truth: Map of the true segments, and which of them are matched, 0 for none first.
        prediction: The same for the predicted ones, and which of those are invented.
    """
    true, hit = truth
    guess, found, invented = prediction
    tint(canvas, true >= hit.size, np.array(NOT_JUDGED), 0.5)
    true = np.where(true < hit.size, true, 0)
    missed = np.where(hit[true], 0, true)
    tint(canvas, missed > 0, np.array(OUTCOMES["missed"]), _HIGHLIGHT)
    tint(canvas, invented[guess], np.array(OUTCOMES["invented"]), _HIGHLIGHT)
    of_objects = np.append(False, overlaps.true.ids > 0) & hit
    white = np.full((hit.size, 3), 255, np.uint8)
    draw_lines(canvas, np.where(of_objects[true], true, 0), white, factor=0.6, rim=0.3)
    of_surfaces = np.append(False, overlaps.predicted.ids == 0) & found
    colors = np.array([OUTCOMES["matched"], OUTCOMES["invented"], NOT_JUDGED], np.uint8)
    colors = colors[np.where(found, 0, np.where(invented, 1, 2))]
    draw_lines(canvas, np.where(of_surfaces[guess], 0, guess), colors, factor=1.3)
    yellow = np.full((hit.size, 3), OUTCOMES["missed"], np.uint8)
    draw_lines(canvas, missed, yellow, factor=1.6, dashed=True)


def _segments(
    things: Labels, surface: Labels, count: int, categories: int
) -> tuple[Labels, list[int]]:
    """Return things and surfaces as one map, and the categories of the surfaces in their order."""
    free = (things == 0) & (surface < categories)
    there = np.bincount(surface[free], minlength=UNLABELED + 1) > 0
    table = (np.cumsum(there) + count) * there
    place = np.where(free, table[surface], things).astype(np.int32)
    return place, np.flatnonzero(there).tolist()


def _font(canvas: Picture) -> float:
    """Return a size of letters that is small and can be read where the whole picture is seen."""
    return max(11.0, float(max(canvas.shape[:2])) / 75)
