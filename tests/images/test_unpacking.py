"""What images claim is compared with the bytes that are there, before memory is taken."""

import lzma
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from segmentare.errors import DatasetError
from segmentare.images import unpacking
from segmentare.images.reading import header, read_image
from segmentare.images.windows import open_windows

MANY = bytes(8 << 20)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Let a megabyte be the most that a part may unpack to."""
    monkeypatch.setattr(unpacking, "MOST", 1 << 20)


def refused(read, path, sentence):
    """Check that a file is refused with a sentence, and that little memory is taken."""
    tracemalloc.start()
    with pytest.raises(DatasetError, match=sentence):
        read(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12e6  # LZMA alone takes 8 MB to unpack


def test_streams_are_measured_in_pieces(monkeypatch):
    packed, xz = zlib.compress(MANY), lzma.compress(MANY)
    raw = zlib.compressobj(wbits=-15)
    bare = raw.compress(MANY) + raw.flush()
    for check in (
        lambda: unpacking.check_deflate(packed),
        lambda: unpacking.check_deflate(bare, -15),
        lambda: unpacking.check_lzma(xz),
    ):
        with pytest.raises(ValueError, match="unpacks to more than 1 MB"):
            check()
        monkeypatch.setattr(unpacking, "MOST", len(MANY))
        check()
        monkeypatch.setattr(unpacking, "MOST", 1 << 20)
    with pytest.raises(zlib.error):
        unpacking.check_deflate(b"nothing" * 1000)


@pytest.mark.parametrize("compression", ["zlib", "lzma"])
def test_a_tiff_whose_strip_unpacks_to_more_than_it_claims(tmp_path, compression):
    path = tmp_path / "a.tif"
    options = {"compression": compression, "rowsperstrip": 2048, "photometric": "minisblack"}
    tifffile.imwrite(path, np.zeros((2048, 2048), np.uint16), **options)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        tiff.pages[0].tags["ImageLength"].overwrite(8)
    refused(read_image, path, "unpacks to more than 1 MB")
    with open_windows(path) as windows:
        refused(lambda _: windows.read((0, 8), (0, 8)), path, "unpacks to more than 1 MB")


@pytest.mark.parametrize(
    ("side", "sentence"), [(9000, "claims .* bytes of pixels, but has"), (10**6, "pixels")]
)
def test_a_tiff_that_claims_more_than_it_has(tmp_path, side, sentence):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.float64), photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for name in ("ImageLength", "ImageWidth", "RowsPerStrip"):
            tiff.pages[0].tags[name].overwrite(side, dtype="I")
    refused(read_image, path, sentence)


def test_a_tiff_with_more_channels_than_memory(tmp_path):
    path = tmp_path / "a.tif"
    options = {"compression": "zlib", "planarconfig": "contig", "photometric": "minisblack"}
    tifffile.imwrite(path, np.zeros((64, 64, 40), np.float64), **options)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for name in ("ImageLength", "ImageWidth"):
            tiff.pages[0].tags[name].overwrite(12_000, dtype="I")
    refused(read_image, path, "holds more than")


SIDES = {  # of 40 x 50 pixels, and larger ones
    "a.png": (b"\0\0\0\x32\0\0\0\x28", b"\0\x0f\0\0\0\x0f\0\0"),
    "a.bmp": (b"\x32\0\0\0\x28\0\0\0", b"\0\0\x0f\0\0\0\x0f\0"),
    "a.gif": (b"\x32\0\x28\0", b"\xff\xff\xff\xff"),
    "a.jpg": (b"\0\x28\0\x32", b"\xff\xdc\xff\xdc"),
}


@pytest.mark.parametrize("name", SIDES)
def test_a_header_of_more_pixels_than_any(tmp_path, name):
    path = tmp_path / name
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(path)
    assert SIDES[name][0] in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(*SIDES[name]))
    for read in (read_image, header):
        refused(read, path, "pixels, which may be a damaged header|damaged|not an image")


def test_a_deflated_dicom(tmp_path):
    pydicom = pytest.importorskip("pydicom", reason="pydicom is not installed")
    path, large = tmp_path / "a.dcm", tmp_path / "large.dcm"
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset = pydicom.dataset.FileDataset(path, {}, file_meta=meta, preamble=bytes(128))
    dataset.Rows, dataset.Columns, dataset.BitsAllocated, dataset.BitsStored = 64, 64, 16, 16
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    for place, pixels in ((path, bytes(64 * 64 * 2)), (large, MANY)):
        dataset.PixelData = pixels
        pydicom.dcmwrite(place, dataset, enforce_file_format=True)
    assert read_image(path).shape == (64, 64, 1)
    for read in (read_image, header):
        refused(read, large, "unpacks to more than 1 MB")


def test_usual_files_are_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MOST", 1 << 30)
    monkeypatch.setattr(unpacking, "_check", None)
    path = tmp_path / "a.tif"
    noise = np.random.default_rng(0).integers(0, 2**16, (600, 500), np.uint16)
    tifffile.imwrite(path, noise, compression="zlib", photometric="minisblack")
    assert path.stat().st_size > 5e5
    assert np.array_equal(read_image(path)[..., 0], noise)
