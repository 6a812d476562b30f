import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentare.prediction.tiling import blend, tiles

SIZE, TILE = (160, 224), (64, 96)


def parts(function, stride=1, overlap=0.25):
    for top, left in tiles(SIZE, TILE, overlap, 32):
        rows, columns = np.mgrid[: TILE[0] : stride, : TILE[1] : stride]
        yield (top, left), {"a": function(rows + top, columns + left).astype(np.float32)[None]}


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.floats(0, 0.9),
    st.sampled_from([1, 2, 32]),
)
def test_tiles_cover_everything(size, tile, overlap, multiple):
    tile = (min(tile[0], size[0]) * multiple, min(tile[1], size[1]) * multiple)
    size = (size[0] * multiple, size[1] * multiple)
    corners = tiles(size, tile, overlap, multiple)
    assert len(set(corners)) == len(corners)
    assert corners[0] == (0, 0)
    assert corners[-1] == (size[0] - tile[0], size[1] - tile[1])
    for axis in (0, 1):
        starts = sorted({corner[axis] for corner in corners})
        assert all(start % multiple == 0 for start in starts)
        steps = np.diff(starts)
        assert (steps <= tile[axis]).all()
        assert (steps < tile[axis] * (1 - overlap) + multiple + 1).all()
        assert len(steps) == 0 or np.ptp(steps) <= multiple  # evenly spread


def test_tiles_by_hand():
    assert tiles((10, 10), (10, 10), 0.5) == [(0, 0)]
    assert tiles((4, 10), (4, 4), 0.5) == [(0, 0), (0, 2), (0, 4), (0, 6)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((10, 10), (4, 4), 1.0), "overlap"),
        (((10, 10), (11, 4), 0.5), "fit"),
        (((64, 64), (32, 30), 0.5, 32), "multiples of 32"),
    ],
)
def test_senseless_tiles_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        tiles(*arguments)


@pytest.mark.parametrize("stride", [1, 4, 32])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.7])
def test_constant_and_position_come_out_to_the_last_bit(stride, overlap):
    constant = blend(SIZE, TILE, parts(lambda y, _: np.full(y.shape, 0.1), stride, overlap))["a"]
    assert constant.shape == (1, SIZE[0] // stride, SIZE[1] // stride)
    assert constant.dtype == np.float32
    assert (constant == np.float32(0.1)).all()
    position = blend(SIZE, TILE, parts(lambda y, x: y * 0.37 + x * x, stride, overlap))["a"]
    y, x = np.mgrid[: SIZE[0] : stride, : SIZE[1] : stride]
    assert np.array_equal(position[0], (y * 0.37 + x * x).astype(np.float32))


def test_what_tiles_get_wrong_at_their_edges_hardly_counts():
    def wrong(y, _):  # 1, but 0 in the outermost four pixels of the tile
        values = np.zeros(y.shape)
        values[4:-4, 4:-4] = 1
        return values

    inner = blend(SIZE, TILE, parts(wrong, overlap=0.5))["a"][0, 4:-4, 4:-4]
    assert inner.min() > 0.98
    assert np.abs(np.diff(inner, axis=0)).max() < 0.01


def test_heads_may_have_their_own_strides():
    def both():
        for corner, maps in parts(lambda y, x: y + x):
            yield corner, {**maps, "b": maps["a"][:, ::4, ::4]}

    maps = blend(SIZE, TILE, both())
    assert np.array_equal(maps["a"][:, ::4, ::4], maps["b"])


def test_maps_that_do_not_divide_the_tile_are_refused():
    with pytest.raises(ValueError, match=r"'a' have \(1, 13, 20\)"):
        blend(SIZE, TILE, [((0, 0), {"a": np.zeros((1, 13, 20), np.float32)})])
