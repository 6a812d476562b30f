"""Table of masks: whatever a user has on disk is read right, or refused with one sentence."""

import cv2
import numpy as np
import pytest
import tifffile
from drawn_masks import COLORS, SIZE, decided, disks, names, save
from PIL import Image

from segmentare.annotations.segmentation import UNLABELED
from segmentare.datasets.masks.reading import read_mask, read_raw, read_valid
from segmentare.datasets.masks.surveys import survey
from segmentare.datasets.tables import ClassRow, ClassTable
from segmentare.errors import DatasetError


@pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 1), (3, 9), (0, 128), (1, 255)])
def test_two_values_are_background_and_object(tmp_path, low, high):
    drawn = [disks((low, high), seed).astype(np.uint8) for seed in range(3)]
    paths = save(tmp_path, drawn)
    decision = decided(paths)
    assert decision.rule.kind == "binary"
    assert names(decision) == ["background", "object"]
    assert str(high) in decision.rule.description
    np.testing.assert_array_equal(read_mask(paths[0], decision.rule), drawn[0] == high)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_one_bit_files(tmp_path, ending):
    drawn = disks((0, 1)) > 0
    path = tmp_path / f"a.{ending}"
    Image.fromarray(drawn).save(path)
    assert Image.open(path).mode == "1"
    np.testing.assert_array_equal(read_mask(path, decided([path]).rule), drawn)


def test_1_bit_and_24_bit_and_0_1_and_0_255_in_one_dataset(tmp_path):
    drawn = disks((0, 1)).astype(np.uint8)
    Image.fromarray(drawn > 0).save(tmp_path / "bit.bmp")
    Image.fromarray(np.dstack([drawn * 255] * 3)).save(tmp_path / "color.bmp")
    Image.fromarray(drawn).save(tmp_path / "ones.png")
    Image.fromarray(drawn * 255).save(tmp_path / "full.png")
    paths = sorted(tmp_path.iterdir())
    decision = decided(paths)
    assert decision.rule.kind == "binary"
    for path in paths:
        np.testing.assert_array_equal(read_mask(path, decision.rule), drawn)


def test_gray_ids_with_void(tmp_path):
    drawn = [disks((0, 1, 2, 255)), disks((0, 2, 3))]
    paths = save(tmp_path, [d.astype(np.uint8) for d in drawn])
    decision = decided(paths)
    assert decision.rule.kind == "ids"
    assert names(decision) == ["background", "category 1", "category 2", "category 3"]
    np.testing.assert_array_equal(read_mask(paths[0], decision.rule), drawn[0])
    assert "255 is unlabeled" in decision.rule.description


def test_void_beside_one_category_in_one_file_is_no_object(tmp_path):
    drawn = disks((0, 1, 255)).astype(np.uint8)
    decision = decided(save(tmp_path, [drawn]))
    assert decision.rule.mapping[255] == UNLABELED


@pytest.mark.parametrize("top", [4, 65535])
def test_16_bit_ids(tmp_path, top):
    drawn = disks((0, 1, 2, 3, top))
    paths = save(tmp_path, [drawn])
    ids = read_mask(paths[0], decided(paths).rule)
    np.testing.assert_array_equal(ids, np.where(drawn == 65535, UNLABELED, drawn))


