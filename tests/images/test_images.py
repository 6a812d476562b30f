import io
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from segmentare.errors import DatasetError, MissingPackageError
from segmentare.images.reading import image_size, is_image, read_image

RGB = np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)
GRAY = RGB[..., 0]


def save(path: Path, pixels: np.ndarray, mode: str | None = None, **options) -> Path:
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "ppm", "webp"])
def test_lossless_formats_yield_their_pixels(tmp_path, ending):
    options = {"lossless": True} if ending == "webp" else {}
    path = save(tmp_path / f"a.{ending}", RGB, **options)
    np.testing.assert_array_equal(read_image(path), RGB)
    assert image_size(path) == (12, 17)


def test_gray_is_repeated_and_alpha_dropped(tmp_path):
    np.testing.assert_array_equal(read_image(save(tmp_path / "g.png", GRAY)), np.dstack([GRAY] * 3))
    rgba = np.dstack([RGB, GRAY])
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", rgba)), RGB)


def test_palette_and_gif_become_colors(tmp_path):
    for name in ("p.png", "p.gif"):
        path = save(tmp_path / name, RGB, "P")
        assert read_image(path).shape == (12, 17, 3)
        np.testing.assert_array_equal(read_image(path), np.asarray(Image.open(path).convert("RGB")))


def test_top_down_bmp(tmp_path):
    path = save(tmp_path / "a.bmp", RGB)
    data = bytearray(path.read_bytes())
    start, row = 54, 52  # 17 pixels of 3 bytes, padded to 4
    rows = [bytes(data[start + i * row : start + (i + 1) * row]) for i in range(12)]
    data[22:26] = (-12).to_bytes(4, "little", signed=True)
    path.write_bytes(bytes(data[:start]) + b"".join(rows[::-1]))
    np.testing.assert_array_equal(read_image(path), RGB)
    assert image_size(path) == (12, 17)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_exif_rotation_as_pillow_does_it(tmp_path, orientation, ending):
    path = tmp_path / f"a.{ending}"
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(RGB).save(path, exif=exif)
    with Image.open(path) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(read_image(path), expected)
    assert image_size(path) == expected.shape[:2]


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_kept(tmp_path, ending, channels):
    deep = (RGB.astype(np.uint16) * 257 + 3)[..., :channels]
    path = tmp_path / f"a.{ending}"
    cv2.imwrite(str(path), deep[..., ::-1])
    image = read_image(path)
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image, deep)


@pytest.mark.parametrize("layout", ["contig", "separate", "pages"])
def test_many_channels(tmp_path, layout):
    many = np.random.default_rng(1).random((12, 17, 7), dtype=np.float32)
    path = tmp_path / "many.tif"
    if layout == "contig":
        tifffile.imwrite(path, many, photometric="minisblack", planarconfig="contig")
    elif layout == "separate":
        tifffile.imwrite(
            path, many.transpose(2, 0, 1), photometric="minisblack", planarconfig="separate"
        )
    else:
        tifffile.imwrite(path, many.transpose(2, 0, 1))
    np.testing.assert_array_equal(read_image(path), many)
    assert image_size(path) == (12, 17)


def dicom(path: Path, pixels: np.ndarray, photometric: str, **fields) -> Path:
    pydicom = pytest.importorskip("pydicom")
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    frame = pydicom.dataset.Dataset()
    frame.file_meta = meta
    frame.Rows, frame.Columns = pixels.shape
    frame.SamplesPerPixel = 1
    frame.PhotometricInterpretation = photometric
    frame.BitsAllocated = pixels.dtype.itemsize * 8
    frame.BitsStored = fields.pop("BitsStored", frame.BitsAllocated)
    frame.HighBit = frame.BitsStored - 1
    frame.PixelRepresentation = int(pixels.dtype.kind == "i")
    frame.PixelData = pixels.tobytes()
    for name, value in fields.items():
        setattr(frame, name, value)
    frame.SOPClassUID, frame.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    frame.save_as(path, enforce_file_format=True)
    return path


