"""Figures that show numbers: networks, losses and scores."""

import numpy as np
from drawing import BLUE, GRAY, GREEN, ORANGE, RED, Say, grid
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import ArrayLike, NDArray

from segmentare.annotations.skeletons import SKELETONS

Values = NDArray[np.float64]

WRONG = -6.0  #: output of a network that is quite sure, and wrong

_LEVELS = ((192, 256, 16), (96, 128, 32), (48, 64, 64), (24, 32, 128), (12, 16, 256))
_NUMBERS = np.array([[1, 3, 2, 0], [4, 2, 1, 7], [0, 5, 3, 3], [2, 1, 6, 2]])


def encoder_decoder(say: Say) -> Figure:
    """Draw U-Net and SegNet as one scheme: they differ in what crosses from left to right."""
    figure, (axes,) = grid(1, 1, 10, 4.6)
    for level, (height, width, channels) in enumerate(_LEVELS):
        tall, y = 0.86 * 0.72**level, -level
        left, right = level * 0.9, 9.4 - level * 0.9
        for x in {left, right}:
            box = Rectangle((x - 0.33, y - tall / 2), 0.66, tall, fc="#cfe3f2", ec=BLUE)
            axes.add_patch(box)
        at = (left - 0.42, y) if level < 4 else (left, y - 0.3)
        words = f"{height} × {width} × {channels}"
        axes.text(*at, words, ha="right" if level < 4 else "center", va="center", fontsize=8)
        if level < 4:
            below = y - 1 + tall * 0.72 / 2  # upper edge of the next box
            _arrow(axes, (left, y - tall / 2), (left + 0.85, below), GRAY)
            _arrow(axes, (right - 0.85, below), (right, y - tall / 2), GRAY)
            _arrow(axes, (left + 0.4, y + 0.12), (right - 0.4, y + 0.12), GREEN)
            _arrow(axes, (left + 0.4, y - 0.12), (right - 0.4, y - 0.12), ORANGE, "dashed")
    _arrow(axes, (3.6 + 0.4, -4), (5.8 - 0.4, -4), GRAY)
    axes.text(4.7, 0.22, say("U-Net: the features themselves"), color=GREEN, ha="center")
    axes.text(4.7, -0.4, say("SegNet: only where each maximum stood"), color=ORANGE, ha="center")
    axes.text(-1.1, -2.9, say("encoder: halve, double the channels"), ha="center", color=GRAY)
    axes.text(10.2, -2.9, say("decoder: back to full size"), ha="center", color=GRAY)
    axes.text(0, 0.62, say("image in"), ha="center", color=BLUE)
    axes.text(9.4, 0.62, say("mask out"), ha="center", color=BLUE)
    axes.set(xlim=(-3.2, 12.2), ylim=(-4.7, 0.9))
    axes.set_axis_off()
    return figure


def seen(levels: int, convolutions: int = 2) -> int:
    """Return how many pixels a row of the image has that one cell of the coarsest level sees.

    Args:
        levels: How often the image is halved.
        convolutions: Of 3 x 3, on each level and below the last.
    """
    side = 1
    for level in range(levels + 1):
        step = 2**level
        side += 2 * step * convolutions
        side += step if level < levels else 0  # the pooling
    return side


