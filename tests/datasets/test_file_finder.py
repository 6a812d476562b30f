"""Names in tables lead to their files, or nowhere; never to another file."""

import json

import pytest
from drawn_folders import draw, mask, numbered, photo
from PIL import Image

from segmentare.datasets import open_dataset
from segmentare.datasets.file_finder import FileFinder
from segmentare.datasets.listing import list_images


def finder(root):
    return FileFinder(root, list_images(root))


def shown(root, path):
    return None if path is None else path.relative_to(root).as_posix()


PAIRS = [("images/a.png", "masks/a.png"), ("images/deep/a.png", "masks/deep/a.png")]


@pytest.mark.parametrize(
    ("name", "role", "found"),
    [
        ("images/a.png", "image", "images/a.png"),
        ("masks/a.png", "mask", "masks/a.png"),
        ("./images//a.png", "image", "images/a.png"),
        ("C:\\data\\photos\\images\\a.png", "image", "images/a.png"),
        ("/home/me/images/deep/a.png", "image", "images/deep/a.png"),
        ("deep/a.png", "image", "images/deep/a.png"),
        ("deep/a.png", "mask", "masks/deep/a.png"),
        ("a.png", "image", None),  # which of the two?
        ("images/b.png", "image", None),
        ("jpg/a.png", "image", None),
        ("../a.png", "image", None),
        ("", "image", None),
        ("only.png", "image", "images/only.png"),
        ("only.png", "mask", "masks/only.png"),
        ("bare.png", "image", None),  # there is a mask of that name, and no image
        ("bare.png", "mask", "masks/bare.png"),
    ],
)
def test_names_are_followed(tmp_path, name, role, found):
    root = draw(tmp_path / "set", [*PAIRS, ("images/only.png", "masks/only.png")])
    Image.fromarray(mask(1)).save(root / "masks/bare.png")
    Image.fromarray(photo(1)).save(tmp_path / "a.png")
    assert shown(root, finder(root).find(name, role)) == found


def test_folders_that_are_not_there_are_passed_over_and_that_is_said(tmp_path):
    root = draw(tmp_path, [("images/a.png", "masks/a.png"), ("images/b.png", "")])
    places = finder(root)
    assert shown(root, places.alone("upload/1/a.png")) == "images/a.png"
    assert places.alone("masks/b.png") is None  # that folder is there
    assert places.alone("b.png") is None
    (remark,) = places.remarks("x.json")
    assert "1 images were found by their names alone" in remark.what
    assert not remark.stops


def pngs_become_jpgs(root):
    """Convert all photographs and leave the table as it is."""
    for path in (root / "images").iterdir():
        Image.open(path).save(path.with_suffix(".jpg"))
        path.unlink()


@pytest.mark.parametrize("names", ["images/{0}.png,masks/{0}.png", "{0}.png,{0}.png"])
def test_a_mask_is_never_taken_for_a_missing_image(tmp_path, names):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png", 6))
    lines = ["image,mask", *(names.format(i) for i in range(6))]
    (tmp_path / "table.csv").write_text("\n".join(lines))
    assert len(open_dataset(tmp_path)) == 6
    pngs_become_jpgs(tmp_path)
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 0
    everything, first = (problem.what for problem in dataset.problems[:2])
    named = names.split(",")[0].format(0)
    said = f"The image '{named}' stands in table.csv but not on disk; there is 'images/0.jpg'"
    assert first == f"{said}, so correct the table."
    assert everything == f"No line of table.csv can be followed: {first}"


def test_a_line_that_names_one_file_twice(tmp_path):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png", 6))
    lines = ["image,mask", "masks/0.png,masks/0.png", "images/1.png,"]
    lines += [f"images/{i}.png,masks/{i}.png" for i in range(2, 6)]
    (tmp_path / "table.csv").write_text("\n".join(lines))
    dataset = open_dataset(tmp_path)
    assert [record.name for record in dataset.records] == ["2", "3", "4", "5"]
    said = [problem.what for problem in dataset.problems if problem.stops]
    assert "table.csv names 'masks/0.png' as an image and as its mask" in said[0]
    assert "'images/1.png' has no mask in table.csv" in said[1]


def test_coco_does_not_take_masks_for_images(tmp_path):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png", 4))
    ring = [1, 1, 9, 1, 9, 9]
    data = {
        "images": [{"id": i, "file_name": f"{i}.png", "height": 24, "width": 32} for i in range(4)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "segmentation": [ring]} for i in range(4)
        ],
        "categories": [{"id": 1, "name": "cell"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(data))
    dataset = open_dataset(tmp_path, "coco", "instance")
    assert [record.image.parent.name for record in dataset.records] == ["images"] * 4
    pngs_become_jpgs(tmp_path)
    dataset = open_dataset(tmp_path, "coco", "instance")
    assert len(dataset) == 0
    assert "'0.png' stands in 'instances.json' but not on disk" in dataset.problems[0].what
