"""Masks that were taken for images are named, by a check and by a training alike."""

import re
import shutil

import numpy as np
import pytest
from command_line import TRAIN, images, masks
from drawn_folders import draw, mask, numbered, photo
from PIL import Image

from segmentare.datasets import open_dataset
from segmentare.datasets.checking import check
from segmentare.datasets.mask_images import colors_of


def test_few_colors_are_counted():
    assert colors_of(np.dstack([mask(0)] * 3)) == {0, 0xFFFFFF}
    assert colors_of(photo(0)) == frozenset()
    assert colors_of(np.zeros((5, 5, 3), np.uint8)) == frozenset()  # an image may be black
    assert colors_of(np.zeros((5, 5, 1), np.uint16)) == frozenset()
    speck = np.zeros((400, 400, 3), np.uint8)  # beside what is looked at first
    speck[13, 7:27, 0] = np.arange(20)
    assert colors_of(speck) == frozenset()


def the_same_file(image, truth):
    shutil.copy(truth, image)


def a_link(image, truth):
    image.unlink()
    image.symlink_to(truth)


def other_bytes(image, truth):
    Image.open(truth).convert("RGB").save(image, compress_level=0)


def other_format(image, truth):
    Image.open(truth).save(image.with_suffix(".bmp"))
    image.unlink()


@pytest.mark.parametrize("spoil", [the_same_file, a_link, other_bytes, other_format])
def test_an_image_that_is_its_own_mask(run_cli, refused, photos, tmp_path, spoil):
    spoil(images(photos)[2], masks(photos)[2])
    checkup = check(open_dataset(photos))
    (problem,) = checkup.problems
    assert problem.stops
    assert re.search(r"'drawn_002.\w+' and its mask 'drawn_002.png' hold the same", problem.what)
    assert "drawn_002" not in checkup.usable
    run = tmp_path / "run"
    assert problem.what in refused("train", photos, "--out", run, *TRAIN)
    assert run_cli("train", photos, "--out", run, "--skip-broken", *TRAIN)[0] == 0


def test_a_mask_of_another_image_among_photographs(refused, photos, tmp_path):
    shutil.copy(masks(photos)[5], images(photos)[2])
    (problem,) = check(open_dataset(photos)).problems
    assert problem.stops
    assert "'drawn_002.png' is taken for an image but holds only the values 0 and 255" in (
        problem.what
    )
    assert problem.what in refused("train", photos, "--out", tmp_path / "run", *TRAIN)


def test_black_images_and_gray_photographs_are_images(tmp_path):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png", 8))
    Image.fromarray(np.zeros((24, 32), np.uint8)).save(tmp_path / "images/0.png")
    Image.fromarray(photo(1)[..., 0]).save(tmp_path / "images/1.png")
    assert check(open_dataset(tmp_path)).problems == ()


def test_images_that_are_all_drawn_in_the_colors_of_masks_are_doubted(tmp_path):
    folder = draw(tmp_path / "photos", numbered("images/{}.png", "masks/{}.png", 8))
    for i in range(8):
        Image.fromarray(mask(3 * i + 1)).save(folder / f"images/{i}.png")
    Image.fromarray(mask(0)).save(folder / "masks/0.png")
    checkup = check(open_dataset(folder))
    doubts = [problem for problem in checkup.problems if not problem.file]
    assert any("hold only the values 0 and 255, as masks do" in doubt.what for doubt in doubts)


def test_all_photographs_that_were_replaced_by_masks(refused, photos, tmp_path):
    for image, truth in zip(images(photos), masks(photos), strict=True):
        shutil.copy(truth, image)
    checkup = check(open_dataset(photos))
    assert not checkup.can_train
    assert checkup.usable == ()
    assert "hold the same pixels" in refused("train", photos, "--out", tmp_path / "run", *TRAIN)