def test_few_gray_levels_are_categories_in_their_order(tmp_path):
    drawn = disks((0, 128, 255)).astype(np.uint8)
    paths = save(tmp_path, [drawn])
    decision = decided(paths)
    np.testing.assert_array_equal(read_mask(paths[0], decision.rule), drawn.astype(int) // 127)
    assert len(decision.categories) == 3


def test_gray_levels_take_the_names_of_a_table_of_as_many_ids(tmp_path):
    paths = save(tmp_path, [disks((0, 128, 255)).astype(np.uint8)])
    table = ClassTable("t", tuple(ClassRow(i, n) for i, n in enumerate(("background", "a", "b"))))
    decision = decided(paths, table)
    assert names(decision) == ["background", "a", "b"]
    assert decision.rule.mapping == {0: 0, 128: 1, 255: 2}


def test_binary_jpeg_is_cut_at_128_and_the_smear_is_named(tmp_path):
    drawn = disks((0, 255)).astype(np.uint8)
    paths = save(tmp_path, [drawn, drawn.T.copy()], "jpg", quality=60)
    decision = decided(paths)
    assert decision.rule.kind == "binary"
    values = np.concatenate([read_raw(path).values.ravel() for path in paths])
    assert f"{((values != 0) & (values != 255)).mean():.2%} of the mask" in decision.warning
    assert "JPEG" in decision.warning
    assert (read_mask(paths[0], decision.rule) != (drawn > 0)).mean() < 0.01


def test_jpeg_of_several_categories_stops(tmp_path):
    for levels in ((0, 128, 255), (0, 1, 2, 3)):
        paths = save(tmp_path, [disks(levels).astype(np.uint8)], "jpg", quality=80)
        with pytest.raises(DatasetError, match=r"'m00\.jpg'.*JPEG"):
            decided(paths)
    with pytest.raises(DatasetError, match="JPEG"):
        decided(save(tmp_path, [COLORS[disks((0, 1, 2))]], "jpg", quality=80))


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_photographs_instead_of_masks_stop(tmp_path, ending):
    noise = np.random.default_rng(0).integers(0, 256, (5, 10, 14), dtype=np.uint8)
    photos = [cv2.resize(n, SIZE[::-1], interpolation=cv2.INTER_CUBIC) for n in noise]
    with pytest.raises(DatasetError, match="JPEG" if ending == "jpg" else "photographs"):
        decided(save(tmp_path, photos, ending))


def test_soft_edges_in_a_png_are_cut_as_well(tmp_path):
    big = cv2.resize(disks((0, 255)).astype(np.uint8), (560, 400), interpolation=cv2.INTER_CUBIC)
    paths = save(tmp_path, [big])
    decision = decided(paths)
    assert decision.rule.threshold == 128
    assert "soft edges" in decision.warning


def test_a_value_outside_the_rule_is_named(tmp_path):
    drawn = [disks((0, 1, 2), seed).astype(np.uint8) for seed in range(8)]
    drawn[5][0, 0] = 19
    paths = save(tmp_path, drawn)
    decision = decided(paths)
    ((path, what),) = decision.outsiders
    assert path == paths[5]
    assert what == (
        "Labels of 'm05.png' contain category 19, but the dataset has categories 0 to 2. "
        "Use 255 for pixels without a label."
    )
    with pytest.raises(DatasetError, match="category 19"):
        read_mask(paths[5], decision.rule)


def test_a_stray_value_in_a_binary_dataset_is_named(tmp_path):
    drawn = [disks((0, 255), seed).astype(np.uint8) for seed in range(8)]
    drawn[2][3, 3] = 7
    decision = decided(save(tmp_path, drawn))
    assert decision.rule.kind == "binary"
    assert [path.name for path, _ in decision.outsiders] == ["m02.png"]
    assert "value 7" in decision.outsiders[0][1]


def test_a_rare_next_id_is_a_category_and_no_mistake(tmp_path):
    drawn = [disks((0, 1, 2), seed).astype(np.uint8) for seed in range(8)]
    drawn[5][0, 0] = 3
    decision = decided(save(tmp_path, drawn))
    assert decision.outsiders == ()
    assert len(decision.categories) == 4


def test_a_table_limits_the_ids(tmp_path):
    table = ClassTable("classes.csv", tuple(ClassRow(i, f"c{i}") for i in range(3)))
    paths = save(tmp_path, [disks((0, 1, 2, 5)).astype(np.uint8)])
    decision = decided(paths, table)
    assert [path for path, _ in decision.outsiders] == paths
    assert "category 5" in decision.outsiders[0][1]


def test_a_photograph_among_masks_is_left_out(tmp_path):
    drawn = [disks((0, 255), seed).astype(np.uint8) for seed in range(5)]
    drawn[3] = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    drawn[4] = np.random.default_rng(0).integers(0, 256, SIZE, dtype=np.uint8)
    decision = decided(save(tmp_path, drawn))
    assert decision.rule.kind == "binary"
    assert [path.name for path, _ in decision.outsiders] == ["m03.png", "m04.png"]
    assert "photograph" in decision.outsiders[0][1]


def test_numbers_of_objects_are_not_taken_for_categories(tmp_path):
    drawn = []
    for count in (3, 9, 17, 30, 22):
        mask = np.zeros(SIZE, np.uint16)
        mask.flat[:count] = np.arange(1, count + 1)
        drawn.append(mask)
    with pytest.raises(DatasetError, match="single objects"):
        decided(save(tmp_path, drawn))


def test_one_value_only_stops(tmp_path):
    with pytest.raises(DatasetError, match="one value 0"):
        decided(save(tmp_path, [np.zeros(SIZE, np.uint8)] * 3))


def test_float_tiff_of_whole_numbers_and_of_fractions(tmp_path):
    drawn = disks((0, 1, 2)).astype(np.float32)
    tifffile.imwrite(tmp_path / "f.tif", drawn)
    rule = decided([tmp_path / "f.tif"]).rule
    np.testing.assert_array_equal(read_mask(tmp_path / "f.tif", rule), drawn)
    tifffile.imwrite(tmp_path / "g.tif", drawn / 3)
    assert "whole numbers" in survey([tmp_path / "g.tif"])[0].problem


def test_many_channels_cannot_be_a_mask(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", np.zeros((7, *SIZE), np.uint8), photometric="minisblack")
    assert "7 channels" in survey([tmp_path / "m.tif"])[0].problem


def test_size_is_compared(tmp_path):
    paths = save(tmp_path, [disks((0, 255)).astype(np.uint8)])
    rule = decided(paths).rule
    assert read_mask(paths[0], rule, SIZE).shape == SIZE
    with pytest.raises(DatasetError, match=r"50 x 30 pixels.*56 x 40"):
        read_mask(paths[0], rule, (30, 50))


def test_field_of_view(tmp_path):
    paths = save(tmp_path, [disks((0, 1)).astype(np.uint8)])
    np.testing.assert_array_equal(read_valid(paths[0], SIZE), disks((0, 1)) > 0)


def test_a_changed_file_is_looked_at_again(tmp_path):
    paths = save(tmp_path, [disks((0, 1)).astype(np.uint8)])
    assert survey(paths)[0].values == (0, 1)
    save(tmp_path, [disks((0, 1, 2, 3)).astype(np.uint8)])
    assert survey(paths)[0].values == (0, 1, 2, 3)


def test_ph2_top_down_lesion_mask(data):
    folder = data / "ph2/original_layout/PH2Dataset/PH2 Dataset images/IMD002"
    path = folder / "IMD002_lesion/IMD002_lesion.bmp"
    raw = read_raw(path)
    assert raw.space == "gray"
    ids = read_mask(path, decided([path]).rule)
    compact = read_mask(
        data / "ph2/masks/IMD002.png", decided([data / "ph2/masks/IMD002.png"]).rule
    )
    small = cv2.resize(ids, compact.shape[::-1], interpolation=cv2.INTER_NEAREST)
    assert (small == compact).mean() > 0.99  # upside down it would be .8
