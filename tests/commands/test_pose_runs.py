"""Models of poses and bodies by the command line, from folder to scores."""

import json

import numpy as np
import pytest
from command_line import TRAIN

from segmentare import cli
from segmentare.annotations.poses import Poses
from segmentare.networks.inference import load
from segmentare.synthetic.people_dataset import SyntheticPeople, write_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("people") / "drawn", 12, size=(64, 96))


@pytest.fixture(scope="module", params=["pose", "body"])
def task(request):
    return request.param


@pytest.fixture(scope="module")
def run(task, folder, tmp_path_factory):
    """A model of any quality, by the command line."""
    out = tmp_path_factory.mktemp("run") / "run"
    assert cli.main(["train", str(folder), "--out", str(out), "--task", task, *TRAIN]) == 0
    return out


def test_a_training_writes_scores_and_a_report(run, task):
    scores = json.loads((run / "scores.json").read_text())
    assert scores["task"] == task
    assert {"oks_ap", "oks_ap50", "oks_ar", "pck@0.2"} <= set(scores["scores"])
    assert ("iou" in scores["scores"]) == (task == "body")
    assert "<html" in (run / "report.html").read_text()
    model = json.loads((run / "model.json").read_text())
    assert model["task"]["skeleton"]["name"] == "coco17"
    assert model["network"]["stride"] == 4


def test_the_model_predicts_poses_in_pixels_of_the_image(run, task):
    found = load(run).predict(SyntheticPeople(1, 5, (100, 150))[0].image)
    assert isinstance(found, Poses)
    assert found.size == (100, 150)
    assert found.keypoints.shape[1:] == (17, 3)
    shown = found.keypoints[found.keypoints[..., 2] > 0]
    assert (shown[:, 0] <= 149.5).all()
    assert (shown[:, 1] <= 99.5).all()
    assert (found.segmentation is not None) == (task == "body")


def test_the_same_data_are_evaluated_for_the_models_task(run, folder, run_cli, tmp_path):
    path = tmp_path / "scores.json"
    code, _, errors = run_cli("evaluate", run, folder, "--part", "test", "--json", path)
    assert code == 0, errors
    before = json.loads((run / "scores.json").read_text())["scores"]
    assert json.loads(path.read_text())["scores"] == before


def test_check_counts_people(folder, run_cli):
    code, output, errors = run_cli("check", folder, "--no-page", "--task", "pose")
    assert code == 0, errors
    people = [len(sample.annotation) for sample in SyntheticPeople(12, 0, (64, 96))]
    assert f"Objects per image: {np.median(people):g} (median)" in output


def test_photos_without_keypoints_are_refused(refused, photos, tmp_path):
    said = refused("train", photos, "--out", tmp_path / "run", "--task", "pose", *TRAIN)
    assert "known layout" in said or "keypoints" in said
