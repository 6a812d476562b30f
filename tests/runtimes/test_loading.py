import importlib.util
import json
import shutil

import numpy as np
import pytest
from any_model import picture, write_any

from segmentare.errors import MissingPackageError, ModelError
from segmentare.models.checkpoint import MODEL
from segmentare.models.description import read_model
from segmentare.runtimes import ENGINES, cache, open_engine, trial
from segmentare.runtimes.loading import Wanted, open_model
from segmentare.runtimes.model import load
from segmentare.runtimes.torch import hindrance
from segmentare.runtimes.trial import Candidate, choose
from segmentare.runtimes.writing import export
from segmentare.training import machine

pytestmark = pytest.mark.usefixtures("_any_engine")


@pytest.fixture
def run(tmp_path):
    return write_any(tmp_path / "run")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """An export of the run, as PyTorch and OpenVINO write it; to be copied, not changed."""
    pytest.importorskip("openvino", reason="openvino is not installed")
    folder = tmp_path_factory.mktemp("written")
    run = write_any(folder / "run")
    return export(read_model(run), "openvino", folder / "exported").folder


@pytest.fixture
def exported(written, tmp_path):
    return shutil.copytree(written, tmp_path / "exported")


@pytest.fixture
def only(monkeypatch):
    """Make as if only some packages were installed."""
    real = importlib.util.find_spec

    def choose_packages(*names):
        packages = {engine.package for engine in ENGINES.values()} | {"tensorflow"}

        def found(name, *more):
            return None if name in packages - set(names) else real(name, *more)

        monkeypatch.setattr(importlib.util, "find_spec", found)

    return choose_packages


def row(engine, precision, milliseconds, alike=1.0, reason=""):
    return Candidate(engine, precision, milliseconds, alike, reason)


def test_without_images_the_first_engine_computes_exactly(run):
    opened = open_model(run, Wanted())
    assert (opened.engine, opened.precision) == ("torch", "float32")
    assert opened.predictor.computed == "torch float32"
    assert opened.why.startswith("Engine: torch float32: ")


@pytest.mark.skipif(bool(hindrance("bfloat16")), reason="this processor has no bfloat16")
def test_the_environment_may_name_the_usual_engine(run, monkeypatch):
    monkeypatch.setenv("SEGMENTARE_ENGINE", "torch")

    def never(_):
        raise AssertionError

    opened = open_model(run, Wanted(precision="bfloat16"), examples=never)
    assert opened.why == "Engine: torch bfloat16: as SEGMENTARE_ENGINE says."
    monkeypatch.setenv("SEGMENTARE_ENGINE", "abacus")
    with pytest.raises(ValueError, match="must be auto or one of torch"):
        load(run)
    assert load(run, engine="torch").computed == "torch float32"
    monkeypatch.setenv("SEGMENTARE_ENGINE", "auto")
    assert open_model(run, Wanted()).why.startswith("Engine: torch float32: no engines were tried")


def test_the_usual_engine_is_passed_over_where_it_cannot_open_a_model(exported, monkeypatch):
    monkeypatch.setenv("SEGMENTARE_ENGINE", "torch")
    assert load(exported).computed == "openvino float32"
    with pytest.raises(ModelError, match="'torch' must be able to compute"):
        load(exported, engine="torch")


def test_a_trial_is_held_once_and_remembered(run, only, monkeypatch):
    only("torch")
    monkeypatch.setattr(trial, "SECONDS", 0)
    monkeypatch.setattr(trial, "RIGHT", 0)
    first = open_model(run, Wanted(), examples=lambda _: [picture()])
    assert [(r.engine, r.precision) for r in first.rows] == [
        ("torch", "float32"),
        ("torch", "bfloat16"),
    ]
    assert first.rows[0].alike == 1
    assert "tried now and remembered" in first.why

    def never(_):
        raise AssertionError

    second = open_model(run, Wanted(), examples=never)
    assert second.rows == first.rows
    assert "remembered from an earlier trial" in second.why
    assert load(run).computed == f"{first.engine} {first.precision}"
    assert load(run, precision="float32").computed == "torch float32"


@pytest.mark.skipif(bool(hindrance("bfloat16")), reason="this processor has no bfloat16")
def test_a_trial_of_another_machine_does_not_count(run, monkeypatch):
    model = read_model(run)
    rows = [row("torch", "float32", 9.0).to_dict(), row("torch", "bfloat16", 1.0).to_dict()]
    cache.remember_trial(model, {"rows": rows})
    assert load(run).computed == "torch bfloat16"
    monkeypatch.setattr(cache, "threads", lambda: 1024)
    assert load(run).computed == "torch float32"


def test_a_damaged_memory_is_none(run):
    place = cache.place_of(read_model(run)) / "engines.json"
    place.write_text("{")
    assert load(run).computed == "torch float32"


def test_another_model_has_another_memory(run):
    key = read_model(run).key()
    description = json.loads((run / MODEL).read_text())
    description["task"]["threshold"] = 0.3
    (run / MODEL).write_text(json.dumps(description))
    changed = read_model(run).key()
    weights = run / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert len({key, changed, read_model(run).key()}) == 3


