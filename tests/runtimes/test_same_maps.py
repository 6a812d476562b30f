"""Parity: PyTorch and the runtimes of exports give the same maps and the same predictions."""

import importlib.util

import numpy as np
import pytest
from any_model import NETWORKS, TASKS, TILED, WHOLE, picture, write_any

from segmentare.models.description import read_model
from segmentare.runtimes import ENGINES
from segmentare.runtimes.agreement import alike, largest_difference
from segmentare.runtimes.loading import Wanted, open_model
from segmentare.runtimes.writing import EXPORTERS, export

SIZES = [(64, 96), (33, 200), (130, 41), (1, 1)]


def needs(*packages):
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


@pytest.fixture(params=EXPORTERS)
def to(request):
    """A format that can be written here."""
    needs(*EXPORTERS[request.param].needs)
    return request.param


def exported(run, to, folder, **options):
    """Export a run; the folder and the engines that are installed and open it come back."""
    engines = [e.name for e in ENGINES.values() if to in e.formats and e.installed]
    if not engines:
        pytest.skip(f"nothing that is installed opens {to}")
    return export(read_model(run), to, folder, **options).folder, engines


def load(folder, engine, precision, device="auto", **options):
    return open_model(folder, Wanted(engine, precision, device), **options).predictor


def exact(folder, engine, **options):
    return load(folder, engine, "float32", "cpu", **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flows", "panoptic", "body"])  # all kinds of heads
def test_every_task(name, to, tmp_path):
    run = write_any(tmp_path / "run", TASKS[name])
    folder, engines = exported(run, to, tmp_path / "there")
    truth = exact(run, "torch")
    for engine in engines:
        found = exact(folder, engine)
        for seed, size in enumerate(SIZES):
            image = picture(*size, seed)
            one, other = truth.read(image), found.read(image)
            assert one.maps.keys() == other.maps.keys()
            assert max(largest_difference(one.maps, other.maps).values()) < 1e-4
            # Of people found by chance some are equally good to a rounding, and change places.
            least = 0.99 if name == "body" else 1
            assert alike(truth.decode(one), found.decode(other)) >= least
        assert found.task == truth.task
        assert found.computed == f"{engine} float32"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["detail", "coarse", "deep", "plain", "segnet"])
def test_every_network_any_size_and_batch(name, to, tmp_path):
    run = write_any(tmp_path / "run", spec=NETWORKS[name])
    folder, engines = exported(run, to, tmp_path / "there")
    truth = exact(run, "torch").maps_of
    rng = np.random.default_rng(0)
    for shape in [(1, 32, 32, 3), (3, 96, 32, 3), (2, 64, 160, 3)]:
        images = rng.standard_normal(shape).astype(np.float32)
        one = truth(images)["object"]
        assert np.ptp(one) > 0.1  # the maps say something
        for engine in engines:
            other = exact(folder, engine).maps_of(images)["object"]
            assert one.shape == other.shape
            assert other.dtype == np.float32
            assert np.abs(one - other).max() < 1e-4


def test_tiles_and_flips_travel_with_the_folder(to, tmp_path):
    run = write_any(tmp_path / "run", preprocessing=TILED)
    folder, engines = exported(run, to, tmp_path / "there", flips=True)
    image = picture(600, 510)
    truth = exact(run, "torch", flips=True)
    for engine in engines:
        found = exact(folder, engine)
        assert found.flips
        assert not exact(folder, engine, flips=False).flips
        assert found.preprocessing == truth.preprocessing
        assert np.abs(truth.maps(image)["object"] - found.maps(image)["object"]).max() < 1e-4


@pytest.mark.parametrize("engine", [name for name in ENGINES if ENGINES[name].runs_as])
def test_a_run_is_converted_once(engine, tmp_path, monkeypatch):
    needs(ENGINES[engine].package, *EXPORTERS[ENGINES[engine].runs_as].needs)
    from segmentare.runtimes import cache

    run = write_any(tmp_path / "run", preprocessing=WHOLE)
    first = load(run, engine=engine, precision="float32")
    monkeypatch.setattr(cache, "export", None)
    second = load(run, engine=engine, precision="float32")
    image = picture()
    assert alike(first.predict(image), second.predict(image)) == 1
    monkeypatch.undo()
    place = cache.place_of(read_model(run)) / ENGINES[engine].runs_as
    for path in place.glob("network.*"):
        path.write_bytes(b"damaged")
    third = load(run, engine=engine, precision="float32")  # made again
    assert alike(first.predict(image), third.predict(image)) == 1


def test_openvino_computes_as_exactly_as_it_is_told(tmp_path):
    needs("openvino", "torch")
    run = write_any(tmp_path / "run")
    image = picture()
    truth = load(run, engine="torch", precision="float32", device="cpu").maps(image)["object"]
    exact = load(run, engine="openvino", precision="float32").maps(image)["object"]
    assert np.abs(exact - truth).max() < 1e-5
    if ENGINES["openvino"].module.hindrance("bfloat16"):
        pytest.skip("this processor has no bfloat16")
    rough = load(run, engine="openvino", precision="bfloat16").maps(image)["object"]
    assert 1e-4 < np.abs(rough - truth).max() < 0.1
