"""Drawn lesions: the same again for the same number, exact masks, and as varied as real ones."""

import csv

import cv2
import numpy as np
import pytest

from segmentare.datasets.base import Dataset
from segmentare.synthetic.fields import border_distance, cells, clouds
from segmentare.synthetic.lesion_dataset import SyntheticLesions, draw_lesion, write_dataset

SMALL = (96, 128)


@pytest.fixture(scope="module")
def many():
    return [draw_lesion(seed, SMALL) for seed in range(300)]


def test_one_number_gives_one_picture():
    first, again, other = draw_lesion(7), draw_lesion(7), draw_lesion(8)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.annotation.category, again.annotation.category)
    assert first.labels == again.labels
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("size", [(32, 32), (33, 257), (301, 64), (192, 256), (285, 383)])
def test_every_size_is_drawn(size):
    for seed in range(6):
        sample = draw_lesion(seed, size)
        assert sample.image.shape == (*size, 3)
        assert sample.image.dtype == np.uint8
        assert sample.annotation.category.shape == size
        assert sample.annotation.category.dtype == np.uint8
        assert set(np.unique(sample.annotation.category)) == {0, 1}


def test_the_same_number_draws_the_same_lesion_at_every_size():
    overlaps = []
    for seed in range(20):
        small = draw_lesion(seed, SMALL).annotation
        large = draw_lesion(seed, (288, 384)).annotation.resize(SMALL)
        shared = np.logical_and(small.category, large.category).sum()
        overlaps.append(2 * shared / (small.category.sum() + large.category.sum()))
    assert np.median(overlaps) > 0.95


def test_areas_are_spread_like_real_ones(many):
    shares = np.array([sample.annotation.category.mean() for sample in many])
    # PH2: 0.08, 0.22 and 0.81 at these quantiles; 0.03 and 0.98 are its extremes.
    low, middle, high = np.quantile(shares, [0.05, 0.5, 0.95])
    assert 0.04 < low < 0.11
    assert 0.16 < middle < 0.28
    assert 0.65 < high < 0.9
    assert shares.min() > 0.005
    assert shares.max() < 0.995


def test_masks_are_in_one_piece_without_holes_where_no_frame_cuts_them():
    pieces = []
    for seed in range(60):
        mask = draw_lesion(seed, SMALL).annotation.category
        pieces.append(cv2.connectedComponents(mask, connectivity=8)[0] - 1)
        padded = np.pad(1 - mask, 1, constant_values=1)
        assert cv2.connectedComponents(padded, connectivity=4)[0] - 1 == 1, "a hole"
    assert np.mean(np.array(pieces) == 1) > 0.9


def test_kinds_are_labelled_and_melanomas_are_larger(many):
    shares = {}
    for sample in many:
        shares.setdefault(sample.labels["kind"], []).append(sample.annotation.category.mean())
    assert set(shares) == {"common", "atypical", "melanoma"}
    assert 0.3 < len(shares["common"]) / len(many) < 0.5
    assert np.median(shares["melanoma"]) > 2 * np.median(shares["common"])


def _contrast(sample):
    """How much darker the lesion is than the skin near it, in green."""
    mask = sample.annotation.category.astype(bool)
    ring = cv2.dilate(mask.astype(np.uint8), np.ones((13, 13), np.uint8)).astype(bool) & ~mask
    green = sample.image[..., 1]
    return green[mask].mean() / green[ring].mean()


def test_colors_vary_and_the_lesion_is_where_the_mask_says(many):
    small = [sample for sample in many if sample.annotation.category.mean() < 0.5]
    contrasts = np.array([_contrast(sample) for sample in small])
    assert np.mean(contrasts < 0.97) > 0.9  # darker than the skin around
    assert np.quantile(contrasts, 0.1) < 0.6
    assert np.quantile(contrasts, 0.9) > 0.75
    skins = np.array([s.image[s.annotation.category == 0].mean(axis=0) for s in small])
    lesions = np.array([s.image[s.annotation.category == 1].mean(axis=0) for s in small])
    assert skins.std(axis=0).min() > 15
    assert lesions.std(axis=0).min() > 15
    assert (lesions[:, 2] / lesions[:, 0]).std() > 0.08  # from orange to blue-gray


