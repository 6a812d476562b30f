import tracemalloc
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from segmentare.annotations import geometry
from segmentare.annotations.segmentation import Category
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks.base import Head
from segmentare.tasks.semantic import SemanticTask

LESION = (Category("skin", (0, 0, 0), background=True), Category("lesion", (255, 0, 0)))


@dataclass(frozen=True)
class Raw:
    """A task that hands the maps through."""

    heads: tuple[Head, ...]
    coarse = False

    def scaled(self, factor):
        del factor
        return self

    def decode(self, maps, stride):
        assert stride == 1
        return maps


def position(size):
    """An image that shows at every pixel its own x and y."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.stack([x, y], axis=-1).astype(np.float32)


def pooled(batch, stride):
    n, height, width, channels = batch.shape
    cells = batch.reshape(n, height // stride, stride, width // stride, stride, channels)
    return np.moveaxis(cells.mean(axis=(2, 4), dtype=np.float64), -1, 1).astype(np.float32)


def predictor(maps_of, *heads, size=(64, 96), scale=None, channels=2, dtype="float32", **more):
    settings = Preprocessing(channels, dtype, (0.0,) * channels, (1.0,) * channels, size, scale)
    return Predictor(maps_of, Raw(heads), settings, **more)


def seeing(stride, **more):
    """A predictor whose network answers with the pixels that it sees."""
    return predictor(lambda batch: {"p": pooled(batch, stride)}, Head("p", 2, "heatmap"), **more)


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
@pytest.mark.parametrize("scale", [None, 1.0, 0.5, 1.7])
@pytest.mark.parametrize("size", [(64, 96), (101, 67), (40, 333), (96, 64)])
def test_every_pixel_comes_back_to_its_place(size, scale, stride):
    x, y = seeing(stride, scale=scale).maps(position(size))["p"]
    assert x.shape == y.shape == size
    content = Preprocessing(2, "float32", (0, 0), (1, 1), (64, 96), scale).frame(size).content
    for found, axis in ((y, 0), (x, 1)):
        true = position(size)[..., 1 - axis]
        cell = size[axis] / content[axis] * stride  # in pixels of the image
        margin = int(np.ceil(1.5 * cell)) + 1
        inner = (slice(margin, size[0] - margin), slice(margin, size[1] - margin))
        assert np.abs(found - true)[inner].max(initial=0) < 0.05 * max(1, cell)
        if found[inner].size > 100:
            assert abs((found - true)[inner].mean()) < 0.01  # not shifted
        assert np.abs(found - true).max() <= cell  # no more than the clamp at the edge


@pytest.mark.parametrize("flips", [False, True])
def test_tiles_leave_no_seam(monkeypatch, flips):
    monkeypatch.setattr("segmentare.prediction.preprocessing.WHOLE_LIMIT", 64 * 64)
    image = position((301, 205))
    maps = seeing(1, scale=1.0, flips=flips).maps(image)["p"]
    assert np.allclose(maps, np.moveaxis(image, -1, 0), rtol=1e-6, atol=1e-4)
    constant = seeing(4, scale=1.0, flips=flips).maps(np.full_like(image, 0.1))["p"]
    assert (constant == np.float32(0.1)).all()


def test_a_network_with_edge_effects_shows_no_seam_in_tiles(monkeypatch):
    monkeypatch.setattr("segmentare.prediction.preprocessing.WHOLE_LIMIT", 64 * 64)

    def blurred(batch):  # zeros come in from the edge of the tile, as in a padded convolution
        maps = [cv2.blur(image, (9, 9), borderType=cv2.BORDER_CONSTANT) for image in batch]
        return {"p": np.stack(maps)[:, None]}

    model = predictor(blurred, Head("p", 1, "heatmap"), scale=1.0, channels=1, overlap=0.5)
    result = model.maps(np.ones((301, 205, 1), np.float32))["p"][0, 8:-8, 8:-8]
    assert result.min() > 0.98


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("size", [(1, 1), (45, 50), (1, 400), (97, 33)])
@pytest.mark.parametrize("scale", [None, 1.0])
def test_padding_never_leaks(size, scale, stride):
    model = predictor(lambda _: {}, Head("p", 1, "heatmap"), scale=scale, channels=1)
    content = model.preprocessing.frame(size).content

    def maps_of(batch):
        maps = np.full((1, 1, batch.shape[1] // stride, batch.shape[2] // stride), 1e9, np.float32)
        maps[..., : -(-content[0] // stride), : -(-content[1] // stride)] = 0.25
        return {"p": maps}

    model = predictor(maps_of, Head("p", 1, "heatmap"), scale=scale, channels=1)
    result = model.maps(np.zeros((*size, 1), np.float32))["p"]
    assert result.shape == (1, *size)
    assert (result == 0.25).all()


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2000, 3)])
def test_tiny_and_thin_images(size, flips):
    image = np.random.default_rng(0).random((*size, 2), dtype=np.float32)
    maps = seeing(4, flips=flips).predict(image)["p"]
    assert maps.shape == (2, *size)
    assert maps.min() >= 0
    assert maps.max() <= 1


def uneven(batch):
    """A network with a sense of left and up, as trained ones have."""
    blurred = np.stack([cv2.blur(image, (5, 3), anchor=(0, 0)) for image in batch])
    ramp = np.linspace(0, 1, batch.shape[2], dtype=np.float32)
    both = np.moveaxis(blurred + ramp[:, None], -1, 1)
    return {"p": both, "v": both * [[[[2.0]], [[3.0]]]]}


@pytest.mark.parametrize("axis", [0, 1])
def test_flips_make_the_maps_symmetric(axis):
    heads = Head("p", 2, "heatmap"), Head("v", 2, "vectors")
    image = np.random.default_rng(0).random((64, 96, 2), dtype=np.float32)
    model = predictor(uneven, *heads, flips=True)
    maps, mirrored = model.maps(image), model.maps(np.flip(image, axis))
    assert np.allclose(np.flip(mirrored["p"], axis + 1), maps["p"], atol=1e-6)
    signs = np.array([1, -1] if axis == 0 else [-1, 1])[:, None, None]
    assert np.allclose(np.flip(mirrored["v"], axis + 1) * signs, maps["v"], atol=1e-5)
    plain = predictor(uneven, *heads)
    assert not np.allclose(
        np.flip(plain.maps(np.flip(image, axis))["p"], axis + 1), plain.maps(image)["p"], atol=0.01
    )


def test_flips_are_the_mean_of_four():
    image = np.random.default_rng(0).random((64, 96, 2), dtype=np.float32)
    heads = Head("p", 2, "heatmap"), Head("v", 2, "vectors")
    plain = predictor(uneven, *heads)
    expected = 0
    for axes in ((), (0,), (1,), (0, 1)):
        vectors = plain.maps(np.flip(image, axes))["v"]
        back = np.flip(vectors, tuple(axis + 1 for axis in axes))
        signs = np.array([-1 if 1 in axes else 1, -1 if 0 in axes else 1])[:, None, None]
        expected = expected + back * signs / 4
    found = predictor(uneven, *heads, flips=True).maps(image)["v"]
    assert np.allclose(found, expected, atol=1e-5)


def test_vectors_are_in_pixels_of_the_image():
    def maps_of(batch):
        return {"v": np.ones((len(batch), 2, *batch.shape[1:3]), np.float32)}

    model = predictor(maps_of, Head("v", 2, "vectors"), size=(64, 96))
    x, y = model.maps(np.zeros((128, 192, 2), np.float32))["v"]
    assert (x == 2).all()
    assert (y == 2).all()


@pytest.mark.parametrize(("scale", "factor"), [(None, 2.0), (0.25, 4.0), (1.0, 1.0)])
def test_the_task_hears_how_much_the_maps_were_enlarged(scale, factor):
    heard = []

    class Listening(Raw):
        def scaled(self, factor):
            heard.append(factor)
            return self

    head = Head("position", 2, "vectors")
    made = predictor(lambda batch: {"position": pooled(batch, 1)}, head, scale=scale)
    replace(made, task=Listening((head,))).predict(position((128, 192)))
    assert heard == pytest.approx([factor])


@dataclass(frozen=True)
class Point:
    at: np.ndarray

    def warp(self, affine, size):
        del size
        return Point(geometry.apply(affine, self.at[None])[0])


@pytest.mark.parametrize("size", [(128, 192), (100, 150), (77, 301)])
def test_points_are_read_from_coarse_maps_and_brought_to_the_image(size):
    """A task that reads points gets the network's own cells, and its points land in the image."""

    class Brightest(Raw):
        coarse = True

        def decode(self, maps, stride):
            assert stride == 4
            row, column = np.unravel_index(maps["light"][0].argmax(), maps["light"].shape[1:])
            return Point(np.array([column, row]) * stride + (stride - 1) / 2)

    image = np.zeros((*size, 1), np.float32)
    row, column = size[0] // 3, size[1] // 2
    image[row - 3 : row + 4, column - 3 : column + 4] = 1
    head = Head("light", 1, "heatmap")
    made = predictor(lambda batch: {"light": pooled(batch, 4)}, head, channels=1)
    found = replace(made, task=Brightest((head,))).predict(image)
    assert np.abs(found.at - (column, row)).max() < 4 * max(size[0] / 64, size[1] / 96)


