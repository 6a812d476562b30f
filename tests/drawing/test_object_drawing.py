import itertools

import numpy as np
import pytest
from object_scenes import draw, random_scene, segmentation

from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation
from segmentare.drawing import objects as object_drawing
from segmentare.drawing.borders import enlarged
from segmentare.drawing.object_colors import PALETTE
from segmentare.drawing.objects import (
    NOT_JUDGED,
    OUTCOMES,
    compare_objects,
    draw_annotation,
    draw_objects,
    draw_panoptic,
)
from segmentare.metrics.instance import InstanceScores
from segmentare.metrics.panoptic import PanopticScores

CELLS = (Category("soil", (0, 0, 0), background=True), Category("cell", (255, 0, 0), thing=True))
KINDS = (*CELLS, Category("debris", (0, 255, 0), thing=True))
MEADOW = (
    Category("sky", (90, 160, 255)),
    Category("grass", (60, 200, 60)),
    Category("sheep", (220, 60, 60), thing=True),
)


def two_touching(size=(40, 60)):
    instance = np.zeros(size, np.int32)
    instance[10:30, 10:25], instance[10:30, 25:40] = 1, 2
    return Segmentation((instance > 0).astype(np.uint8), instance)


def near(picture, color, distance=40.0):
    return np.linalg.norm(picture.astype(float) - color, axis=-1) < distance


def test_touching_objects_keep_their_own_lines():
    picture = draw_objects(np.zeros((40, 60, 3), np.uint8), two_touching(), CELLS)
    assert picture.shape == (160, 240, 3)
    first, second = near(picture, PALETTE[0]), near(picture, PALETTE[1])
    assert first[80, 40]
    assert first[80, 99]
    assert second[80, 100]
    assert second[80, 159]
    assert not first[:, 100:].any()
    assert not second[:, :100].any()
    assert not (first | second)[:38].any()
    middle = picture[65:95, 55:85]  # the id of the first, white on a dark rim
    assert near(middle, (255, 255, 255)).any()
    assert (picture[:36] == 0).all()


def test_images_are_not_altered_and_large_ones_keep_their_size():
    image = np.full((40, 950, 3), 90, np.uint8)
    found = two_touching((40, 950))
    assert draw_objects(image, found, CELLS).shape == image.shape
    compare_objects(image, found, found, CELLS)
    draw_panoptic(image, found, (*CELLS, MEADOW[0]))
    assert (image == 90).all()
    assert draw_objects(np.zeros((500, 20), np.uint16), two_touching((500, 20)), CELLS).shape == (
        1000, 40, 3,
    )  # fmt: skip


@pytest.mark.parametrize("ground", [0, 255])
def test_lines_are_seen_on_dark_and_on_light_ground(ground):
    image = np.full((900, 900, 3), ground, np.uint8)
    instance = np.zeros((900, 900), np.int32)
    instance[100:800, 100:800] = 4  # yellow, the lightest
    found = Segmentation((instance > 0).astype(np.uint8), instance)
    picture = draw_objects(image, found, CELLS).astype(float)
    profile = picture[450, 90:115] @ (0.299, 0.587, 0.114)
    assert np.abs(np.diff(profile)).max() > 60


def test_kinds_of_objects_are_named():
    image = np.zeros((300, 900, 3), np.uint8)
    instance = np.zeros((300, 900), np.int32)
    instance[50:250, 50:850] = 1
    plain = Segmentation((instance > 0).astype(np.uint8), instance)
    named = draw_objects(image, plain, KINDS)
    assert (named != draw_objects(image, plain, CELLS)).any()
    named = near(named, (255, 255, 255)).sum()
    assert named > 2 * near(draw_objects(image, plain, CELLS), (255, 255, 255)).sum()


def test_surfaces_are_tinted_and_unknown_pixels_are_left_alone():
    category = np.zeros((950, 950), np.uint8)
    category[500:] = 1
    category[:, 900:] = UNLABELED
    instance = np.zeros((950, 950), np.int32)
    for number, left in enumerate((100, 300), 1):
        category[600:700, left : left + 200], instance[600:700, left : left + 200] = 2, number
    image = np.full((950, 950, 3), 100, np.uint8)
    picture = draw_panoptic(image, Segmentation(category, instance), MEADOW)
    assert picture[100, 100].tolist() == [95, 130, 178]
    assert picture[900, 100].tolist() == [80, 150, 80]
    assert (picture[:, 905:] == 100).all()
    assert (picture[610, 150] != picture[610, 350]).any()  # shades of one category
    assert near(picture[200:300, 400:500], (255, 255, 255)).any()  # "sky"


@pytest.mark.parametrize(("surfaces", "metric"), [(False, InstanceScores), (True, PanopticScores)])
def test_the_counts_are_those_of_the_scores(surfaces, metric):
    categories = MEADOW if surfaces else CELLS
    for seed in range(6):
        predicted, truth = draw(random_scene(seed, size=(90, 120), crowds=seed % 2))
        if surfaces:  # ellipses become sheep in the grass
            predicted, truth = (
                Segmentation(np.where(s.category == 1, 2, s.category).astype(np.uint8), s.instance)
                for s in (predicted, truth)
            )
        image = np.zeros((90, 120, 3), np.uint8)
        counts = compare_objects(image, truth, predicted, categories, surfaces=surfaces).counts
        scores = metric(categories, fast=True)
        scores.update(predicted, truth)
        every = scores.compute()["categories"].values()
        assert counts["matched"] + counts["missed"] == sum(row["objects_true"] for row in every)
        found = sum(row["objects_predicted"] for row in every)
        assert counts["matched"] + counts["invented"] == found
        matched = scores.per_image()[0]["objects_matched"]
        assert counts["matched"] in ({matched, matched + 1} if surfaces else {matched})


