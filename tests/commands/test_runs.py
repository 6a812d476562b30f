"""What may and may not happen to the folder of a run."""

import contextlib
import errno
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from command_line import TRAIN, contents

from segmentare import atomic
from segmentare.annotations import geometry
from segmentare.images.fingerprints import fingerprint
from segmentare.models.checkpoint import load_model
from segmentare.synthetic.lesion_dataset import draw_lesion
from segmentare.training.runs import Seen


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--budget", "soon"], "A time must be such as"),
        (["--size", "31"], "A size must be pixels"),
        (["--steps", "0"], "--steps must be at least 1"),
        (["--batch", "-1"], "--batch must be at least 1"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--learning-rate", "nan"], "--learning-rate must be a number above 0"),
        (["--learning-rate", "1e9"], "with a lower learning rate"),
        (["--width", "0"], "a width above 0"),
        (["--depth", "9"], "depth of encoder 'lite0' must be 2 to 5"),
        (["--val", "1.5"], "shares of validation and test"),
        (["--network", "fnet"], "network must be one of"),
        (["--encoder", "tree"], "encoder of a unet must be one of"),
        (
            ["--task", "telepathy"],
            "must be one of semantic, instance, panoptic, pose, body; got 'telepathy'",
        ),
        (["--code", "flow"], "--code is for the tasks instance and pose"),
        (["--reader", "glasses"], "must be one of ph2"),
        (["--split", "nowhere.json"], "split 'nowhere.json' must be JSON"),
        (["--by", "mood"], "label to stratify by must be one of"),
        (["--groups", "nowhere"], "Groups must be a label"),
        (["--start", "nowhere"], "A model folder must hold model.json"),
        (
            ["--precision", "float8"],
            "must be one of float32, bfloat16; got 'float8'. Did you mean 'float32'?",
        ),
    ],
)
def test_options_that_cannot_be(refused, drawn, tmp_path, words, sentence):
    assert sentence in refused("train", drawn, "--out", tmp_path / "run", *TRAIN, *words)
    assert not (tmp_path / "run" / "model.json").exists()


def test_a_run_that_exists_is_not_touched(refused, drawn, model):
    before = contents(model)
    sentence = refused("train", drawn, "--out", model, *TRAIN)
    assert "holds a run already (model.json)" in sentence
    assert "--resume" not in sentence  # nothing is left to go on with
    assert contents(model) == before
    (model / "training_state.safetensors").touch()
    assert "--resume to go on with it, or" in refused("train", drawn, "--out", model, *TRAIN)


