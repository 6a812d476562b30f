"""Readers of objects: drawn layouts, real samples, and what is wrong in damaged copies."""

import base64
import io
import json
import re

import numpy as np
import pytest
from drawn_folders import draw, numbered
from drawn_objects_folders import SIZE, instance_map, save_map, save_photo
from PIL import Image

from segmentare.annotations.segmentation import UNLABELED
from segmentare.datasets import open_dataset
from segmentare.datasets.readers.yolo import read_yaml
from segmentare.errors import DatasetError

SQUARE = np.zeros(SIZE, bool)
SQUARE[6:18, 8:24] = True
RING = "0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75"  # of SQUARE, divided by 32 and 24


def same_objects(found, drawn):
    """Tell whether two maps show the same objects, whatever their numbers."""
    pairs = {(int(a), int(b)) for a, b in zip(found.flat, drawn.flat, strict=True)}
    return len(pairs) == len(np.unique(found)) == len(np.unique(drawn)) and (0, 0) in pairs


# -- YOLO -----------------------------------------------------------------------------------------


def yolo(root, line=f"1 {RING}"):
    for part, name in (("train", "a"), ("train", "b"), ("val", "c")):
        save_photo(root / f"images/{part}/{name}.jpg")
    for part, name in (("train", "a"), ("val", "c")):
        path = root / f"labels/{part}/{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"0 {RING}\n" if name == "c" else f"\n{line}\n")
    yaml = "path: ../here # note\ntrain: images/train\nval: images/val\n\nnames:\n"
    (root / "data.yaml").write_text(yaml + "  0: 'cow'\n  1: wild sheep\n")
    return root


def test_yolo(tmp_path):
    dataset = open_dataset(yolo(tmp_path), task="instance")
    assert dataset.reader == "yolo"
    assert [c.name for c in dataset.categories] == ["background", "cow", "wild sheep"]
    assert [(r.name, r.part) for r in dataset.records] == [
        ("a", "train"),
        ("b", "train"),
        ("c", "val"),
    ]
    assert np.array_equal(dataset[0].annotation.category, np.where(SQUARE, 2, 0))
    assert not dataset[1].annotation.category.any()  # an image without a label file
    assert np.array_equal(dataset[2].annotation.instance, SQUARE)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 0.5 0.5 0.2 0.2", "Line 2 of 'a.txt' holds a box"),
        ("1 0.1 0.1 0.2 1.25 0.3 0.3", "Line 2 of 'a.txt' must hold points from 0 to 1.*got 1.25"),
        ("1 0.1 0.1 0.2 -0.5 0.3 0.3", "got -0.5"),
        ("2 0.1 0.1 0.2 0.2 0.3 0.3", "has the category 2, but the dataset has 2 categories"),
        ("1 0.1 0.1 0.2 0.2 0.3", "at least 3 points x y; it has 5 numbers"),
        ("1 0.1 0.1 x 0.2 0.3 0.3", "must hold numbers only"),
    ],
)
def test_yolo_names_the_line(tmp_path, line, said):
    dataset = open_dataset(yolo(tmp_path, line))
    with pytest.raises(DatasetError, match=said):
        dataset[0]


def test_yolo_without_names_or_image(tmp_path):
    yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    (tmp_path / "images/val/c.jpg").rename(tmp_path / "images/val/d.jpg")
    dataset = open_dataset(tmp_path)
    assert [c.name for c in dataset.categories] == ["background", "category 0", "category 1"]
    assert [p.stops for p in dataset.problems] == [True, False]
    assert dataset.problems[0].file == "labels/val/c.txt"


def test_names_in_every_form_of_yaml():
    for text in (
        "names:\n- cow # big\n- 'a sheep'",
        "names: [cow, 'a sheep']",
        "names: [cow,\n  'a sheep']",
    ):
        assert read_yaml("data.yaml", text) == {"names": ["cow", "a sheep"]}
    for text in ("names:\n  0: cow\n  1: a sheep", 'names: {0: cow, 1: "a sheep"}'):
        assert read_yaml("data.yaml", text) == {"names": {"0": "cow", "1": "a sheep"}}


def test_a_yaml_file_that_cannot_be_read_is_a_sentence():
    assert read_yaml("a.yaml", "names: [no, 012]") == {"names": ["no", "012"]}
    for text in ("names: [a", "a: [" * 5000, "a: b\n---\nc: d"):
        with pytest.raises(DatasetError, match=r"'a.yaml' must be YAML; it is not \(.+\)"):
            read_yaml("a.yaml", text)
    with pytest.raises(DatasetError, match="at most 1000000 characters; has 1000001"):
        read_yaml("a.yaml", " " * 1_000_001)
    assert read_yaml("a.yaml", "!!python/object:os.system\na: b") == {"a": "b"}  # nothing is made