def test_outcomes_by_color():
    size = (920, 920)
    truth, guess = np.zeros((2, *size), np.int32)
    truth[100:300, 100:300] = 1
    guess[110:300, 100:300] = 7
    truth[500:700, 100:300] = 2  # missed
    guess[100:300, 500:700] = 9  # invented
    guess[500:600, 500:600] = 11  # where nobody labeled anything
    category = (truth > 0).astype(np.uint8)
    category[480:620, 480:620] = UNLABELED
    compared = compare_objects(
        np.zeros((*size, 3), np.uint8),
        Segmentation(category, truth),
        Segmentation((guess > 0).astype(np.uint8), guess),
        CELLS,
    )
    assert compared.counts == {"matched": 1, "missed": 1, "invented": 1}
    picture = compared.picture
    assert near(picture[200, 100:103], OUTCOMES["matched"]).any()
    assert near(picture[100:102, 150:250], (255, 255, 255), 120).any()  # its truth
    dashes = near(picture[500:700, 100:103], OUTCOMES["missed"]).any(1)
    assert 0.4 < dashes.mean() < 0.8
    assert near(picture[100:300, 500:503], OUTCOMES["invented"]).any(1).mean() > 0.95
    assert picture[550, 550].tolist() == [75, 75, 75]
    assert near(picture[500:600, 500:503], NOT_JUDGED).any()
    assert picture[600, 200].tolist() == [77, 68, 0]
    assert picture[200, 600].tolist() == [69, 0, 69]
    assert picture[200, 200].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("surfaces", "matched"), [(False, 1), (True, 0)])
def test_half_an_overlap_matches_objects_but_not_segments(surfaces, matched):
    truth, guess = np.zeros((2, 920, 20), np.int32)
    truth[10:20, 5:15], guess[10:15, 5:15] = 1, 1
    known = Segmentation(np.where(truth > 0, 2, 1).astype(np.uint8), truth)
    found = Segmentation(np.where(guess > 0, 2, UNLABELED).astype(np.uint8), guess)
    image = np.zeros((920, 20, 3), np.uint8)
    counts = compare_objects(image, known, found, MEADOW, surfaces=surfaces).counts
    assert counts["matched"] == matched


def test_a_picture_of_truth_and_prediction_shrinks():
    predicted, truth = draw(random_scene(1, size=(1500, 2000)))
    compared = compare_objects(
        np.zeros((1500, 2000, 3), np.uint8), truth, predicted, CELLS, side=1000
    )
    assert compared.picture.shape == (750, 1000, 3)


def simulated(color, matrix):
    share = np.array(color) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(matrix) @ linear, 0, 1)
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ seen
        / (0.9505, 1, 1.089)
    )
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


#: Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
#: Deficiency", TVCG 2009, at full severity
VISION = {
    "full": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                 [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


@pytest.mark.parametrize("matrix", VISION.values(), ids=VISION)
def test_outcomes_differ_for_every_kind_of_color_vision(matrix):
    for one, other in itertools.combinations(OUTCOMES.values(), 2):
        gap = np.linalg.norm(simulated(one, matrix) - simulated(other, matrix))
        assert gap > 55


def test_an_annotation_is_drawn_by_what_it_holds(monkeypatch):
    called = []
    for name in ("draw_outlines", "overlay", "draw_objects", "draw_panoptic"):
        monkeypatch.setattr(object_drawing, name, lambda *_, name=name: called.append(name))
    image, objects = np.zeros((40, 60, 3), np.uint8), two_touching()
    plain = Segmentation(objects.category)
    for annotation, categories in (
        (plain, CELLS), (plain, MEADOW), (objects, CELLS), (objects, KINDS), (objects, MEADOW),
    ):  # fmt: skip
        draw_annotation(image, annotation, categories)
    assert called == ["draw_outlines", "overlay", "draw_objects", "draw_objects", "draw_panoptic"]


def test_nothing_and_categories_alone():
    image = np.full((950, 30, 3), 9, np.uint8)
    nothing = segmentation(np.zeros((950, 30)), np.zeros((950, 30)))
    assert (draw_objects(image, nothing, CELLS) == 9).all()
    compared = compare_objects(image, nothing, nothing, CELLS)
    assert compared.counts == {"matched": 0, "missed": 0, "invented": 0}
    assert (compared.picture == 9).all()
    with pytest.raises(ValueError, match="categories alone"):
        draw_objects(image, Segmentation(nothing.category), CELLS)


def test_outlines_double_smoothly():
    y, x = np.mgrid[:60, :60]
    disc = ((y - 30) ** 2 + (x - 29) ** 2 <= 400).astype(np.int32)
    picture, (large,) = enlarged(np.zeros((60, 60, 3), np.uint8), disc)
    assert picture.shape == (240, 240, 3)
    y, x = np.mgrid[:240, :240]
    far = np.hypot(y - 121.5, x - 117.5)
    blocks = disc.repeat(4, 0).repeat(4, 1)
    rough, smooth = (
        min(int((labels != (far <= radius)).sum()) for radius in np.arange(78, 85, 0.25))
        for labels in (blocks, large)
    )
    assert smooth < 0.7 * rough