def test_a_folder_of_other_files_is_not_touched_even_with_overwrite(refused, drawn, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for extra in ([], ["--overwrite"]):
        sentence = refused("train", drawn, "--out", tmp_path, *TRAIN, *extra)
        assert "it holds other files" in sentence
    (tmp_path / "file").write_text("mine")
    assert "must be a folder" in refused("train", drawn, "--out", tmp_path / "file", *TRAIN)


def test_overwrite_replaces_the_run_and_nothing_else(run_cli, drawn, model):
    (model / "notes.txt").write_text("mine")
    before = (model / "weights.safetensors").read_bytes()
    code, _, errors = run_cli("train", drawn, "--out", model, "--overwrite", *TRAIN, "--seed", 3)
    assert code == 0, errors
    assert (model / "weights.safetensors").read_bytes() != before
    assert (model / "notes.txt").read_text() == "mine"


def test_a_budget_too_short_keeps_the_run_that_was_there(refused, monkeypatch, drawn, model):
    monkeypatch.setattr("segmentare.networks.backend.TorchEngine.try_steps", lambda *_: (50.0, 1.0))
    before = contents(model)
    words = [word for word in TRAIN if word not in {"--steps", "4"}]
    sentence = refused("train", drawn, "--out", model, "--overwrite", "--budget", "20s", *words)
    assert "must last for at least 3 steps" in sentence
    assert contents(model) == before


def test_nothing_to_resume(refused, drawn, model, tmp_path):
    before = contents(model)
    assert "To resume" in refused("train", drawn, "--out", model, "--resume")
    assert "To resume" in refused("train", drawn, "--out", tmp_path / "new", "--resume")
    assert contents(model) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("text", ["{", "[1]", "{}", '{"spec": 1}'])
def test_a_damaged_plan_cannot_be_resumed(refused, drawn, model, text):
    (model / "training_state.safetensors").write_bytes(b"")
    (model / "plan.json").write_text(text)
    assert "plan.json' is damaged" in refused("train", drawn, "--out", model, *TRAIN, "--resume")


def test_ctrl_c_while_the_data_is_read(run_cli, monkeypatch, drawn, tmp_path):
    def press(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("segmentare.commands.training.load", press)
    code, output, errors = run_cli("train", drawn, "--out", tmp_path / "run", *TRAIN)
    assert (code, output, errors) == (130, "", "Stopped.\n")
    assert not (tmp_path / "run").exists()


def test_ctrl_c_while_the_decode_is_tuned_still_writes_the_model(
    run_cli, monkeypatch, drawn, tmp_path, request
):
    from segmentare.training.tuning import tune

    # a shell lets programs in the background ignore SIGINT, and tests inherit that
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    def press(*words):
        os.kill(os.getpid(), signal.SIGINT)
        return tune(*words)

    monkeypatch.setattr("segmentare.commands.running.tune", press)
    code, _, errors = run_cli("train", drawn, "--out", tmp_path / "run", *TRAIN)
    assert code == 0, errors
    assert (tmp_path / "run" / "report.html").is_file()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_tuning_that_fails_loses_nothing(run_cli, monkeypatch, drawn, tmp_path):
    run = tmp_path / "run"

    def fail(*_):
        raise IndexError("what nobody thought of")

    with monkeypatch.context() as patch:
        patch.setattr("segmentare.commands.running.tune", fail)
        patch.setattr("tempfile.tempdir", str(tmp_path))
        code, _, errors = run_cli("train", drawn, "--out", run, *TRAIN)
    assert code == 70
    assert "bug in segmentare (IndexError: what nobody thought of)" in errors
    before, weights = load_model(run)
    assert (run / "training_state.safetensors").is_file()
    code, _, errors = run_cli("predict", run, drawn / "images", "--out", tmp_path / "masks")
    assert code == 0, errors
    code, _, errors = run_cli("train", drawn, "--out", run, "--resume", "--quiet")
    assert code == 0, errors
    after, same = load_model(run)
    assert all(np.array_equal(weights[name], same[name]) for name in weights)
    assert after["training"]["steps"] == before["training"]["steps"] > 0
    assert (run / "report.html").is_file()
    assert not (run / "training_state.safetensors").exists()


def test_the_result_as_json(run_cli, drawn, tmp_path):
    code, output, _ = run_cli("train", drawn, "--out", tmp_path / "run", "--json", *TRAIN)
    assert code == 0
    result = json.loads(output)
    assert result["run"] == str(tmp_path / "run")
    assert result["test"]["part"] == "test"
    assert result["test"]["images"] == result["data"]["images"]["test"]


def fill_disk(monkeypatch, name=""):
    """Let files whose name contains this break off."""
    usual, replacing, names = Path.write_bytes, atomic.replacing, {}

    @contextlib.contextmanager
    def noting(path, *temporary):
        with replacing(path, *temporary) as place:
            names[place] = path.name
            yield place

    def write(self, data):
        if name not in names.get(self, self.name):
            return usual(self, data)
        usual(self, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", write)
    monkeypatch.setattr(atomic, "replacing", noting)


def test_a_full_disk_at_the_end_of_a_training_loses_nothing(
    run_cli, refused, monkeypatch, drawn, tmp_path
):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        fill_disk(patch, "weights.safetensors")
        assert refused("train", drawn, "--out", run, *TRAIN).startswith("The disk is full")
    assert not list(run.glob("*.tmp"))
    assert not (run / "model.json").exists()
    code, _, errors = run_cli("train", drawn, "--out", run, "--resume", "--quiet")
    assert code == 0, errors
    assert (run / "model.json").exists()
    assert (run / "report.html").exists()


@pytest.mark.parametrize("command", ["train", "predict", "evaluate", "check"])
def test_a_full_disk_is_one_sentence(refused, monkeypatch, drawn, model, tmp_path, command):
    before = contents(model)
    fill_disk(monkeypatch)
    words = {
        "train": [drawn, "--out", model, "--overwrite", *TRAIN],
        "predict": [model, drawn / "images", "--out", tmp_path / "masks", "--quiet"],
        "evaluate": [model, drawn, "--json", tmp_path / "scores.json", "--quiet"],
        "check": [drawn, "--no-page", "--json", tmp_path / "check.json", "--quiet"],
    }[command]
    assert refused(command, *words).startswith("The disk is full")
    assert not [path for path in tmp_path.rglob("*.tmp") if path.is_file()]
    if command != "train":
        assert contents(model) == before


def test_a_smaller_copy_is_recognized_and_another_picture_is_not():
    seen_picture, other = (draw_lesion(seed, (192, 256)).image for seed in (1, 2))
    content = fingerprint(seen_picture)
    seen = Seen({content.exact: "train"}, [content])
    seen.look("same", fingerprint(seen_picture))
    seen.look("smaller", fingerprint(geometry.resample(seen_picture, (96, 128))))
    seen.look("other", fingerprint(other))
    assert seen.names() == ["same"]
    seen.settle()
    assert seen.names() == ["same", "smaller"]
    assert "trained on 2" in seen.sentence()