def test_real_yolo(data):
    dataset = open_dataset(data / "coco128-seg", task="instance")
    assert (dataset.reader, len(dataset), len(dataset.categories)) == ("yolo", 104, 81)
    lines = sum(len(p.read_text().splitlines()) for p in data.glob("coco128-seg/labels/*/*.txt"))
    assert lines == 734
    found = dataset.objects(dataset.records[0], dataset[0].annotation.size)
    assert len(found) == len(dataset.records[0].mask.read_text().splitlines())
    assert all(mask.area for mask in found.masks)


# -- maps of ids ----------------------------------------------------------------------------------


def ids(root, dtype=np.uint16, count=4):
    for i in range(3):
        save_photo(root / f"images/{i}.png", i)
        save_map(root / f"masks/{i}.png", (instance_map(count - i) * 5).astype(dtype))
    return root


def test_maps_of_ids(tmp_path):
    for task in ("semantic", "instance"):
        dataset = open_dataset(ids(tmp_path / "cells"), task=task)
        assert dataset.reader == "ids"
        assert [c.name for c in dataset.categories] == ["background", "cell"]
        assert np.array_equal(dataset[1].annotation.instance, instance_map(3))
        assert np.array_equal(dataset[1].annotation.category, instance_map(3) > 0)


def test_small_numbers_are_categories_unless_objects_are_asked_for(tmp_path):
    ids(tmp_path, np.uint8)
    assert open_dataset(tmp_path).reader == "folder"
    assert open_dataset(tmp_path, task="instance").reader == "ids"
    assert open_dataset(tmp_path, "ids").reader == "ids"


def test_masks_of_two_values_hold_no_objects(tmp_path):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png"))
    with pytest.raises(DatasetError, match=r"objects that are told apart, but .* --to ids"):
        open_dataset(tmp_path, task="instance")


def test_ids_beyond_8_bits_are_named(tmp_path):
    dots = np.zeros((64, 64), np.int64)
    dots[1::3, 1::3] = np.arange(1, 442).reshape(21, 21)
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(save_photo(tmp_path / "images/a.png"))
    save_map(tmp_path / "masks/a.png", (dots % 256).astype(np.uint8))
    dataset = open_dataset(tmp_path, "ids")
    with pytest.raises(DatasetError, match=r"'a.png' has 8 bits, .* but shows 440 pieces"):
        dataset[0]
    save_map(tmp_path / "masks/a.png", dots.astype(np.uint16))
    assert open_dataset(tmp_path, "ids")[0].annotation.instance.max() == 441


def test_colors_are_no_ids(tmp_path):
    ids(tmp_path)
    colored = np.repeat(instance_map()[..., None], 3, axis=2).astype(np.uint8) * (3, 5, 7)
    save_map(tmp_path / "masks/1.png", colored.astype(np.uint8))
    dataset = open_dataset(tmp_path, "ids")
    with pytest.raises(DatasetError, match=r"'1.png' holds colors .* put its JSON beside"):
        dataset[1]


def test_ids_with_categories(tmp_path):
    ids(tmp_path)
    rows = ["image,id,category", "0.png,5,cow", "0.png,10,sheep", "0.png,15,cow", "0.png,20,cow"]
    (tmp_path / "objects.csv").write_text("\n".join(rows))
    dataset = open_dataset(tmp_path, task="instance")
    assert [c.name for c in dataset.categories] == ["background", "cow", "sheep"]
    assert np.array_equal(dataset[0].annotation.category == 2, instance_map() == 2)
    (tmp_path / "objects.csv").write_text("\n".join([*rows, "0.png,x,cow"]))
    with pytest.raises(DatasetError, match=r"Line 6 of 'objects.csv' must name image, id"):
        open_dataset(tmp_path, task="instance")


def test_real_nuclei(data):
    dataset = open_dataset(data / "nuclei_dsb2018")
    assert (dataset.reader, len(dataset)) == ("ids", 253)
    assert [c.name for c in dataset.categories] == ["background", "nucleus"]
    sample = dataset[0]
    assert sample.annotation.instance.max() == 27  # as index.csv says
    assert sample.labels == {"modality": "fluorescence"}


# -- a folder per image, a file per object --------------------------------------------------------


def test_one_file_per_object(tmp_path):
    for case in ("aa", "bb"):
        save_photo(tmp_path / f"stage1_train/{case}/images/{case}.png")
        for i in (1, 2, 3):
            mask = ((instance_map() == i) * 255).astype(np.uint8)
            save_map(tmp_path / f"stage1_train/{case}/masks/{i}.png", mask)
    dataset = open_dataset(tmp_path, task="instance")
    assert dataset.reader == "object_masks"
    assert [c.name for c in dataset.categories] == ["background", "nucleus"]
    found = dataset[1].annotation.instance
    assert same_objects(found, np.where(instance_map() < 4, instance_map(), 0))
    save_map(tmp_path / "stage1_train/bb/masks/2.png", np.zeros(SIZE, np.uint8))
    with pytest.raises(DatasetError, match=r"'2.png' of 'bb' must show an object"):
        dataset[1]


