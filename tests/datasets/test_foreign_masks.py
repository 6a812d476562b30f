"""Masks in files of others: any JSON values make a mask of the right size, or one sentence."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segmentare.annotations.outlines import fill, fill_union
from segmentare.annotations.runlengths import RLE
from segmentare.datasets.readers.coco import read_segmentation

SIZE = (4, 6)
HUGE = st.sampled_from([2**62, 2**63 - 1, 2**63, 2**64, -(2**62), 10**30, 10**400, -(10**400)])
NUMBERS = st.one_of(st.integers(0, 24), st.integers(), HUGE, st.floats(), st.booleans())
PLAIN = st.one_of(NUMBERS, st.none(), st.text(max_size=8))
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
RUNS = st.lists(st.integers(0, 12), max_size=8) | st.lists(PLAIN, max_size=8) | st.lists(HUGE)


def answered(read):
    """Return the mask, or the sentence; anything else that is raised fails the test."""
    try:
        mask = read()
    except ValueError as error:
        return str(error)
    assert mask.size == SIZE
    assert mask.to_mask().shape == SIZE
    assert sum(mask.counts) == 24
    assert min(mask.counts) >= 0
    return mask


@given(RUNS | JSON)
@settings(max_examples=500, deadline=None)
def test_any_run_lengths_make_a_mask_or_a_sentence(counts):
    found = answered(lambda: RLE.of(counts, SIZE))
    plain = isinstance(counts, list) and all(
        not isinstance(n, bool) and (isinstance(n, int) or (isinstance(n, float) and n % 1 == 0))
        for n in counts
    )
    right = plain and all(n >= 0 for n in counts) and sum(map(int, counts)) == 24
    assert isinstance(found, RLE) == right
    assert right or 10 < len(found) < 300


@given(st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=40) | st.text())
@settings(max_examples=500, deadline=None)
def test_any_text_makes_a_mask_or_a_sentence(text):
    found = answered(lambda: RLE.from_text(text, SIZE))
    if isinstance(found, RLE):
        assert text.isascii()


@given(JSON | st.fixed_dictionaries({"counts": RUNS | JSON, "size": JSON}) | st.lists(RUNS))
@settings(max_examples=500, deadline=None)
def test_any_segmentation_makes_a_mask_or_a_sentence(segmentation):
    answered(lambda: read_segmentation(segmentation, SIZE))


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ([2**62] * 4 + [24], "they sum up to 18446744073709551640|more than 20 digits"),
        ([-(2**63), 2**63, 24], "without negative ones"),
        ([24, 2**64 - 24, 24], "must sum up to 4 x 6 pixels"),
        ([10.5, 13.5], "must be whole numbers; one is 10.5"),
        ([True, 23], "must be whole numbers; one is True"),
        ([None, 24], "must be whole numbers; one is None"),
        (["1", 23], "must be whole numbers; one is a str"),
        (24, "must be a list of numbers or a text; got 24"),
    ],
)
def test_counts_that_wrap_around_or_are_none(counts, sentence):
    with pytest.raises(ValueError, match=sentence):
        RLE.of(counts, SIZE)


def test_whole_numbers_with_a_point_are_whole_numbers():
    assert RLE.of([4.0, 20], SIZE) == RLE.of([4, 20], SIZE)


def test_compressed_lengths_that_wrap_around():
    number = "P" + "P" * 10 + "O"  # 60 bits
    with pytest.raises(ValueError, match="must be at most 4 x 6 pixels"):
        RLE.from_text(number * 40, SIZE)
    with pytest.raises(ValueError, match="character 1 is 'é'"):
        RLE.from_text("0é", SIZE)


def test_polygons_of_any_length_are_filled_or_refused():
    far = np.array([[-9e8, -9e8], [9e8, -9e8], [9e8, 9e8], [-9e8, 9e8]])
    assert fill_union([far], SIZE).all()
    for wrong in (np.nan, np.inf, 1e300):
        with pytest.raises(ValueError, match="must have points that are numbers below"):
            fill([np.array([[0, 0], [wrong, 0], [3, 3]])], SIZE)


def test_a_polygon_that_crosses_every_row_a_million_times_is_refused():
    points = np.tile([[0, 0], [9, 99.0]], (200_000, 1))
    with pytest.raises(ValueError, match="must cross the rows of its image at most"):
        fill_union([points], (100, 10))


def test_thousands_of_rings_that_overlap_take_little_memory():
    """Pairs of rings were compared, which took 3.8 GB for 30,000."""
    rng = np.random.default_rng(0)
    square = np.array([[0, 0], [5, 0], [5, 5], [0, 5.0]])
    corners = rng.integers(0, 95, (30_000, 2))
    expected = np.zeros((100, 100), bool)
    for x, y in corners.tolist():
        expected[y : y + 5, x : x + 5] = True
    rings = [square + corner for corner in corners]
    tracemalloc.start()
    filled = fill_union(rings, (100, 100))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(filled, expected)
    assert most < 2e8


def coco(folder, segmentation):
    (folder / "images").mkdir()
    (folder / "annotations").mkdir()
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(folder / "images" / "a.png")
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": segmentation}
    data = {
        "images": [{"id": 1, "file_name": "a.png", "height": 4, "width": 6}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [annotation],
    }
    (folder / "annotations" / "instances_all.json").write_text(json.dumps(data))
    return folder


@pytest.mark.parametrize(
    "segmentation",
    [
        {"counts": [2**62] * 4 + [24], "size": [4, 6]},
        {"counts": ("P" * 11 + "O") * 40, "size": [4, 6]},
        {"counts": [True, 23], "size": [4, 6]},
        {"counts": None, "size": [4, 6]},
        [[0, 0, 10**400, 0, 3, 3]],
        [[0, 0, 1e300, 0, 3, 3]],
        [[0, 0, True, 0, 3, 3]],
        [{"x": 1}],
        "text",
    ],
)
def test_check_names_the_annotation(run_cli, tmp_path, segmentation):
    folder = coco(tmp_path, segmentation)
    code, output, errors = run_cli("check", folder, "--task", "instance", "--no-page")
    assert code == 1
    assert "Annotation 1 in" in " ".join((output + errors).split())
