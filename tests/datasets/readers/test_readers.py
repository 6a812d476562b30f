"""Every layout is recognized, its pairs found, and what is wrong with it said."""

import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from drawn_folders import SIZE, draw, mask, numbered, photo
from PIL import Image

from segmentare.datasets import open_dataset
from segmentare.errors import DatasetError

NAMINGS = {
    "images/masks": ("images/{}.jpg", "masks/{}.png"),
    "image/mask": ("image/{}.png", "mask/{}.png"),
    "imgs/labels": ("imgs/{}.jpg", "labels/{}.png"),
    "Training_Images/Ground_Truth": ("Training_Images/{}.jpg", "Ground_Truth/{}.png"),
    "suffix in one folder": ("{}.jpg", "{}_mask.png"),
    "suffix beside": ("images/{}.jpg", "masks/{}_segmentation.png"),
    "ISIC": ("ISIC_Training_Data/I_{}.jpg", "ISIC_Training_GroundTruth/I_{}_segmentation.png"),
    "prefix": ("images/{}.jpg", "masks/mask_{}.png"),
    "prefix on both": ("images/image_{}.jpg", "masks/mask_{}.png"),
    "affixes in one folder": ("all/{}_sat.jpg", "all/{}_mask.png"),
    "nested": ("a/b{}/images/x{}.jpg", "a/b{}/masks/x{}.png"),
    "same stem, other ending": ("{}.jpg", "{}.png"),
    "misleading parent": ("my_segmentation/images/{}.jpg", "my_segmentation/masks/{}.png"),
    "endings in capitals": ("Images/{}.JPG", "Masks/{}.PNG"),
}  # fmt: skip


@pytest.mark.parametrize("naming", NAMINGS)
def test_usual_namings(tmp_path, naming):
    image, truth = NAMINGS[naming]
    pairs = [(image.replace("{}", str(i)), truth.replace("{}", str(i))) for i in range(4)]
    dataset = open_dataset(draw(tmp_path, pairs))
    assert dataset.reader == "folder"
    found = {
        (r.image.relative_to(tmp_path).as_posix(), r.mask.relative_to(tmp_path).as_posix())
        for r in dataset.records
    }
    assert found == set(pairs)
    assert not dataset.problems
    assert [c.name for c in dataset.categories] == ["background", "object"]
    names = {sample.name for sample in dataset}
    assert len(names) == 4
    np.testing.assert_array_equal(dataset[2].annotation.category, mask(2, 1))
    assert {record.part for record in dataset.records} == {None}


def test_parts_come_from_the_folders_and_stems_may_repeat(tmp_path):
    for part, other in (("train", "train"), ("valid", "val"), ("test", "test")):
        draw(tmp_path, numbered(f"{part}/images/{{}}.png", f"{part}/masks/{{}}.png", 3))
        dataset = open_dataset(tmp_path)
        assert other in {record.part for record in dataset.records} | {"train"}
    assert Counter(r.part for r in dataset.records) == {"train": 3, "val": 3, "test": 3}
    assert len({record.name for record in dataset.records}) == 9
    for record in dataset.records:
        assert record.image.parts[-3] == record.mask.parts[-3]


def test_a_mask_of_another_part_is_not_taken(tmp_path):
    draw(tmp_path, numbered("train/images/{}.png", "train/masks/{}.png", 3))
    draw(tmp_path, numbered("test/images/{}.png", "test/masks/{}.png", 2))
    draw(tmp_path, [("test/images/2.png", "")])
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 5
    assert [p.file for p in dataset.problems] == ["test/images/2.png"]


def test_a_mask_of_another_patient_is_not_taken(tmp_path):
    draw(tmp_path, numbered("a/images/{}.png", "a/masks/{}.png", 3))
    draw(tmp_path, numbered("b/images/{}.png", "b/masks/{}.png", 3))
    (tmp_path / "b/masks/1.png").unlink()
    dataset = open_dataset(tmp_path)
    (problem,) = dataset.problems
    assert (problem.file, problem.what[:17]) == ("b/images/1.png", "'1.png' has no ma")
    assert len({record.name for record in dataset.records}) == 5


def test_missing_double_and_spare_masks_are_listed_once(tmp_path):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png", 5))
    (tmp_path / "masks/0.png").unlink()
    shutil.copy(tmp_path / "masks/1.png", tmp_path / "masks/1_mask.png")
    (tmp_path / "images/2.png").unlink()
    dataset = open_dataset(tmp_path)
    assert [record.name for record in dataset.records] == ["3", "4"]
    said = {problem.file: problem.what for problem in dataset.problems}
    assert "has no mask" in said["images/0.png"]
    assert "must have one mask" in said["images/1.png"]
    assert "has no image" in said["masks/2.png"]
    assert all(problem.stops for problem in dataset.problems)


