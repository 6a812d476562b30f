import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from drawn_keypoints import write_image

from segmentare.annotations.poses import Poses, keypoint_boxes
from segmentare.annotations.skeletons import SKELETONS
from segmentare.datasets import open_dataset
from segmentare.datasets.readers.openpose import file_name, read_openpose, to_json
from segmentare.datasets.writers.keypoints import (
    COLUMNS,
    coco_results,
    keypoint_table,
)
from segmentare.errors import DatasetError

REST = (
    '"face_keypoints_2d":[],"hand_left_keypoints_2d":[],"hand_right_keypoints_2d":[],'
    '"pose_keypoints_3d":[],"face_keypoints_3d":[],"hand_left_keypoints_3d":[],'
    '"hand_right_keypoints_3d":[]'
)


def poses_of(name="body25", count=2, seed=0, ids=None):
    points = np.random.default_rng(seed).uniform(1, 640, (count, *shape(name))).astype(np.float32)
    points[..., 2] /= 640
    if count:
        points[0, 3] = 0
    boxes = keypoint_boxes(points)
    scores = np.full(count, 0.5, np.float32)
    return Poses(
        SKELETONS[name],
        points,
        (700, 700),
        boxes,
        np.ones(count, np.float32),
        np.zeros(count, bool),
        scores,
        ids=ids,
    )


def shape(name):
    return len(SKELETONS[name].keypoints), 3


def test_the_names_of_files():
    assert file_name("COCO_val2014_000000000192") == "COCO_val2014_000000000192_keypoints.json"
    assert file_name("video", 7) == "video_000000000007_keypoints.json"


def test_the_text_is_openposes():
    poses = poses_of("openpose18", 1)
    poses.keypoints[0] = 0
    poses.keypoints[0, 0] = 123.456789, 70, 0.87654321
    poses.keypoints[0, 17] = 1234567.0, 0.00001234, 1
    missing = ",".join(["0,0,0"] * 16)
    assert to_json(poses, 18) == (
        '{"version":1.3,"people":[{"person_id":[-1],"pose_keypoints_2d":[123.457,70,0.876543,'
        f"{missing},1.23457e+06,1.234e-05,1],{REST}}}]}}"
    )
    assert to_json(poses_of(count=0)) == '{"version":1.3,"people":[]}'
    assert '"person_id":[31]' in to_json(poses_of(ids=(4, 31)))


@pytest.mark.parametrize(("name", "layout"), [("body25", 25), ("openpose18", 18), ("body25", None)])
@pytest.mark.parametrize("ids", [None, (3, 0)])
def test_what_is_written_reads_back(tmp_path, name, layout, ids):
    poses = poses_of(name, ids=ids)
    path = tmp_path / file_name("a")
    path.write_text(to_json(poses, layout))
    found = read_openpose(path, (700, 700))
    assert found.skeleton == poses.skeleton
    assert found.ids == ids
    assert np.allclose(found.keypoints, poses.keypoints, rtol=5e-6, atol=0)
    assert to_json(found, layout) == path.read_text()  # to the byte


def test_other_keypoints_are_converted(tmp_path):
    poses = poses_of("coco17", 1)
    path = tmp_path / file_name("a")
    path.write_text(to_json(poses))
    found = read_openpose(path)
    assert len(json.loads(path.read_text())["people"][0]["pose_keypoints_2d"]) == 75
    assert np.allclose(found.keypoints[0, 2], poses.keypoints[0, 6], rtol=1e-5)
    assert not found.keypoints[0, 19:].any()
    with pytest.raises(ValueError, match=r"must be 18 or 25 keypoints; got 15"):
        to_json(poses, 15)


def test_people_without_keypoints_are_left_out():
    poses = poses_of()
    poses.keypoints[1] = 0
    assert len(json.loads(to_json(poses))["people"]) == 1


def test_labels_of_a_truth_are_written_as_found():
    poses = poses_of(count=1)
    poses.keypoints[..., 2] = 1
    poses.keypoints[0, :3, 2] = 0, 2, 2
    text = to_json(dataclasses.replace(poses, scores=None))
    written = json.loads(text)["people"][0]["pose_keypoints_2d"]
    assert written[:3] == [0, 0, 0]
    assert written[5::3] == [1] * 24


