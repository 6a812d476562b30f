"""COCO instances and COCO panoptic: drawn, real, and damaged."""

import json
import re
import shutil

import numpy as np
import pytest
from drawn_objects_folders import coco, instance_map, save_coco, save_photo
from PIL import Image

from segmentare.annotations.segmentation import UNLABELED
from segmentare.datasets import open_dataset
from segmentare.datasets.readers.coco import read_segmentation
from segmentare.errors import DatasetError

#: id of each crowd in coco_mini and its area as pycocotools 2.0.11 decodes it (the areas in the
#: JSON are those of an earlier outline and up to 65 % larger)
CROWDS = {
    908400535506: 2442,
    900900159269: 776,
    900100370162: 40661,
    900100174375: 39683,
    906200174375: 11710,
    900100184613: 7378,
    900100329323: 27008,
}


def test_polygons_and_run_lengths(tmp_path):
    coco(tmp_path)
    dataset = open_dataset(tmp_path, task="instance")
    assert dataset.reader == "coco"
    assert [c.name for c in dataset.categories] == ["background", "cow", "sheep"]
    assert [c.thing for c in dataset.categories] == [False, True, True]
    assert dataset.problems == ()
    found = dataset[1].annotation
    drawn = instance_map()
    square = np.zeros_like(drawn, bool)
    square[2:10, 20:28] = True
    assert np.array_equal(found.category == 2, square)
    assert np.array_equal(found.category == 1, drawn == 1)
    assert np.array_equal(found.category == UNLABELED, (drawn == 2) & ~square)
    assert sorted(np.unique(found.instance)) == [0, 1, 2]
    whole = dataset.objects(dataset.records[1], (24, 32))
    assert whole.crowd == (False, False, True)
    assert [mask.area for mask in whole.masks] == [64, 69, 70]


def damaged(tmp_path, change):
    data = coco(tmp_path)
    change(data)
    return open_dataset(save_coco(tmp_path, data))


def annotation(place, **fields):
    return lambda data: data["annotations"][place].update(fields)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (annotation(3, category_id=8), "Annotation 10 in 'instances_train.json', of '1.png'"),
        (annotation(3, category_id=8), "has the category 8, but the file lists 2 categories"),
        (annotation(3, segmentation=[[1, 1, 5, 5]]), "polygon of 2 points"),
        (annotation(3, segmentation=[[1, 1, 5, 5, 6]]), "polygon of 2.5 points"),
        (annotation(3, segmentation=[[1, 1, 5, 5, 6, "a"]]), "no list of numbers"),
        (annotation(3, segmentation=[]), "only a box"),
        (annotation(3, segmentation={"size": [9, 32], "counts": []}), "for 32 x 9 pixels"),
        (annotation(3, segmentation={"counts": []}), "without 'counts' and 'size'"),
        (annotation(3, id=0), "Annotation 0 in .* has the id of another one"),
        (lambda data: data["images"][1].update(file_name="x.png"), "'x.png' stands in"),
    ],
)
def test_one_bad_record_is_named_and_left_out(tmp_path, change, said):
    dataset = damaged(tmp_path, change)
    assert [record.name for record in dataset.records] == ["0", "2"]
    (problem,) = dataset.problems
    assert problem.stops
    assert problem.file in {"1.png", "x.png"}
    assert re.search(said, problem.what), problem.what


def test_image_ids_must_be_unique(tmp_path):
    dataset = damaged(tmp_path, lambda data: data["images"][1].update(id=50))
    assert [record.name for record in dataset.records] == ["2"]
    assert any("50 stands there twice" in problem.what for problem in dataset.problems)


def test_an_annotation_without_its_image_is_said(tmp_path):
    dataset = damaged(tmp_path, annotation(0, image_id=99))
    assert len(dataset) == 3
    (problem,) = dataset.problems
    assert not problem.stops
    assert "Annotation 0 in 'instances_train.json' is of image 99" in problem.what


def test_run_lengths_that_do_not_decode_are_named_when_read(tmp_path):
    runs = {"size": [24, 32], "counts": [5, 5]}
    dataset = damaged(tmp_path, annotation(3, segmentation=runs))
    with pytest.raises(DatasetError, match=r"Annotation 10 .*'1.png'.*they sum up to 10"):
        dataset[1]
    dataset = damaged(
        tmp_path, annotation(3, segmentation={"size": [24, 32], "counts": "not runs"})
    )
    with pytest.raises(DatasetError, match=r"Annotation 10 .*character 2 is 't'"):
        dataset[1]


def test_an_image_of_another_size_is_named(tmp_path):
    coco(tmp_path)
    Image.new("RGB", (30, 24)).save(tmp_path / "train/1.png")
    with pytest.raises(DatasetError, match=r"'1.png' must be 32 x 24 pixels .* it is 30 x 24"):
        open_dataset(tmp_path)[1]


def test_damaged_json_is_named(tmp_path):
    coco(tmp_path)
    path = tmp_path / "annotations/instances_train.json"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(DatasetError, match=r"'instances_train.json' is no complete JSON file"):
        open_dataset(tmp_path)


def test_two_files_must_agree_on_categories(tmp_path):
    data = coco(tmp_path)
    data["categories"][0]["name"] = "goat"
    (tmp_path / "annotations/instances_val.json").write_text(json.dumps(data))
    with pytest.raises(DatasetError, match=r"'cow' in 'instances_train.json' and 'goat' in"):
        open_dataset(tmp_path)


