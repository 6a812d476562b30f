"""LiteRT: one file that answers what the model answers, for images of any size, and in 8 bits."""

import json
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
from command_line import images
from test_keras_exports import CASES, image, write_model

tf = pytest.importorskip("tensorflow", reason="needs segmentare[tensorflow]")

import segmentare
from segmentare.errors import ModelError
from segmentare.models.description import PARITY, read_model
from segmentare.runtimes import Settings, litert
from segmentare.runtimes.agreement import largest_difference
from segmentare.runtimes.writing import EXPORTERS, export

SIZES = [(150, 201), (40, 50), (300, 40), (1, 7), (64, 96)]


@pytest.mark.parametrize("case", CASES)
def test_a_file_answers_as_its_model(case, tmp_path):
    model = write_model(tmp_path / "model", case)
    folder = export(read_model(model), "litert", tmp_path / "there").folder
    expected = segmentare.load(model, framework="tensorflow").predictor
    found = segmentare.load(folder).predictor
    assert found.computed == "litert float32"
    assert found.task == expected.task
    for size in SIZES:
        shown = image(*size, expected.preprocessing.dtype)
        one, other = expected.read(shown).maps, found.read(shown).maps
        for head, far in largest_difference(one, other).items():
            assert np.ptp(one[head]) > 0 or size == (1, 7)
            assert far < 1e-5 * max(1.0, float(np.abs(one[head]).max())), (head, size)


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    """A model and its export to LiteRT."""
    folder = tmp_path_factory.mktemp("exact")
    model = read_model(write_model(folder / "model", "fit"))
    return model, export(model, "litert", folder / "there")


def test_eight_bits_are_small_and_answer_alike(exact, tmp_path):
    model, large = exact
    small = export(model, "litert", tmp_path / "small", int8=True)
    assert small.file.stat().st_size < 0.5 * large.file.stat().st_size  # much of it is the graph
    found = segmentare.load(tmp_path / "small")
    assert found.computed == "litert int8"
    shown = image(150, 201)
    expected = segmentare.load(large.folder).maps(shown)["object"]
    assert 1e-6 < np.abs(found.maps(shown)["object"] - expected).max() < 0.1
    with pytest.raises(ModelError, match="Give `precision` int8"):
        segmentare.load(tmp_path / "small", engine="litert", precision="float32")
    with pytest.raises(ModelError, match=r"that is capable: `engine` (openvino or )?litert"):
        segmentare.load(tmp_path / "small", engine="torch", precision="int8")


@pytest.mark.slow
def test_an_export_is_a_model(run_cli, refused, model, photos, tmp_path):
    for words in ((), ("--int8",)):
        out = tmp_path / "-".join(("small", *words))
        ask = ("export", model, "--to", "litert", "--data", photos, "--out", out, *words)
        code, printed, errors = run_cli(*ask, "--images", 4, "--most-lost", 1)
        assert code == 0, errors
        assert "dice of the export" in printed
        assert "INFO" not in errors
        row = json.loads((out / PARITY).read_text())["parity"][0]
        assert row["images"] == 4
        assert row["computed"] == ("litert int8" if words else "litert float32")
        assert set(row["milliseconds"]) == {"torch float32", row["computed"]}
        assert "sides\nof any length" in (out / "README.md").read_text()
        masks = tmp_path / out.name / "masks"
        for more in ((), ("--framework", "tensorflow")):
            ask = ("predict", out, photos, "--out", masks, "--overwrite", "--quiet", *more)
            assert run_cli(*ask)[0] == 0
            assert len(list(masks.rglob("*.png"))) == len(images(photos))
    assert "export to litert already" in refused("export", out, "--to", "litert", "--quiet")
    words = ("predict", model, photos, "--out", tmp_path / "again", "--engine", "litert")
    assert "cannot compute run in float32" in refused(*words)
    damaged = out / "network.tflite"
    damaged.write_bytes(damaged.read_bytes()[:-50])
    assert "checksum" in refused("predict", out, photos, "--out", tmp_path / "again")


def test_a_file_that_litert_does_not_read(exact, tmp_path):
    there = shutil.copytree(exact[1].folder, tmp_path / "there")
    (there / "network.tflite").write_bytes(b"no network")
    with pytest.raises(ModelError, match="that the installed LiteRT reads; it is not"):
        litert.open_network(read_model(there), Settings())


def test_several_threads_may_ask(exact):
    maps_of = litert.open_network(exact[1], Settings(threads=1))
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((1, 32 * k, 64, 3)).astype("f4") for k in (1, 2, 3, 4)]
    expected = [maps_of(batch)["object"] for batch in batches]
    found = [None] * len(batches)

    def ask(place):
        for _ in range(5):
            found[place] = maps_of(batches[place])["object"]

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_the_converter_refuses_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(tf.lite.TFLiteConverter, "from_saved_model", lambda *_, **__: Refusing())
    with pytest.raises(ModelError, match=r"LiteRT file: No such operation\. Use `to='savedmodel'`"):
        export(read_model(write_model(tmp_path / "m", "fit")), "litert", tmp_path / "x")


class Refusing:
    """Stands in for a converter."""

    def convert(self):
        raise RuntimeError("No such operation.\nAnd more.")


def test_without_tensorflow_no_file_is_made(monkeypatch, tmp_path):
    model = read_model(write_model(tmp_path / "m", "fit"))
    absent = replace(EXPORTERS["litert"], needs=("a_package_that_nobody_has",))
    monkeypatch.setitem(EXPORTERS, "litert", absent)
    with pytest.raises(ImportError, match=r"pip install 'segmentare\[tensorflow\]'"):
        export(model, "litert", tmp_path / "x")
