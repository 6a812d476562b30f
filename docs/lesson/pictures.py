"""Figures that show pictures, all of them drawn by segmentare: nobody's photographs."""

import cv2
import numpy as np
from drawing import ORANGE, Say, grid, show
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from segmentare.annotations.segmentation import Segmentation
from segmentare.drawing.cutout import cutout
from segmentare.drawing.maps import draw_heatmaps
from segmentare.drawing.poses import draw_poses, object_color
from segmentare.synthetic.lesion_dataset import draw_lesion
from segmentare.synthetic.object_datasets import MEADOW_CATEGORIES, draw_meadow
from segmentare.synthetic.people_dataset import SKELETON, draw_people
from segmentare.tasks import PoseTask
from segmentare.tasks.base import Maps

# Sky, grass, fence and sheep in colors that nobody takes for the picture's own.
_FLAT = np.array([(86, 180, 233), (0, 158, 115), (230, 159, 0), (204, 121, 167)], np.uint8)

_MEADOW, _LESION, _PEOPLE = 5, 0, 10  # pictures that show what is meant


def questions(say: Say) -> Figure:
    """Show what six kinds of question answer about the same picture."""
    meadow = draw_meadow(_MEADOW, (240, 320))
    truth, image = meadow.annotation, meadow.image
    ids = np.unique(truth.instance)[1:]
    figure, axes = grid(2, 3, 10, 5.6)
    show(axes[0], image, say("classification: what is there?"))
    names = ", ".join(say(MEADOW_CATEGORIES[k].name) for k in np.unique(truth.category))
    axes[0].text(8, 228, names, color="white", backgroundcolor="#000000a0")
    show(axes[1], image, say("detection: boxes"))
    for number in ids:
        _box(axes[1], truth.instance == number, _hex(number))
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    surfaces = _mixed(gray, _FLAT[truth.category])
    show(axes[2], surfaces, say("semantic segmentation"))
    colors = np.array([(0, 0, 0), *(object_color(k + 1) for k in range(ids.max()))], np.uint8)
    objects = np.where(truth.instance[..., None] > 0, _mixed(gray, colors[truth.instance]), gray)
    show(axes[3], objects, say("instance segmentation"))
    both = np.where(truth.instance[..., None] > 0, objects, surfaces)
    show(axes[4], both, say("panoptic segmentation"))
    largest = max(ids, key=lambda number: int((truth.instance == number).sum()))
    alone = Segmentation((truth.instance == largest).astype(np.uint8))
    show(axes[5], _before_checks(cutout(image, alone)), say("a mask cuts out, a box cannot"))
    return figure


def boxes(say: Say) -> Figure:
    """Show how much of a box is object, for four shapes."""
    figure, axes = grid(1, 4, 10, 2.5)
    for place, (name, mask) in zip(axes, shapes().items(), strict=True):
        share = mask.sum() / _area(mask)
        show(place, np.where(mask[..., None], (0, 114, 178), (235, 235, 235)).astype(np.uint8))
        place.set_title(f"{say(name)}\n{share:.0%} {say('of its box')}")
        _box(place, mask, ORANGE)
    return figure


def shapes() -> dict[str, NDArray[np.bool_]]:
    """Return four shapes, bool of shape (120, 160) each."""
    canvas = np.zeros((120, 160), np.uint8)
    disk = cv2.circle(canvas.copy(), (80, 60), 48, 1, -1)
    ring = cv2.circle(canvas.copy(), (80, 60), 43, 1, 10)
    needle = cv2.line(canvas.copy(), (20, 104), (140, 14), 1, 6)
    arms = cv2.circle(canvas.copy(), (80, 60), 16, 1, -1)
    for angle in np.arange(5) * 2 * np.pi / 5 - np.pi / 2:
        end = (round(80 + 62 * np.cos(angle)), round(62 + 54 * np.sin(angle)))
        cv2.line(arms, (80, 60), end, 1, 7)
    drawn = {"disk": disk, "ring": ring, "needle": needle, "starfish": arms}
    return {name: mask.astype(bool) for name, mask in drawn.items()}


def strides(say: Say) -> Figure:
    """Show what is left of masks that pass through coarser and coarser grids."""
    steps = (1, 4, 8, 16, 32)
    figure, axes = grid(2, len(steps), 10, 3.6)
    for row, (name, mask) in enumerate(passed().items()):
        for place, step in zip(axes[row * len(steps) :], steps, strict=False):
            left = through(mask, step)
            show(place, _difference(mask, left))
            score = f"{say(name)}" if step == 1 else f"1/{step}: IoU {iou(mask, left):.2f}"
            place.set_title(score)
    return figure


