"""Which pictures are opened, and that no other program is ever started for one."""

import base64
import json

import numpy as np
import pytest
from drawn_folders import draw, mask, numbered, photo
from PIL import EpsImagePlugin, Image, features

from segmentare.datasets import open_dataset
from segmentare.datasets.masks.reading import read_raw
from segmentare.errors import DatasetError
from segmentare.images.reading import image_size, read_image


@pytest.fixture
def postscript(monkeypatch):
    """The bytes of a PostScript file; the test fails where Ghostscript would run."""

    def start(*_, **__):
        pytest.fail("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", start)
    monkeypatch.setattr(EpsImagePlugin, "has_ghostscript", lambda: True)
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 24\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.mark.parametrize("read", [read_image, read_raw])
@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_postscript_is_refused_whatever_its_name_says(tmp_path, postscript, read, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(postscript)
    with pytest.raises(DatasetError, match=f"'a.{ending}' is not an image that can be read"):
        read(path)


def test_postscript_has_no_size_either(tmp_path, postscript):
    (tmp_path / "a.png").write_bytes(postscript)
    with pytest.raises(DatasetError, match=r"'a\.png' is not an image that can be read"):
        image_size(tmp_path / "a.png")


def test_postscript_among_images_masks_and_backgrounds(tmp_path, postscript, run_cli, model, drawn):
    photos = draw(tmp_path / "photos", numbered("images/{}.png", "masks/{}.png", 6))
    (photos / "images" / "1.png").write_bytes(postscript)
    (photos / "masks" / "2.png").write_bytes(postscript)
    code, output, _ = run_cli("check", photos, "--no-page")
    assert code == 1
    assert " ".join(output.split()).count("not an image that can be read") == 2
    (tmp_path / "beach.jpg").write_bytes(postscript)
    words = ["predict", model, drawn / "images", "--out", tmp_path / "out"]
    code, _, errors = run_cli(*words, "--background", tmp_path / "beach.jpg")
    assert code == 2
    assert "'beach.jpg' is not an image that can be read" in errors


def test_postscript_in_a_labelme_file(tmp_path, postscript):
    Image.fromarray(photo(0)).save(tmp_path / "a.png")
    text = base64.b64encode(postscript).decode()
    shape = {"label": "x", "shape_type": "mask", "points": [[0, 0], [9, 9]], "mask": text}
    image = {"imagePath": "a.png", "imageHeight": 24, "imageWidth": 32, "shapes": [shape]}
    (tmp_path / "a.json").write_text(json.dumps(image))
    dataset = open_dataset(tmp_path, "labelme", "instance")
    with pytest.raises(DatasetError, match="not an image"):
        _ = dataset[0]


@pytest.mark.parametrize("kind", ["PCX", "TGA", "ICO", "SGI", "IM", "PDF"])
def test_rare_formats_under_another_name_are_refused(tmp_path, kind):
    Image.fromarray(photo(0)).save(tmp_path / "a.png", kind)
    with pytest.raises(DatasetError, match="not an image that can be read"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize(
    "kind", ["PNG", "JPEG", "MPO", "TIFF", "BMP", "DIB", "GIF", "WEBP", "JPEG2000", "PPM", "AVIF"]
)
def test_usual_formats_are_told_by_their_content(tmp_path, kind):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    Image.fromarray(photo(0)).save(tmp_path / "a.png", kind, quality=95)
    found = read_image(tmp_path / "a.png")
    assert np.abs(found.astype(int) - photo(0)).mean() < 12
    assert read_raw(tmp_path / "a.png").lossy == (kind in {"JPEG", "MPO", "WEBP", "AVIF"})
    Image.fromarray(mask(0)).save(tmp_path / "b.tif", "PNG")
    assert set(np.unique(read_raw(tmp_path / "b.tif").values)) == {0, 255}