def test_dicom_is_rescaled_and_inverted(tmp_path):
    raw = np.arange(12 * 18, dtype=np.uint16).reshape(12, 18)
    plain = read_image(dicom(tmp_path / "a.dcm", raw, "MONOCHROME2", BitsStored=12))
    np.testing.assert_array_equal(plain[..., 0], raw)
    inverted = read_image(dicom(tmp_path / "b.dcm", raw, "MONOCHROME1", BitsStored=12))
    np.testing.assert_array_equal(inverted[..., 0], 4095 - raw)
    path = dicom(tmp_path / "c.dcm", raw, "MONOCHROME2", RescaleSlope="2", RescaleIntercept="-1000")
    hounsfield = read_image(path)
    assert hounsfield.dtype == np.float32
    np.testing.assert_array_equal(hounsfield[..., 0], raw * 2.0 - 1000)
    assert image_size(path) == (12, 18)


def test_dicom_without_pydicom_names_the_command(tmp_path, monkeypatch):
    path = tmp_path / "a.dcm"
    path.write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 100)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingPackageError, match=r"pip install segmentare\[dicom\]"):
        read_image(path)


def damaged() -> dict[str, bytes]:
    smooth = cv2.GaussianBlur(np.tile(RGB, (8, 8, 1)), (0, 0), 3)
    out = {}
    for ending in ("png", "jpg", "bmp", "tif", "gif"):
        buffer = io.BytesIO()
        Image.fromarray(smooth).save(buffer, {"jpg": "JPEG", "tif": "TIFF"}.get(ending, ending))
        out[f"half.{ending}"] = buffer.getvalue()[: len(buffer.getvalue()) // 2]
        out[f"head.{ending}"] = buffer.getvalue()[:20]
    broken = bytearray(cv2.imencode(".png", smooth)[1].tobytes())
    broken[len(broken) // 2] ^= 255
    return out | {
        "flipped.png": bytes(broken),
        "empty.png": b"",
        "text.jpg": b"<html>404</html>",
        "zeros.png": bytes(100),
        "cut.dcm": b"\0" * 128 + b"DICM" + b"\0" * 9,
    }


@pytest.mark.parametrize(("name", "data"), damaged().items(), ids=damaged())
def test_damaged_files_get_one_sentence(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=name) as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"gone\.png"):
        read_image(tmp_path / "gone.png")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["tif", "dcm", "png"])
def test_flipped_bytes_never_escape_as_another_error(tmp_path, kind):
    rng = np.random.default_rng(0)
    path = tmp_path / f"a.{kind}"
    if kind == "tif":
        tifffile.imwrite(path, RGB.astype(np.uint16), compression="zlib")
    elif kind == "dcm":
        dicom(path, RGB[:, :16, 0].astype(np.uint16), "MONOCHROME1")
    else:
        save(path, RGB)
    sound = path.read_bytes()
    refused = 0
    for _ in range(150):
        data = bytearray(sound)
        for place in rng.integers(0, min(len(data), int(rng.choice([60, 400, 9999]))), 5):
            data[place] = int(rng.integers(256))
        path.write_bytes(bytes(data))
        try:
            read_image(path)
        except DatasetError:
            refused += 1
    assert refused > 30


def test_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    data = bytearray(cv2.imencode(".png", RGB)[1].tobytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(bytes(data))
    with pytest.raises(DatasetError, match="tiles"):
        read_image(path)


def test_names_of_images():
    assert is_image(Path("a/b.JPG"))
    assert is_image(Path("b.dcm"))
    assert not is_image(Path("._b.png"))
    assert not is_image(Path("b.txt"))


def test_a_path_may_be_a_string(tmp_path):
    assert np.array_equal(read_image(str(save(tmp_path / "a.png", RGB))), RGB)
