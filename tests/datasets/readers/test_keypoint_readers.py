import io
import json
import re
import tracemalloc

import numpy as np
import pytest
from drawn_keypoints import SIZE, annotation, coco_data, points_of, write_coco, write_image

from segmentare.annotations.poses import HIDDEN, VISIBLE
from segmentare.annotations.runlengths import RLE
from segmentare.annotations.segmentation import UNLABELED, Category
from segmentare.annotations.skeletons import SKELETONS
from segmentare.datasets import KEYPOINT_READERS, open_dataset, open_richest
from segmentare.errors import DatasetError
from segmentare.images.reading import image_size

SQUARE = [[10, 10, 30, 10, 30, 40, 10, 40]]


def one(root, *annotations, task="pose", **options):
    """The dataset, and the people in its first image."""
    write_coco(root, coco_data(list(annotations), **options))
    dataset = open_dataset(root, task=task)
    return dataset, dataset[0].annotation if len(dataset) else None


def refusals(dataset):
    return [problem.what for problem in dataset.problems if problem.stops and problem.file]


def remarks(dataset):
    return [problem.what for problem in dataset.problems if not problem.stops]


def test_coco_as_it_stands(tmp_path):
    points = points_of(17)
    points[3] = 0
    points[4, 2] = HIDDEN
    marked = annotation(5, 1, points, area=600, bbox=[10, 10, 20, 30], segmentation=SQUARE)
    dataset, poses = one(tmp_path, marked)
    assert dataset.reader == "coco_keypoints"
    assert dataset.skeleton == poses.skeleton == SKELETONS["coco17"]
    assert dataset.categories[1].name == "person"
    assert dataset.categories[0] == Category("background", (0, 0, 0), background=True)
    assert dataset.problems == ()
    assert np.array_equal(poses.keypoints, [points])
    assert poses.boxes.tolist() == [[9.5, 9.5, 29.5, 39.5]]
    assert poses.areas == [600]
    assert poses.unknown is None
    assert poses.segmentation is None
    assert len(dataset[1].annotation) == 0
    body = open_dataset(tmp_path, task="body")[0].annotation
    assert body.segmentation.instance.sum() == 600
    assert (body.segmentation.category[10:40, 10:30] == 1).all()


def test_crowds_and_people_that_nobody_marked_are_unknown(tmp_path):
    empty = np.zeros((17, 3))
    crowd = np.zeros(SIZE, bool)
    crowd[50:, 60:] = True
    counts = {"size": list(SIZE), "counts": list(RLE.from_mask(crowd).counts)}
    _, poses = one(
        tmp_path,
        annotation(1, 1, empty, segmentation=SQUARE, bbox=[10, 10, 20, 30], num_keypoints=0),
        annotation(2, 1, points_of(17), segmentation=[[0, 0, 40, 0, 40, 50, 0, 50]]),
        annotation(3, 1, empty, segmentation=counts, bbox=[60, 50, 20, 10]) | {"iscrowd": 1},
        annotation(4, 1, empty, bbox=[70, 0, 5, 6], segmentation=[[70, 0, 75, 0, 75, 6, 70, 6]]),
        task="body",
    )
    expected = crowd.copy()
    expected[10:40, 10:30] = True
    expected[:6, 70:75] = True
    assert np.array_equal(poses.unknown, expected)
    assert poses.crowd.tolist() == [False, False, True, False]
    assert (poses.keypoints[:, :, 2] > 0).any(axis=1).tolist() == [False, True, False, False]
    instance = poses.segmentation.instance
    assert (instance[10:40, 10:30] == 1).all()  # the smaller one lies over the larger
    assert instance[45, 35] == 2
    assert (instance[:6, 70:75] == 4).all()
    assert (poses.segmentation.category[50:, 60:] == UNLABELED).all()
    assert (instance[50:, 60:] == 0).all()


