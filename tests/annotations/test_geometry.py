"""The one coordinate convention: by hand, against OpenCV, there and back, and mirrored."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentare.annotations import geometry

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))
RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4)


def ramp(height, width):
    """x + 1000 y, which linear interpolation reproduces exactly."""
    return (np.arange(width) + 1000.0 * np.arange(height)[:, None]).astype(np.float32)


# --- points --------------------------------------------------------------------------------------


def test_golden_resize():
    """Doubling: the center of pixel 0 falls between the new pixels 0 and 1."""
    double = geometry.resize((3, 4), (6, 8))
    assert double.tolist() == [[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]]
    assert geometry.apply(double, np.array([[0.0, 0.0], [3.0, 2.0]])).tolist() == [
        [0.5, 0.5],
        [6.5, 4.5],
    ]
    uneven = geometry.resize((4, 10), (8, 5))  # height times 2, width times 1/2
    assert uneven.tolist() == [[0.5, 0, -0.25], [0, 2, 0.5], [0, 0, 1]]


@given(SIZES, SIZES)
@settings(max_examples=60, deadline=None)
def test_resize_moves_corners_and_middle_onto_each_other(source, target):
    affine = geometry.resize(source, target)

    def marks(size):
        height, width = size
        return np.array(
            [[-0.5, -0.5], [width - 0.5, height - 0.5], [(width - 1) / 2, (height - 1) / 2]]
        )

    np.testing.assert_allclose(geometry.apply(affine, marks(source)), marks(target), atol=1e-12)
    back = geometry.resize(target, source)
    np.testing.assert_allclose(back @ affine, np.eye(3), atol=1e-9)


def test_golden_flip():
    """In a width of 4 the columns 0, 1, 2, 3 become 3, 2, 1, 0."""
    mirror = geometry.flip((3, 4))
    assert geometry.apply(mirror, np.array([[0.0, 2.0], [1.0, 0.0]])).tolist() == [[3, 2], [2, 0]]
    assert np.array_equal(mirror @ mirror, np.eye(3))


def test_about_keeps_the_center_and_turns_the_rest():
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])  # x goes to y: clockwise, because y points down
    turn = geometry.about((2.0, 1.0), quarter)
    points = np.array([[2.0, 1.0], [3.0, 1.0], [2.0, 2.0]])
    assert geometry.apply(turn, points).tolist() == [[2, 1], [2, 2], [1, 1]]


def test_shift_and_order_of_products():
    move, mirror = geometry.shift(2, -1), geometry.flip((3, 4))
    point = np.array([1.0, 1.0])
    assert geometry.apply(move, point).tolist() == [3, 0]
    assert geometry.apply(mirror @ move, point).tolist() == [0, 0]  # first moved, then mirrored


def test_apply_keeps_the_shape():
    points = np.zeros((2, 5, 2), np.float32)
    moved = geometry.apply(geometry.shift(1, 2), points)
    assert moved.shape == (2, 5, 2)
    assert (moved == [1, 2]).all()


def test_mirrors():
    turn = geometry.about((3, 3), np.array([[0.0, -1.0], [1.0, 0.0]]))
    mirror = geometry.flip((9, 9))
    assert not geometry.mirrors(turn)
    assert geometry.mirrors(mirror)
    assert geometry.mirrors(turn @ mirror)
    assert not geometry.mirrors(mirror @ turn @ mirror)


# --- warp ----------------------------------------------------------------------------------------


def test_golden_warp_moves_pixels_right_and_down():
    moved = geometry.warp(RAMP, geometry.shift(1, 2), (4, 5), fill=99)
    assert moved.tolist() == [
        [99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99],
        [99, 0, 1, 2, 3],
        [99, 4, 5, 6, 7],
    ]


def test_warp_puts_a_pixel_where_apply_puts_its_center():
    image = np.zeros((20, 30), np.uint8)
    image[5, 7] = 200  # the point (7, 5)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    affine = geometry.shift(6, -2) @ geometry.about((7.0, 9.0), turn)
    (x, y) = geometry.apply(affine, np.array([7.0, 5.0]))
    for smooth in (False, True):
        warped = geometry.warp(image, affine, (20, 30), fill=0, smooth=smooth)
        assert np.argwhere(warped).tolist() == [[y, x]]
        assert warped.max() == 200


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("width", [7, 8])
def test_flip_is_the_mirror_image(smooth, width):
    image = np.random.default_rng(0).integers(0, 256, (5, width, 3), np.uint8)
    mirrored = geometry.warp(image, geometry.flip((5, width)), (5, width), fill=0, smooth=smooth)
    assert np.array_equal(mirrored, image[:, ::-1])


def test_quarter_turn_is_rot90():
    image = np.random.default_rng(1).integers(0, 256, (6, 6), np.uint8)
    turn = geometry.about((2.5, 2.5), np.array([[0.0, -1.0], [1.0, 0.0]]))
    turned = geometry.warp(image, turn, (6, 6), fill=0)
    assert np.array_equal(turned, np.rot90(image, -1))


def test_smooth_warp_by_half_a_pixel_is_the_mean_of_neighbors():
    moved = geometry.warp(ramp(4, 6), geometry.shift(0.5, 0), (4, 6), fill=0, smooth=True)
    expected = ramp(4, 6)[:, 1:] - 0.5
    np.testing.assert_allclose(moved[:, 1:], expected, atol=1e-3)


@pytest.mark.parametrize("target", [(6, 8), (9, 16), (24, 20)])
def test_warp_enlarges_as_opencv_does(target):
    """Half-pixel convention: inside, `cv2.resize` and the affine map agree."""
    image = np.random.default_rng(2).random((6, 8)).astype(np.float32)
    affine = geometry.resize((6, 8), target)
    ours = geometry.warp(image, affine, target, fill=0, smooth=True)
    theirs = cv2.resize(image, target[::-1], interpolation=cv2.INTER_LINEAR)
    corner = geometry.apply(affine, np.array([[0.0, 0.0], [7.0, 5.0]]))
    (left, top), (right, bottom) = np.ceil(corner[0]).astype(int), corner[1].astype(int)
    inside = slice(top, bottom + 1), slice(left, right + 1)
    # OpenCV's warpAffine may round source positions to 1/32 of a pixel
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=0.04)


def test_labels_of_instances_are_exact():
    """Ids that neither float32 nor int16 holds survive, and so do negative ones."""
    ids = np.array([[2**31 - 1, 2**24 + 1, -5], [65_537, 0, -(2**31)]], np.int32)
    mirrored = geometry.warp(ids, geometry.flip((2, 3)), (2, 3), fill=0)
    assert mirrored.dtype == np.int32
    assert np.array_equal(mirrored, ids[:, ::-1])


def test_labels_are_never_mixed():
    labels = np.random.default_rng(3).choice([0, 7, 200], (30, 40)).astype(np.uint8)
    turn = geometry.about((20, 15), np.array([[0.8, -0.6], [0.6, 0.8]]))
    assert set(np.unique(geometry.warp(labels, turn, (30, 40), fill=255))) == {0, 7, 200, 255}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("channels", [None, 1, 3, 4, 5, 13])
def test_every_kind_of_array_keeps_its_kind(dtype, channels):
    shape = (5, 7) if channels is None else (5, 7, channels)
    image = np.random.default_rng(4).integers(1, 200, shape).astype(dtype)
    moved = geometry.warp(image, geometry.shift(1, 0), (5, 7), fill=255)
    assert moved.dtype == dtype
    assert moved.shape == shape
    assert np.array_equal(moved[:, 1:], image[:, :-1])
    assert (moved[:, 0] == 255).all()


def test_non_contiguous_arrays():
    image = np.random.default_rng(5).integers(0, 256, (10, 14, 3), np.uint8)[::2, ::-2]
    still = geometry.warp(image, np.eye(3), (5, 7), fill=0)
    assert np.array_equal(still, image)
    assert geometry.resample(image, (10, 14)).shape == (10, 14, 3)


@given(st.integers(-6, 6), st.integers(-6, 6))
@settings(max_examples=30, deadline=None)
def test_there_and_back(x, y):
    image = np.random.default_rng(6).integers(0, 256, (9, 8), np.uint8)
    there = geometry.warp(image, geometry.shift(x + 6, y + 6), (21, 20), fill=0)
    back = geometry.warp(there, geometry.shift(-x - 6, -y - 6), (9, 8), fill=0)
    assert np.array_equal(back, image)


# --- resample ------------------------------------------------------------------------------------


def test_golden_shrinking_is_the_mean_of_the_covered_pixels():
    image = np.array([[0, 10, 20, 30], [40, 50, 60, 70]], np.uint8)
    assert geometry.resample(image, (1, 2)).tolist() == [[25, 45]]
    assert geometry.resample(image, (2, 4)) is image
    spike = np.array([[100, 0, 0, 0, 0, 0, 0, 0]], np.uint8)  # two-point interpolation misses it
    assert geometry.resample(spike, (1, 2)).tolist() == [[25, 0]]


def test_golden_enlarging_is_linear_between_centers():
    image = np.array([[0, 100]], np.float32)
    np.testing.assert_allclose(geometry.resample(image, (1, 4)), [[0, 25, 75, 100]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [None, 1, 3, 5, 13])
@pytest.mark.parametrize("size", [(4, 5), (16, 20)])
def test_resample_keeps_kind_and_treats_channels_alike(dtype, channels, size):
    shape = (8, 10) if channels is None else (8, 10, channels)
    image = np.random.default_rng(7).integers(0, 200, shape).astype(dtype)
    resized = geometry.resample(image, size)
    assert resized.dtype == dtype
    assert resized.shape == size + shape[2:]
    if channels:
        last = geometry.resample(np.ascontiguousarray(image[..., -1]), size)
        assert np.array_equal(resized[..., -1], last)


def test_resample_keeps_the_range_of_16_bits():
    image = np.full((6, 6, 2), 65_535, np.uint16)
    assert (geometry.resample(image, (3, 3)) == 65_535).all()
    assert (geometry.resample(image, (9, 9)) == 65_535).all()


@pytest.mark.parametrize("size", [(12, 12), (12, 10), (2, 100), (6, 9)])
def test_shrinking_one_way_and_enlarging_the_other(size):
    """Each direction for itself: no aliasing where it shrinks, half-pixel centers in both."""
    rows, columns = np.indices(size)
    back = np.linalg.inv(geometry.resize((6, 40), size))
    points = geometry.apply(back, np.stack([columns, rows], axis=-1).astype(np.float64))
    expected = points[..., 0].clip(0, 39) + 1000 * points[..., 1].clip(0, 5)
    resized = geometry.resample(ramp(6, 40), size)
    inside = slice(1, -1) if size[1] < 40 else slice(3, -3)
    np.testing.assert_allclose(resized[:, inside], expected[:, inside], rtol=1e-5, atol=0.35)
    stripes = np.tile(np.array([0, 200], np.float32), (6, 20))
    if size[1] < 40:
        assert abs(geometry.resample(stripes, size) - 100).max() <= 21  # a point sample gives 100


@pytest.mark.parametrize("size", [(3, 5), (13, 29), (13, 5), (3, 29)])
def test_resampling_commutes_with_mirroring(size):
    image = np.random.default_rng(8).random((9, 14)).astype(np.float32)
    mirrored = geometry.resample(image[:, ::-1], size)
    np.testing.assert_allclose(mirrored, geometry.resample(image, size)[:, ::-1], atol=1e-5)


def test_golden_labels():
    labels = np.array([[1, 2, 3]], np.uint8)
    assert geometry.resample_labels(labels, (2, 6)).tolist() == [[1, 1, 2, 2, 3, 3]] * 2
    assert geometry.resample_labels(labels, (1, 1)).tolist() == [[2]]
    assert geometry.resample_labels(labels, (1, 3)) is labels


@given(SIZES, st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_labels_enlarged_and_shrunk_again_are_the_same(size, factor):
    labels = np.random.default_rng(9).integers(-(2**31), 2**31, size).astype(np.int32)
    large = geometry.resample_labels(labels, (size[0] * factor, size[1] * factor))
    assert large.dtype == np.int32
    assert np.array_equal(large, np.kron(labels, np.ones((factor, factor), np.int32)))
    assert np.array_equal(geometry.resample_labels(large, size), labels)


@given(SIZES, SIZES)
@settings(max_examples=60, deadline=None)
def test_labels_come_from_where_the_affine_map_says(source, target):
    """Each target pixel shows the source pixel that its center falls into."""
    labels = np.arange(source[0] * source[1], dtype=np.int32).reshape(source)
    back = np.linalg.inv(geometry.resize(source, target))
    rows, columns = np.indices(target)
    points = geometry.apply(back, np.stack([columns, rows], axis=-1).astype(np.float64))
    x, y = points[..., 0], points[..., 1]
    got_y, got_x = np.divmod(geometry.resample_labels(labels, target), source[1])
    assert (np.abs(got_x - x) <= 0.5 + 1e-9).all()
    assert (np.abs(got_y - y) <= 0.5 + 1e-9).all()
