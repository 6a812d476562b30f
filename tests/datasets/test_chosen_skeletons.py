"""Keypoints that a user names, by `--skeleton`."""

import json

import numpy as np
import pytest
from command_line import TRAIN
from drawn_keypoints import SIZE, annotation, coco_data, points_of, write_coco
from drawn_poses import COCO
from knowing_models import Fake
from PIL import Image

from segmentare.annotations.skeletons import SKELETONS, read_skeleton
from segmentare.commands.skeletons import to_toml
from segmentare.datasets import open_dataset
from segmentare.datasets.as_skeleton import as_skeleton, in_skeleton
from segmentare.datasets.chosen_skeletons import choose_skeleton, open_as
from segmentare.datasets.readers.openpose import read_openpose
from segmentare.models.checkpoint import load_description
from segmentare.runtimes.loading import Opened
from segmentare.synthetic.people_dataset import draw_people, write_dataset
from segmentare.tasks import PoseTask

MOUSE = """\
keypoints = ["snout", "l-ear", "r-ear", "tail"]
pairs = [["l-ear", "r-ear"]]
limbs = [["snout", "tail"], ["l-ear", "r-ear"]]
sigmas = { snout = 0.02, tail = 0.1 }
"""


@pytest.fixture
def mouse(tmp_path):
    path = tmp_path / "mouse.toml"
    path.write_text(MOUSE)
    return path


@pytest.fixture
def unnamed(tmp_path):
    """Twelve images with one animal each, whose four keypoints have no names."""
    root = tmp_path / "mice"
    marked = [annotation(k, k, points_of(4, k), area=900) for k in range(1, 13)]
    write_coco(root, coco_data(marked, images=12, names=[]), "mice.json")
    for k in range(1, 13):
        noise = np.random.default_rng(k).integers(0, 255, (*SIZE, 3), np.uint8)
        Image.fromarray(noise).save(root / "images" / f"{k}.png")
    return root


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_can_be_written_and_read(name, tmp_path):
    path = tmp_path / "it.toml"
    path.write_text(to_toml(SKELETONS[name]))
    assert read_skeleton(path) == choose_skeleton(name) == choose_skeleton(path)


def test_odd_names_can_be_written_and_read(tmp_path):
    path = tmp_path / 'a "b" \\c\n.toml'
    path.write_text('keypoints = ["\\"tip\\"", "back\\\\slash", "\\u0001é"]\nlimbs = []\n')
    again = tmp_path / "again.toml"
    again.write_text(to_toml(read_skeleton(path)), encoding="utf-8")
    assert read_skeleton(again) == read_skeleton(path)


def test_unnamed_keypoints_get_names_pairs_and_sigmas(mouse, unnamed):
    skeleton = choose_skeleton(mouse)
    dataset = open_as(unnamed, None, "pose", skeleton)
    poses = dataset[0].annotation
    assert dataset.skeleton == poses.skeleton == skeleton
    assert skeleton.swaps == (0, 2, 1, 3)
    assert (skeleton.sigmas[0], skeleton.sigmas[3]) == (0.02, 0.1)
    assert np.array_equal(poses.keypoints[0], points_of(4, 1))
    assert dataset.problems == ()


def test_unnamed_keypoints_without_visibility(mouse, tmp_path):
    points = points_of(4)[:, :2]
    write_coco(tmp_path / "d", coco_data([annotation(1, 1, points)], names=[]))
    poses = open_as(tmp_path / "d", None, "pose", choose_skeleton(mouse))[0].annotation
    assert np.array_equal(poses.keypoints[0, :, :2], points)


def test_named_keypoints_are_sorted_by_name(mouse, tmp_path):
    names = ["tail", "R ear", "L ear", "whiskers"]
    write_coco(tmp_path / "d", coco_data([annotation(1, 1, points_of(4))], names=names))
    dataset = open_as(tmp_path / "d", None, "pose", choose_skeleton(mouse))
    points = dataset[0].annotation.keypoints[0]
    assert np.array_equal(points, [np.zeros(3), *points_of(4)[[2, 1, 0]]])
    (problem,) = dataset.problems
    assert not problem.stops
    assert problem.what == (
        "The 4 keypoints of 'person' are converted to the 4 of 'mouse'; left out: whiskers; never "
        "there: snout."
    )
    assert dataset.layout.endswith("4 keypoints ('person'), as the 4 of 'mouse'.")


def test_the_same_names_get_other_sigmas_only(mouse, tmp_path):
    names = ["Snout", "left ear", "right ear", "tail"]
    write_coco(tmp_path / "d", coco_data([annotation(1, 1, points_of(4))], names=names))
    skeleton = choose_skeleton(mouse)
    opened = open_dataset(tmp_path / "d", task="pose")
    dataset = as_skeleton(opened, skeleton)
    assert dataset.problems == ()
    assert dataset.skeleton == dataset[0].annotation.skeleton == skeleton
    assert np.array_equal(dataset[0].annotation.keypoints[0], points_of(4))
    assert as_skeleton(dataset, skeleton) is dataset


def test_of_several_kinds_the_one_with_these_keypoints_counts(mouse, tmp_path):
    data = coco_data(
        [annotation(1, 1, points_of(3)), annotation(2, 2, points_of(4))], names=list("abc")
    )
    data["annotations"][1]["category_id"] = 2
    names = ["snout", "l ear", "r ear", "tail"]
    data["categories"][0]["name"] = "leaf"
    data["categories"].append({"id": 2, "name": "mouse", "keypoints": names})
    write_coco(tmp_path / "d", data)
    dataset = open_as(tmp_path / "d", None, "pose", choose_skeleton(mouse))
    assert dataset.categories[1].name == "mouse"
    assert [len(sample.annotation) for sample in dataset] == [0, 1]


