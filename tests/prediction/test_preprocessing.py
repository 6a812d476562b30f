import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentare.prediction.preprocessing import STRIDE_MULTIPLE, WHOLE_LIMIT, Preprocessing

SIDES = st.integers(1, 5000)


def preprocessing(size=(256, 384), scale=None, channels=3, dtype="uint8"):
    return Preprocessing(channels, dtype, (120.0,) * channels, (60.0,) * channels, size, scale)


@pytest.mark.parametrize("scale", [None, 0.5])
def test_round_trip_through_json(scale):
    before = replace(preprocessing(scale=scale), level=scale is not None)
    assert Preprocessing.from_dict(json.loads(json.dumps(before.to_dict()))) == before


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(7, 5, 4), (2, 7, 5, 4)])
def test_normalize_is_the_formula(dtype, shape):
    image = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    mean, std = (1.0, 20.0, 100.0, 3.5), (2.0, 50.0, 0.5, 7.0)
    result = Preprocessing(4, dtype, mean, std, (32, 32)).normalize(image)
    assert result.dtype == np.float32
    assert np.allclose(result, (image.astype(float) - mean) / std, rtol=1e-5, atol=1e-5)


def test_normalize_reads_views_with_gaps():
    image = np.random.default_rng(0).integers(0, 255, (8, 9, 3), np.uint8)
    view = image[::-1, ::2]
    assert np.array_equal(preprocessing().normalize(view), preprocessing().normalize(view.copy()))


@pytest.mark.parametrize(("dtype", "top"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_a_dim_image_is_leveled_like_its_bright_copy(dtype, top):
    bright = np.random.default_rng(0).random((40, 50, 3)) ** 2
    leveling = replace(preprocessing(dtype=dtype), level=True)
    one, other = (
        leveling.leveled((top * (low + share * bright)).astype(dtype))
        for low, share in ((0, 1), (0.1, 0.4))
    )
    assert one.dtype == other.dtype == dtype
    assert one.shape == bright.shape
    assert np.abs(one.astype(float) - other).max() <= 0.02 * top
    assert other.max() == top
    again = leveling.leveled(one)
    assert np.abs(again.astype(float) - one).max() <= 0.005 * top
    assert preprocessing(dtype=dtype).leveled(one) is one


def test_leveling_keeps_colors_and_survives_a_flat_image():
    leveling = replace(preprocessing(), level=True)
    image = np.zeros((20, 20, 3), np.uint8)
    assert leveling.leveled(image).max() == 0
    image[:10] = (80, 40, 20)
    assert leveling.leveled(image)[0, 0].tolist() == [255, 128, 64]
    frame = leveling.frame((20, 20))
    assert np.array_equal(leveling.arrange(image, frame)[:5, :5], leveling.leveled(image)[:5, :5])


def test_mismatch_names_both():
    with pytest.raises(ValueError, match=r"takes 3 channels of uint8, .* has 1 channel of uint16"):
        preprocessing().normalize(np.zeros((4, 4, 1), np.uint16))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dtype": "int8"}, "int8"),
        ({"std": (1.0, 0.0, 1.0)}, "must be a (whole )?number|above 0"),
        ({"mean": (1.0, float("nan"), 1.0)}, "must be a number"),
        ({"mean": (1.0,)}, "3 channels"),
        ({"size": (0, 32)}, "must be a (whole )?number|above 0"),
        ({"scale": -1.0}, "must be a (whole )?number|above 0"),
    ],
)
def test_senseless_settings_are_refused(change, words):
    data = {**preprocessing().to_dict(), **change}
    with pytest.raises(ValueError, match=words):
        Preprocessing.from_dict(data)


def test_image_without_pixels_is_refused():
    with pytest.raises(ValueError, match="shape"):
        preprocessing().check(np.zeros((0, 4, 3), np.uint8))


def test_fit_by_hand():
    landscape = preprocessing((256, 384)).frame((512, 768))
    assert (landscape.content, landscape.padded) == ((256, 384), (256, 384))
    # a portrait keeps its resolution: not 171 x 256 inside 256 x 384
    portrait = preprocessing((256, 384)).frame((384, 256))
    assert (portrait.content, portrait.padded) == ((384, 256), (384, 256))
    # 3:4 at the area of 256 x 256: 221.7 x 295.6, box 224 x 288
    dermoscopy = preprocessing((256, 256)).frame((576, 768))
    assert (dermoscopy.content, dermoscopy.padded) == ((216, 288), (224, 288))


@given(SIDES, SIDES, st.sampled_from([(256, 384), (192, 192), (20, 20), (512, 32)]))
def test_fit_keeps_aspect_and_area(height, width, size):
    frame = preprocessing(size).frame((height, width))
    content, padded = frame.content, frame.padded
    assert padded == frame.tile
    for side, full in zip(content, padded, strict=True):
        assert full % STRIDE_MULTIPLE == 0
        assert 0 <= full - side < STRIDE_MULTIPLE
    assert abs(content[0] * width - content[1] * height) <= max(height, width)  # half a pixel
    area = max(size[0] * size[1], STRIDE_MULTIPLE**2)
    assert padded[0] * padded[1] <= 1.6 * area  # small sizes round coarsely
    if size == (256, 384) and 1 / 3 < width / height < 3:
        assert 0.7 * area < content[0] * content[1] < 1.2 * area


@given(SIDES, SIDES, st.sampled_from([0.25, 1.0, 1.5]))
def test_native_keeps_scale_and_tiles_large_images(height, width, scale):
    frame = preprocessing((250, 384), scale).frame((height, width))
    assert frame.content == (max(1, round(height * scale)), max(1, round(width * scale)))
    if frame.padded[0] * frame.padded[1] <= WHOLE_LIMIT:
        assert frame.tile == frame.padded
    else:
        assert frame.tile == (min(256, frame.padded[0]), min(384, frame.padded[1]))


def test_padding_repeats_the_edge():
    image = np.arange(3 * 5 * 2, dtype=np.uint8).reshape(3, 5, 2)
    native = preprocessing((32, 32), 1.0, channels=2)
    grid = native.arrange(image, native.frame((3, 5)))
    assert grid.shape == (32, 32, 2)
    assert np.array_equal(grid[:3, :5], image)
    assert (grid[3:, :5] == image[-1:]).all()
    assert (grid[:3, 5:] == image[:, -1:]).all()