def test_two_images_of_one_mask(tmp_path):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png"))
    shutil.copy(tmp_path / "images/1.png", tmp_path / "images/1.bmp")
    dataset = open_dataset(tmp_path)
    assert any("both fit" in problem.what for problem in dataset.problems)


def test_images_without_masks_stop(tmp_path):
    draw(tmp_path, [(f"images/{i}.jpg", "") for i in range(3)])
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 0
    assert [(p.file, p.stops) for p in dataset.problems] == [("", True)]
    assert "3 images but no masks" in dataset.problems[0].what


def test_masks_without_images_stop(tmp_path):
    draw(tmp_path, [("", f"masks/{i}.png") for i in range(3)])
    dataset = open_dataset(tmp_path)
    assert any(problem.stops and not problem.file for problem in dataset.problems)


def test_swapped_folders_are_seen(tmp_path):
    draw(tmp_path, numbered("masks/{}.png", "images/{}.png", 6))
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 0
    assert "swapped" in dataset.problems[-1].what


def test_df_csv_and_labels(tmp_path):
    draw(tmp_path, numbered("pics/p{}.jpg", "truth/t{}.png", 6))
    lines = [f"data/pics/p{i}.jpg,data/truth/t{i}.png" for i in range(5)]
    (tmp_path / "df.csv").write_text(
        "\n".join(["images,masks", *lines, "pics/gone.jpg,truth/t1.png"])
    )
    rows = [f"p{i}.jpg,{'good' if i % 2 else 'bad'},{i * 1.5},{i},P{i // 2}" for i in range(6)]
    (tmp_path / "labels.csv").write_text("\n".join(["name,outcome,size,code,patient_id", *rows]))
    dataset = open_dataset(tmp_path)
    assert [record.name for record in dataset.records] == [f"p{i}" for i in range(5)]
    assert dataset.records[1].labels == {"outcome": "good", "patient_id": "P0"}
    assert dataset.records[1].group == "P0"
    assert "df.csv" in dataset.layout
    stopping = [problem for problem in dataset.problems if problem.stops]
    assert ["gone.jpg" in problem.what for problem in stopping] == [True]
    assert any("1 images such as 'p5.jpg'" in problem.what for problem in dataset.problems)


def test_list_files(tmp_path):
    draw(tmp_path, numbered("a/{}.jpg", "b/x{}.png", 4))
    for name, numbers in (("train", (0, 1, 2)), ("test", (3,))):
        lines = [f"/set/a/{i}.jpg /set/b/x{i}.png" for i in numbers]
        (tmp_path / f"{name}.txt").write_text("\n".join(lines))
    dataset = open_dataset(tmp_path)
    assert Counter(record.part for record in dataset.records) == {"train": 3, "test": 1}
    assert {r.image.stem: r.mask.stem for r in dataset.records} == {
        str(i): f"x{i}" for i in range(4)
    }


def test_broken_masks_leave_the_dataset_and_are_named(tmp_path):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png", 5))
    (tmp_path / "masks/1.png").write_bytes(b"")
    (tmp_path / "masks/2.png").write_bytes((tmp_path / "masks/3.png").read_bytes()[:40])
    dataset = open_dataset(tmp_path)
    assert [record.name for record in dataset.records] == ["0", "3", "4"]
    assert [problem.file for problem in dataset.problems] == ["masks/1.png", "masks/2.png"]
    assert [len(dataset.without(["3"])), len(dataset)] == [2, 3]


def test_a_mask_drawn_before_the_exif_rotation_is_named(tmp_path):
    draw(tmp_path, numbered("images/{}.jpg", "masks/{}.png", 3))
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(photo(0)).save(tmp_path / "images/0.jpg", exif=exif)
    dataset = open_dataset(tmp_path)
    with pytest.raises(DatasetError, match=r"before the rotation.*orientation 6"):
        dataset[0]
    Image.fromarray(np.ascontiguousarray(np.rot90(mask(0), -1))).save(tmp_path / "masks/0.png")
    dataset = open_dataset(tmp_path)
    assert dataset[0].image.shape[:2] == dataset[0].annotation.size == SIZE[::-1]


def test_no_layout_names_the_known_ones(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"):
        open_dataset(tmp_path / "gone")
    with pytest.raises(DatasetError, match="is empty"):
        open_dataset(tmp_path)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(DatasetError, match=r"PH2.*CamVid.*Pascal VOC.*DRIVE"):
        open_dataset(tmp_path)
    with pytest.raises(DatasetError, match="is a file"):
        open_dataset(tmp_path / "a.txt")
    with pytest.raises(DatasetError, match="must be one of ph2"):
        open_dataset(tmp_path, "nothing")
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png"))
    with pytest.raises(DatasetError, match="layout of 'voc'"):
        open_dataset(tmp_path, "voc")


def test_importing_the_readers_loads_nothing_heavy():
    code = (
        "import sys, segmentare.datasets; "
        "print([m for m in ('cv2', 'PIL', 'scipy', 'tifffile') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert out.stdout.strip() == "[]"
