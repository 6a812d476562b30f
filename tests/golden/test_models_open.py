"""Model folders that exist open, and answer what they answered when they were made.

The folders in `models` were made at one version by `make_models.py` and stay as they are. Whatever
becomes of the code, these must go on to work: only what users call is called here.
"""

import csv
import importlib.util
import json
import shutil
from pathlib import Path

import answers
import numpy as np
import pytest
from safetensors.numpy import load_file

import segmentare

MODELS = Path(__file__).parent / "models"

#: Folders of trainings, and what they need besides a framework.
RUNS = {
    "semantic": (),
    "semantic-plain": (),
    "semantic-vgg": (),
    "semantic-segnet": (),
    "semantic-hf": ("transformers",),
    "semantic-native": (),
    "instance-center": (),
    "instance-flow": (),
    "panoptic": (),
    "pose-center": (),
    "pose-fields": (),
    "body": (),
    "tensorflow-semantic": (),
    "tensorflow-segnet": (),
    "tensorflow-instance": (),
    "tensorflow-pose": (),
}
#: Folders of exports.
EXPORTS = (
    "semantic.onnx",
    "semantic.openvino",
    "semantic-plain.savedmodel",
    "semantic.litert",
    "semantic-segnet.onnx",
    "instance-center.openvino",
    "pose-fields.litert",
)
#: Exports in 8-bit integers, which have answers of their own.
QUANTIZED = ("semantic.openvino-int8", "semantic.litert-int8")
#: A program of `torch.export`.
PROGRAM = "semantic-plain.torch"
STOPPED = ("stopped-torch", "stopped-tensorflow")

#: Packages of which one computes the format; for TensorFlow holds LiteRT.
PACKAGES = {
    "torch": ("torch",),
    "tensorflow": ("tensorflow",),
    "onnx": ("onnxruntime",),
    "openvino": ("openvino",),
    "litert": ("ai_edge_litert", "tensorflow"),
    "savedmodel": ("tensorflow",),
}

#: Of numbers that are no counts. The same network differs by about 1e-6 from engine to engine, and
#: its answers were chosen so that 1e-4 changes no pixel, so pixels, ids and categories are exact.
NEAR = {"probability": 1e-4, "scores": 1e-3, "keypoints": 0.02, "boxes": 0.02, "areas": 0.02}
#: Share of the pixels that 8-bit integers may give another category on another processor, whose
#: instructions round otherwise, and how far probabilities may be off on average.
QUANTIZED_PIXELS, QUANTIZED_PROBABILITY = 0.02, 0.02


def need(*packages):
    """Skip the test unless one of the packages is there."""
    if not any(importlib.util.find_spec(package) for package in packages):
        pytest.skip(f"needs {' or '.join(packages)}")


def expected_of(folder):
    """Return what a folder answers: of an export what its model does, if it has none of its own."""
    own = MODELS / "expected" / f"{folder}.npz"
    return answers.load(own if own.is_file() else own.with_stem(folder.partition(".")[0]))


def read(file):
    return segmentare.read_image(MODELS / "images" / file)


def check_same(found, expected):
    """Stop unless what was found is what is expected: the same pixels, nearly the same numbers."""
    arrays = answers.arrays_of(found)
    assert arrays.keys() == expected.keys()
    for key, values in expected.items():
        assert arrays[key].dtype == values.dtype, key
        near = NEAR.get(key.rpartition(".")[2], 0)
        relative = near if key == "areas" else 0  # they grow with the squares of lengths
        np.testing.assert_allclose(arrays[key], values, relative, near, err_msg=key)


def check_answers(model, folder):
    for file, expected in expected_of(folder).items():
        check_same(model.predict(read(file)), expected)


def test_all_folders_are_tested():
    there = {
        path.parent.name for path in [*MODELS.glob("*/model.json"), *MODELS.glob("*/plan.json")]
    }
    assert there == {*RUNS, *EXPORTS, *QUANTIZED, PROGRAM, *STOPPED}


