"""An image in several entries is named, and taken from none of them."""

import json

import pytest
from command_line import TRAIN
from drawn_folders import SIZE, draw, numbered

from segmentare.datasets import open_dataset
from segmentare.datasets.checking import check

RING = [1, 1, 9, 1, 9, 9]


def write_coco(path, names):
    """Write a file with an entry, and one object, for each of the names."""
    data = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cell"}]}
    for number, name in enumerate(names):
        data["images"].append(
            {"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1]}
        )
        data["annotations"].append(
            {"id": number, "image_id": number, "category_id": 1, "segmentation": [RING]}
        )
    path.write_text(json.dumps(data))


def images_only(root, names):
    return draw(root, [(f"images/{name}.png", "") for name in names])


def test_two_entries_of_a_coco_file(tmp_path, refused):
    images_only(tmp_path, "abcde")
    write_coco(
        tmp_path / "instances.json", ["a.png", "b.png", "c.png", "./a.png", "d.png", "e.png"]
    )
    dataset = open_dataset(tmp_path, "coco", "instance")
    assert [record.name for record in dataset.records] == ["b", "c", "d", "e"]
    checkup = check(dataset)
    assert not checkup.can_train
    (problem,) = checkup.problems
    assert problem.file == "images/a.png"
    assert problem.what.startswith(
        "The image 'images/a.png' must stand in one entry; it stands in 2, in 'instances.json'."
    )
    words = ["--task", "instance", "--out", tmp_path / "run", *TRAIN]
    assert problem.what in refused("train", tmp_path, *words)


def test_coco_files_that_overlap(tmp_path):
    images_only(tmp_path, "abcde")
    write_coco(tmp_path / "instances_one.json", ["a.png", "b.png", "c.png"])
    write_coco(tmp_path / "instances_two.json", ["c.png", "d.png", "e.png"])
    dataset = open_dataset(tmp_path, "coco", "instance")
    assert [record.name for record in dataset.records] == ["a", "b", "d", "e"]
    (problem,) = dataset.problems
    assert "in 'instances_one.json' and 'instances_two.json'." in problem.what


def test_images_of_one_name_in_two_folders_stay_two(tmp_path):
    draw(tmp_path, [("images/0.png", ""), ("images/sub/0.png", ""), ("images/1.png", "")])
    write_coco(tmp_path / "instances.json", ["0.png", "sub/0.png", "1.png"])
    dataset = open_dataset(tmp_path, "coco", "instance")
    assert not dataset.problems
    found = [record.image.relative_to(tmp_path / "images").as_posix() for record in dataset.records]
    assert found == ["0.png", "sub/0.png", "1.png"]
    (tmp_path / "images/sub/0.png").unlink()
    dataset = open_dataset(tmp_path, "coco", "instance")
    assert [record.name for record in dataset.records] == ["0", "1"]
    assert "'sub/0.png' stands in 'instances.json' but not on disk" in dataset.problems[0].what


def test_labelme_files_that_name_one_image(tmp_path):
    images_only(tmp_path, "abcd")
    shape = {"label": "cell", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}
    for name, image in (("a", "a"), ("b", "b"), ("c", "c"), ("d", "a")):
        data = {"imagePath": f"{image}.png", "shapes": [shape]}
        (tmp_path / "images" / f"{name}.json").write_text(json.dumps(data))
    dataset = open_dataset(tmp_path, "labelme", "instance")
    assert [record.name for record in dataset.records] == ["b", "c"]
    assert "'images/a.json' and 'images/d.json'." in dataset.problems[0].what


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_links_are_what_they_lead_to(tmp_path, link):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png", 6))
    (tmp_path / "images/4.png").unlink()
    getattr(tmp_path / "images/4.png", link)(tmp_path / "images/2.png")
    dataset = open_dataset(tmp_path)
    assert [record.name for record in dataset.records] == ["0", "1", "3", "5"]
    assert "'masks/2.png' and 'masks/4.png'." in dataset.problems[0].what


def test_panoptic_segments_of_one_image_twice(tmp_path):
    draw(tmp_path, numbered("images/{}.png", "panoptic_all/{}.png", 2))
    data = {
        "images": [
            {"id": i, "file_name": f"{i}.png", "height": SIZE[0], "width": SIZE[1]}
            for i in range(2)
        ],
        "annotations": [
            {"image_id": i // 2, "file_name": f"{i // 2}.png", "segments_info": []}
            for i in range(3)
        ],
        "categories": [{"id": 1, "name": "cell", "isthing": 1}],
    }
    (tmp_path / "panoptic_all.json").write_text(json.dumps(data))
    dataset = open_dataset(tmp_path, "coco_panoptic", "panoptic")
    assert [record.name for record in dataset.records] == ["1"]
    assert "'0.png' must have one annotation in 'panoptic_all.json'" in dataset.problems[0].what


def test_a_dataset_of_nothing_but_repeated_images(tmp_path):
    images_only(tmp_path, "ab")
    write_coco(tmp_path / "instances_one.json", ["a.png", "b.png"])
    write_coco(tmp_path / "instances_two.json", ["a.png", "b.png"])
    dataset = open_dataset(tmp_path, "coco", "instance")
    assert len(dataset) == 0
    assert [problem.file for problem in dataset.problems] == ["images/a.png", "images/b.png", ""]
