"""Parity: PyTorch, ONNX Runtime and OpenVINO give the same maps and the same predictions."""

import importlib.util

import numpy as np
import pytest
from any_model import NETWORKS, TASKS, TILED, WHOLE, picture, write_any

from segmentare.engines import ENGINES
from segmentare.engines.agreement import alike, largest_difference
from segmentare.engines.loading import load
from segmentare.exporters import EXPORTERS, export
from segmentare.models import read_model

WAYS = [("torch", "torch"), ("onnx", "onnx"), ("onnx", "openvino"), ("openvino", "openvino")]
SIZES = [(64, 96), (33, 200), (130, 41), (1, 1)]


def needs(*packages):
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


@pytest.fixture(params=WAYS, ids="-".join)
def way(request):
    to, engine = request.param
    needs(*EXPORTERS[to].needs, ENGINES[engine].package)
    return to, engine


def exported(run, to, folder):
    return export(read_model(run), to, folder).folder


@pytest.mark.parametrize("name", TASKS)
def test_every_task(name, way, tmp_path):
    to, engine = way
    run = write_any(tmp_path / "run", TASKS[name])
    folder = exported(run, to, tmp_path / "there")
    truth = load(run, engine="torch", precision="f32", device="cpu")
    found = load(folder, engine=engine, precision="f32", device="cpu")
    for seed, size in enumerate(SIZES):
        image = picture(*size, seed)
        one, other = truth.read(image), found.read(image)
        assert one.maps.keys() == other.maps.keys()
        assert max(largest_difference(one.maps, other.maps).values()) < 1e-4
        # Drawn by chance, dozens of people are equally good to a rounding, and change places.
        least = 0.99 if name == "body" else 1
        assert alike(truth.decode(one), found.decode(other)) >= least
    assert found.task == truth.task
    assert found.computed == f"{engine} f32"


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_any_size_and_batch(name, way, tmp_path):
    to, engine = way
    run = write_any(tmp_path / "run", spec=NETWORKS[name])
    folder = exported(run, to, tmp_path / "there")
    truth = load(run, engine="torch", precision="f32", device="cpu").maps_of
    found = load(folder, engine=engine, precision="f32", device="cpu").maps_of
    rng = np.random.default_rng(0)
    for shape in [(1, 32, 32, 3), (3, 96, 32, 3), (2, 64, 160, 3)]:
        images = rng.standard_normal(shape).astype(np.float32)
        one, other = truth(images)["object"], found(images)["object"]
        assert one.shape == other.shape
        assert other.dtype == np.float32
        assert np.abs(one - other).max() < 1e-4
        assert np.ptp(one) > 0.1  # the maps say something


def test_tiles_and_flips_travel_with_the_folder(way, tmp_path):
    to, engine = way
    run = write_any(tmp_path / "run", preprocessing=TILED)
    folder = export(read_model(run), to, tmp_path / "there", flips=True).folder
    image = picture(1100, 1010)
    truth = load(run, flips=True, engine="torch", precision="f32", device="cpu")
    found = load(folder, engine=engine, precision="f32", device="cpu")
    assert found.flips
    assert not load(folder, flips=False, engine=engine, precision="f32").flips
    assert found.preprocessing == truth.preprocessing
    assert np.abs(truth.maps(image)["object"] - found.maps(image)["object"]).max() < 1e-4


@pytest.mark.parametrize("engine", [name for name in ENGINES if ENGINES[name].runs_as])
def test_a_run_is_converted_once(engine, tmp_path, monkeypatch):
    needs(ENGINES[engine].package, *EXPORTERS[ENGINES[engine].runs_as].needs)
    from segmentare.engines import cache

    run = write_any(tmp_path / "run", preprocessing=WHOLE)
    first = load(run, engine=engine, precision="f32")
    monkeypatch.setattr(cache, "export", None)
    second = load(run, engine=engine, precision="f32")
    image = picture()
    assert alike(first.predict(image), second.predict(image)) == 1
    monkeypatch.undo()
    place = cache.place_of(read_model(run)) / ENGINES[engine].runs_as
    for path in place.glob("network.*"):
        path.write_bytes(b"damaged")
    third = load(run, engine=engine, precision="f32")  # made again
    assert alike(first.predict(image), third.predict(image)) == 1


def test_openvino_computes_as_exactly_as_it_is_told(tmp_path):
    needs("openvino", "torch")
    run = write_any(tmp_path / "run")
    image = picture()
    truth = load(run, engine="torch", precision="f32", device="cpu").maps(image)["object"]
    exact = load(run, engine="openvino", precision="f32").maps(image)["object"]
    assert np.abs(exact - truth).max() < 1e-5
    if ENGINES["openvino"].module.hindrance("bf16"):
        pytest.skip("this processor has no bfloat16")
    rough = load(run, engine="openvino", precision="bf16").maps(image)["object"]
    assert 1e-4 < np.abs(rough - truth).max() < 0.1
