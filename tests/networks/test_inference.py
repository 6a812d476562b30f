import json

import numpy as np
import pytest
import torch
from tiny_training import PLAN, TASK, network_of, weights

from segmentare.commands.network_choice import choose_spec
from segmentare.errors import ModelError
from segmentare.models.checkpoint import MODEL, save_model
from segmentare.networks.inference import (
    cast_convolutions,
    from_arrays,
    fuse,
    load,
    maps_function,
    to_arrays,
)
from segmentare.networks.network import build_network


def trained():
    """A network whose BatchNorms have seen images."""
    network = network_of(PLAN)
    generator = torch.Generator().manual_seed(1)
    for _ in range(5):
        network.train()(3 * torch.randn(4, 3, 32, 32, generator=generator) + 1)
    return network.eval()


@pytest.fixture
def folder(tmp_path):
    description = {
        "task": TASK.to_dict(),
        "network": PLAN.spec.to_dict(),
        "preprocessing": PLAN.preprocessing.to_dict(),
    }
    save_model(tmp_path / "run", description, to_arrays(trained()))
    return tmp_path / "run"


def test_fused_answers_as_the_original():
    network = trained()
    images = np.random.default_rng(0).standard_normal((2, 64, 32, 3)).astype(np.float32)
    exact = maps_function(network, TASK.heads)(images)["object"]
    fused = fuse(network)
    norms = [m for m in fused.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert not norms
    assert np.allclose(maps_function(fused, TASK.heads)(images)["object"], exact, atol=1e-5)
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())


@pytest.mark.parametrize(
    "words",
    [
        ("unet", "lite0", 0.25, 5),
        ("unet", "resnet", 0.125, 3),
        ("segnet", None, 0.125, 3),
        ("unet", "plain", 0.125, 3),
        ("unet", "vgg", 0.125, 3),
    ],
)
def test_every_network_can_be_fused(words):
    torch.manual_seed(0)
    network = build_network(choose_spec(*words), TASK.heads)
    network.train()(torch.randn(4, 3, 32, 32))
    images = np.random.default_rng(0).standard_normal((1, 32, 32, 3)).astype(np.float32)
    exact = maps_function(network.eval(), TASK.heads)(images)["object"]
    fused = maps_function(fuse(network), TASK.heads)(images)["object"]
    assert np.allclose(fused, exact, atol=1e-4)


def test_convolutions_that_are_cast_once_give_the_same_maps():
    network = fuse(trained())
    images = np.random.default_rng(0).random((2, 64, 96, 3), dtype=np.float32)
    before = maps_function(network, TASK.heads, bfloat16=True)(images)
    cast_convolutions(network)
    after = maps_function(network, TASK.heads, bfloat16=True)(images)
    assert {p.dtype for p in network.parameters()} == {torch.bfloat16}
    for name, maps in before.items():
        np.testing.assert_array_equal(after[name], maps)


def test_maps_are_probabilities_of_the_images_size():
    maps = maps_function(trained(), TASK.heads)(np.zeros((2, 32, 64, 3), np.float32))
    assert maps["object"].shape == (2, 1, 32, 64)
    assert maps["object"].dtype == np.float32
    assert 0 <= maps["object"].min() <= maps["object"].max() <= 1


def test_arrays_round_trip():
    network, other = trained(), network_of(PLAN)
    from_arrays(other, to_arrays(network))
    assert all(np.array_equal(a, weights(other)[n]) for n, a in weights(network).items())


@pytest.mark.parametrize("damage", ["missing", "shape"])
def test_arrays_that_do_not_fit_are_a_sentence(damage):
    arrays = to_arrays(trained())
    name = next(iter(arrays))
    if damage == "missing":
        del arrays[name]
    else:
        arrays[name] = arrays[name][:1]
    with pytest.raises(ModelError, match="weights must fit the network") as caught:
        from_arrays(network_of(PLAN), arrays)
    assert "\n" not in str(caught.value)


def test_a_network_that_diverged_does_not_answer():
    network = trained()
    with torch.no_grad():
        network.heads["object"].bias.fill_(float("nan"))
    with pytest.raises(ModelError, match="must answer with numbers"):
        maps_function(network, TASK.heads)(np.zeros((1, 32, 32, 3), np.float32))


def test_a_loaded_model_predicts_at_the_images_own_size(folder):
    image = np.random.default_rng(0).integers(0, 255, (45, 70, 3)).astype(np.uint8)
    for flips in (False, True):
        predicted = load(folder, flips=flips, device="cpu").predict(image)
        assert predicted.category.shape == (45, 70)
        assert predicted.probability.shape == (45, 70)


DAMAGES = {
    "no network": ({"network": None}, "must describe task, network and preprocessing"),
    "empty preprocessing": ({"preprocessing": {}}, "must describe task, network"),
    "another task": ({"task": {"name": "telepathy"}}, "found 'telepathy'"),
    "task as text": ({"task": "semantic"}, "must describe task, network"),
    "newer network": ({"network": {"gates": 7}}, "also has .'gates'."),
    "other width": ({"network": {**PLAN.spec.to_dict(), "width": 0.25}}, "weights must fit"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_description_that_cannot_be_used_is_a_sentence(folder, damage):
    changes, sentence = DAMAGES[damage]
    description = json.loads((folder / MODEL).read_text()) | changes
    (folder / MODEL).write_text(json.dumps(description))
    with pytest.raises(ModelError, match=sentence):
        load(folder)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("unet", None, None, None), ("unet", "lite0", 1.0, 5)),
        (("unet", "resnet", None, None), ("unet", "resnet", 1.0, 5)),
        (("unet", "plain", None, None), ("unet", "plain", 0.5, 5)),
        (("unet", "vgg", None, 4), ("unet", "vgg", 0.5, 4)),
        (("segnet", None, None, None), ("segnet", "vgg", 0.5, 5)),
        (("segnet", "vgg", 0.25, None), ("segnet", "vgg", 0.25, 5)),
    ],
)
def test_words_become_a_network(words, expected):
    spec = choose_spec(*words)
    assert (spec.network, spec.encoder, spec.width, spec.depth) == expected


@pytest.mark.parametrize(
    "words",
    [("fnet", None, None, None), ("unet", "tree", None, None), ("segnet", "resnet", None, None)],
)
def test_words_for_no_network_are_a_sentence(words):
    with pytest.raises(ModelError, match="must be one of"):
        choose_spec(*words)
