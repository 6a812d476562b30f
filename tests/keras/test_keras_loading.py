"""A model folder in TensorFlow: from the command line, from Python, and without PyTorch."""

import json
import subprocess
import sys

import numpy as np
import pytest
from command_line import images

pytest.importorskip("tensorflow", reason="needs segmentare[tensorflow]")

import segmentare
from segmentare.errors import ModelError
from segmentare.images.reading import read_image
from segmentare.models.checkpoint import MODEL, WEIGHTS, load_model, save_model

TENSORFLOW = ("--framework", "tensorflow", "--quiet")


def test_masks_and_scores_are_those_of_pytorch(run_cli, model, photos, tmp_path):
    for framework in ("torch", "tensorflow"):
        words = ("--framework", framework, "--quiet")
        out = tmp_path / framework
        assert run_cli("predict", model, photos, "--out", out, *words)[0] == 0
        scores = tmp_path / f"{framework}.json"
        assert run_cli("evaluate", model, photos, "--json", scores, *words)[0] == 0
    paths = [sorted((tmp_path / name).rglob("*.png")) for name in ("torch", "tensorflow")]
    assert [path.name for path in paths[0]] == [path.name for path in paths[1]]
    assert len(paths[0]) == len(images(photos))
    one, other = (np.stack([read_image(path) for path in found]) for found in paths)
    assert np.count_nonzero(one != other) <= 1e-4 * one.size  # after four steps many are undecided
    one, other = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("torch", "tensorflow")
    )
    assert one["scores"]["dice"]["mean"] == pytest.approx(other["scores"]["dice"]["mean"], abs=1e-3)


def test_flips_are_averaged(model):
    image = np.random.default_rng(0).integers(0, 255, (50, 61, 3), np.uint8)
    maps = [
        segmentare.load(model, framework=name, flips=flips).maps(image)
        for name, flips in [("torch", True), ("tensorflow", True), ("tensorflow", False)]
    ]
    for head, expected in maps[0].items():
        np.testing.assert_allclose(maps[1][head], expected, rtol=0, atol=1e-5)
        assert not np.allclose(maps[2][head], expected, rtol=0, atol=1e-5)


def test_a_model_of_a_newer_version(refused, model, photos, tmp_path):
    said = json.loads((model / MODEL).read_text())
    (model / MODEL).write_text(json.dumps({**said, "format": 99}))
    message = refused("predict", model, photos, "--out", tmp_path / "out", *TENSORFLOW)
    assert "this version reads format 1" in message


def test_a_field_of_a_newer_version(refused, model, photos, tmp_path):
    said = json.loads((model / MODEL).read_text())
    said["network"]["attention"] = True
    (model / MODEL).write_text(json.dumps(said))
    message = refused("predict", model, photos, "--out", tmp_path / "out", *TENSORFLOW)
    assert "['attention']" in message


def test_weights_of_another_network(refused, model, photos, tmp_path):
    description, arrays = load_model(model)
    description["network"]["width"] = 0.25
    save_model(model, description, arrays)
    message = refused("predict", model, photos, "--out", tmp_path / "out", *TENSORFLOW)
    assert "weights must fit the network" in message


def test_a_damaged_folder(model):
    (model / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes()[:1000])
    with pytest.raises(ModelError, match="is damaged"):
        segmentare.load(model, framework="tensorflow")
    (model / MODEL).write_text('{"format": 1, "task": {"name": "semantic"}}')
    with pytest.raises(ModelError, match=r"damaged|missing or wrong"):
        segmentare.load(model, framework="tensorflow")


def test_a_device_that_is_not_there(model):
    with pytest.raises(ValueError, match=r"auto, cpu.*got 'tpu'"):
        segmentare.load(model, framework="tensorflow", device="tpu")


ALONE = """
import sys

class Without:  # finds what the others find, as if one package were not installed
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        absent = name.partition(".")[0] == ABSENT
        return None if absent else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
from segmentare.cli import main
code = main(sys.argv[1:])
present = {"torch", "tensorflow"}.intersection(sys.modules)
print(*sorted(present))
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("absent", "left"), [("torch", "tensorflow"), ("tensorflow", "torch")])
def test_one_framework_does_without_the_other(model, photos, tmp_path, absent, left):
    words = ["predict", str(model), str(photos), "--out", str(tmp_path / "out")]
    done = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", ALONE.replace("ABSENT", repr(absent)), *words, "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")  # not even a greeting
    assert done.stdout.split() == [left]
    assert len(list((tmp_path / "out").rglob("*.png"))) == len(images(photos))
