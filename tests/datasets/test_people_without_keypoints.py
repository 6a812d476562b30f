"""Bodies from data with one kind of label: silhouettes without keypoints, or keypoints alone."""

import json

import cv2
import numpy as np
import pytest
from drawn_keypoints import SIZE, annotation, coco_data, points_of, write_coco, write_image

from segmentare.annotations.skeletons import SKELETONS
from segmentare.datasets import open_dataset
from segmentare.datasets.as_people import one_sided
from segmentare.errors import DatasetError
from segmentare.tasks import BodyTask

COCO = SKELETONS["coco17"]
BODY = BodyTask(COCO)
KEYPOINTS = {"keypoints", "joints"}
SILHOUETTES = {"object", "offset"}


def box_mask(x, y, width, height):
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def trained(poses):
    """Return the heads that an image tells anything about."""
    return {name for name, maps in BODY.encode(poses, 1).items() if not np.isnan(maps).all()}


def test_each_image_trains_the_heads_that_it_has_labels_for(tmp_path):
    both = annotation(1, 1, points_of(17), segmentation=box_mask(5, 5, 50, 50))
    keypoints = annotation(2, 2, points_of(17, 1))
    silhouette = annotation(3, 3, [[0, 0, 0]] * 17, segmentation=box_mask(10, 10, 20, 30))
    del silhouette["keypoints"]
    write_coco(tmp_path, coco_data([both, keypoints, silhouette], images=4))
    dataset = open_dataset(tmp_path, task="body")
    assert dataset.problems == ()
    samples = [dataset[i] for i in range(4)]
    everything = KEYPOINTS | SILHOUETTES | {"center"}
    assert trained(samples[0].annotation) == everything
    assert trained(samples[1].annotation) == everything - SILHOUETTES
    assert trained(samples[2].annotation) == everything - KEYPOINTS
    maps = BODY.encode(samples[3].annotation, 1)  # nobody there: nothing to be found, and known
    assert (maps["object"] == 0).all()
    assert (maps["keypoints"] == 0).all()
    assert one_sided(samples) == ""
    assert "No image has silhouettes" in one_sided(samples[1:2])
    assert "No image has keypoints" in one_sided(samples[2:3])


def id_map(root):
    ids = np.zeros(SIZE, np.uint16)
    ids[5:45, 5:25], ids[10:50, 40:60] = 7, 300
    for name in ("a", "b"):
        write_image(root / "images" / f"{name}.png")
        (root / "masks").mkdir(exist_ok=True)
        cv2.imwrite(str(root / "masks" / f"{name}.png"), ids if name == "a" else ids * 0)
    return ids


def test_maps_of_ids_are_people_without_keypoints(tmp_path):
    ids = id_map(tmp_path)
    dataset = open_dataset(tmp_path, "ids", "body", COCO)
    assert dataset.reader == "ids"
    assert "silhouettes only; 17 keypoints ('coco17')" in dataset.layout
    poses = dataset[0].annotation
    assert len(poses) == 2
    assert np.array_equal(poses.segmentation.instance > 0, ids > 0)
    assert poses.boxes.tolist() == [[4.5, 4.5, 24.5, 44.5], [39.5, 9.5, 59.5, 49.5]]
    assert poses.areas.tolist() == [800, 800]
    assert poses.unknown.all()
    assert trained(poses) == SILHOUETTES | {"center"}
    maps = BODY.encode(poses, 1)
    assert (maps["center"] == 1).sum() >= 2
    assert np.array_equal(maps["object"][0] == 1, ids > 0)
    assert dataset[1].annotation.unknown is None  # nobody there, and that is known
    assert (BODY.encode(dataset[1].annotation, 1)["keypoints"] == 0).all()


def test_masks_that_tell_nobody_apart_train_the_silhouette(tmp_path):
    id_map(tmp_path)
    for path in (tmp_path / "masks").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), np.where(mask > 0, 255, 0).astype(np.uint8))
    poses = open_dataset(tmp_path, task="body", skeleton=COCO)[0].annotation
    assert len(poses) == 0
    assert trained(poses) == {"object", "center"}
    maps = BODY.encode(poses, 1)
    inside = poses.segmentation.category > 0
    assert np.array_equal(maps["object"][0] == 1, inside)
    assert np.array_equal(np.isnan(maps["center"][0]), inside)  # somewhere in there
    assert (maps["center"][0][~inside] == 0).all()


def test_people_among_other_things(tmp_path):
    data = coco_data([annotation(1, 1, [], segmentation=box_mask(5, 5, 20, 20))])
    other = annotation(2, 1, [], segmentation=box_mask(40, 5, 20, 20))
    data["annotations"].append(other | {"category_id": 2})
    for entry in data["annotations"]:
        del entry["keypoints"]
    data["categories"] = [{"id": 1, "name": "Person"}, {"id": 2, "name": "dog"}]
    path = write_coco(tmp_path, data, "instances_val2017.json")
    dataset = open_dataset(tmp_path, task="body", skeleton=COCO)
    assert dataset.categories[1].name == "Person"
    poses = dataset[0].annotation
    assert len(poses) == 1
    assert poses.segmentation.category.sum() == (poses.segmentation.instance == 1).sum() > 300
    data["categories"][0]["name"] = "cat"
    path.write_text(json.dumps(data))
    with pytest.raises(DatasetError, match=r"must be of one kind, .* 'background', 'cat', 'dog'"):
        open_dataset(tmp_path, task="body", skeleton=COCO)


def test_somebody_must_say_which_keypoints(tmp_path):
    id_map(tmp_path)
    with pytest.raises(DatasetError, match=r"silhouettes without keypoints \(ids\).* `skeleton"):
        open_dataset(tmp_path, "ids", "body")
    with pytest.raises(DatasetError, match="Known layouts are openpose"):
        open_dataset(tmp_path, task="pose")


def test_real_portraits_are_people_without_keypoints(data):
    dataset = open_dataset(data / "person_portraits", task="body", skeleton=COCO)
    assert len(dataset) > 50
    poses = dataset[0].annotation
    assert 0.1 < (poses.segmentation.category == 1).mean() < 0.9
    assert trained(poses) == {"object", "center"}
