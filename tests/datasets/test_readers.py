"""Every layout is recognized, its pairs found, and what is wrong with it said."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segmentare.annotations import UNLABELED
from segmentare.datasets import READERS, open_dataset
from segmentare.errors import DatasetError

SIZE = (24, 32)


def photo(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(noise, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def mask(seed: int, high: int = 255) -> np.ndarray:
    drawn = np.zeros(SIZE, np.uint8)
    cv2.circle(drawn, (8 + seed % 12, 10), 5, high, -1)
    return drawn


def draw(root: Path, pairs: list[tuple[str, str]], high: int = 255) -> Path:
    for seed, (image, truth) in enumerate(pairs):
        for name, pixels in ((image, photo(seed)), (truth, mask(seed, high))):
            if name:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / name)
    return root


def numbered(image: str, truth: str, count: int = 4) -> list[tuple[str, str]]:
    return [(image.format(i), truth.format(i)) for i in range(count)]


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


def ph2(root: Path, cases: int = 3) -> Path:
    for i in range(cases):
        name = f"IMD00{i}"
        folder = f"PH2Dataset/PH2 Dataset images/{name}/{name}"
        draw(
            root, [(f"{folder}_Dermoscopic_Image/{name}.bmp", f"{folder}_lesion/{name}_lesion.bmp")]
        )
        draw(root, [("", f"{folder}_roi/{name}_R1_Label3.bmp")])
    lines = [f"|| IMD00{i} ||   ||  {i % 3} || 0 | T ||" for i in range(cases + 2)]
    (root / "PH2Dataset/PH2_dataset.txt").write_text(
        "\n".join(["|| Name || H || Clinical ||", *lines])
    )
    return root


def test_ph2_as_distributed(tmp_path):
    dataset = open_dataset(ph2(tmp_path))
    assert dataset.reader == "ph2"
    assert [r.labels["diagnosis"] for r in dataset.records] == [
        "common_nevus",
        "atypical_nevus",
        "melanoma",
    ]
    assert [c.name for c in dataset.categories] == ["background", "lesion"]
    assert [(p.what[:8], p.stops) for p in dataset.problems] == [("2 cases ", False)]
    shutil.rmtree(tmp_path / "PH2Dataset/PH2 Dataset images/IMD001/IMD001_lesion")
    dataset = open_dataset(tmp_path / "PH2Dataset")
    assert len(dataset) == 2
    assert "lesion mask" in dataset.problems[0].what


def test_mads_groups_are_sequences(tmp_path):
    names = [
        f"{a}_{a}{k}_C{c}_{f:05d}"
        for a in ("HipHop", "Taichi")
        for k in (1, 2)
        for c in (0, 1)
        for f in (180, 225)
    ]
    draw(tmp_path / "set", [(f"images/{n}.png", f"masks/{n}.png") for n in names])
    (tmp_path / "set/df.csv").write_text(
        "\n".join(["images,masks", *(f"images/{n}.png,masks/{n}.png" for n in names)])
    )
    dataset = open_dataset(tmp_path)
    assert dataset.reader == "mads"
    assert Counter(r.group for r in dataset.records) == {
        "HipHop_HipHop1": 4,
        "HipHop_HipHop2": 4,
        "Taichi_Taichi1": 4,
        "Taichi_Taichi2": 4,
    }
    assert dataset.categories[1].name == "person"


def test_camvid(tmp_path):
    for part in ("train", "val", "test"):
        draw(
            tmp_path / "CamVid",
            numbered(f"{part}/{part}{{}}.png", f"{part}annot/{part}{{}}.png", 2),
            11,
        )
    dataset = open_dataset(tmp_path)
    assert dataset.reader == "camvid"
    assert len(dataset.categories) == 11
    assert not any(category.background for category in dataset.categories)
    assert set(np.unique(dataset[0].annotation.category)) == {0, UNLABELED}
    assert Counter(r.part for r in dataset.records) == {"train": 2, "val": 2, "test": 2}


def test_voc(tmp_path):
    root = tmp_path / "VOCdevkit/VOC2012"
    for i in range(3):
        draw(root, [(f"JPEGImages/{i}.jpg", "")])
        truth = np.where(mask(i) > 0, 15, 0).astype(np.uint8)
        truth[:2] = 255
        picture = Image.fromarray(truth)
        picture.putpalette([value for c in range(256) for value in (c, 0, 255 - c)])
        (root / "SegmentationClass").mkdir(exist_ok=True)
        picture.save(root / f"SegmentationClass/{i}.png")
    lists = root / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("0\n1\n9\n")
    (lists / "val.txt").write_text("2\n")
    dataset = open_dataset(tmp_path)
    assert dataset.reader == "voc"
    assert len(dataset.categories) == 21
    assert dataset.categories[15].name == "person"
    assert set(np.unique(dataset[0].annotation.category)) == {0, 15, UNLABELED}
    assert [record.part for record in dataset.records] == ["train", "train", "val"]
    assert [problem.file for problem in dataset.problems] == ["9"]


def test_drive_has_a_field_of_view(tmp_path):
    for folder, start in (("training", 21), ("test", 1)):
        for i in range(start, start + 2):
            draw(
                tmp_path / "DRIVE" / folder,
                [(f"images/{i:02d}_{folder}.tif", f"1st_manual/{i:02d}_manual1.gif")],
            )
            view = np.full(SIZE, 255, np.uint8)
            view[:3] = 0
            (tmp_path / "DRIVE" / folder / "mask").mkdir(exist_ok=True)
            Image.fromarray(view).save(
                tmp_path / "DRIVE" / folder / "mask" / f"{i:02d}_{folder}_mask.gif"
            )
    dataset = open_dataset(tmp_path)
    assert dataset.reader == "drive"
    category = dataset[0].annotation.category
    assert (category[:3] == UNLABELED).all()
    assert set(np.unique(category[3:])) == {0, 1}
    assert [record.part for record in dataset.records] == ["train", "train", "test", "test"]


def test_chase_groups_are_children(tmp_path):
    for child in ("01", "02"):
        for eye in "LR":
            draw(
                tmp_path,
                [
                    (f"Image_{child}{eye}.jpg", f"Image_{child}{eye}_{observer}HO.png")
                    for observer in ("1st", "2nd")
                ],
            )
    dataset = open_dataset(tmp_path)
    assert dataset.reader == "chase"
    assert [(r.name, r.group) for r in dataset.records] == [
        ("Image_01L", "child 01"),
        ("Image_01R", "child 01"),
        ("Image_02L", "child 02"),
        ("Image_02R", "child 02"),
    ]


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


@pytest.mark.parametrize(
    ("folder", "reader", "count", "second"),
    [
        ("ph2", "ph2", 160, "lesion"),
        ("ph2/original_layout", "ph2", 6, "lesion"),
        ("person_ccp", "folder", 809, "object"),
        ("person_portraits", "folder", 231, "object"),
        ("camvid", "camvid", 432, "Building"),
        ("blood_cells_wbc", "folder", 315, "cytoplasm"),
        ("retina_drive", "drive", 32, "vessel"),
        ("retina_chasedb1", "chase", 22, "vessel"),
    ],
)
def test_real_data(data, folder, reader, count, second):
    dataset = open_dataset(data / folder)
    assert (dataset.reader, len(dataset)) == (reader, count)
    assert dataset.categories[1].name == second
    assert not [problem for problem in dataset.problems if problem.stops]
    sample = dataset[count // 2]
    assert sample.image.shape[:2] == sample.annotation.size
    assert reader in READERS
