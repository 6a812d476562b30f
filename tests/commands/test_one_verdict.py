"""A check says yes where a training starts, and the same sentence where it does not."""

import shutil

import numpy as np
import pytest
from command_line import TRAIN, broken_image, images, masks
from PIL import Image

from segmentare.datasets import open_dataset
from segmentare.datasets.checking import check


def parts_with_a_copy(photos):
    """Prescribe parts, and let one image lie in two of them."""
    for part, first, last in (("train", 0, 16), ("val", 16, 20), ("test", 20, 24)):
        for kind, files in (("images", images), ("masks", masks)):
            folder = photos.parent / "parts" / part / kind
            folder.mkdir(parents=True)
            for path in files(photos)[first:last]:
                shutil.copy(path, folder)
    for kind in ("images", "masks"):
        copied = photos.parent / "parts" / "test" / kind / "drawn_020.png"
        shutil.copy(photos.parent / "parts" / "train" / kind / "drawn_003.png", copied)
    shutil.rmtree(photos)
    (photos.parent / "parts").rename(photos)


def one_of_two_categories(photos):
    (photos / "classes.csv").write_text("id,name\n0,skin\n1,lesion\n2,hair\n")
    for path in masks(photos):
        Image.fromarray(np.full((48, 64), 1, np.uint8)).save(path)


def one_group(photos):
    (photos / "labels.csv").write_text(
        "\n".join(
            ["name,patient", *(f"{path.stem},P{i // 12}" for i, path in enumerate(images(photos)))]
        )
    )


def another_kind(photos):
    Image.fromarray(np.full((48, 64), 9, np.uint16)).save(images(photos)[2])


def few(photos):
    for path in (*images(photos)[2:], *masks(photos)[2:]):
        path.unlink()


@pytest.mark.parametrize(
    "spoil",
    [parts_with_a_copy, one_of_two_categories, one_group, another_kind, broken_image, few],
    ids=lambda spoil: spoil.__name__,
)
def test_what_stops_a_training_stops_the_check(refused, photos, tmp_path, spoil):
    spoil(photos)
    checkup = check(open_dataset(photos))
    assert not checkup.can_train
    said = refused("train", photos, "--out", tmp_path / "run", *TRAIN)
    if spoil is not few:  # a training may do without parts, so it says so
        assert any(problem.what in said for problem in checkup.problems if problem.stops)


def test_near_copies_in_prescribed_parts_are_said_once(photos):
    parts_with_a_copy(photos)
    for number in (20, 21, 22):
        path = photos / "test" / "images" / f"drawn_{number:03d}.png"
        small = Image.open(photos / "train" / "images" / f"drawn_{number - 20:03d}.png")
        small.resize((128, 96), Image.Resampling.BICUBIC).resize((64, 48)).save(path)
    checkup = check(open_dataset(photos))
    assert checkup.can_train
    (problem,) = [problem for problem in checkup.problems if "nearly the same" in problem.what]
    assert problem.what.startswith("3 pairs of nearly the same picture lie in two parts")
    assert len(checkup.crossings) == 3