def test_real_files_per_object_are_the_ids(data):
    root = data / "nuclei_dsb2018"
    dataset = open_dataset(root / "original_layout", task="instance")
    maps = open_dataset(root, task="instance")
    place = {record.name: i for i, record in enumerate(maps.records)}
    shared = [i for i, record in enumerate(dataset.records) if record.name in place]
    assert len(dataset) == 6
    for i in shared:
        other = maps[place[dataset.records[i].name]].annotation
        assert same_objects(dataset[i].annotation.instance, other.instance)


# -- layouts of which no real sample is at hand ---------------------------------------------------


def test_penn_fudan(tmp_path):
    for i in (1, 2):
        save_photo(tmp_path / f"PNGImages/FudanPed0000{i}.png")
        mask = instance_map(2).astype(np.uint8)
        save_map(tmp_path / f"PedMasks/FudanPed0000{i}_mask.png", mask)
    dataset = open_dataset(tmp_path)
    assert dataset.reader == "penn_fudan"
    assert np.array_equal(dataset[0].annotation.instance, instance_map(2))
    (tmp_path / "PedMasks/FudanPed00002_mask.png").unlink()
    (problem,) = open_dataset(tmp_path).problems
    assert "'FudanPed00002.png' needs 'PedMasks/FudanPed00002_mask.png'" in problem.what


def cityscapes(root):
    kinds = np.full(SIZE, 7, np.uint8)  # road
    kinds[:3] = 4  # static, which is not scored
    objects = kinds.astype(np.uint16)
    for i, number in ((1, 26001), (2, 26000), (3, 24)):  # two cars, a group of people
        kinds[instance_map() == i] = number // 1000 or number
        objects[instance_map() == i] = number
    stem = "aachen_000000_000019_gtFine"
    for part, city in (("train", "aachen"), ("val", "ulm")):
        save_photo(root / f"leftImg8bit/{part}/{city}/aachen_000000_000019_leftImg8bit.png")
        folder = root / f"gtFine/{part}/{city}"
        save_map(folder / f"{stem}_labelIds.png", kinds)
        save_map(folder / f"{stem}_instanceIds.png", objects)
    return root


def test_cityscapes(tmp_path):
    cityscapes(tmp_path)
    drawn = instance_map()
    top = np.zeros(SIZE, bool)
    top[:3] = True
    for task, car, person, road in (("semantic", 13, 11, 0), ("panoptic", 13, UNLABELED, 0)):
        dataset = open_dataset(tmp_path, task=task)
        assert dataset.reader == "cityscapes"
        assert [(r.part, r.group) for r in dataset.records] == [("train", "aachen"), ("val", "ulm")]
        assert len(dataset.categories) == 19
        expected = np.select([np.isin(drawn, (1, 2)), drawn == 3, top], [car, person, 255], road)
        assert np.array_equal(dataset[0].annotation.category, expected)
    dataset = open_dataset(tmp_path, task="instance")
    assert [c.name for c in dataset.categories][:4] == ["background", "person", "rider", "car"]
    found = dataset[0].annotation
    expected = np.select([np.isin(drawn, (1, 2)), (drawn == 3) | top], [3, UNLABELED], 0)
    assert np.array_equal(found.category, expected)
    assert same_objects(found.instance, np.where(np.isin(drawn, (1, 2)), drawn, 0))


def test_cityscapes_files_must_agree(tmp_path):
    cityscapes(tmp_path)
    path = tmp_path / "gtFine/train/aachen/aachen_000000_000019_gtFine_instanceIds.png"
    save_map(path, np.full(SIZE, 25_003, np.uint16))
    save_map(path.with_name(path.name.replace("instance", "label")), np.full(SIZE, 26, np.uint8))
    with pytest.raises(DatasetError, match=r"holds the object 25003 where .* has 26"):
        open_dataset(tmp_path)[0]
    path.unlink()
    assert "_instanceIds.png', which is missing" in open_dataset(tmp_path).problems[0].what


