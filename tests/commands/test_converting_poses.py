import json

import numpy as np
import pytest
from drawn_keypoints import SIZE, annotation, coco_data, points_of, write_coco

from segmentare.annotations.runlengths import RLE
from segmentare.annotations.skeletons import SKELETONS
from segmentare.annotations.skeletons import convert as convert_skeleton
from segmentare.cli import main
from segmentare.commands.convert import convert
from segmentare.datasets import open_dataset
from segmentare.datasets.converting import POSE_FORMATS
from segmentare.errors import DatasetError

SQUARE = [[10, 10, 30, 10, 30, 40, 10, 40]]


@pytest.fixture
def coco(tmp_path):
    """Two people, one of them without keypoints, and a crowd; an image without anybody."""
    hidden = points_of(17, 1)
    hidden[3, 2] = 1
    crowd = np.zeros(SIZE, bool)
    crowd[50:, 60:] = True
    counts = {"size": list(SIZE), "counts": list(RLE.from_mask(crowd).counts)}
    root = tmp_path / "coco"
    annotations = [
        annotation(1, 1, hidden, segmentation=SQUARE, bbox=[10, 10, 20, 30], area=600),
        annotation(2, 1, np.zeros((17, 3)), segmentation=[[50, 5, 60, 5, 60, 20, 50, 20]]),
        annotation(3, 1, np.zeros((17, 3)), segmentation=counts) | {"iscrowd": 1},
    ]
    write_coco(root, coco_data(annotations))
    return root


def same(one, other):
    for first, second in zip(one, other, strict=True):
        assert np.array_equal(first.image, second.image)
        a, b = first.annotation, second.annotation
        assert np.allclose(a.keypoints, b.keypoints, atol=1e-3)
        assert np.allclose(a.boxes, b.boxes, atol=1e-3)
        assert np.allclose(a.areas, b.areas, atol=1e-3)
        assert np.array_equal(a.crowd, b.crowd)
        assert np.array_equal(a.unknown, b.unknown) or a.unknown is b.unknown is None
        if a.segmentation is not None and len(a):
            assert np.array_equal(a.segmentation.instance, b.segmentation.instance)


def test_coco_keypoints_keep_everything(coco, tmp_path):
    result = convert(coco, tmp_path / "new", "coco-keypoints")
    assert (result.images, result.objects, result.lost, result.skipped) == (2, 1, {}, ())
    for task in ("pose", "body"):
        old, new = open_dataset(coco, task=task), open_dataset(tmp_path / "new", task=task)
        assert new.skeleton == old.skeleton
        same(old, new)


def test_to_openpose_and_back(coco, tmp_path):
    result = convert(coco, tmp_path / "op", "openpose")
    assert result.layout == "OpenPose's JSON of 25 keypoints (keypoints/*_keypoints.json)"
    assert result.lost == {
        "crowds and people without keypoints are left out": 2,
        "silhouettes": 3,
    }
    assert result.notes == {"hidden keypoints are written as visible ones": 1}
    files = sorted(p.name for p in (tmp_path / "op/keypoints").iterdir())
    assert files == ["1_keypoints.json", "2_keypoints.json"]
    assert (tmp_path / "op/keypoints/2_keypoints.json").read_text() == '{"version":1.3,"people":[]}'
    back = convert(tmp_path / "op", tmp_path / "back", "coco-keypoints")
    assert (back.images, back.objects) == (2, 1)
    found = open_dataset(tmp_path / "back", task="pose")
    assert found.skeleton == SKELETONS["body25"]
    poses = convert_skeleton(found[0].annotation, SKELETONS["coco17"])
    assert np.array_equal(poses.keypoints[0, :, :2], points_of(17, 1)[:, :2])


def test_without_images(coco, tmp_path):
    for image in (coco / "images").iterdir():
        image.unlink()
    result = convert(coco, tmp_path / "op", "openpose")
    assert (result.images, result.objects, result.skipped) == (2, 1, ())
    assert [p.name for p in (tmp_path / "op").iterdir()] == ["keypoints"]
    back = convert(tmp_path / "op/keypoints", tmp_path / "back", "coco-keypoints")
    assert back.notes == {
        "images are not there, so their names are guessed": 2,
        "images without size, which no file says": 2,
    }
    (path,) = (tmp_path / "back/annotations").iterdir()
    data = json.loads(path.read_text())
    assert data["images"] == [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}]
    points = np.reshape(data["annotations"][0]["keypoints"], (25, 3))
    assert np.array_equal(points[2, :2], points_of(17, 1)[6, :2])


def test_broken_files_are_skipped_and_named(coco, tmp_path):
    convert(coco, tmp_path / "op", "openpose")
    (tmp_path / "op/keypoints/2_keypoints.json").write_text("[]")
    for folder, images in (("op", 1), ("op/keypoints", 1)):
        result = convert(tmp_path / folder, tmp_path / f"new{len(folder)}", "coco-keypoints")
        assert result.images == images
        ((file, reason),) = result.skipped
        assert file.endswith("2_keypoints.json")
        assert "must hold 'people'" in reason


def test_what_has_no_people_is_refused(drawn, tmp_path):
    with pytest.raises(DatasetError, match="which keypoints people have"):
        convert(drawn, tmp_path / "new", "openpose")
    leaf = coco_data([annotation(1, 1, points_of(2))], names=["tip", "base"])
    write_coco(tmp_path / "leaves", leaf)
    with pytest.raises(ValueError, match=r"Keypoints can only be converted between"):
        convert(tmp_path / "leaves", tmp_path / "new", "openpose")
    assert not (tmp_path / "new").exists()
    assert convert(tmp_path / "leaves", tmp_path / "new", "coco-keypoints").objects == 1
    with pytest.raises(FileExistsError, match=r"holds something already"):
        convert(tmp_path / "leaves", tmp_path / "new", "coco-keypoints")


def test_the_command_line(coco, tmp_path, capsys):
    for to in POSE_FORMATS:
        arguments = ["convert", str(coco), "--to", to, "--out", str(tmp_path / to), "--quiet"]
        assert main(arguments) == 0
        assert capsys.readouterr().out.startswith("Wrote 2 images with 1 objects as ")


@pytest.mark.parametrize(
    "folder", ["coco", "aic", "crowdpose", "jhmdb", "ochuman", "posetrack18", "mpii", "halpe"]
)
def test_real_people_go_to_openpose_and_to_coco(data, tmp_path, folder):
    root = data / "pose_samples" / folder
    old = open_dataset(root, task="pose")
    assert convert(root, tmp_path / "op", "openpose").skipped == ()
    new = {sample.name: sample for sample in open_dataset(tmp_path / "op", task="pose")}
    assert len(new) == len(old)
    for one in old:
        other = new[one.name]
        expected = convert_skeleton(one.annotation, SKELETONS["body25"]).keypoints
        expected = expected[(expected[..., 2] > 0).any(axis=1)]
        expected[expected[..., 2] > 0, 2] = 2
        assert np.allclose(other.annotation.keypoints, expected, rtol=5e-6)
    assert convert(root, tmp_path / "coco", "coco-keypoints").skipped == ()
    again = open_dataset(tmp_path / "coco", task="pose")
    assert again.skeleton == old.skeleton
    for one, other in zip(old, again, strict=True):
        assert np.allclose(one.annotation.keypoints, other.annotation.keypoints, atol=1e-3)
