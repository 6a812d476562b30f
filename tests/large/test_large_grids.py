"""Parts of the network's input and of its maps are what the whole image gives there."""

import numpy as np
import pytest

from segmentare.annotations.segmentation import Category
from segmentare.images.windows import WholeImage
from segmentare.large.grids import Grid, MapRows, measure_range
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.preprocessing import Preprocessing, value_range
from segmentare.tasks import InstanceTask, SemanticTask

GROUND = Category("background", (0, 0, 0), background=True)
CELL = Category("cell", (255, 0, 0), thing=True)
AREA = Category("area", (255, 0, 0))


def noise(height, width, dtype=np.uint8, channels=3):
    random = np.random.default_rng(height)
    pixels = random.integers(0, 256, (height, width, channels))
    return pixels.astype(dtype) if dtype != np.float32 else (pixels / 255).astype(dtype)


def preprocessing(dtype="uint8", channels=3, **settings):
    return Preprocessing(
        channels, dtype, (9.0,) * channels, (50.0,) * channels, (64, 96), **settings
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("scale", [None, 1.0, 0.5, 0.37, 1.7, 2.0])
def test_parts_of_the_input_are_those_of_the_whole(dtype, scale):
    image = noise(331, 452, np.dtype(dtype).type)
    model = preprocessing(dtype, scale=scale)
    frame = model.frame(image.shape[:2])
    whole = model.arrange(image, frame)
    grid = Grid(WholeImage(image), model)
    height, width = frame.padded
    for rows, columns in (
        ((0, height), (0, width)),
        ((32, 64), (32, 64)),
        ((height - 32, height), (width - 64, width)),
    ):
        part = grid.read(rows, columns)
        expected = whole[slice(*rows), slice(*columns)]
        assert part.dtype == expected.dtype
        if dtype == "uint8" and scale != 0.37 and scale is not None:
            assert np.array_equal(part, expected)
        else:
            far = np.abs(part.astype(float) - expected.astype(float))
            assert far.max() <= (1 if dtype != "float32" else 5e-5)
            assert (far > 5e-5).mean() < 1e-3


def test_the_range_of_a_whole_image_is_found_in_parts():
    image = noise(2500, 2100)
    assert measure_range(WholeImage(image)) == value_range(image)


def pattern(stride, task):
    """A function whose maps tell every place of the input apart."""

    def maps_of(batch):
        small = batch[:, ::stride, ::stride].mean(axis=3)
        rows = np.arange(small.shape[1])[:, None] / 7
        return {
            head.name: np.stack([np.sin(small * (c + 1) + rows) for c in range(head.channels)], 1)
            for head in task.heads
        }

    return maps_of


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("scale", [None, 1.0, 0.37, 1.7])
@pytest.mark.parametrize("task", [SemanticTask((GROUND, AREA)), InstanceTask((GROUND, CELL))])
def test_maps_of_parts_are_those_of_the_whole(stride, scale, task):
    most = 1 if scale == 0.37 else 1e-3  # rounding of the input may differ by a gray level
    image = noise(1201, 1310)  # more than is processed in one piece
    predictor = Predictor(pattern(stride, task), task, preprocessing(scale=scale))
    whole = predictor.maps(image)
    grid = Grid(WholeImage(image), predictor.preprocessing)
    for columns in ((0, 500), (500, 1310)):
        rows_of_maps = MapRows(predictor, grid, columns)
        for rows in ((0, 300), (290, 800), (800, 1201)):
            list(rows_of_maps.advance(rows))
            for name, values in rows_of_maps.read(rows, columns).items():
                expected = whole[name][:, slice(*rows), slice(*columns)]
                far = np.abs(values - expected)
                assert far.max() < most
                assert far.mean() < 1e-4
        assert rows_of_maps.done == rows_of_maps.total


def test_rows_that_are_skipped_change_nothing():
    task, image = SemanticTask((GROUND, AREA)), noise(1201, 1310)
    predictor = Predictor(pattern(1, task), task, preprocessing(scale=1.0))
    maps = MapRows(predictor, Grid(WholeImage(image), predictor.preprocessing), (100, 900))
    maps.skip_to((600, 800))
    list(maps.advance((600, 800)))
    found = maps.read((600, 800), (100, 900))["object"]
    assert maps.skipped > 0
    assert np.array_equal(found, predictor.maps(image)["object"][:, 600:800, 100:900])
    with pytest.raises(ValueError, match="computed first"):
        maps.read((100, 200), (100, 900))