def test_human_data_in_another_layout(tmp_path):
    dataset = open_dataset(write_dataset(tmp_path / "people", 3, size=(64, 96)), task="body")
    other = as_skeleton(dataset, SKELETONS["openpose18"])
    for one, two in zip(dataset, other, strict=True):
        expected = in_skeleton(one.annotation, SKELETONS["openpose18"])
        assert np.array_equal(two.annotation.keypoints, expected.keypoints)
        assert two.annotation.segmentation is not None
        neck = one.annotation.keypoints[:, 5:7, :2].mean(axis=1)
        there = expected.keypoints[:, 1, 2] > 0
        assert there.any()
        np.testing.assert_allclose(expected.keypoints[there, 1, :2], neck[there])


def test_bad_skeletons_get_a_sentence(refused, unnamed, tmp_path):
    def said(text, *words):
        path = tmp_path / "mouse.toml"
        path.write_text(text)
        return refused(*(words or ("check", unnamed, "--no-page")), "--skeleton", path)

    assert "it has 'keypoint'. Rename it" in said("keypoint = []")
    assert "'mouse.toml' must be a TOML file" in said("keypoints = [")
    assert "give a --skeleton of so many keypoints ('mouse' has 3)" in said(
        'keypoints = ["a", "b", "c"]'
    )
    one = ("check", unnamed, "--no-page", "--skeleton")
    assert "must be one of coco17, openpose18" in refused(*one, "coco71")
    assert refused(*one, tmp_path / "gone.toml").startswith("No such file")
    wrong = refused("train", unnamed, "--out", tmp_path / "run", "--skeleton", "coco17")
    assert wrong.startswith("--skeleton is for the tasks pose and body; got it with the task 'sem")
    out = ("--out", tmp_path / "out", "--skeleton", "coco17")
    assert "'coco'. Leave it out" in refused("convert", unnamed, "--to", "coco", *out)
    people = write_dataset(tmp_path / "people", 2, size=(64, 96))
    leaf = said('keypoints = ["tip", "stem"]', "check", people, "--no-page")
    assert "skeletons that share some; 'coco17' has nose" in leaf


@pytest.mark.slow
def test_a_model_of_your_own_keypoints(mouse, unnamed, run_cli, tmp_path):
    run = tmp_path / "run"
    code, _, errors = run_cli(
        *("train", unnamed, "--out", run, "--task", "pose", "--code", "fields", *TRAIN),
        *("--skeleton", mouse),
    )
    assert code == 0, errors
    skeleton = load_description(run)["task"]["skeleton"]
    assert skeleton == choose_skeleton(mouse).to_dict()
    # the model knows the names, so that nobody has to repeat them
    code, _, errors = run_cli("evaluate", run, unnamed, "--json", tmp_path / "scores.json")
    assert code == 0, errors
    scores = json.loads((tmp_path / "scores.json").read_text())["scores"]
    assert list(scores["joints"]) == skeleton["keypoints"]
    code, _, errors = run_cli("compare", run, run, unnamed, "--skeleton", mouse)
    assert code == 0, errors


def test_predictions_in_other_keypoints(run_cli, refused, monkeypatch, tmp_path):
    fake = Fake(PoseTask(COCO))
    opened = Opened(fake, "torch", "float32", "Engine: torch float32.")
    monkeypatch.setattr("segmentare.commands.predicting.open_model", lambda *_, **__: opened)
    image = draw_people(0, (96, 128)).image.copy()
    image[0, 0] = 0
    Image.fromarray(image).save(tmp_path / "a.png")
    out = tmp_path / "out"
    code, _, errors = run_cli(
        "predict", "run", tmp_path / "a.png", "--out", out, "--skeleton", "openpose18", "--overlay"
    )
    assert code == 0, errors
    again = read_openpose(out / "a_keypoints.json", (96, 128))
    expected = in_skeleton(fake.predict(image), SKELETONS["openpose18"]).keypoints
    assert again.skeleton == SKELETONS["openpose18"]
    np.testing.assert_allclose(again.keypoints, expected, rtol=1e-5)
    listed = json.loads((out / "coco_images.json").read_text())
    assert listed["categories"][0]["keypoints"] == list(SKELETONS["openpose18"].keypoints)
    row = json.loads((out / "predictions.jsonl").read_text())
    assert row["skeleton"] == "openpose18"
    (tmp_path / "m.toml").write_text('keypoints = ["tip", "stem"]')
    words = ("predict", "run", tmp_path / "a.png", "--out", tmp_path / "b", "--skeleton")
    assert "share some" in refused(*words, tmp_path / "m.toml")
    assert not (tmp_path / "b").exists()


def test_the_list_of_skeletons(run_cli, mouse, tmp_path):
    code, output, _ = run_cli("skeletons")
    assert code == 0
    assert all(name in output for name in SKELETONS)
    _, output, _ = run_cli("skeletons", "--json")
    assert {row["name"]: len(row["keypoints"]) for row in json.loads(output)} == {
        name: len(skeleton.keypoints) for name, skeleton in SKELETONS.items()
    }
    _, output, _ = run_cli("skeletons", mouse)
    (tmp_path / "copy.toml").write_text(output)
    assert read_skeleton(tmp_path / "copy.toml") == read_skeleton(mouse)