def test_a_box_stands_in_for_a_mask(tmp_path):
    _, poses = one(
        tmp_path,
        annotation(1, 1, np.zeros((17, 3)), bbox=[10, 20, 5, 6]),
        annotation(2, 1, np.zeros((17, 3))),
        annotation(3, 1, points_of(17)),
    )
    assert len(poses) == 2  # nobody knows where the second is
    assert poses.unknown.sum() == 30
    assert poses.unknown[20:26, 10:15].all()
    x0, y0, x1, y1 = poses.boxes[1]
    assert (poses.keypoints[1, :, 0] >= x0).all()
    assert poses.areas[1] == pytest.approx(0.53 * (x1 - x0) * (y1 - y0))


def test_keypoints_of_your_own(tmp_path):
    names = ["tip", "left edge", "right edge"]
    dataset, poses = one(tmp_path, annotation(1, 1, points_of(3)), names=names)
    assert poses.keypoints.shape == (1, 3, 3)
    assert dataset.skeleton.keypoints == tuple(names)
    assert dataset.skeleton.swaps == (0, 2, 1)
    assert dataset.skeleton.limbs == ((0, 1),)


def test_without_names_the_number_decides(tmp_path):
    dataset, _ = one(tmp_path / "a", annotation(1, 1, points_of(136)), names=[])
    assert dataset.skeleton == SKELETONS["halpe136"]
    with pytest.raises(DatasetError, match=r"must name its 5 keypoints in 'keypoints'"):
        one(tmp_path / "b", annotation(1, 1, points_of(5)), names=[])


def test_keypoints_of_another_number_stop_the_image(tmp_path):
    dataset, _ = one(
        tmp_path, annotation(1, 1, points_of(17)), annotation(7, 2, points_of(14)), images=3
    )
    assert [record.name for record in dataset.records] == ["1", "3"]
    (reason,) = refusals(dataset)
    assert reason == (
        "Annotation 7 in 'person_keypoints_val2017.json', of '2.png', has 14 keypoints where "
        "'coco17' has 17; correct it or remove it."
    )


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ((2, 2), 0.87, r"visibility of 0, 1 or 2; that of 'right_eye' is 0\.87"),
        ((2, 2), 3, r"that of 'right_eye' is 3"),
        ((2, 2), float("nan"), r"that of 'right_eye' is nan"),
    ],
)
def test_a_strange_visibility_stops_the_image(tmp_path, place, value, said):
    points = points_of(17)
    points[place] = value
    dataset, _ = one(tmp_path, annotation(1, 1, points))
    assert len(dataset) == 1
    (reason,) = refusals(dataset)
    assert re.search(said, reason)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ((float("nan"), 5), "Some keypoints are no numbers and count as not labeled: 1 in"),
        ((79.6, 5), "Some keypoints lie outside their image and count as not labeled: 1 in"),
        ((-30, -4), "Some keypoints lie outside their image and count as not labeled: 1 in"),
    ],
)
def test_keypoints_that_cannot_be_used_are_not_labeled(tmp_path, value, said):
    points = points_of(17)
    points[6, :2] = value
    dataset, poses = one(tmp_path, annotation(1, 1, points))
    (remark,) = remarks(dataset)
    assert remark.startswith(said)
    assert "'right_shoulder' of annotation 1 in '1.png', at (" in remark
    assert not poses.keypoints[0, 6].any()
    assert (poses.keypoints[0, :, 2] > 0).sum() == 16


def test_keypoints_without_visibility_are_visible(tmp_path):
    points = points_of(17)
    points[3] = 0
    dataset, poses = one(tmp_path, annotation(1, 1, points[:, :2]))
    assert poses.keypoints[0, :, 2].tolist() == [2, 2, 2, 0, *[2] * 13]
    assert "without visibility, which count as visible: 1 in" in remarks(dataset)[0]


def test_where_all_labels_are_1_they_are_visible(tmp_path):
    _, poses = one(tmp_path, annotation(1, 1, points_of(17, visible=1), track_id=4))
    assert (poses.keypoints[..., 2] == VISIBLE).all()
    assert poses.ids == (4,)