def test_no_threshold_on_brightness_finds_the_lesions(many):
    best = []
    for sample in many[:100]:
        gray, mask = sample.image.mean(axis=2), sample.annotation.category == 1
        found = [gray < limit for limit in np.quantile(gray, np.linspace(0.03, 0.97, 24))]
        best.append(max(2 * (f & mask).sum() / (f.sum() + mask.sum()) for f in found))
    assert 0.6 < np.median(best) < 0.85  # PH2: 0.75, with the best threshold for each image


def test_a_dataset_draws_on_demand_and_says_what_it_holds():
    dataset: Dataset = SyntheticLesions(12, seed=3, size=SMALL)
    assert len(dataset) == len(dataset.records) == 12
    assert [category.name for category in dataset.categories] == ["background", "lesion"]
    assert dataset.reader == "synthetic"
    for index, record in enumerate(dataset.records):
        sample = dataset[index]
        assert sample.name == record.name
        assert sample.labels == record.labels
    assert np.array_equal(dataset[4].image, SyntheticLesions(5, 3, SMALL)[4].image)
    with pytest.raises(IndexError):
        dataset[12]


def test_datasets_of_different_seeds_share_no_picture():
    def pictures(seed):
        return {sample.image.tobytes() for sample in SyntheticLesions(8, seed, (32, 40))}

    assert len(pictures(0) | pictures(1) | pictures(2)) == 24


def test_what_is_written_is_what_was_drawn(tmp_path):
    root = write_dataset(tmp_path / "drawn", 4, seed=1, size=(64, 80))
    dataset = SyntheticLesions(4, 1, (64, 80))
    with (root / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    for row, sample in zip(rows, dataset, strict=True):
        assert row["name"] == sample.name
        assert row["kind"] == sample.labels["kind"]
        image = cv2.imread(str(root / row["image"]), cv2.IMREAD_UNCHANGED)[..., ::-1]
        mask = cv2.imread(str(root / row["mask"]), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(image, sample.image)
        assert np.array_equal(mask, sample.annotation.category * 255)
    written = {path.relative_to(root).parts[0] for path in root.rglob("*") if path.is_file()}
    assert written == {"images", "masks", "labels.csv"}
    assert len(list(root.rglob("*.p*"))) == 8  # no half-written files are left
    write_dataset(root, 4, seed=1, size=(64, 80))  # may be repeated


def test_wrong_requests_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="seed of a drawing must be 0 or more; got -1"):
        draw_lesion(-1)
    with pytest.raises(ValueError, match="at least 32 pixels high and wide; got 20 x 256"):
        draw_lesion(0, (20, 256))
    with pytest.raises(ValueError, match="at least 1 picture; got 0"):
        write_dataset(tmp_path / "none", 0)
    assert not (tmp_path / "none").exists()


def test_distance_to_the_border_is_signed_and_zero_between_pixels():
    mask = np.zeros((8, 8), bool)
    mask[:, 4:] = True
    assert np.allclose(border_distance(mask)[0] * 8, np.arange(8) - 3.5, atol=0.02)


def test_clouds_and_cells_are_scaled_as_they_say():
    rng = np.random.default_rng(0)
    plane = clouds(rng, (200, 300), 12, 3)
    assert plane.dtype == np.float32
    assert abs(plane.mean()) < 0.2
    assert 0.7 < plane.std() < 1.3
    tissue = cells(rng, (200, 300), 0.1, 0.0)
    assert tissue.min() == 0
    assert 0.5 < tissue.max() < 0.8
    with pytest.raises(ValueError, match="at least one octave; got 0"):
        clouds(rng, (8, 8), 2, 0)