def ade20k(root):
    numbers = np.where(instance_map() > 0, 401, 2420)
    numbers[:2] = 0
    blue = instance_map() + 1
    seg = np.stack([numbers // 256 * 10, numbers % 256, blue], axis=2).astype(np.uint8)
    folder = root / "images/ADE/training/street"
    save_photo(folder / "ADE_train_1.jpg")
    save_map(folder / "ADE_train_1_seg.png", seg)
    objects = [{"name_ndx": 401, "name": "car, auto"}, {"name_ndx": 2420, "name": "sky"}]
    text = json.dumps({"annotation": {"object": objects}})
    (folder / "ADE_train_1.json").write_text(text)
    return folder


def test_ade20k(tmp_path):
    folder = ade20k(tmp_path)
    dataset = open_dataset(tmp_path, task="panoptic")
    assert dataset.reader == "ade20k"
    assert [(c.name, c.thing) for c in dataset.categories] == [("car", True), ("sky", False)]
    found, drawn = dataset[0].annotation, instance_map()
    expected = np.where(drawn > 0, 0, 1)
    expected[:2] = UNLABELED
    assert np.array_equal(found.category, expected)
    assert same_objects(found.instance, drawn)
    dataset = open_dataset(tmp_path, task="instance")
    assert [c.name for c in dataset.categories] == ["background", "car"]
    (folder / "ADE_train_1.json").write_text('{"annotation": {}}')
    with pytest.raises(DatasetError, match=r"'ADE_train_1.json' must list objects"):
        open_dataset(tmp_path)


def test_real_ade20k(data):
    root = data / "ade20k_samples"
    dataset = open_dataset(root, task="panoptic")
    assert len(dataset) == 3
    for record in dataset.records:
        listed = json.loads(record.image.with_suffix(".json").read_text())["annotation"]["object"]
        names = {str(o["name"]).split(",")[0] for o in listed if not o["parts"]["part_level"]}
        found = dataset.annotation(record, Image.open(record.image).size[::-1])
        used = np.unique(found.category)
        # a few objects are hidden wholly by those before them
        assert {dataset.categories[i].name for i in used if i != UNLABELED} <= names
        whole = [o for o in listed if not o["parts"]["part_level"]]
        assert found.instance.max() <= len(whole) <= found.instance.max() + 8


def labelme(root, shapes=None):
    patch = io.BytesIO()
    Image.fromarray(np.full((3, 4), 255, np.uint8)).save(patch, "PNG")
    mask = {"mask": base64.b64encode(patch.getvalue()).decode(), "shape_type": "mask"}
    drawn = [
        {"label": "cow", "points": [[8, 6], [24, 6], [24, 18], [8, 18]], "group_id": None},
        {"label": "sheep", "points": [[1, 1], [3, 4]], "shape_type": "rectangle", "group_id": 1},
        {"label": "sheep", "points": [[27, 1], [30, 4]], "shape_type": "rectangle", "group_id": 1},
        {"label": "pond", "points": [[4, 20], [4, 22]], "shape_type": "circle"},
        {"label": "rock", "points": [[20, 20], [23, 22]], **mask},
        {"label": "__ignore__", "points": [[0, 23], [32, 23], [32, 24], [0, 24]]},
        {"label": "path", "points": [[0, 0], [5, 5]], "shape_type": "line"},
    ]
    save_photo(root / "a.jpg")
    text = {"shapes": shapes or drawn, "imagePath": "a.jpg", "imageHeight": 24, "imageWidth": 32}
    (root / "a.json").write_text(json.dumps(text))
    return root


def test_labelme(tmp_path):
    dataset = open_dataset(labelme(tmp_path), task="instance")
    assert dataset.reader == "labelme"
    names = [c.name for c in dataset.categories]
    assert names == ["background", "cow", "pond", "rock", "sheep"]
    found = dataset[0].annotation
    assert np.array_equal(found.category == 1, SQUARE)
    sheep = found.category == 4
    assert sheep.sum() == 15
    assert len(np.unique(found.instance[sheep])) == 1  # two parts of one object
    assert (found.category == 3).sum() == 12
    assert 9 <= (found.category == 2).sum() <= 16  # a disk of radius 2
    assert (found.category[23] == UNLABELED).all()
    assert "1 points or lines" in dataset.problems[0].what


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (
            {"label": "a", "points": [[1, 1], [2, 2]]},
            r"Shape 1 \('a'\) of 'a.json' is a polygon of",
        ),
        ({"label": "a"}, "Shape 1 of 'a.json' must have 'label' and 'points'"),
        ({"label": "a", "points": [[1, 1], "x"]}, r"must have points \[x, y\]"),
        ({"label": "a", "points": [[1, 1]], "shape_type": "cube"}, "is a 'cube'"),
    ],
)
def test_labelme_names_the_shape(tmp_path, shape, said):
    dataset = open_dataset(labelme(tmp_path, [shape]))
    assert len(dataset) == 0
    assert re.search(said, dataset.problems[0].what)


def test_other_folders_are_left_alone(tmp_path):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png"))
    assert open_dataset(tmp_path).reader == "folder"