def test_two_files_of_the_same_images(tmp_path):
    data = coco_data([annotation(1, 1, points_of(17))])
    write_coco(tmp_path, data, "a.json")
    write_coco(tmp_path, data, "b.json")
    dataset = open_dataset(tmp_path, task="pose")
    assert len(dataset) == 2
    assert remarks(dataset)[0].startswith("'b.json' is left out, for 'a.json' annotates the same")


def test_regions_and_frames_that_posetrack_leaves_out(tmp_path):
    data = coco_data([annotation(1, 1, points_of(17))])
    data["images"][0] |= {"ignore_regions_x": [[0, 20, 20, 0]], "ignore_regions_y": [[0, 0, 9, 9]]}
    data["images"][0] |= {"vid_id": "film"}
    data["images"][1]["is_labeled"] = False
    write_coco(tmp_path, data)
    dataset = open_dataset(tmp_path, task="pose")
    assert [record.group for record in dataset.records] == ["film"]
    assert dataset[0].annotation.unknown.sum() == 180


def test_an_image_of_another_size(tmp_path):
    write_coco(tmp_path, coco_data([annotation(1, 1, points_of(17))], size=(30, 40)))
    with pytest.raises(DatasetError, match=r"'1.png' must be 40 x 30 pixels .* it is 80 x 60"):
        open_dataset(tmp_path, task="pose")[0]


def test_a_damaged_file(tmp_path):
    path = write_coco(tmp_path, coco_data([annotation(1, 1, points_of(17))]))
    path.write_text(path.read_text()[:300])
    with pytest.raises(DatasetError, match=r"'person_keypoints_val2017.json' is no complete JSON"):
        open_dataset(tmp_path, task="pose")


def test_the_task_chooses_the_readers(tmp_path):
    write_coco(tmp_path, coco_data([annotation(1, 1, points_of(17), segmentation=SQUARE)]))
    (tmp_path / "annotations/person_keypoints_val2017.json").rename(
        tmp_path / "annotations/instances_val2017.json"
    )
    assert open_dataset(tmp_path, task="instance").reader == "coco"
    assert open_dataset(tmp_path, task="instance").skeleton is None
    with pytest.raises(DatasetError, match=r"Known layouts are openpose: .*; coco_keypoints: "):
        open_dataset(tmp_path, task="pose")
    with pytest.raises(DatasetError, match=r"for the task 'semantic' must be one of ph2"):
        open_dataset(tmp_path, "lsp")
    with pytest.raises(
        DatasetError, match=r"for the task 'body' must be one of openpose, lsp, mpii"
    ):
        open_dataset(tmp_path, "photos", "body")
    assert len(KEYPOINT_READERS) == 6


def write_lsp(root, joints, images=3, **more):
    from scipy.io import savemat

    for k in range(1, images + 1):
        write_image(root / "images" / f"im{k:05d}.png")
    savemat(root / "joints.mat", {"joints": joints, **more})


def lsp_joints(count=3):
    return np.stack([points_of(14, seed, visible=1) for seed in range(count)], axis=2)


def test_the_extended_leeds_sports_poses(tmp_path):
    joints = lsp_joints()
    joints[5, :, 1] = -20, -30, 0
    write_lsp(tmp_path, joints)
    dataset = open_dataset(tmp_path, task="pose")
    assert (dataset.reader, len(dataset), dataset.problems) == ("lsp", 3, ())
    assert dataset.skeleton == SKELETONS["lsp14"]
    points = dataset[1].annotation.keypoints[0]
    assert np.array_equal(np.delete(points[:, :2], 5, 0), np.delete(joints[:, :2, 1], 5, 0))
    assert points[:, 2].tolist() == [2] * 5 + [0] + [2] * 8


def test_the_original_leeds_sports_poses_mark_what_is_occluded(tmp_path):
    joints = lsp_joints()
    joints[:, 2] = 0
    joints[7, 2, 2] = 1
    write_lsp(tmp_path, joints.transpose(1, 0, 2))
    points = open_dataset(tmp_path, task="pose")[2].annotation.keypoints[0]
    assert np.array_equal(points[:, :2], joints[:, :2, 2])
    assert points[:, 2].tolist() == [2] * 7 + [1] + [2] * 6


