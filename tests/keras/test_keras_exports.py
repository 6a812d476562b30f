"""SavedModel: what it answers is what the model answers, on images of any size."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from command_line import TRAIN, images
from drawn_poses import COCO
from network_specs import SPECS

tf = pytest.importorskip("tensorflow", reason="needs segmentare[tensorflow]")

import segmentare
from segmentare.annotations.segmentation import Category
from segmentare.errors import ModelError
from segmentare.keras import build_network, exports, inference
from segmentare.keras.weights import to_arrays
from segmentare.models.checkpoint import MODEL, save_model
from segmentare.models.description import PARITY
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.runtimes.parity import Parity
from segmentare.tasks import InstanceTask, PoseTask, SemanticTask

CELLS = (Category("background", (0, 0, 0), background=True), Category("x", (255, 0, 0), thing=True))
FIT = Preprocessing(3, "uint8", (100.0, 90.0, 80.0), (60.0, 50.0, 70.0), (64, 96))
CASES = {
    "fit": ("resnet", SemanticTask(CELLS), FIT),
    "native": ("segnet", SemanticTask(CELLS), replace(FIT, scale=0.75)),
    "leveled": ("plain", InstanceTask(CELLS), replace(FIT, level=True)),
    "vectors": ("resnet stride 2", InstanceTask(CELLS, code="flow"), FIT),
    "keypoints": ("plain stride 4", PoseTask(COCO), FIT),
    "uint16": (
        "vgg",
        SemanticTask(CELLS),
        replace(FIT, dtype="uint16", mean=(2e4,) * 3, std=(1e4,) * 3, level=True),
    ),
}


def write_model(folder, case):
    name, task, preprocessing = CASES[case]
    network = build_network(SPECS[name], task.heads, seed=0)
    # Smooth images of every brightness, so that BatchNorms and heads are not at their start.
    for seed in range(3):
        network(2 * np.random.default_rng(seed).standard_normal((2, 64, 64, 3)), training=True)
    description = {
        "task": task.to_dict(),
        "network": SPECS[name].to_dict(),
        "preprocessing": preprocessing.to_dict(),
    }
    save_model(folder, description, to_arrays(network))
    return folder


def image(height, width, dtype="uint8"):
    """Smooth, with values over the whole range: interpolation must matter, single pixels not."""
    rng = np.random.default_rng(height * width)
    coarse = rng.uniform(0, 255, (max(height // 8, 2), max(width // 8, 2), 3))
    values = np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255)
    return (values * (257 if dtype == "uint16" else 1)).astype(dtype)


@pytest.mark.parametrize("case", CASES)
def test_a_server_sees_what_a_predictor_sees(case, tmp_path):
    model = write_model(tmp_path / "model", case)
    predictor = segmentare.load(model, framework="tensorflow").predictor
    found = inference.restore(model)
    exports.write_savedmodel(found, tmp_path / "saved")
    server = exports.Server(predictor, tmp_path / "saved", found.network.stride)
    maps_of = exports.open_savedmodel(tmp_path / "saved", predictor.task.heads)
    alone = replace(predictor, maps_of=maps_of)
    # Shrunk, enlarged, one side of each, smaller than a cell, and as the network has it:
    for size in [(150, 201), (40, 50), (300, 40), (1, 7), (64, 96)]:
        shown = image(*size, predictor.preprocessing.dtype)
        expected, served, same = (reader.read(shown) for reader in (predictor, server, alone))
        assert served.frame.content == expected.frame.content
        for head, maps in expected.maps.items():
            np.testing.assert_allclose(same.maps[head], maps, rtol=0, atol=1e-5, err_msg=head)
            assert served.maps[head].shape == maps.shape
            far = np.abs(served.maps[head] - maps)
            # A pixel may be rounded to the other side; more would be another resampling.
            scale = max(1.0, float(np.abs(maps).max()))
            assert far.mean() < 1e-3 * scale, (head, size)
            assert far.max() < 3e-2 * scale, (head, size)


@pytest.mark.slow
def test_an_export_is_a_model(run_cli, refused, photos, tmp_path):
    model = tmp_path / "model"
    code, _, errors = run_cli("train", photos, "--out", model, *TRAIN, "--encoder", "resnet")
    assert code == 0, errors
    said = json.loads((model / MODEL).read_text())
    said["task"]["threshold"] = 0.02  # after four steps many pixels stand at 0.5, to a rounding
    (model / MODEL).write_text(json.dumps(said))
    out = tmp_path / "small"
    ask = ("export", model, "--to", "savedmodel", "--data", photos, "--out", out, "--images", 4)
    code, _, errors = run_cli(*ask, "--quiet")
    assert code == 0, errors
    report = json.loads((out / PARITY).read_text())
    assert report["parity"][0]["images"] == 4
    assert report["machine"]["tensorflow"] == tf.__version__
    assert "segmentare predict THIS_FOLDER" in (out / "README.md").read_text()
    assert run_cli("predict", out, photos, "--out", tmp_path / "masks", "--quiet")[0] == 0
    assert len(list((tmp_path / "masks").rglob("*.png"))) == len(images(photos))

    assert "or --overwrite it" in refused(*ask, "--quiet")
    again = refused("export", out, "--to", "savedmodel", "--data", photos)
    assert "export to savedmodel already" in again
    damaged = out / "saved_model.pb"
    damaged.write_bytes(damaged.read_bytes()[:-50])
    assert "checksum" in refused("predict", out, photos, "--out", tmp_path / "again")
    damaged.unlink()
    assert "must hold" in refused("predict", out, photos, "--out", tmp_path / "again")


def test_files_that_are_no_export(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="must hold a SavedModel"):
        exports.open_savedmodel(tmp_path, ())


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        (Parity("tensorflow float32", 1, {"x": 2e-3}, 100, 0), "differ by up to 0.002"),
        (Parity("tensorflow float32", 1, {"x": 0.0}, 100, 1), "1 of 100 pixels"),
        (Parity("tensorflow serving_default", 1, {"x": 0.1}, 100_000, 3), ""),
        (Parity("tensorflow serving_default", 1, {"x": 0.1}, 10_000, 3), "3 of 10000 pixels"),
    ],
)
def test_what_is_not_kept(found, complaint):
    said = found.complaint()
    assert said.startswith(complaint) if not complaint else complaint in said
    assert bool(said) == bool(complaint)