def test_files_of_openpose_itself(tmp_path):
    body = ",".join(f"{k},{2 * k},0.5" for k in range(25))
    text = f'{{"version":1.3,"people":[{{"person_id":[-1],"pose_keypoints_2d":[{body}],{REST}}}]}}'
    path = tmp_path / "a_keypoints.json"
    for data in (text, text.replace('"version":1.3,', ""), text.replace("1.3", "1.1")):
        path.write_text(data)
        found = read_openpose(path)
        assert found.size == (49, 25)
        assert found.keypoints[0, 24].tolist() == [24, 48, 0.5]
        assert found.scores == pytest.approx([0.5])
        assert found.ids is None
    path.write_text(text[:-1] + ',"canvas_width":100,"canvas_height":50}')
    assert read_openpose(path).size == (50, 100)
    path.write_text('{"version":1.3,"people":[]}')
    assert read_openpose(path, layout=18).keypoints.shape == (0, 18, 3)


BODY = [float(k) for k in range(75)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], r"must hold 'people', a list"),
        ({"version": 1.3}, r"must hold 'people', a list"),
        ({"version": 2.0, "people": []}, r"version up to 1.3, .* of version 2.0"),
        ({"version": "x", "people": []}, r"it is of version 'x'"),
        (
            {"version": 0.1, "people": [{"pose_keypoints": BODY}]},
            r"0.1 with pose_keypoints\. Write",
        ),
        ({"people": [{}]}, r"Person 0 .* must have 'pose_keypoints_2d'"),
        ({"people": [[1]]}, r"Person 0 .* must have 'pose_keypoints_2d'"),
        ({"people": [{"pose_keypoints_2d": BODY[:45]}]}, r"18 keypoints \(COCO\) or 25 .* 45 num"),
        ({"people": [{"pose_keypoints_2d": BODY[:74]}]}, r"it has 74 numbers"),
        ({"people": [{"pose_keypoints_2d": [None, *BODY[1:]]}]}, r"must have numbers as keypoints"),
        ({"people": [{"pose_keypoints_2d": [float("nan"), *BODY[1:]]}]}, r"must have numbers"),
        (
            {"people": [{"pose_keypoints_2d": BODY}, {"pose_keypoints_2d": BODY[:54]}]},
            r"18 and some",
        ),
        ({"people": [{"pose_keypoints_2d": [0.5] * 75}]}, r"in pixels; .* --keypoint_scale 0"),
    ],
)
def test_files_that_are_refused(tmp_path, data, said):
    path = tmp_path / "a_keypoints.json"
    path.write_text(json.dumps(data))
    with pytest.raises(DatasetError, match=said) as error:
        read_openpose(path)
    assert "'a_keypoints.json'" in str(error.value)


def test_damaged_copies_are_refused_or_read(tmp_path):
    text = to_json(poses_of())
    path = tmp_path / "a_keypoints.json"
    for cut in range(0, len(text) - 1, 7):
        path.write_text(text[:cut])
        with pytest.raises(DatasetError, match=r"'a_keypoints.json'"):
            read_openpose(path)


def test_a_folder_of_images_and_files_is_a_dataset(tmp_path):
    poses = poses_of()
    poses.keypoints[..., :2] /= 20
    for name in "abc":
        write_image(tmp_path / f"{name}.png")
        (tmp_path / file_name(name)).write_text(to_json(poses))
    (tmp_path / file_name("c")).write_text("{")
    (tmp_path / file_name("d")).write_text(to_json(poses))
    dataset = open_dataset(tmp_path, task="pose")
    assert (dataset.reader, len(dataset)) == ("openpose", 2)
    assert dataset.skeleton == SKELETONS["body25"]
    found = dataset[0].annotation
    assert found.scores is None
    assert set(np.unique(found.keypoints[..., 2])) == {0, 2}
    assert [problem.file for problem in dataset.problems] == [file_name("c"), file_name("d")]
    assert "must have one image 'd.*'; it has 0" in dataset.problems[1].what


def test_coco_results():
    poses = poses_of("coco17")
    one, two = coco_results(poses, 42)
    assert list(one) == ["image_id", "category_id", "keypoints", "score"]
    assert (one["image_id"], one["category_id"], one["score"]) == (42, 1, 0.5)
    assert one["keypoints"][9:12] == [-1, -1, 0]
    assert np.allclose(
        np.reshape(two["keypoints"], (17, 3))[:, :2], poses.keypoints[1, :, :2], atol=1e-3
    )
    assert two["keypoints"][2::3] == [1] * 17
    json.dumps([one, two])


def test_the_table():
    poses = poses_of("coco17", ids=(7, 9))
    rows = list(
        csv.reader(io.StringIO(keypoint_table([("a, b", poses), ("c", poses_of(count=0))])))
    )
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 1 + 2 * 17
    assert rows[4] == ["a, b", "7", "0.5", "left_ear", "", "", "0"]
    assert rows[18][:4] == ["a, b", "9", "0.5", "nose"]
    assert np.allclose([float(v) for v in rows[18][4:]], poses.keypoints[1, 0], rtol=1e-5)