def test_odd_leeds_sports_poses_are_named(tmp_path):
    joints = lsp_joints(2)
    joints[3, 0, 0] = 200
    joints[:, 2, 1] = 0
    write_lsp(tmp_path, joints)
    dataset = open_dataset(tmp_path, task="pose")
    assert [record.name for record in dataset.records] == ["im00001"]
    assert refusals(dataset) == [
        "'im00002.png' must have a visible joint in 'joints.mat'; it has none. Remove it.",
        (
            "'im00003.png' must be one of the 2 images in 'joints.mat', im1 to im2; remove it or "
            "restore the file."
        ),
    ]
    assert "'left_hip' of 'im00001.png', at (200, " in remarks(dataset)[0]


def test_joints_that_are_none(tmp_path):
    write_lsp(tmp_path, np.zeros((16, 3, 3)))
    with pytest.raises(DatasetError, match=r"shape \(14, 3, images\) or .* have \(16, 3, 3\)"):
        open_dataset(tmp_path, task="pose")
    write_lsp(tmp_path, np.zeros((16, 3)), points=1)
    with pytest.raises(DatasetError, match=r"must hold the array 'joints'.* holds joints, points"):
        open_dataset(tmp_path, task="pose")
    whole = (tmp_path / "joints.mat").read_bytes()
    for part in (b"nothing", whole[: len(whole) // 2], whole[:140], whole[:100]):
        (tmp_path / "joints.mat").write_bytes(part)
        with pytest.raises(DatasetError, match=r"'joints.mat' "):
            open_dataset(tmp_path, task="pose")


def mpii_entry(name, seed=0, **more):
    points = points_of(16, seed)
    return {"image": name, "joints": points[:, :2].tolist(), "joints_vis": [1] * 16, **more}


def test_mpii_counts_pixels_from_one(tmp_path):
    entries = [mpii_entry("a.png"), mpii_entry("b.png", 1), mpii_entry("a.png", 2)]
    entries[2]["joints_vis"][4] = 0
    (tmp_path / "annot").mkdir()
    (tmp_path / "annot/train.json").write_text(json.dumps(entries))
    for name in "ab":
        write_image(tmp_path / "images" / f"{name}.png")
    dataset = open_dataset(tmp_path, task="pose")
    assert (dataset.reader, len(dataset), dataset.problems) == ("mpii", 2, ())
    poses = dataset[0].annotation
    assert len(poses) == 2
    assert np.array_equal(poses.keypoints[0, :, :2], points_of(16)[:, :2] - 1)
    assert (poses.keypoints[1, :, 2] > 0).tolist() == [True] * 4 + [False] + [True] * 11


def test_odd_mpii_files(tmp_path):
    entries = [
        mpii_entry("a.png"),
        mpii_entry("b.png"),
        mpii_entry("gone.png"),
        mpii_entry("c.png"),
    ]
    del entries[0]["joints_vis"]
    entries[1]["joints"] = entries[1]["joints"][:14]
    entries[3]["joints"][9] = [500, 5]
    (tmp_path / "train.json").write_text(json.dumps(entries))
    for name in "abc":
        write_image(tmp_path / f"{name}.png")
    dataset = open_dataset(tmp_path, task="pose")
    assert [record.name for record in dataset.records] == ["a", "c"]
    shape, gone = refusals(dataset)
    assert "entry 1 ('b.png') in 'train.json' must have the shape (16, 2)" in shape
    assert "they have (14, 2) and (16,)" in shape
    assert gone == "'gone.png' stands in 'train.json' but not on disk; restore it."
    assert "without visibility" in remarks(dataset)[0]
    assert "'head_top' of entry 3 ('c.png'), at (499, 4)" in remarks(dataset)[1]


@pytest.mark.parametrize(
    ("folder", "reader", "skeleton", "images", "people", "labeled"),
    [
        ("pose_samples/coco", "coco_keypoints", "coco17", 4, 14, 181),
        ("pose_samples/aic", "coco_keypoints", "aic14", 3, 9, 101),
        ("pose_samples/crowdpose", "coco_keypoints", "crowdpose14", 2, 5, 47),
        ("pose_samples/halpe", "coco_keypoints", "halpe136", 4, 14, 856),
        ("pose_samples/jhmdb", "coco_keypoints", "jhmdb15", 3, 3, 45),
        ("pose_samples/ochuman", "coco_keypoints", "coco17", 3, 5, 73),
        ("pose_samples/posetrack18", "coco_keypoints", "posetrack17", 3, 14, 181),
        ("pose_samples/mpii", "mpii", "mpii16", 5, 5, 76),
        ("coco_mini", "coco_keypoints", "coco17", 161, 373, 1835),
    ],
)
def test_real_files(data, folder, reader, skeleton, images, people, labeled):
    dataset = open_dataset(data / folder, task="pose")
    assert (dataset.reader, dataset.skeleton) == (reader, SKELETONS[skeleton])
    assert not refusals(dataset)
    assert len(dataset) == images
    found = [dataset.annotation(record, image_size(record.image)) for record in dataset.records]
    assert sum(map(len, found)) == people
    assert sum(int((poses.keypoints[..., 2] > 0).sum()) for poses in found) == labeled
    assert dataset[0].annotation.size == dataset[0].image.shape[:2]


def test_real_leeds_sports_poses(data):
    dataset = open_dataset(data / "pose_lspet", task="pose")
    assert (dataset.reader, len(dataset)) == ("lsp", 782)
    assert not refusals(dataset)
    for place in range(0, 782, 100):
        assert (dataset[place].annotation.keypoints[0, :, 2] > 0).sum() >= 7


def test_one_real_folder_serves_all_tasks(data):
    root = data / "coco_mini"
    readers = [open_dataset(root, task=task).reader for task in ("instance", "panoptic", "body")]
    assert readers == ["coco", "coco_panoptic", "coco_keypoints"]
    body = open_dataset(root, task="body")
    parts = {record.part for record in body.records}
    assert parts == {"train", "val"}
    place = next(i for i, r in enumerate(body.records) if r.name == "000000322517")
    poses = body[place].annotation
    counted = np.bincount(poses.segmentation.instance.ravel(), minlength=len(poses) + 1)[1:]
    assert np.allclose(counted[counted > 500], poses.areas[counted > 500], rtol=0.2)


def test_images_beside_their_keypoints_are_no_images_without_masks(tmp_path):
    write_image(tmp_path / "1.png")
    write_image(tmp_path / "2.png")
    assert open_richest(tmp_path).problems[0].what  # two images and nothing else
    (tmp_path / "people.json").write_text(json.dumps(coco_data([annotation(1, 1, points_of(17))])))
    found = open_richest(tmp_path)
    assert found.reader == "coco_keypoints"
    assert len(found) == 2


@pytest.mark.parametrize("folder", ["aic", "crowdpose", "halpe", "jhmdb", "mpii"])
def test_real_samples_are_checked_without_naming_the_task(data, folder):
    assert open_richest(data / "pose_samples" / folder).skeleton is not None


def test_joints_that_would_take_all_memory(tmp_path):
    from scipy.io import savemat

    write_lsp(tmp_path, lsp_joints())
    path = tmp_path / "joints.mat"
    savemat(path, {"joints": np.zeros((14, 3, 900_000))}, do_compression=True)  # 300 MB
    assert path.stat().st_size < 500_000
    cells = io.BytesIO()
    savemat(cells, {"joints": np.array([[1.0, "a"]], object)})
    claimed = cells.getvalue().replace(
        np.array([5, 8, 1, 2], np.int32).tobytes(), np.array([5, 8, 2**15, 2**14], "i4").tobytes()
    )
    for content, sentence in (
        (path.read_bytes(), "must unpack to at most 200 MB"),
        (claimed, "must hold the array 'joints'"),
    ):
        path.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(DatasetError, match=sentence):
            open_dataset(tmp_path, task="pose")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 50e6
    savemat(path, {"joints": lsp_joints()}, do_compression=True)
    assert len(open_dataset(tmp_path, task="pose")) == 3
