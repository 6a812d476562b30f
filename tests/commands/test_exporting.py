import importlib.util
import json

import pytest
from any_model import TASKS, picture, write_any
from command_line import contents

from segmentare.runtimes import exporting, parity
from segmentare.runtimes.exporting import ExportOptions, export
from segmentare.runtimes.model import load
from segmentare.runtimes.torch import hindrance

OPENVINO = importlib.util.find_spec("openvino") is not None
NNCF = importlib.util.find_spec("nncf") is not None


def test_an_export_is_compared_and_reported(run_cli, tiny_run, drawn, tmp_path):
    out = tmp_path / "there"
    words = ["--to", "openvino", "--out", out, "--data", drawn]
    code, output, errors = run_cli("export", tiny_run, *words)
    assert code == 0, errors
    assert "openvino float32" in output
    assert "dice of the export" in output
    assert {p.name for p in out.iterdir()} == {
        "model.json",
        "network.xml",
        "network.bin",
        "parity.json",
        "README.md",
    }
    report = json.loads((out / "parity.json").read_text())
    found = report["parity"][0]
    assert found["differ"] == 0
    assert found["pixels"] == found["images"] * 48 * 64
    assert found["before"] == found["after"]
    assert found["milliseconds"]["torch float32"] > 0
    assert "the test part" in report["images"]
    code, _, errors = run_cli("evaluate", out, drawn)
    assert code == 0, errors


def test_predictions_of_an_export_are_those_of_the_run(run_cli, tiny_run, drawn, tmp_path):
    assert (
        run_cli("export", tiny_run, "--to", "openvino", "--out", tmp_path / "x", "--quiet")[0] == 0
    )
    images = sorted((drawn / "images").iterdir())[:3]
    for name, model in (("a", tiny_run), ("b", tmp_path / "x")):
        words = ["--engine", "openvino", "--precision", "float32", "--quiet"]
        assert run_cli("predict", model, *images, "--out", tmp_path / name, *words)[0] == 0
    one, other = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert one.keys() == other.keys()
    masks = [name for name in one if name.suffix == ".png"]
    assert len(masks) == 3
    assert all(one[name] == other[name] for name in masks)


@pytest.mark.skipif(bool(hindrance("bfloat16")), reason="this processor has no bfloat16")
def test_predict_says_what_computes(run_cli, tiny_run, drawn, tmp_path):
    image = min((drawn / "images").iterdir())
    words = ["predict", tiny_run, image, "--overwrite", "--out", tmp_path / "m"]
    assert "Engine: torch float32: as asked for." in run_cli(*words, "--engine", "torch")[2]
    assert (
        "Engine: torch bfloat16: as asked for."
        in (run_cli(*words, "--engine", "torch", "--precision", "bfloat16")[2])
    )


def test_a_mismatch_is_an_error_and_leaves_nothing(refused, tiny_run, tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "MAPS", -1.0)
    sentence = refused(
        "export", tiny_run, "--to", "openvino", "--out", tmp_path / "there", "--quiet"
    )
    assert "must answer as the model does" in sentence
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_answers_otherwise_is_noticed(tmp_path, monkeypatch):
    run = write_any(tmp_path / "run")
    real = exporting.open_model

    def spoiled(folder, *args, **options):
        opened = real(folder, *args, **options)
        if folder == run:
            maps_of = opened.predictor.maps_of
            object.__setattr__(
                opened.predictor,
                "maps_of",
                lambda images: {n: maps + 0.01 for n, maps in maps_of(images).items()},
            )
        return opened

    monkeypatch.setattr(exporting, "open_model", spoiled)
    with pytest.raises(ValueError, match=r"head 'object' differ by up to 0.01"):
        export(run, "openvino", tmp_path / "there")


def test_an_export_does_not_replace_what_is_there(refused, run_cli, tiny_run, tmp_path):
    out = tmp_path / "there"
    words = ["export", tiny_run, "--to", "openvino", "--out", out, "--quiet"]
    assert run_cli(*words)[0] == 0
    assert "is there already. Give another --out or --overwrite it" in refused(*words)
    assert run_cli(*words, "--overwrite")[0] == 0
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "work.txt").write_text("mine")
    sentence = refused("export", tiny_run, "--to", "openvino", "--out", precious, "--overwrite")
    assert "it is no export, so it is not replaced" in sentence
    assert (precious / "work.txt").read_text() == "mine"


def test_an_export_cannot_be_exported(refused, run_cli, tiny_run, tmp_path):
    out = tmp_path / "there"
    assert run_cli("export", tiny_run, "--to", "openvino", "--out", out, "--quiet")[0] == 0
    sentence = refused("export", out, "--to", "openvino", "--out", tmp_path / "again", "--quiet")
    assert "is an export to openvino already" in sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--to", "onnx", "--int8", "--data", "."],
            "Only the formats openvino and litert can be quantized",
        ),
        (["--to", "onnx", "--data", "nowhere"], "does not exist"),
        (["--to", "torch"], "must be one of onnx, openvino, savedmodel, litert; got 'torch'"),
    ],
)
def test_what_cannot_be_exported_is_a_sentence(refused, tiny_run, tmp_path, words, sentence):
    assert sentence in refused("export", tiny_run, *words, "--out", tmp_path / "x", "--quiet")


def test_a_missing_package_is_a_sentence(refused, tiny_run, tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *_: None if name == "openvino" else real(name)
    )
    sentence = refused("export", tiny_run, "--to", "openvino", "--out", tmp_path / "x", "--quiet")
    assert "openvino must be installed. Run: pip install 'segmentare[export]'" in sentence


@pytest.mark.parametrize("name", ["flows", "pose"])
def test_without_data_noise_is_compared(name, tmp_path):
    run = write_any(tmp_path / "run", TASKS[name])
    result = export(run, "openvino")
    assert result.folder == tmp_path.resolve() / "run-openvino"
    assert "noise" in result.images
    assert result.parity[0].score is None


@pytest.mark.usefixtures("_any_engine")
@pytest.mark.skipif(not (OPENVINO and NNCF), reason="openvino or nncf is not installed")
def test_int8_is_quantized_and_its_cost_measured(tiny_run, drawn, tmp_path):
    result = export(
        tiny_run,
        "openvino",
        tmp_path / "small",
        ExportOptions(data=drawn, int8=True, calibrate=8, most_lost=1.0),
    )
    found = result.parity[0]
    assert found.computed == "openvino int8"
    assert max(found.largest.values()) > 0
    assert found.lost is not None
    model = load(result.folder)
    assert model.computed == "openvino int8"
    assert model.predict(picture()).category.shape == (75, 110)
    with pytest.raises(ValueError, match=r"openvino in float32. Give `precision` int8"):
        load(result.folder, engine="openvino", precision="float32")


def test_costs_of_int8():
    small = parity.Parity("openvino int8", pixels=1000, differ=20, score="dice", before=0.9)
    small.after = 0.895
    assert small.complaint() == ""
    assert "falls by 0.0050, more than 0.002" in small.complaint(0.002)
    small.after = small.before = None
    assert "2.00 % of the pixels differ" in small.complaint()
