"""The readers of datasets with a layout of their own, and all of them on real data."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from drawn_folders import SIZE, draw, mask, numbered
from PIL import Image

from segmentare.annotations.segmentation import UNLABELED
from segmentare.datasets import READERS, open_dataset


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
