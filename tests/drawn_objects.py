"""Drawn annotations with objects, for the tests of tasks that count."""

import numpy as np
from hypothesis import strategies as st

from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation

BACKGROUND = Category("background", (0, 0, 0), background=True)
CELL = Category("cell", (255, 196, 0), thing=True)
SHEEP = Category("sheep", (255, 255, 255), thing=True)
DOG = Category("dog", (120, 60, 20), thing=True)
SKY = Category("sky", (90, 160, 230))
GRASS = Category("grass", (60, 150, 60))


@st.composite
def rectangles(draw, kinds=(1,), stuff=(0,), side=56, cell=14):
    """At most one rectangle per 14 x 14 square, often touching the next one, strange ids."""
    category = np.full((side, side + cell), draw(st.sampled_from(stuff)), np.uint8)
    instance = np.zeros(category.shape, np.int32)
    for top in range(0, side, cell):
        for left in range(0, side + cell, cell):
            if not draw(st.booleans()):
                continue
            height, width = draw(st.integers(7, cell)), draw(st.integers(7, cell))
            box = np.s_[top : top + height, left : left + width]
            category[box] = draw(st.sampled_from(kinds))
            instance[box] = 1 + 100 * top + left
    if draw(st.booleans()):
        category[:, :3], instance[:, :3] = UNLABELED, 0
    return Segmentation(category, instance)


def ellipses(rng, side, count, radii, *, hollow=False):
    """Return the ids of touching ellipses (or rings); what came first keeps its pixels."""
    instance = np.zeros((side, side), np.int32)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    number = 0
    for _ in range(20 * count):
        a, b = rng.uniform(*radii, 2)
        reach = int(max(a, b)) + 1
        cx, cy = rng.uniform(reach, side - reach - 1, 2)
        turn = rng.uniform(0, np.pi)
        across = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        down = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        far = (across / a) ** 2 + (down / b) ** 2
        if (instance[far <= 1] == 0).mean() < 0.9:
            continue
        number += 1
        instance[(far <= 1) & (far >= 0.25 * hollow) & (instance == 0)] = number
        if number == count:
            break
    return instance


def of_cells(instance):
    """Return the annotation of one kind of object."""
    return Segmentation((instance > 0).astype(np.uint8), instance)


def f1(found, truth):
    """Return the F1 at IoU 0.5, counted the slow and obvious way."""
    true, guessed = np.unique(truth[truth > 0]), np.unique(found[found > 0])
    pairs = 0
    for number in true:
        mask = truth == number
        for other in np.unique(found[mask & (found > 0)]):
            guess = found == other
            pairs += (mask & guess).sum() / (mask | guess).sum() > 0.5
    return 2 * pairs / max(len(true) + len(guessed), 1)