def pooling(say: Say) -> Figure:
    """Show what max-pooling keeps, and two ways back."""
    blocks = _NUMBERS.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(2, 2, 4)
    pooled, where = blocks.max(axis=2), blocks.argmax(axis=2)
    back = np.zeros((4, 4), int)
    for (row, column), place in np.ndenumerate(where):
        back[2 * row + place // 2, 2 * column + place % 2] = pooled[row, column]
    figure, axes = grid(1, 4, 10, 2.7)
    for place, (title, numbers, marked) in zip(
        axes,
        (
            ("features", _NUMBERS, back > 0),
            ("max-pooling keeps a quarter", pooled, pooled > 0),
            ("unpooled by position (SegNet)", back, back > 0),
            ("repeated", pooled.repeat(2, 0).repeat(2, 1), np.zeros((4, 4), bool)),
        ),
        strict=True,
    ):
        _table(place, numbers, marked)
        place.set_title(say(title), fontsize=9)
    return figure


def one_hot(say: Say) -> Figure:
    """Show a label map and its one-hot planes."""
    labels = np.array([[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 2], [1, 1, 2, 2]])
    figure, axes = grid(1, 4, 10, 2.7)
    colors = np.array(["#ffffff", "#cfe3f2", "#fbe3b5"])
    _table(axes[0], labels, colors[labels])
    axes[0].set_title(say("label map"), fontsize=9)
    for category, name in enumerate(("0: background", "1: skin", "2: lesion")):
        plane = (labels == category).astype(int)
        _table(axes[category + 1], plane, plane > 0)
        axes[category + 1].set_title(say(name), fontsize=9)
    return figure


def gradients(say: Say) -> Figure:
    """Compare cross-entropy with the squared error of a sigmoid, where the truth is 1."""
    z = np.linspace(-8, 8, 129)
    figure, axes = grid(1, 3, 10, 3.4)
    for name, color, loss, slope in _losses(say):
        axes[0].plot(z, loss(z), color=color, label=name)
        axes[1].plot(z, -slope(z), color=color)
        axes[1].plot(WRONG, -slope(WRONG), "o", color=color)
        down = -0.12 if slope is cross_entropy_slope else 0.05
        axes[1].text(WRONG - 2.2, -slope(WRONG) + down, f"{-slope(WRONG):.4f}", color=color)
        axes[2].plot(descent(slope), color=color)
    axes[0].set(title=say("loss, truth 1"), xlabel=say("output z of the network"))
    axes[0].legend(frameon=False, fontsize=8)
    axes[1].set(title=say("push towards the truth"), xlabel=say("output z of the network"))
    axes[1].axvline(WRONG, color=GRAY, lw=0.6, ls=":")
    axes[2].set(title=say("probability, step by step"), xlabel=say("step of gradient descent"))
    axes[2].set(ylim=(0, 1), xlim=(0, 300))
    return figure


def sigmoid(z: ArrayLike) -> Values:
    """Return the probability of an output."""
    return 1 / (1 + np.exp(-np.asarray(z, float)))


def cross_entropy(z: ArrayLike, truth: float = 1.0) -> Values:
    """Return the binary cross-entropy of an output (of the logit, as frameworks compute it)."""
    return np.logaddexp(0, np.asarray(z, float)) - truth * np.asarray(z, float)


def cross_entropy_slope(z: ArrayLike) -> Values:
    """Return the derivative of `cross_entropy` for the truth 1."""
    return sigmoid(z) - 1


def squared_error_slope(z: ArrayLike) -> Values:
    """Return the derivative of (sigmoid(z) - 1) squared."""
    p = sigmoid(z)
    return 2 * (p - 1) * p * (1 - p)


def descent(slope: object, steps: int = 300) -> Values:
    """Return the probability after each step of size 1 down a slope, from `WRONG` on."""
    z, seen = WRONG, []
    for _ in range(steps):
        seen.append(float(sigmoid(z)))
        z -= float(slope(z))  # type: ignore[operator]
    return np.array(seen)


def steps_to(slope: object, probability: float = 0.9) -> int:
    """Return how many steps of `descent` it takes to be that sure of the truth."""
    return int(np.argmax(descent(slope, 2000) >= probability))


def twice(say: Say) -> Figure:
    """Show what a second sigmoid does to the loss: it can neither fall nor rise any more."""
    z = np.linspace(-8, 8, 129)
    figure, axes = grid(1, 2, 10, 3.4)
    for place, truth in zip(axes, (1, 0), strict=True):
        place.plot(z, cross_entropy(z, truth), color=BLUE, label=say("right: from the output z"))
        label = say("wrong: sigmoid, then loss with logits")
        place.plot(z, cross_entropy(sigmoid(z), truth), color=RED, label=label)
        floor = float(cross_entropy(truth, truth))  # the best that a sigmoid can hand over
        place.axhline(floor, color=RED, lw=0.7, ls=":")
        place.text(
            6 if truth else -6, floor - 0.08, f"{floor:.3f}", color=RED, va="top", ha="center"
        )
        title = say("pixel of the object") if truth else say("pixel of the background")
        place.set(ylim=(0, 3), title=title, xlabel=say("output z of the network"))
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def imbalance(say: Say) -> Figure:
    """Show the losses of "nothing there" against how much of the image the object fills."""
    share = np.logspace(-3.5, -0.3, 200)
    bce, dice = nothing_there(share)
    figure, (axes,) = grid(1, 1, 6.4, 3.4)
    axes.semilogx(share * 100, bce, color=BLUE, label=say("cross-entropy, mean over pixels"))
    axes.semilogx(share * 100, dice, color=GREEN, label=say("Dice loss"))
    axes.set(xlabel=say("share of the image that is object, %"), ylim=(0, 1.6))
    axes.set_title(say('loss of the answer "1 % everywhere"'))
    axes.legend(frameon=False, fontsize=8)
    return figure


def nothing_there(share: ArrayLike, answer: float = 0.01) -> tuple[Values, Values]:
    """Return cross-entropy and Dice loss of one probability everywhere, by the object's share."""
    share = np.asarray(share, float)
    bce = -share * np.log(answer) - (1 - share) * np.log(1 - answer)
    return bce, 1 - 2 * answer * share / (answer + share)


def overlap(say: Say) -> Figure:
    """Show hits, false alarms and misses of two disks, and the scores that follow."""
    truth, predicted = disks()
    hit, extra, missed = (
        int(part.sum()) for part in (truth & predicted, predicted & ~truth, truth & ~predicted)
    )
    figure, axes = grid(1, 2, 10, 3.4)
    picture = np.full((*truth.shape, 3), 245, np.uint8)
    picture[truth & predicted], picture[truth & ~predicted] = (0, 158, 115), (230, 159, 0)
    picture[predicted & ~truth] = (86, 180, 233)
    axes[0].imshow(picture)
    axes[0].set_axis_off()
    for x, name, count in ((54, "missed", missed), (100, "hit", hit), (146, "false", extra)):
        axes[0].text(x, 60, f"{say(name)}\n{count}", ha="center", va="center")
    names = ("IoU", "Dice", say("pixel accuracy"))
    scores = (
        hit / (hit + extra + missed),
        2 * hit / (2 * hit + extra + missed),
        1 - (extra + missed) / truth.size,
    )
    bars = axes[1].barh(names, scores, color=(BLUE, GREEN, GRAY))
    axes[1].bar_label(bars, [f"{score:.3f}" for score in scores], padding=3)
    axes[1].set(xlim=(0, 1.1))
    axes[1].invert_yaxis()
    return figure


def disks() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a true and a predicted disk, bool of shape (120, 200)."""
    rows, columns = np.indices((120, 200))
    truth, predicted = ((rows - 60) ** 2 + (columns - x) ** 2 <= 45**2 for x in (85, 115))
    return truth, predicted


def shift(say: Say) -> Figure:
    """Show IoU and Dice of a disk against itself, moved by two pixels, by its radius."""
    radii = np.arange(3, 81)
    scores = np.array([moved(int(radius)) for radius in radii])
    figure, axes = grid(1, 2, 10, 3.4)
    axes[0].plot(radii, scores[:, 0], color=BLUE, label="IoU")
    axes[0].plot(radii, scores[:, 1], color=GREEN, label="Dice")
    axes[0].set(ylim=(0, 1), xlabel=say("radius of the object, pixels"))
    axes[0].set_title(say("the outline is off by two pixels"))
    axes[0].legend(frameon=False)
    iou = np.linspace(0, 1, 101)
    axes[1].plot(iou, 2 * iou / (1 + iou), color=GREEN)
    axes[1].plot(iou, iou, color=GRAY, lw=0.7, ls=":")
    axes[1].set(xlabel="IoU", ylabel="Dice", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes[1].set_title("Dice = 2 IoU / (1 + IoU)")
    return figure


def moved(radius: int, by: int = 2) -> tuple[float, float]:
    """Return IoU and Dice of a disk and the same disk `by` pixels to the right."""
    y, x = np.indices((2 * radius + 5, 2 * radius + 5 + by)) - (radius + 2)
    first, second = (y**2 + (x - dx) ** 2 <= radius**2 for dx in (0, by))
    both = (first & second).sum()
    return float(both / (first | second).sum()), float(2 * both / (first.sum() + second.sum()))


def similarity(say: Say) -> Figure:
    """Show how near a keypoint must lie to count, for three kinds of keypoints."""
    distance = np.linspace(0, 60, 121)
    figure, (axes,) = grid(1, 1, 6.4, 3.4)
    for name, color in (("left_eye", BLUE), ("left_wrist", ORANGE), ("left_hip", GREEN)):
        axes.plot(distance, closeness(name, distance), color=color, label=say(name[5:]))
    axes.axhline(0.5, color=GRAY, lw=0.7, ls=":")
    axes.set(xlabel=say("distance from the truth, pixels"), ylabel="OKS", ylim=(0, 1))
    axes.set_title(say("a person of 100 × 200 pixels, one keypoint"))
    axes.legend(frameon=False)
    return figure


def closeness(keypoint: str, distance: ArrayLike, area: float = 0.53 * 100 * 200) -> Values:
    """Return the similarity of one keypoint, after COCO; see `metrics.keypoint_similarity`."""
    people = SKELETONS["coco17"]
    sigma = people.sigmas[people.keypoints.index(keypoint)]
    return np.exp(-(np.asarray(distance, float) ** 2) / (2 * area * (2 * sigma) ** 2))


def half_way(keypoint: str) -> float:
    """Return the distance in pixels at which the similarity of a keypoint is one half."""
    distance = np.linspace(0, 100, 10001)
    return float(distance[np.argmax(closeness(keypoint, distance) <= 0.5)])


def _losses(say: Say) -> tuple[tuple[str, str, object, object], ...]:
    def squared(z: ArrayLike) -> Values:
        return (sigmoid(z) - 1) ** 2

    return (
        (say("cross-entropy"), BLUE, cross_entropy, cross_entropy_slope),
        (say("squared error"), RED, squared, squared_error_slope),
    )


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], color: str, style: str = "-"
) -> None:
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=color, ls=style)
    )


def _table(axes: Axes, numbers: NDArray, marked: NDArray) -> None:
    """Draw numbers in cells; `marked` is a mask, or a color for each cell."""
    rows, columns = numbers.shape
    for (row, column), number in np.ndenumerate(numbers):
        mark = marked[row, column]
        color = mark if isinstance(mark, str) else ("#fbe3b5" if mark else "#ffffff")
        axes.add_patch(Rectangle((column, row), 1, 1, fc=color, ec=GRAY))
        axes.text(column + 0.5, row + 0.5, str(number), ha="center", va="center")
    side = max(4, rows)
    low = (columns - side) / 2
    axes.set(xlim=(low - 0.1, low + side + 0.1), ylim=(low + side + 0.1, low - 0.1), aspect="equal")
    axes.set_axis_off()