def test_the_answers_show_something():
    for path in (MODELS / "expected").iterdir():
        kept = answers.load(path)
        assert kept, path.name
        for file, arrays in kept.items():
            counted = arrays.get("keypoints", arrays.get("scores"))
            assert len(np.unique(arrays.get("category", counted))) > 1, (path.name, file)
            assert counted is None or len(counted) > 1, (path.name, file)


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
@pytest.mark.parametrize("folder", RUNS)
def test_a_run_answers_as_it_did(folder, framework):
    need(*PACKAGES[framework])
    for package in RUNS[folder]:
        need(package)
    if folder == "semantic-hf" and framework == "tensorflow":
        pytest.skip("encoders of Hugging Face are PyTorch's")
    check_answers(segmentare.load(MODELS / folder, framework=framework), folder)


@pytest.mark.parametrize("folder", EXPORTS)
def test_an_export_answers_as_its_model(folder):
    format_ = folder.partition(".")[2]
    need(*PACKAGES[format_])
    check_answers(segmentare.load(MODELS / folder), folder)


@pytest.mark.parametrize("folder", QUANTIZED)
def test_an_export_of_8_bits_answers_about_as_it_did(folder):
    need(*PACKAGES[folder.partition(".")[2].removesuffix("-int8")])
    model = segmentare.load(MODELS / folder)
    for file, expected in expected_of(folder).items():
        found = model.predict(read(file))
        assert (found.category != expected["category"]).mean() <= QUANTIZED_PIXELS
        far = np.abs(found.probability - expected["probability"])
        assert far.mean() <= QUANTIZED_PROBABILITY


def test_a_program_of_pytorch_is_refused_as_opening_it_would_unpickle():
    with pytest.raises(segmentare.ModelError, match="Export the model"):
        segmentare.load(MODELS / PROGRAM)


def test_the_command_line_writes_the_same_mask(run_cli, tmp_path):
    need("torch", "tensorflow")
    files = expected_of("semantic")
    images = [MODELS / "images" / file for file in files]
    words = ("predict", MODELS / "semantic", *images, "--out", tmp_path / "masks", "--quiet")
    code, _, errors = run_cli(*words)
    assert code == 0, errors
    for file, expected in files.items():
        mask = segmentare.read_image(tmp_path / "masks" / file)[..., 0]
        np.testing.assert_array_equal(mask > 0, expected["category"] == 1)


def test_an_evaluation_finds_the_same_scores():
    need("torch", "tensorflow")
    found = segmentare.evaluate(MODELS / "semantic", MODELS / "data", part="test").scores
    expected = json.loads((MODELS / "semantic" / "scores.json").read_text())["scores"]
    assert found["confusion"] == expected["confusion"]
    for name in ("dice", "iou", "boundary_f", "hd95"):
        assert found[name]["mean"] == pytest.approx(expected[name]["mean"], abs=1e-6), name


@pytest.mark.slow
def test_a_training_starts_from_a_folder(tmp_path):
    need("torch", "tensorflow")
    request = {"steps": 1, "size": 32, "batch": 2, "learning_rate": 1e-9, "precision": "float32"}
    network = {"encoder": "plain", "width": 0.0625, "depth": 2}
    start = MODELS / "semantic-plain"
    out = segmentare.train(
        MODELS / "data", tmp_path / "run", start=str(start), **request, **network
    ).folder
    before, after = (load_file(folder / "weights.safetensors") for folder in (start, out))
    copied = [n for n, v in before.items() if v.ndim == 4 and not n.startswith("heads.")]
    assert copied
    for name in copied:
        np.testing.assert_allclose(after[name], before[name], rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("folder", STOPPED)
def test_a_stopped_run_goes_on_to_what_it_would_have_become(run_cli, tmp_path, folder):
    framework = folder.partition("-")[2]
    need(*PACKAGES[framework])
    run = Path(shutil.copytree(MODELS / folder, tmp_path / "run"))
    before = rows_of(run)
    code, _, errors = run_cli("train", MODELS / "data", "--out", run, "--resume", "--quiet")
    assert code == 0, errors
    steps = [int(row["step"]) for row in rows_of(run)]
    assert rows_of(run)[: len(before)] == before
    assert steps[-1] == 24
    assert steps == sorted(set(steps))
    model = segmentare.load(run, framework=framework)
    for file, expected in expected_of(folder).items():
        found = model.predict(segmentare.read_image(MODELS / "data" / "images" / file))
        # Nine more steps let the roundings of another processor grow, but not by much.
        np.testing.assert_allclose(found.probability, expected["probability"], rtol=0, atol=0.02)


def rows_of(run):
    with (run / "log.csv").open(newline="") as opened:
        return list(csv.DictReader(opened))
