"""Instance and panoptic models by the command line, from folder to scores."""

import json

import numpy as np
import pytest
from command_line import TINY, TRAIN

from segmentare import train
from segmentare.datasets import open_dataset
from segmentare.networks.inference import load
from segmentare.synthetic.object_datasets import SyntheticObjects, write_dataset

KINDS = {"instance": "cells", "panoptic": "meadow"}
NAMES = {"instance": "accuracy@0.5", "panoptic": "pq"}


@pytest.fixture(scope="module", params=KINDS)
def task(request):
    return request.param


@pytest.fixture(scope="module")
def folder(task, tmp_path_factory):
    root = tmp_path_factory.mktemp(task)
    return write_dataset(root / "drawn", KINDS[task], 12, size=(64, 96))


@pytest.fixture(scope="module")
def run(task, folder, tmp_path_factory):
    """A model of any quality, by the command line."""
    from segmentare import cli

    out = tmp_path_factory.mktemp("run") / "run"
    words = ["train", str(folder), "--out", str(out), "--task", task, *TRAIN]
    assert cli.main(words) == 0
    return out


def test_a_training_writes_scores_and_a_report(run, task):
    scores = json.loads((run / "scores.json").read_text())
    assert scores["task"] == task
    value = scores["scores"][NAMES[task]]
    assert 0 <= value.get("mean", value["pooled"]) <= 1
    assert {"sq", "rq", "pq"} <= set(scores["scores"])
    assert "<html" in (run / "report.html").read_text()
    model = json.loads((run / "model.json").read_text())["task"]
    assert model["name"] == task
    assert model["unit"] >= 1


def test_the_model_predicts_objects_at_the_images_own_size(run, task):
    predictor = load(run)
    image = SyntheticObjects(KINDS[task], 1, 5, (100, 150))[0].image
    found = predictor.predict(image)
    assert found.category.shape == found.instance.shape == (100, 150)
    assert len(found.scores) == len(np.unique(found.instance[found.instance > 0]))


def test_the_same_data_are_evaluated_for_the_models_task(run, folder, run_cli, tmp_path):
    path = tmp_path / "scores.json"
    code, output, errors = run_cli("evaluate", run, folder, "--part", "test", "--json", path)
    assert code == 0, errors
    before = json.loads((run / "scores.json").read_text())["scores"]
    after = json.loads(path.read_text())["scores"]
    assert after == before
    assert "Objects: " in output


def test_check_says_how_many_objects_there_are(folder, run_cli):
    code, output, errors = run_cli("check", folder, "--no-page")
    assert code == 0, errors
    assert "Objects per image" in output


@pytest.mark.parametrize("code", ["center", "flow"])
def test_the_code_can_be_forced(run_cli, tmp_path, code):
    data = write_dataset(tmp_path / "drawn", "cells", 12, size=(64, 96))
    words = ["train", data, "--out", tmp_path / "run", "--task", "instance", "--code", code]
    exit_code, _, errors = run_cli(*words, *TRAIN)
    assert exit_code == 0, errors
    assert json.loads((tmp_path / "run" / "model.json").read_text())["task"]["code"] == code


def test_masks_of_categories_are_no_objects(refused, photos, tmp_path):
    said = refused("train", photos, "--out", tmp_path / "run", "--task", "instance", *TRAIN)
    assert "objects that are told apart" in said
    assert "segmentare convert" in said


def test_the_demo_draws_what_the_task_needs(task, monkeypatch, run_cli, tmp_path):
    def tiny(*words, budget, **options):
        assert budget == "3m"
        return train(*words, **{**TINY, **options})

    monkeypatch.setattr("segmentare.commands.demo.train", tiny)
    monkeypatch.setattr("segmentare.commands.demo._IMAGES", 12)
    monkeypatch.setattr("segmentare.commands.demo._NEW", 2)
    out = tmp_path / "demo"
    code, output, errors = run_cli("demo", "--task", task, "--out", out)
    assert code == 0, errors
    assert NAMES[task] in output
    assert len(open_dataset(out / "data", task=task)) == 12
    assert len(list((out / "masks").glob("*.overlay.jpg"))) == 2


def test_the_demo_touches_nobody_elses_images(refused, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.png").write_bytes(b"mine")
    said = refused("demo", "--out", tmp_path)
    assert "it holds something else" in said
    assert (tmp_path / "data" / "mine.png").read_bytes() == b"mine"