def panoptic(root):
    save_photo(root / "val/a.png")
    ids = instance_map(3) * 300
    ids[ids == 0] = 70_000
    ids[:2] = 0
    colors = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=2).astype(np.uint8)
    (root / "annotations/panoptic_val").mkdir(parents=True)
    Image.fromarray(colors).save(root / "annotations/panoptic_val/a.png")
    infos = [
        {"id": 300, "category_id": 3, "iscrowd": 0},
        {"id": 600, "category_id": 3, "iscrowd": 0},
        {"id": 900, "category_id": 3, "iscrowd": 1},
        {"id": 70_000, "category_id": 200, "iscrowd": 0},
    ]
    data = {
        "images": [{"id": 1, "file_name": "a.png", "height": 24, "width": 32}],
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": infos}],
        "categories": [
            {"id": 3, "name": "sheep", "isthing": 1, "color": [9, 8, 7]},
            {"id": 200, "name": "grass", "isthing": 0},
        ],
    }
    save_panoptic(root, data)
    return data


def save_panoptic(root, data):
    (root / "annotations/panoptic_val.json").write_text(json.dumps(data))
    return root


def test_panoptic(tmp_path):
    panoptic(tmp_path)
    dataset = open_dataset(tmp_path, task="panoptic")
    assert dataset.reader == "coco_panoptic"
    assert [(c.name, c.thing) for c in dataset.categories] == [("sheep", True), ("grass", False)]
    assert dataset.categories[0].color == (9, 8, 7)
    found, drawn = dataset[0].annotation, instance_map(3)
    assert np.array_equal(found.instance, np.where(drawn < 3, drawn, 0))
    expected = np.where(drawn > 0, 0, 1)
    expected[drawn == 3] = UNLABELED  # a crowd
    expected[:2] = UNLABELED
    assert np.array_equal(found.category, expected)
    assert "1 segments are crowds" in dataset.problems[0].what


def test_stuff_is_background_for_the_instance_task(tmp_path):
    panoptic(tmp_path)
    dataset = open_dataset(tmp_path, task="instance")
    assert [c.name for c in dataset.categories] == ["background", "sheep"]
    assert np.array_equal(np.unique(dataset[0].annotation.category), [0, 1, UNLABELED])


def test_segments_and_json_must_agree(tmp_path):
    data = panoptic(tmp_path)
    infos = data["annotations"][0]["segments_info"]
    infos.append({"id": 5, "category_id": 3})
    with pytest.raises(DatasetError, match=r"Segment 5 stands in the JSON but has no pixel in 'a"):
        open_dataset(save_panoptic(tmp_path, data))[0]
    del infos[-1], infos[0]
    with pytest.raises(DatasetError, match=r"'a.png' holds the segment 300, which its JSON does"):
        open_dataset(save_panoptic(tmp_path, data))[0]
    infos[0]["category_id"] = 4
    dataset = open_dataset(save_panoptic(tmp_path, data))
    assert "Segment 600 of 'a.png'" in dataset.problems[0].what
    assert len(dataset) == 0


def test_segments_without_their_json_are_refused(tmp_path):
    panoptic(tmp_path)
    (tmp_path / "annotations/panoptic_val.json").unlink()
    with pytest.raises(DatasetError, match=r"'panoptic_val.json', which says what they are, is mi"):
        open_dataset(tmp_path)


def test_a_json_without_its_segments_is_refused(tmp_path):
    panoptic(tmp_path)
    shutil.rmtree(tmp_path / "annotations/panoptic_val")
    with pytest.raises(DatasetError, match=r"The folder 'panoptic_val' .* is missing"):
        open_dataset(tmp_path)


def test_real_segments_have_the_areas_of_the_json(data):
    root = data / "panoptic_coco_samples"
    dataset = open_dataset(root, task="panoptic")
    assert len(dataset.categories) == 133
    listed = json.loads((root / "panoptic_examples.json").read_text())
    names = {c["id"]: c["name"] for c in listed["categories"]}
    for record, entry in zip(dataset.records, listed["annotations"], strict=True):
        found = dataset.annotation(record, Image.open(record.image).size[::-1])
        kinds = [s for s in entry["segments_info"] if not s["iscrowd"]]
        sizes = sorted(np.bincount(found.instance[found.instance > 0])[1:].tolist())
        is_thing = {c["id"]: c["isthing"] for c in listed["categories"]}
        assert sizes == sorted(s["area"] for s in kinds if is_thing[s["category_id"]])
        for segment in kinds:
            if not is_thing[segment["category_id"]]:
                index = [c.name for c in dataset.categories].index(names[segment["category_id"]])
                assert (found.category == index).sum() == segment["area"]


def test_real_crowds_and_polygons(data):
    root = data / "coco_mini/annotations"
    crowds, gaps, total = 0, [], 0
    for part in ("train", "val"):
        listed = json.loads((root / f"instances_{part}2017.json").read_text())
        sizes = {i["id"]: (i["height"], i["width"]) for i in listed["images"]}
        for place, entry in enumerate(listed["annotations"]):
            if place % 4 and not entry["iscrowd"]:
                continue
            area = read_segmentation(entry["segmentation"], sizes[entry["image_id"]]).area
            if entry["iscrowd"]:
                crowds += entry["id"] in CROWDS
                assert area == CROWDS.get(entry["id"], area)
                assert area <= entry["area"]
                continue
            total += 1
            gaps.append(abs(area - entry["area"]) / (10 + entry["area"]))
    assert (crowds, total) == (len(CROWDS), 366)
    assert np.quantile(gaps, 0.99) < 0.1
    assert np.mean(gaps) < 0.02


def test_real_parts(data):
    dataset = open_dataset(data / "coco_mini", task="instance")
    assert [sum(r.part == part for r in dataset.records) for part in ("train", "val")] == [84, 77]
    assert len(dataset.categories) == 81
    assert dataset.problems == ()
