import numpy as np
import pytest

from segmentare.annotations.segmentation import Category
from segmentare.drawing.object_colors import (
    PALETTE,
    choose,
    neighbors,
    object_colors,
    shades,
)


def mosaic(seed=0, count=60):
    """Every pixel belongs to the nearest of some points; some cells are cleared."""
    random = np.random.default_rng(seed)
    points = random.uniform(0, 100, (count, 2))
    pixels = np.stack(np.mgrid[:100, :100], -1)[..., None, :]
    place = ((pixels - points) ** 2).sum(-1).argmin(-1).astype(np.int32) + 1
    place[place % 5 == 0] = 0
    return np.unique(place, return_inverse=True)[1].reshape(place.shape).astype(np.int32)


def touching(place):
    pairs = set()
    for one, other in ((place[:, 1:], place[:, :-1]), (place[1:], place[:-1])):
        met = (one != other) & (one > 0) & (other > 0)
        pairs |= {
            (min(p), max(p)) for p in zip(one[met].tolist(), other[met].tolist(), strict=True)
        }
    return pairs


@pytest.mark.parametrize("seed", range(4))
def test_objects_that_touch_differ(seed):
    place = mosaic(seed)
    ids = np.arange(1, place.max() + 1)
    pairs = touching(place)
    assert len(pairs) > 40
    assert pairs <= {tuple(pair) for pair in neighbors(place).tolist()}
    colors = object_colors(place, ids)
    assert all((colors[a] != colors[b]).any() for a, b in pairs)
    numbers = choose(place, ids, 6)  # six suffice where four would
    assert all(numbers[a] != numbers[b] for a, b in pairs)


def test_neighbors_by_hand():
    place = np.zeros((20, 60), np.int32)
    place[5:15, 2:10], place[5:15, 14:20], place[5:15, 40:50] = 1, 2, 3
    assert neighbors(place).tolist() == [[1, 2]]
    assert neighbors(np.zeros((5, 5), np.int32)).shape == (0, 2)
    assert neighbors(np.ones((5, 5), np.int32)).shape == (0, 2)


def test_colors_stay_when_others_come():
    place = mosaic()
    ids = np.arange(1, place.max() + 1)
    fewer = np.where(place > 30, 0, place)
    same = object_colors(place, ids)[:31] == object_colors(fewer, ids[:30])
    assert same.all(1).mean() > 0.9  # some come close only where nothing lies between


def test_an_object_alone_has_the_color_of_its_id():
    place = np.zeros((20, 20), np.int32)
    place[5:9, 5:9] = 1
    for number in (1, 2, 13, 5000):
        color = tuple(object_colors(place, np.array([number]))[1])
        assert color == PALETTE[(number - 1) % len(PALETTE)]


def test_shades_keep_to_their_category():
    kinds = (Category("sheep", (200, 40, 40), thing=True), Category("cow", (40, 40, 200)))
    place = mosaic()
    ids = np.arange(1, place.max() + 1)
    found = shades(place, ids, ids % 2, kinds).astype(int)
    assert len(np.unique(found[1:], axis=0)) > 6
    assert (found[2::2, 0] > found[2::2, 2]).all()
    assert (found[1::2, 0] < found[1::2, 2]).all()
