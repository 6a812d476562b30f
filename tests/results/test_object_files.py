"""Maps of objects, COCO results, and the panoptic form, read by other code than wrote them."""

import json

import numpy as np
import pytest
import tifffile
from object_scenes import draw, random_scene
from PIL import Image

from segmentare.annotations.measures import measure
from segmentare.annotations.runlengths import RLE
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation
from segmentare.datasets import open_dataset
from segmentare.results import object_files
from segmentare.results.object_tables import ObjectTables

MEADOW = (
    Category("sky", (90, 160, 255)),
    Category("grass", (60, 200, 60)),
    Category("sheep", (220, 60, 60), thing=True),
    Category("dog", (20, 60, 60), thing=True),
)


def scene(seed=0, size=(70, 90)):
    found, _ = draw(random_scene(seed, categories=2, size=size))
    return found


def meadow(seed=0, size=(70, 90)):
    """Objects on grass below the sky, with some unlabeled pixels."""
    found = scene(seed, size)
    ground = np.where(np.arange(size[0]) < 20, 0, 1)[:, None]
    category = np.where(found.instance > 0, found.category + 1, ground).astype(np.uint8)
    category[:4, :4] = np.where(found.instance[:4, :4] > 0, category[:4, :4], UNLABELED)
    return Segmentation(category, found.instance, scores=found.scores)


@pytest.mark.parametrize("most", [3, 300, 65535])
def test_ids_come_back_from_16_bits(tmp_path, most):
    ids = np.random.default_rng(0).integers(0, most + 1, (50, 60)).astype(np.int32)
    ids[0, 0] = most
    path = object_files.write_ids(tmp_path / "a.ids.png", Segmentation(np.uint8(ids > 0), ids))
    assert path == tmp_path / "a.ids.png"
    with Image.open(path) as picture:
        assert picture.mode == "I;16"
        assert np.array_equal(np.array(picture), ids)


def test_more_objects_than_16_bits_hold(tmp_path):
    ids = np.arange(300 * 300, dtype=np.int32).reshape(300, 300)
    many = Segmentation(np.uint8(ids > 0), ids)
    path = object_files.write_ids(tmp_path / "a.ids.png", many)
    assert path == tmp_path / "a.ids.tif"
    assert np.array_equal(tifffile.imread(path), ids)
    with pytest.raises(FileExistsError):
        object_files.write_ids(tmp_path / "a.ids.png", many)
    few = Segmentation(np.uint8(ids > 0), ids % 9)
    object_files.write_ids(tmp_path / "a.ids.png", few, overwrite=True)
    assert [found.name for found in tmp_path.iterdir()] == ["a.ids.png"]
    with pytest.raises(ValueError, match="categories alone"):
        object_files.write_ids(tmp_path / "b.ids.png", Segmentation(many.category))


def test_detections_are_the_objects():
    found = scene()
    measures = measure(found, found.category)
    rows = json.loads(json.dumps(object_files.detections(found, measures, 7)))
    assert len(rows) == len(np.unique(found.instance[found.instance > 0])) > 5
    for row, number in zip(rows, measures.ids.tolist(), strict=True):
        mask = RLE.from_text(row["segmentation"]["counts"], tuple(row["segmentation"]["size"]))
        pixels = found.instance == number
        assert np.array_equal(mask.to_mask(), pixels)
        y, x = np.nonzero(pixels)
        assert row["bbox"] == [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
        assert row["image_id"] == 7
        assert row["category_id"] == found.category[pixels][0]
        assert row["score"] == pytest.approx(found.scores[number - 1], abs=1e-6)


def test_objects_without_scores_are_sure():
    found = Segmentation(np.ones((2, 2), np.uint8), np.ones((2, 2), np.int32))
    assert object_files.detections(found, measure(found, found.category), 1)[0]["score"] == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_segments_by_the_formula(tmp_path, seed):
    found = meadow(seed)
    rows = object_files.write_panoptic(tmp_path / "a.png", found)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "RGB"
        red, green, blue = np.moveaxis(np.array(picture).astype(int), 2, 0)
    ids = red + 256 * green + 256**2 * blue
    assert np.array_equal(ids == 0, found.category == UNLABELED)
    assert {row["id"] for row in rows} == set(np.unique(ids[ids > 0]).tolist())
    for row in rows:
        pixels = ids == row["id"]
        assert (found.category[pixels] == row["category_id"] - 1).all()
        assert row["area"] == pixels.sum()
        y, x = np.nonzero(pixels)
        assert row["bbox"] == [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
        assert row["iscrowd"] == 0
    things = found.instance > 0
    assert np.array_equal(ids[things], found.instance[things])


def test_many_segments_need_more_than_one_channel(tmp_path):
    ids = np.arange(270 * 270, dtype=np.int32).reshape(270, 270)
    found = Segmentation(np.where(ids > 0, 2, 0).astype(np.uint8), ids)
    rows = object_files.write_panoptic(tmp_path / "a.png", found)
    assert len(rows) == 270 * 270
    colors = np.array(Image.open(tmp_path / "a.png")).astype(int)
    assert np.array_equal((colors @ [1, 256, 65536]).ravel()[1:], ids.ravel()[1:])
    assert colors[..., 2].max() == 1


def test_our_own_reader_reads_the_panoptic_files(tmp_path):
    truths = {}
    (tmp_path / "panoptic").mkdir()
    tables = ObjectTables(tmp_path, MEADOW, "panoptic")
    names = [f"photo_{seed}.png" for seed in range(3)]
    tables.start(names)
    for seed, name in enumerate(names):
        found = meadow(seed)
        image = np.full((70, 90, 3), seed, np.uint8)
        rows = object_files.write_panoptic(tmp_path / "panoptic" / name, found)
        tables.add(name, image, found, rows)
        Image.fromarray(image).save(tmp_path / name)
        truths[name.removesuffix(".png")] = found
    tables.write()
    dataset = open_dataset(tmp_path, "coco_panoptic", "panoptic")
    assert [c.name for c in dataset.categories] == [c.name for c in MEADOW]
    assert [c.thing for c in dataset.categories] == [c.thing for c in MEADOW]
    assert len(dataset) == 3
    for index in range(3):
        sample = dataset[index]
        truth = truths[sample.name]
        assert np.array_equal(sample.annotation.category, truth.category)
        pairs = np.stack([sample.annotation.instance.ravel(), truth.instance.ravel()])
        assert len(np.unique(pairs, axis=1).T) == len(np.unique(truth.instance))