def test_many_channels_of_16_bit_reach_a_mask():
    image = np.zeros((50, 70, 4), np.uint16)
    image[10:30, 20:60, 3] = 40_000
    settings = Preprocessing(4, "uint16", (0.0,) * 4, (40_000.0,) * 4, (64, 64), 1.0)

    def maps_of(batch):
        return {"object": np.ascontiguousarray(batch[..., 3])[:, None]}

    found = Predictor(maps_of, SemanticTask(LESION), settings).predict(image)
    assert np.array_equal(found.category == 1, image[..., 3] > 0)
    with pytest.raises(ValueError, match=r"takes 4 channels of uint16, .* 3 channels of uint8"):
        Predictor(maps_of, SemanticTask(LESION), settings).predict(np.zeros((5, 5, 3), np.uint8))


@pytest.mark.parametrize("maps", [{}, {"p": np.zeros((1, 3, 64, 96), np.float32)}])
def test_foreign_maps_are_refused(maps):
    model = predictor(lambda _: maps, Head("p", 2, "heatmap"))
    with pytest.raises(ValueError, match="'p'"):
        model.maps(position((64, 96)))


def test_memory_is_the_maps_and_one_batch():
    image = np.zeros((3000, 4000, 3), np.uint8)
    image[..., 0] = np.arange(4000) // 16
    most = [0]

    def maps_of(batch):
        most[0] = max(most[0], batch.shape[0] * batch.shape[1] * batch.shape[2])
        return {"object": np.ascontiguousarray(batch[..., 0])[:, None]}

    settings = Preprocessing(3, "uint8", (0.0,) * 3, (255.0,) * 3, (512, 512), 1.0)
    tracemalloc.start()
    try:
        maps = Predictor(maps_of, SemanticTask(LESION), settings).maps(image)["object"]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.allclose(maps[0], image[..., 0] / 255, atol=1e-6)
    assert most[0] == 512 * 512
    # the map and its weights (4 bytes a pixel each), the padded image (3), and a few tiles
    assert peak < 3008 * 4000 * 11 + 30e6