def passed() -> dict[str, NDArray[np.bool_]]:
    """Return a large mask and a thin one, bool of shape (192, 256)."""
    lesion = draw_lesion(_LESION, (192, 256)).annotation.category > 0
    fence = np.zeros((192, 256), np.uint8)
    for x in range(20, 256, 36):
        cv2.rectangle(fence, (x, 40), (x + 5, 170), 1, -1)
    for y in (70, 130):
        cv2.rectangle(fence, (0, y), (255, y + 4), 1, -1)
    return {"a lesion": lesion, "a fence": fence.astype(bool)}


def through(mask: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """Return the mask after it was kept as one mean per `step` x `step` pixels, and enlarged."""
    height, width = mask.shape
    cells = mask.reshape(height // step, step, width // step, step).mean(axis=(1, 3))
    large = cv2.resize(cells.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return large >= 0.5


def iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the intersection over the union of two masks, of which one is not empty."""
    return float((first & second).sum() / (first | second).sum())


def skeletons(say: Say) -> Figure:
    """Show people with their skeletons, and the maps that a network shall learn."""
    people = draw_people(_PEOPLE, (240, 320))
    figure, axes = grid(2, 2, 8.2, 6.3)
    show(axes[0], draw_poses(people.image, people.annotation), say("silhouettes and skeletons"))
    center = PoseTask(SKELETON)
    maps = draw_heatmaps(people.image, center.encode(people.annotation, 4), center)
    show(axes[1], maps["keypoints"], say("17 heatmaps, laid over each other"))
    show(axes[2], people.image, say("from the center to the keypoints"))
    _arrows(axes[2], center.encode(people.annotation, 4), center.unit)
    fields = PoseTask(SKELETON, code="fields")
    maps = draw_heatmaps(people.image, fields.encode(people.annotation, 4), fields)
    show(axes[3], maps["fields"], say("fields along the limbs"))
    return figure


def _arrows(axes: Axes, maps: Maps, unit: float) -> None:
    """Draw what the vectors at the centers of people say: the way to each keypoint."""
    for row, column in np.argwhere(maps["center"][0] > 0.9):
        x, y = 4 * column + 1.5, 4 * row + 1.5  # the middle of a cell of 4 x 4 pixels
        for dx, dy in maps["joints"][:, row, column].reshape(-1, 2) * unit:
            if np.isfinite(dx):
                axes.annotate(
                    "", (x + dx, y + dy), (x, y), arrowprops={"arrowstyle": "->", "color": ORANGE}
                )


def _mixed(ground: NDArray[np.uint8], colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay colors over a picture."""
    return (0.35 * ground + 0.65 * colors).astype(np.uint8)


def _box(axes: Axes, mask: NDArray[np.bool_], color: str) -> None:
    top, left, height, width = _edges(mask)
    box = Rectangle((left - 0.5, top - 0.5), width, height, fill=False, ec=color, lw=2)
    axes.add_patch(box)


def _edges(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the first row and column of a mask, and its height and width."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return rows[0], columns[0], rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1


def _area(mask: NDArray[np.bool_]) -> int:
    """Return the pixels of the box around a mask."""
    _, _, height, width = _edges(mask)
    return height * width


def _hex(number: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*object_color(number))


def _before_checks(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a cut-out before the checkered ground that stands for nothing, around its object."""
    height, width = rgba.shape[:2]
    rows, columns = np.indices((height, width)) // 8
    ground = np.where((rows + columns) % 2, 205, 250)[..., None]
    alpha = rgba[..., 3:] / 255
    whole = (rgba[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
    top, left, high, wide = _edges(rgba[..., 3] > 0)
    high = max(high, round(wide * height / width)) + 16  # the other panels' shape
    row, column = max(0, top + 8 - high // 2 + (high - 16) // 2 - 8), max(0, left - 8)
    return whole[row : row + high, column : column + round(high * width / height)]


def _difference(mask: NDArray[np.bool_], left: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return what stayed in white, what was lost in red, what was added in blue."""
    picture = np.full((*mask.shape, 3), 40, np.uint8)
    picture[mask & left] = 245
    picture[mask & ~left] = (213, 94, 0)
    picture[~mask & left] = (86, 180, 233)
    return picture
