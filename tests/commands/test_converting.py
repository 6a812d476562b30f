"""Datasets in other formats: what comes back, and what is said to be lost."""

import json

import numpy as np
import pytest
from drawn_objects_folders import coco, save_map, save_photo
from shapes import shape

from segmentare.cli import main
from segmentare.commands.convert import convert
from segmentare.datasets import open_dataset
from segmentare.datasets.converting import FORMATS


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """500 random shapes, 20 to an image, side by side and touching, in two categories."""
    root = tmp_path_factory.mktemp("many") / "cells"
    rng = np.random.default_rng(7)
    rows = ["image,id,category"]
    for i in range(25):
        canvas = np.zeros((132, 205), np.uint16)
        for k in range(20):
            y, x = k // 5 * 33, k % 5 * 41
            canvas[y : y + 33, x : x + 41][shape(rng, (33, 41))] = k + 1
            rows.append(f"{i}.png,{k + 1},{'cow' if k % 3 else 'sheep'}")
        image = save_photo(root / f"images/{i}.png", i)
        save_map(image, np.zeros((132, 205, 3), np.uint8))
        save_map(root / f"masks/{i}.png", canvas)
    (root / "objects.csv").write_text("\n".join(rows))
    return root


def objects(root, reader=None):
    """Return {image: {(category, mask), ...}} with whole masks."""
    dataset = open_dataset(root, reader, "panoptic" if reader == "coco_panoptic" else "instance")
    names = [category.name for category in dataset.categories]
    found = {}
    for record, sample in zip(dataset.records, dataset, strict=True):
        listed = dataset.objects(record, sample.annotation.size)
        kinds = [names[kind] for kind in listed.categories]
        found[record.name] = set(zip(kinds, listed.masks, listed.crowd, strict=True))
    return found


@pytest.mark.parametrize(
    ("to", "reader"),
    [("coco", "coco"), ("yolo", "yolo"), ("ids", "ids"), ("panoptic", "coco_panoptic")],
)
def test_500_shapes_come_back_whole(many, tmp_path, to, reader):
    result = convert(many, tmp_path / "new", to)
    assert (result.images, result.objects, result.lost) == (25, 500, {})
    before, after = objects(many), objects(tmp_path / "new", reader)
    assert sum(map(len, before.values())) == 500
    assert before == after


def test_masks_of_categories_say_what_runs_together(many, tmp_path):
    result = convert(many, tmp_path / "new", "masks")
    (count,) = (n for what, n in result.lost.items() if "run together" in what)
    assert 0 < count < 500
    before, after = open_dataset(many), open_dataset(tmp_path / "new")
    assert [c.name for c in after.categories] == [c.name for c in before.categories]
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one.annotation.category, other.annotation.category)


def test_overlaps_and_crowds(tmp_path):
    root = tmp_path / "old"
    root.mkdir()
    data = coco(root)
    data["annotations"][0]["segmentation"] = [[2, 4, 6, 4, 6, 8, 2, 8]]  # on the first object
    (root / "annotations/instances_train.json").write_text(json.dumps(data))
    result = convert(root, tmp_path / "coco", "coco")
    assert result.lost == {}
    assert objects(tmp_path / "coco") == objects(root)
    assert any(crowd for _, _, crowd in objects(root)["0"])
    result = convert(root, tmp_path / "ids", "ids")
    assert result.lost == {
        "objects lose the pixels where smaller ones cover them": 1,
        "crowd regions become background": 3,
    }
    assert convert(root, tmp_path / "yolo", "yolo").lost == {"crowd regions become background": 3}
    result = convert(root, tmp_path / "panoptic", "panoptic")
    assert list(result.lost.values()) == [1]
    listed = json.loads((tmp_path / "panoptic/annotations/panoptic_images.json").read_text())
    assert sum(s["iscrowd"] for a in listed["annotations"] for s in a["segments_info"]) == 3


def test_stuff_and_unlabeled_pixels_are_said(data, tmp_path):
    result = convert(data / "panoptic_coco_samples", tmp_path / "coco", "coco")
    assert result.objects == 40
    assert result.lost == {
        "segments of stuff, which cannot be counted, are left out": 7,
        "images have unlabeled pixels, which become background": 2,
    }
    result = convert(data / "panoptic_coco_samples", tmp_path / "same", "panoptic")
    assert result.lost == {}
    first = open_dataset(data / "panoptic_coco_samples", task="panoptic")
    second = open_dataset(tmp_path / "same", task="panoptic")
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.annotation.category, other.annotation.category)
        assert np.array_equal(one.annotation.instance > 0, other.annotation.instance > 0)


def test_plain_masks_give_one_object_per_part(drawn, tmp_path):
    result = convert(drawn, tmp_path / "ids", "ids")
    assert "each connected part became one object" in next(iter(result.notes))
    assert open_dataset(tmp_path / "ids", task="instance").reader == "ids"


def test_a_broken_image_is_skipped_and_named(tmp_path):
    root = tmp_path / "old"
    root.mkdir()
    coco(root)
    (root / "train/1.png").write_bytes(b"nothing")
    result = convert(root, tmp_path / "new", "yolo")
    assert result.images == 2
    ((_, reason),) = result.skipped
    assert "'1.png'" in reason


def test_nothing_is_overwritten(many, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new/mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match=r"holds something already"):
        convert(many, tmp_path / "new", "coco")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine.txt"]
    with pytest.raises(ValueError, match=r"must be one of coco, yolo, masks, ids, panoptic"):
        convert(many, tmp_path / "other", "voc")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]


def test_the_command_line(tmp_path, capsys):
    root = tmp_path / "old"
    root.mkdir()
    coco(root)
    for to in FORMATS:
        arguments = ["convert", str(root), "--to", to, "--out", str(tmp_path / to), "--quiet"]
        assert main(arguments) == 0
        assert capsys.readouterr().out.startswith("Wrote 3 images with 6 objects as ")
    assert main([*arguments[:-2], str(tmp_path / "json"), "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 3
    assert main(arguments) == 2
    assert "Error: " in capsys.readouterr().err