def handed(batch):
    """A network that tells left from right by where the head is, as a mirror deceives it.

    The image shows a body (channel 0), a head (1) and two hands (2), one pixel each.
    """
    hands = np.zeros((len(batch), 2, *batch.shape[1:3]), np.float32)
    across = np.zeros((len(batch), 4, *batch.shape[1:3]), np.float32)
    for image, shown, way in zip(batch, hands, across, strict=True):
        body, head = (np.argwhere(image[..., k] > 0)[0] for k in (0, 1))
        places = np.argwhere(image[..., 2] > 0)
        sides = np.cross(np.append(head - body, 0), np.pad(places - body, ((0, 0), (0, 1))))[:, 2]
        left, right = places[sides.argmin()], places[sides.argmax()]
        shown[0][tuple(left)] = shown[1][tuple(right)] = 1
        way[:2] = (right - left)[::-1, None, None]  # x and y, from the left to the right hand
        way[2:] = (left - body)[::-1, None, None]
    return {"hands": hands, "across": across[:, :2], "arms": np.concatenate(
        [across[:, 2:], across[:, :2] + across[:, 2:]], axis=1
    )}  # fmt: skip


def test_mirrors_swap_left_and_right():
    image = np.zeros((64, 96, 3), np.float32)
    image[30, 40, 0] = image[10, 45, 1] = image[35, 20, 2] = image[28, 70, 2] = 1
    heads = (
        Head("hands", 2, "heatmap", swaps=(1, 0)),
        Head("across", 2, "vectors", swaps=(0, 1), turned=(0, 1)),
        Head("arms", 4, "vectors", swaps=(2, 3, 0, 1)),
    )
    plain = predictor(handed, *heads, channels=3).maps(image)
    averaged = predictor(handed, *heads, channels=3, flips=True).maps(image)
    for name, values in plain.items():
        assert np.allclose(averaged[name], values, atol=1e-5), name
    assert sorted(plain["hands"].reshape(2, -1).argmax(axis=1)) == [28 * 96 + 70, 35 * 96 + 20]
    for wrong in (Head("hands", 2, "heatmap"), Head("across", 2, "vectors", swaps=(0, 1))):
        maps = predictor(handed, wrong, channels=3, flips=True).maps(image)
        assert not np.allclose(maps[wrong.name], plain[wrong.name], atol=0.1)


def test_directions_do_not_grow_with_the_image():
    def maps_of(batch):
        return {"v": np.full((len(batch), 2, *batch.shape[1:3]), 0.5, np.float32)}

    model = predictor(maps_of, Head("v", 2, "vectors", directions=True), size=(64, 96))
    assert np.allclose(model.maps(np.zeros((256, 384, 2), np.float32))["v"], 0.5)
    model = predictor(maps_of, Head("v", 2, "vectors"), size=(64, 96))
    assert np.allclose(model.maps(np.zeros((256, 384, 2), np.float32))["v"], 2.0)
