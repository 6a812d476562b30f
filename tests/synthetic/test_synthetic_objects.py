"""Drawn cells and meadows: the same again for the same number, exact ids, and what lies on disk."""

import numpy as np
import pytest

from segmentare.datasets import open_dataset
from segmentare.datasets.base import Dataset
from segmentare.synthetic.meadow import FENCE, GRASS, SHEEP, SKY
from segmentare.synthetic.object_datasets import (
    MEADOW_CATEGORIES,
    SyntheticObjects,
    draw_cells,
    draw_meadow,
    write_dataset,
)

BOTH = pytest.mark.parametrize("draw", [draw_cells, draw_meadow])


@BOTH
def test_one_number_gives_one_picture(draw):
    first, again, other = draw(7), draw(7), draw(8)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.annotation.instance, again.annotation.instance)
    assert not np.array_equal(first.image, other.image)


@BOTH
@pytest.mark.parametrize("size", [(32, 32), (33, 257), (200, 64), (192, 256)])
def test_every_size_is_drawn(draw, size):
    for seed in range(12):
        sample = draw(seed, size)
        assert sample.image.shape == (*size, 3)
        assert sample.image.dtype == np.uint8
        truth = sample.annotation
        assert truth.instance.shape == truth.category.shape == size
        assert truth.instance.dtype == np.int32
        ids = np.unique(truth.instance[truth.instance > 0])
        assert ids.tolist() == list(range(1, len(ids) + 1))


@pytest.fixture(scope="module")
def cells():
    return [draw_cells(seed) for seed in range(30)]


@pytest.fixture(scope="module")
def meadows():
    return [draw_meadow(seed) for seed in range(30)]


def test_cells_touch_and_differ(cells):
    counts = [sample.annotation.instance.max() for sample in cells]
    assert min(counts) >= 2
    assert max(counts) > 40
    touching = 0
    for sample in cells:
        ids = sample.annotation.instance
        assert np.array_equal(ids > 0, sample.annotation.category == 1)
        assert np.bincount(ids.ravel())[1:].min() >= 12
        beside = (ids[:, 1:] != ids[:, :-1]) & (ids[:, 1:] > 0) & (ids[:, :-1] > 0)
        touching += beside.any()
    assert touching > 20
    assert {sample.labels["look"] for sample in cells} == {"fluorescence", "stained", "bright"}


def test_some_cells_are_rings(cells):
    rings = 0
    for sample in cells:
        ids = sample.annotation.instance
        for number in range(1, ids.max() + 1):
            y, x = np.nonzero(ids == number)
            rings += ids[round(y.mean()), round(x.mean())] == 0
    assert rings > 20


def test_meadows_show_sky_above_grass_and_sheep_that_hide_each_other(meadows):
    hidden = fences = 0
    for sample in meadows:
        category, ids = sample.annotation.category, sample.annotation.instance
        assert set(np.unique(category)) <= {SKY, GRASS, FENCE, SHEEP}
        assert np.array_equal(ids > 0, category == SHEEP)
        assert (category[0] == SKY).mean() > 0.9
        assert (category[-1] != SKY).all()
        fences += (category == FENCE).any()
        areas = np.bincount(ids.ravel())[1:]
        assert areas.min() >= 20
        beside = (ids[1:] != ids[:-1]) & (ids[1:] > 0) & (ids[:-1] > 0)
        hidden += beside.any()
    assert fences > 15
    assert hidden > 15
    assert [category.thing for category in MEADOW_CATEGORIES] == [False, False, False, True]
    assert max(sample.annotation.instance.max() for sample in meadows) >= 7


def test_the_picture_shows_what_the_mask_says(cells, meadows):
    for sample in cells:
        gray, ids = sample.image.mean(axis=2), sample.annotation.instance
        inside, outside = gray[ids > 0].mean(), gray[ids == 0].mean()
        assert (inside > outside) == (sample.labels["look"] == "fluorescence")
        assert abs(inside - outside) > 5
    for sample in meadows:
        category, image = sample.annotation.category, sample.image.astype(int)
        blue = image[..., 2] - image[..., 1]
        assert blue[category == SKY].mean() > blue[category == GRASS].mean() + 20


@pytest.mark.parametrize("kind", ["cells", "meadow"])
def test_a_dataset_draws_on_demand(kind):
    dataset: Dataset = SyntheticObjects(kind, 5, seed=3, size=(48, 64))
    assert len(dataset) == len(dataset.records) == 5
    for index, record in enumerate(dataset.records):
        assert dataset[index].name == record.name
    assert np.array_equal(dataset[1].image, SyntheticObjects(kind, 2, 3, (48, 64))[1].image)
    with pytest.raises(IndexError):
        dataset[5]
    others = SyntheticObjects(kind, 5, seed=4, size=(48, 64))
    pictures = {sample.image.tobytes() for sample in (*dataset, *others)}
    assert len(pictures) == 10


@pytest.mark.parametrize("kind", ["cells", "meadow"])
def test_what_is_written_is_what_was_drawn(tmp_path, kind):
    root = write_dataset(tmp_path / "drawn", kind, 3, seed=1, size=(64, 80))
    read = open_dataset(root, task="instance" if kind == "cells" else "panoptic")
    assert not read.problems
    drawn = SyntheticObjects(kind, 3, 1, (64, 80))
    assert [c.thing for c in read.categories] == [c.thing for c in drawn.categories]
    for sample, found in zip(drawn, read, strict=True):
        assert found.name == sample.name
        assert np.array_equal(found.image, sample.image)
        assert np.array_equal(found.annotation.instance, sample.annotation.instance)
        assert np.array_equal(found.annotation.category, sample.annotation.category)
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert len(files) == (6 if kind == "cells" else 7)
    write_dataset(root, kind, 3, seed=1, size=(64, 80))  # may be repeated


def test_wrong_requests_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="seed of a drawing must be 0 or more; got -1"):
        draw_cells(-1)
    with pytest.raises(ValueError, match="at least 32 pixels high and wide; got 20 x 256"):
        draw_meadow(0, (20, 256))
    with pytest.raises(ValueError, match="at least 1 picture; got 0"):
        SyntheticObjects("cells", 0)
    with pytest.raises(ValueError, match="must be cells or meadow; got 'sea'"):
        SyntheticObjects("sea", 1)