def test_what_was_not_used_for_long_is_forgotten(run, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGMENTARE_CACHE", str(tmp_path / "memory"))
    monkeypatch.setattr(cache, "KEPT", 2)
    for name in "abc":
        (tmp_path / "memory" / name).mkdir(parents=True)
    place = cache.place_of(read_model(run))
    assert place.is_dir()
    assert len(list((tmp_path / "memory").iterdir())) == 2


CHOICES = {
    "the fastest": ([row("torch", "float32", 50), row("openvino", "bfloat16", 10)], "openvino"),
    "wrong ones do not count": (
        [row("torch", "float32", 50), row("openvino", "bfloat16", 10, 0.99)],
        "torch",
    ),
    "a little faster is not worth it": (
        [row("torch", "float32", 50), row("openvino", "bfloat16", 48)],
        "torch",
    ),
    "what did not run": (
        [row("torch", "float32", 50), Candidate("openvino", "float32", None, None, "absent")],
        "torch",
    ),
}


@pytest.mark.parametrize("case", CHOICES)
def test_the_choice(case):
    rows, expected = CHOICES[case]
    assert choose(rows).engine == expected


def test_a_choice_within_a_precision():
    rows = [
        row("torch", "float32", 50),
        row("openvino", "float32", 20),
        row("openvino", "bfloat16", 10),
    ]
    assert choose(rows, "float32") == rows[1]
    assert choose(rows, "int8") is None


@pytest.mark.skipif(bool(hindrance("bfloat16")), reason="this processor has no bfloat16")
def test_an_engine_that_answers_otherwise_is_not_chosen(run, only, monkeypatch):
    only("torch")
    real = trial.open_anyhow

    def spoiled(engine, model, settings):
        maps_of = real(engine, model, settings)
        if settings.precision == "float32":
            return maps_of
        return lambda images: {n: 1 - maps for n, maps in maps_of(images).items()}

    monkeypatch.setattr(trial, "open_anyhow", spoiled)
    rows = trial.hold_trial(read_model(run), [picture()])
    assert rows[1].alike < 0.5
    assert "of the pixels are the same" in rows[1].reason
    assert choose(rows).precision == "float32"


def test_an_engine_that_fails_in_a_trial_says_why(run, only, monkeypatch):
    only("torch")
    real = trial.open_anyhow

    def failing(engine, model, settings):
        if settings.precision == "bfloat16":
            raise ModelError("It cannot.")
        return real(engine, model, settings)

    monkeypatch.setattr(trial, "open_anyhow", failing)
    rows = trial.hold_trial(read_model(run), [picture()])
    assert (rows[1].reason, rows[1].milliseconds) == ("It cannot.", None)


def test_an_engine_that_is_not_installed_is_a_sentence(run, only):
    only("torch")
    sentence = r"needs the package openvino, .* pip install 'segmentare\[openvino\]'"
    with pytest.raises(MissingPackageError, match=sentence):
        load(run, engine="openvino")


def test_nothing_that_computes_the_model_is_a_sentence(run, exported, only):
    only()
    with pytest.raises(MissingPackageError, match="PyTorch or TensorFlow, and neither"):
        load(run)
    with pytest.raises(MissingPackageError, match=r"'openvino' needs openvino, .*\[openvino\]'"):
        load(exported)


REFUSED = {
    "no such engine": ({"engine": "abacus"}, ValueError, "must be auto or one of torch"),
    "int8 of a run": ({"precision": "int8"}, ModelError, "segmentare export --int8"),
    "int8 of a named engine": (
        {"engine": "torch", "precision": "int8"},
        ModelError,
        "cannot compute run in int8. Give `precision` float32 or bfloat16",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_a_sentence(run, case):
    request, error, sentence = REFUSED[case]
    with pytest.raises(error, match=sentence):
        load(run, **request)


def test_an_engine_that_cannot_open_the_format_is_a_sentence(exported):
    model = read_model(exported)
    from segmentare.runtimes import Settings

    with pytest.raises(ModelError, match=r"compute openvino in float32\. Give `engine` openvino"):
        open_engine(ENGINES["torch"], model, Settings())


DAMAGES = {
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "one bit": lambda path: path.write_bytes(
        path.read_bytes()[:-200] + bytes([path.read_bytes()[-200] ^ 4]) + path.read_bytes()[-199:]
    ),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_export_is_a_sentence(exported, damage):
    DAMAGES[damage](exported / "network.bin")
    with pytest.raises(ModelError, match=r"network\.bin.*export the model again") as caught:
        load(exported)
    assert "\n" not in str(caught.value)


DESCRIPTIONS = {
    "no files": {"files": {}},
    "files elsewhere": {"files": {"../network.bin": "0"}},
    "no format": {"format": None, "files": None},
    "another format": {"format": "abacus"},
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_a_damaged_description_of_an_export_is_a_sentence(exported, case):
    description = json.loads((exported / MODEL).read_text())
    description["export"] |= DESCRIPTIONS[case]
    (exported / MODEL).write_text(json.dumps(description))
    with pytest.raises(ModelError, match=r"must describe|No engine computes this model"):
        load(exported)


def test_the_threads_are_those_that_are_given(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert machine.threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert machine.threads() >= 1


def test_an_old_export_that_would_be_unpickled_is_a_sentence(exported):
    description = json.loads((exported / MODEL).read_text())
    description["export"] |= {"format": "torch", "files": {"network.pt2": "0"}}
    (exported / MODEL).write_text(json.dumps(description))
    with pytest.raises(ModelError, match=r"not be an export to torch\.export, .* Export the model"):
        load(exported)


def test_the_two_files_of_a_run_are_all_that_pytorch_needs(run, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    for name in (MODEL, "weights.safetensors"):
        shutil.copy(run / name, there / name)
    image = picture()
    one, other = (load(f, engine="torch").predict(image) for f in (run, there))
    assert np.array_equal(one.category, other.category)


def test_an_export_predicts_as_its_run(run, exported):
    image = picture()
    one, other = load(run, engine="torch").predict(image), load(exported).predict(image)
    assert np.array_equal(one.category, other.category)
