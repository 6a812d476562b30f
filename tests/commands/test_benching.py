import json

import cv2
import pytest
from any_model import TASKS, picture, write_any

from segmentare.commands.benching import BenchRow, _finished
from segmentare.models.description import read_model
from segmentare.runtimes.writing import export


@pytest.mark.slow
def test_every_engine_and_every_form_of_a_model_is_measured(run_cli, tmp_path):
    run = write_any(tmp_path / "run")
    pytest.importorskip("openvino", reason="openvino is not installed")
    export(read_model(run), "openvino", tmp_path / "there")
    cv2.imwrite(str(tmp_path / "a.png"), picture())
    words = ["bench", run, "--also", tmp_path / "there", "--data", tmp_path / "a.png"]
    code, output, errors = run_cli(*words, "--size", "64x96", "--seconds", "0.05", "--json")
    assert code == 0, errors
    found = json.loads(output)
    assert found["size"] == [64, 96]
    rows = {(row["model"], row["engine"], row["precision"]): row for row in found["rows"]}
    plain = rows["run", "plain torch", "float32"]
    exported = rows["there", "openvino", "float32"]
    assert plain["times"] == 1
    assert exported["alike"] == 1
    assert exported["times"] == pytest.approx(plain["p50"] / exported["p50"])
    assert 0 < exported["p50"] <= exported["p95"]
    assert exported["file_to_file"] > 0
    assert exported["memory"] > 0.01


def test_times_are_those_of_plain_pytorch():
    rows = [
        BenchRow("plain torch", "float32", 30.0),
        BenchRow("openvino", "float32", 10.0, model="x"),
    ]
    found = _finished(rows, {("x", "openvino", "float32"): 0.75})
    assert [(row.times, row.alike) for row in found] == [(1, 1), (3, 0.75)]


def test_what_cannot_be_measured_is_a_sentence(refused, tmp_path):
    run = write_any(tmp_path / "run", TASKS["pose"])
    assert "must be an image or a folder" in refused("bench", run, "--data", tmp_path / "nowhere")
    (tmp_path / "a.png").write_bytes(b"no image")
    words = ["--data", tmp_path / "a.png", "--quiet"]
    assert "None of the images" in refused("bench", run, *words)
    assert "must be" in refused("bench", run, "--size", "0", "--quiet")
