import errno
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation, distinct_color
from segmentare.results import files

BINARY = (Category("skin", (0, 0, 0), background=True), Category("lesion", (0, 200, 80)))
STREET = tuple(Category(f"c{i}", distinct_color(i + 1)) for i in range(11))


def labels(count, size=(23, 31)):
    return np.random.default_rng(0).integers(0, count, size).astype(np.uint8)


def test_binary_mask_round_trip(tmp_path):
    mask = labels(2)
    files.write_mask(tmp_path / "a.png", Segmentation(mask), BINARY)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "L"
        assert np.array_equal(np.array(picture), mask * 255)


def test_palette_mask_round_trip(tmp_path):
    mask = labels(11)
    mask[0, :3] = UNLABELED
    files.write_mask(tmp_path / "a.png", Segmentation(mask), STREET)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "P"
        assert np.array_equal(np.array(picture), mask)
        colors = np.array(picture.convert("RGB"))
    assert tuple(colors[0, 0]) == files.UNLABELED_COLOR
    assert tuple(colors[5, 5]) == STREET[mask[5, 5]].color


@pytest.mark.parametrize(
    ("value", "categories", "words"),
    [(11, STREET, r"0 to 10, but has \[11\]"), (255, BINARY, "unlabeled"), (2, BINARY, r"\[2\]")],
)
def test_masks_that_the_file_cannot_hold_are_refused(tmp_path, value, categories, words):
    mask = np.full((3, 3), value, np.uint8)
    with pytest.raises(ValueError, match=words):
        files.write_mask(tmp_path / "a.png", Segmentation(mask), categories)
    assert not list(tmp_path.iterdir())


def test_probability_round_trip(tmp_path):
    p = np.linspace(0, 1, 23 * 31, dtype=np.float32).reshape(23, 31)
    files.write_probability(tmp_path / "a.png", Segmentation(labels(2), probability=p))
    with Image.open(tmp_path / "a.png") as picture:
        assert np.abs(np.array(picture) / 255 - p).max() <= 0.5 / 255 + 1e-6
    with pytest.raises(ValueError, match="probability"):
        files.write_probability(tmp_path / "b.png", Segmentation(labels(2)))


def test_pictures_round_trip(tmp_path):
    rgba = np.random.default_rng(0).integers(0, 255, (9, 8, 4), np.uint8)
    files.write_cutout(tmp_path / "a.cutout.png", rgba)
    assert np.array_equal(np.array(Image.open(tmp_path / "a.cutout.png")), rgba)
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:, 20] = (255, 0, 255)  # a thin line keeps its color
    files.write_overlay(tmp_path / "a.overlay.jpg", picture)
    with Image.open(tmp_path / "a.overlay.jpg") as opened:
        assert opened.format == "JPEG"
        assert np.abs(np.array(opened)[20, 20].astype(int) - picture[20, 20]).max() < 40
    view = picture[::-1, ::2]
    assert np.array_equal(np.array(Image.open(io.BytesIO(files.encode_png(view)))), view)


def test_nothing_is_overwritten_unless_told(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="exists already"):
        files.write_mask(path, Segmentation(labels(2)), BINARY)
    assert path.read_bytes() == b"mine"
    files.write_mask(path, Segmentation(labels(2)), BINARY, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch, overwrite):
    path = tmp_path / "a.png"
    if overwrite:
        path.write_bytes(b"mine")

    def full(self, data):
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_mask(path, Segmentation(labels(2)), BINARY, overwrite=overwrite)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([b"mine"] if overwrite else [])


def test_the_longest_name_can_be_written(tmp_path):
    path = tmp_path / ("n" * 251 + ".png")
    files.write_mask(path, Segmentation(labels(2)), BINARY)
    assert path.exists()


def test_describe_by_hand():
    mask = np.zeros((4, 10), np.uint8)
    mask[1:3, 2:6] = 1
    p = np.where(mask == 1, 0.9, 0.2).astype(np.float32)
    line = files.describe(Segmentation(mask, probability=p), BINARY, "a.jpg")
    assert line.pop("confidence") == pytest.approx((8 * 0.9 + 32 * 0.8) / 40)
    assert json.loads(json.dumps(line)) == {
        "image": "a.jpg",
        "width": 10,
        "height": 4,
        "categories": {"lesion": {"area_px": 8, "share": 0.2, "box": [2, 1, 6, 3]}},
    }


def test_describe_says_what_is_absent():
    line = files.describe(Segmentation(np.zeros((4, 10), np.uint8)), STREET, "a")
    assert line["confidence"] is None
    assert line["categories"]["c3"] == {"area_px": 0, "share": 0.0, "box": None}
    assert line["categories"]["c0"] == {"area_px": 40, "share": 1.0, "box": [0, 0, 10, 4]}
    p = np.full((4, 10), 0.3, np.float32)  # the best of several categories may be below 0.5
    line = files.describe(Segmentation(np.zeros((4, 10), np.uint8), probability=p), STREET, "a")
    assert line["confidence"] == pytest.approx(0.3)
