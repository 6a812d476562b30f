"""Parts of an image read from disk are what the whole image holds there."""

import numpy as np
import pytest
import tifffile

from segmentare.errors import DatasetError
from segmentare.images.reading import read_image
from segmentare.images.tiff_windows import TiffWindows
from segmentare.images.windows import WholeImage, open_large, open_windows

PARTS = (((0, 70), (0, 90)), ((13, 14), (89, 90)), ((30, 66), (15, 80)))
KINDS = {
    "tiles": {"tile": (32, 48)},
    "compressed": {"tile": (32, 32), "compression": "zlib"},
    "predictor": {"tile": (32, 32), "compression": "zlib", "predictor": True},
    "strips": {"rowsperstrip": 9},
    "one strip": {},
    "compressed strips": {"rowsperstrip": 9, "compression": "zlib"},
    "bigtiff": {"tile": (32, 32), "bigtiff": True},
    "big endian": {"tile": (32, 32), "byteorder": ">"},
    "big endian strips": {"rowsperstrip": 9, "byteorder": ">"},
    "planes": {"tile": (32, 32), "planarconfig": "separate"},
}


def pixels(shape=(70, 90, 3), dtype=np.uint8):
    random = np.random.default_rng(0)
    return (random.integers(0, 250, shape) if dtype != np.float32 else random.random(shape)).astype(
        dtype
    )


def write(path, image, **options):
    options = {"photometric": "rgb" if image.shape[-1] == 3 else "minisblack"} | options
    big = options.pop("bigtiff", False)
    tifffile.imwrite(path, image, bigtiff=big, **options)
    return path


def check(path, *, in_parts=True):
    """Compare all parts with the whole."""
    whole = read_image(path)
    with TiffWindows(path) as windows:
        assert windows.in_parts == in_parts
        assert (*windows.size, windows.channels) == whole.shape
        assert windows.dtype == whole.dtype
        for rows, columns in PARTS:
            part = windows.read(rows, columns)
            assert part.dtype == whole.dtype
            assert np.array_equal(part, whole[slice(*rows), slice(*columns)])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kind", KINDS)
def test_every_layout(tmp_path, kind, dtype):
    if kind == "planes":
        image = np.moveaxis(pixels(dtype=dtype), 2, 0)
        check(write(tmp_path / "a.tif", image, **KINDS[kind], photometric="rgb"))
    elif dtype == np.float32 and kind == "predictor":
        pytest.skip("tifffile's float predictor needs imagecodecs")
    else:
        check(write(tmp_path / "a.tif", pixels(dtype=dtype), **KINDS[kind]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray(tmp_path, dtype):
    check(write(tmp_path / "a.tif", pixels((70, 90), dtype), tile=(32, 32)))


def test_black_on_white(tmp_path):
    check(write(tmp_path / "a.tif", pixels((70, 90)), tile=(32, 32), photometric="miniswhite"))


def test_palette(tmp_path):
    colors = np.random.default_rng(1).integers(0, 256, (3, 256)).astype(np.uint16) * 257
    options = {"tile": (32, 32), "photometric": "palette", "colormap": colors}
    check(write(tmp_path / "a.tif", pixels((70, 90)), **options))


def test_transparency_is_dropped(tmp_path):
    options = {"tile": (32, 32), "photometric": "rgb", "extrasamples": ["unassalpha"]}
    check(write(tmp_path / "a.tif", pixels((70, 90, 4)), **options))


def test_many_channels(tmp_path):
    image = np.moveaxis(pixels((70, 90, 7), np.uint16), 2, 0)
    options = {"tile": (32, 32), "metadata": {"axes": "CYX"}, "ome": True}
    check(write(tmp_path / "a.ome.tif", image, **options))


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_compressions_that_need_no_more_packages(tmp_path, compression, mode):
    from PIL import Image

    picture = Image.fromarray(pixels()).convert(mode)
    picture.save(tmp_path / "a.tif", compression=compression, tiffinfo={278: 16})
    check(tmp_path / "a.tif")


def test_turned_images_are_read_whole(tmp_path):
    path = write(tmp_path / "a.tif", pixels(), tile=(32, 32), extratags=[(274, "H", 1, 6, True)])
    windows = open_windows(path)
    assert isinstance(windows, WholeImage)
    assert np.array_equal(windows.read((3, 9), (4, 8)), read_image(path)[3:9, 4:8])


def test_only_large_tiff_files_are_opened(tmp_path):
    from PIL import Image

    path = write(tmp_path / "a.tif", pixels(), tile=(32, 32))
    assert open_large(path, 70 * 90) is None
    opened = open_large(path, 70 * 90 - 1)
    assert isinstance(opened, TiffWindows)
    opened.close()
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    assert open_large(tmp_path / "a.png", 1) is None
    assert open_large(tmp_path / "absent.tif", 1) is None


@pytest.mark.parametrize("left", [0.3, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["tiles", "compressed", "strips", "one strip"])
def test_a_file_that_was_cut_is_refused_before_any_work(tmp_path, kind, left):
    path = tmp_path / "a.tif"
    options = {"metadata": None} | KINDS[kind]
    data = write(path, pixels((300, 300, 3)), **options).read_bytes()
    path.write_bytes(data[: int(left * len(data))])
    with pytest.raises(DatasetError, match=r"'a\.tif' is (cut short|damaged)"):
        TiffWindows(path)


def test_a_damaged_tile_names_the_file(tmp_path):
    path = write(tmp_path / "a.tif", pixels((300, 300, 3)), **KINDS["compressed"])
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    path.write_bytes(data)
    with TiffWindows(path) as windows, pytest.raises(DatasetError, match=r"'a\.tif' is damaged"):
        windows.read((0, 300), (0, 300))


def test_odd_depths_are_refused(tmp_path):
    path = write(tmp_path / "a.tif", pixels((70, 90)), rowsperstrip=9, metadata=None)
    data = path.read_bytes()
    tag = data.index(b"\x02\x01\x03\x00\x01\x00\x00\x00\x08\x00")
    path.write_bytes(data[: tag + 8] + b"\x0c\x00" + data[tag + 10 :])
    with pytest.raises(DatasetError, match="it has 12"):
        TiffWindows(path)


def test_stacks_are_refused(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, pixels((5, 70, 90)), ome=True, metadata={"axes": "ZYX"})
    with pytest.raises(DatasetError, match="5 planes"):
        TiffWindows(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_floats_that_are_no_numbers_are_refused_where_they_are(tmp_path, value):
    pixels = np.zeros((64, 96, 3))
    pixels[40:50, 40] = value
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, pixels, tile=(32, 32), photometric="rgb")
    sentence = r"'scan.tif' is damaged \(30 of 6,144 values are NaN or infinite"
    with TiffWindows(path) as windows:
        assert windows.read((0, 32), (0, 96)).max() == 0
        with pytest.raises(DatasetError, match=sentence):
            windows.read((32, 64), (32, 96))
    with pytest.raises(DatasetError, match=r"'scan.tif' .*30 of 18,432 values"):
        read_image(path)


def test_complex_pixels_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "scan.tif", np.zeros((64, 64), np.complex64), tile=(32, 32))
    for read in (TiffWindows, read_image):
        with pytest.raises(DatasetError, match="must be real numbers; got complex64"):
            read(tmp_path / "scan.tif")
