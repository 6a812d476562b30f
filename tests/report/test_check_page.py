"""The check page: verdict, problems, counts; sections by data, escaped names, one file."""

import re

import cv2
import numpy as np
import pytest
from read_page import Page, jpeg

from segmentare.datasets import open_dataset
from segmentare.datasets.checking import check
from segmentare.report.check_page import SamplePicture, write_check_page
from segmentare.synthetic.lesion_dataset import SyntheticLesions, write_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("lesions"), 8, size=(48, 64))


def checkup(root):
    return check(open_dataset(root)).to_dict()


def written(tmp_path, data, samples=()):
    path = tmp_path / "check.html"
    write_check_page(path, data, samples)
    return path.read_text(encoding="utf-8")


@pytest.fixture
def damaged(tmp_path):
    """Images with one broken file, one mask missing, and one image twice."""
    root = write_dataset(tmp_path / "damaged", 8, size=(48, 64))
    (root / "labels.csv").unlink()
    names = sorted(path.name for path in (root / "images").iterdir())
    (root / "images" / names[0]).write_bytes(b"")
    (root / "masks" / names[1]).unlink()
    for kind in ("images", "masks"):
        (root / kind / "copy.png").write_bytes((root / kind / names[2]).read_bytes())
    return checkup(root), names


def test_a_sound_dataset_says_so(tmp_path, folder):
    data = checkup(folder)
    page = Page(written(tmp_path, data, [SamplePicture("drawn_000", jpeg(), {"kind": "common"})]))
    assert "A training can start with 8 images." in page.text
    assert data["layout"] in page.text
    assert "64 × 48" in page.text  # noqa: RUF001 - as the page prints it
    assert "problems" not in page.ids
    assert {"categories", "samples", "labels"} <= page.ids
    for row in data["categories"]:
        assert f"{row['name']} {100 * row['share']:.1f} % {row['images']}" in page.text
    for value, images in data["labels"]["kind"].items():
        assert f"{value} {images}" in page.text


def test_problems_and_twins_are_listed(tmp_path, damaged):
    data, names = damaged
    small = {"file": "", "what": "One small thing.", "stops": False}
    page = Page(written(tmp_path, data | {"problems": [small, *data["problems"]]}))
    assert "A training cannot start. 2 files cannot be used" in page.text
    for problem in data["problems"]:
        assert problem["what"] in page.text
    assert f"images/{names[0]} stops" in page.text
    assert {"problems", "alike"} <= page.ids
    assert "same pixels" in page.text
    stops = re.findall(r"\b(stops|warning)\b", page.text)
    assert stops == sorted(stops), "what stops a training comes first"


def test_images_without_masks_give_the_reason(tmp_path):
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((9, 9, 3), np.uint8))
    data = checkup(tmp_path)
    page = Page(written(tmp_path, data))
    assert page.text.index("A training cannot start.") < page.text.index(
        data["problems"][0]["what"]
    )
    assert page.ids == {"problems"}


def test_nothing_is_loaded_from_elsewhere(tmp_path, damaged):
    html = written(tmp_path, damaged[0], [SamplePicture("a", jpeg())])
    for address in Page(html).addresses:
        assert address == "" or address[0] == "#" or address.startswith("data:image/jpeg;base64,")
    assert not re.search(r"https?:|@import|url\(", html)


def test_names_cannot_break_out(tmp_path, damaged):
    evil = '"><script>alert(1)</script>'
    data = damaged[0] | {
        "layout": evil,
        "root": evil,
        "reader": evil,
        "problems": [{"file": evil, "what": evil, "stops": True}],
        "labels": {evil: {evil: 1}},
        "duplicates": [[evil, evil]],
        "empty": [evil],
    }
    html = written(tmp_path, data, [SamplePicture(evil, jpeg(), {evil: evil})])
    assert html.count("<script>") == 1
    Page(html)


def test_pairs_across_a_split_say_where_they_lie(tmp_path, damaged):
    crossing = {"one": "a", "part": "train", "other": "b", "other_part": "test", "exact": True}
    data = damaged[0] | {"crossings": [crossing], "duplicates": [["a", "b"]]}
    text = Page(written(tmp_path, data)).text
    assert "a b same pixels, in train and in test" in text
    assert text.count("same pixels") == 1


def test_long_lists_are_cut_and_counted(tmp_path, damaged):
    problems = [{"file": f"{i}.png", "what": "It is broken.", "stops": True} for i in range(700)]
    names = [f"image_{i}" for i in range(100)]
    text = Page(written(tmp_path, damaged[0] | {"problems": problems, "empty": names})).text
    assert "200 more are in the JSON file" in text
    assert "100 images" in text
    assert "image_59 and 40 more" in text


def test_any_dataset_can_be_shown(tmp_path):
    data = check(SyntheticLesions(3, size=(40, 40))).to_dict()
    assert "A training can start with 3 images." in Page(written(tmp_path, data)).text
