import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from tiny_training import PLAN, TASK, network_of, weights

from segmentare import shipped as shipped_weights
from segmentare.annotations import Category
from segmentare.checkpoint import save_model
from segmentare.errors import ModelError
from segmentare.networks.inference import from_arrays
from segmentare.tasks import Semantic
from segmentare.training.start import started

STREET = Semantic(tuple(Category(str(i), (i, i, i)) for i in range(4)))
DESCRIPTION = {"task": TASK.to_dict()}


def load_start(network, spec, start):
    arrays, name, line = started(weights(network), spec, start)
    from_arrays(network, arrays)
    return name, line


@pytest.fixture
def other():
    """Arrays of another training of the same network."""
    torch.manual_seed(99)
    arrays = weights(network_of(replace(PLAN, seed=99)))
    return {name: np.asarray(array + np.ones_like(array)) for name, array in arrays.items()}


@pytest.fixture
def model(tmp_path, other):
    save_model(tmp_path / "earlier", DESCRIPTION, other)
    return str(tmp_path / "earlier")


@pytest.fixture
def shipped(tmp_path, other, monkeypatch):
    card = {"network": PLAN.spec.to_dict(), "images": {"drawn": 100, "photos": 23}}
    (tmp_path / "start.json").write_text(json.dumps(card))
    (tmp_path / "start.safetensors").write_bytes(save(other))
    monkeypatch.setattr(shipped_weights, "SHIPPED", tmp_path)


def test_encoder_and_decoder_are_copied_and_heads_are_not(model, other):
    network = network_of(PLAN, STREET)
    fresh = weights(network)
    name, line = load_start(network, PLAN.spec, model)
    now = weights(network)
    for key in now:
        expected = fresh[key] if key.startswith("heads.") else other[key]
        assert np.array_equal(now[key], expected), key
    assert name == model
    copied = sum(not key.startswith("heads.") and now[key].ndim > 0 for key in now)
    assert line == f"Start: {copied} arrays of the model 'earlier'."


def test_heads_of_the_same_shape_stay_fresh_too(model):
    network = network_of(PLAN)
    fresh = weights(network)
    load_start(network, PLAN.spec, model)
    for key in fresh:
        if key.startswith("heads."):
            assert np.array_equal(weights(network)[key], fresh[key])


def test_a_first_convolution_for_other_channels_is_adapted(model, other):
    spec = replace(PLAN.spec, channels=1)
    network = network_of(replace(PLAN, spec=spec))
    load_start(network, spec, model)
    now = weights(network)
    first = next(k for k in now if now[k].ndim == 4 and now[k].shape != other[k].shape)
    assert np.allclose(now[first], other[first].sum(axis=1, keepdims=True), atol=1e-5)


def test_nothing_that_fits_is_a_sentence(tmp_path):
    save_model(tmp_path / "foreign", DESCRIPTION, {"other.weight": np.ones(3, np.float32)})
    with pytest.raises(ModelError, match=r"must be of the same network; nothing in .*foreign"):
        load_start(network_of(PLAN), PLAN.spec, str(tmp_path / "foreign"))


def test_counters_alone_are_no_start(tmp_path, other):
    counters = {name: array for name, array in other.items() if array.ndim == 0}
    assert counters
    save_model(tmp_path / "counters", DESCRIPTION, counters)
    with pytest.raises(ModelError, match="must be of the same network"):
        load_start(network_of(PLAN), PLAN.spec, str(tmp_path / "counters"))


@pytest.mark.usefixtures("shipped")
def test_the_default_is_what_ships_with_the_package(other):
    network = network_of(PLAN)
    name, line = load_start(network, PLAN.spec, "default")
    assert name == "default"
    assert "learned from 123 other pictures" in line
    now = weights(network)
    assert all(np.array_equal(now[k], other[k]) for k in now if not k.startswith("heads."))


@pytest.mark.usefixtures("shipped")
def test_the_default_is_random_for_another_kind_of_network():
    spec = replace(PLAN.spec, width=0.25)
    network = network_of(replace(PLAN, spec=spec))
    fresh = weights(network)
    name, line = load_start(network, spec, "default")
    assert name == ""
    assert line.startswith("Start: random weights")
    now = weights(network)
    assert all(np.array_equal(now[key], fresh[key]) for key in now)


@pytest.mark.usefixtures("shipped")
def test_the_default_takes_images_of_any_number_of_channels():
    spec = replace(PLAN.spec, channels=5)
    name, _ = load_start(network_of(replace(PLAN, spec=spec)), spec, "default")
    assert name == "default"
