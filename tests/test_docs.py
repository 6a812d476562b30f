"""The code in the documentation runs, and does what the text around it says."""

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from check_task import check_perfect_maps_score_one, check_targets

from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation

DOCS = Path(__file__).parents[1] / "docs"
CATEGORIES = (Category("background", (0, 0, 0), background=True), Category("mole", (255, 0, 0)))


def first_block(page):
    """Run the first Python block of a page and return the names it defines."""
    text = (DOCS / page).read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    names = {"__name__": f"docs.{page}"}
    exec(compile(code, page, "exec"), names)  # noqa: S102 - our own text
    return names


@pytest.fixture(scope="module")
def soft_border():
    return first_block("add-a-task.md")["SoftBorder"].from_categories(CATEGORIES)


def annotation():
    category = np.zeros((24, 32), np.uint8)
    category[6:18, 9:25] = 1
    return category


def test_the_task_returns_what_it_was_given(soft_border):
    truth = Segmentation(annotation())
    for stride in (1, 2, 4):
        check_targets(soft_border, truth, stride)
    check_perfect_maps_score_one(soft_border, truth)
    found = soft_border.decode(soft_border.encode(truth, 1), 1)
    assert np.array_equal(found.category, truth.category)


def test_the_task_rises_over_the_border(soft_border):
    (row,) = soft_border.encode(Segmentation(annotation()), 1)["object"][:, 12]
    # the border lies between 8 and 9; 3 pixels to each side the share is 0 and 1
    expected = [0, 1 / 12, 3 / 12, 5 / 12, 7 / 12, 9 / 12, 11 / 12, 1]
    assert row[5:13] == pytest.approx(expected, abs=1e-6)


def test_the_task_has_no_opinion_on_unlabeled_pixels(soft_border):
    category = annotation()
    category[:3] = UNLABELED
    target = soft_border.encode(Segmentation(category), 1)["object"][0]
    assert np.array_equal(np.isnan(target), category == UNLABELED)


def test_the_task_comes_back_from_its_settings(soft_border):
    for field, values in soft_border.tunable.items():
        for value in values:
            candidate = replace(soft_border, **{field: value})
            assert type(soft_border).from_dict(candidate.to_dict()) == candidate


@pytest.fixture
def moles(tmp_path):
    """Two patients; the second picture of the second has no outline."""
    (tmp_path / "patients.csv").write_text("patient;diagnosis\nP001;nevus\nP002;melanoma\n")
    for patient, site in (("P001", 1), ("P002", 1), ("P002", 2)):
        folder = tmp_path / patient
        folder.mkdir(exist_ok=True)
        image = np.full((*annotation().shape, 3), 40 * site, np.uint8)
        cv2.imwrite(str(folder / f"site_{site}.jpg"), image)
        if site == 1:
            cv2.imwrite(str(folder / f"site_{site}.outline.png"), annotation() * 255)
    return tmp_path


def test_the_reader_finds_what_was_written(moles):
    dataset = first_block("add-a-dataset.md")["open_moles"](moles)
    assert [record.name for record in dataset.records] == ["P001_site_1", "P002_site_1"]
    assert [record.group for record in dataset.records] == ["P001", "P002"]
    assert [category.name for category in dataset.categories] == ["background", "mole"]
    sample = dataset[1]
    assert np.array_equal(sample.annotation.category, annotation())
    assert sample.labels == {"diagnosis": "melanoma"}
    (problem,) = dataset.problems
    assert problem.stops
    assert problem.file == "P002/site_2.jpg"


def test_the_reader_leaves_other_folders_alone(tmp_path):
    assert first_block("add-a-dataset.md")["open_moles"](tmp_path) is None


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target
