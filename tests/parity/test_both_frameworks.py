"""PyTorch and Keras: the same weights give the same maps, gradients and statistics."""

import numpy as np
import pytest
from network_specs import HEADS, SPECS

tf = pytest.importorskip("tensorflow", reason="needs segmentare[tensorflow]")
torch = pytest.importorskip("torch", reason="needs segmentare[torch]")

from segmentare import keras as in_keras
from segmentare import networks as in_torch
from segmentare.commands.listing import measure_networks
from segmentare.errors import ModelError
from segmentare.keras import inference as keras_inference
from segmentare.keras.weights import from_arrays, to_arrays
from segmentare.networks import inference as torch_inference

TOLERANCE = 1e-5


def trained(spec, heads=HEADS):
    """A PyTorch network whose BatchNorms have seen images."""
    torch.manual_seed(0)
    network = in_torch.build_network(spec, heads)
    for _ in range(3):
        network.train()(2 * torch.randn(2, spec.channels, 64, 96) + 1)
    for block in network.modules():
        if isinstance(block, in_torch.layers.ResidualBlock):
            torch.nn.init.normal_(block.norm.weight)
    return network.eval()


def pair(spec, heads=HEADS, **options):
    one = trained(spec, heads)
    other = in_keras.build_network(spec, heads, **options)
    from_arrays(other, torch_inference.to_arrays(one))
    return one, other


def images(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("name", SPECS)
def test_maps_are_equal(name, folded):
    one, other = pair(SPECS[name], folded=folded)
    expected_of = torch_inference.maps_function(one, HEADS)
    found_of = keras_inference.maps_function(other, HEADS)
    for size in [(64, 96), (45, 70), (1, 1)]:
        x = images(2, *size, 3)
        expected, found = expected_of(x), found_of(x)
        assert expected.keys() == found.keys()
        for head in expected:
            assert found[head].dtype == np.float32
            np.testing.assert_allclose(found[head], expected[head], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("channels", [1, 5])
def test_maps_are_equal_for_other_numbers_of_channels(channels):
    spec = in_torch.NetworkSpec.from_dict({**SPECS["resnet"].to_dict(), "channels": channels})
    one, other = pair(spec)
    x = images(1, 33, 40, channels)
    expected = torch_inference.maps_function(one, HEADS)(x)
    found = keras_inference.maps_function(other, HEADS)(x)
    np.testing.assert_allclose(found["parts"], expected["parts"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", SPECS)
def test_weights_go_there_and_back(name):
    arrays = torch_inference.to_arrays(trained(SPECS[name]))
    other = in_keras.build_network(SPECS[name], HEADS)
    from_arrays(other, arrays)
    back = to_arrays(other)
    assert back.keys() == arrays.keys()
    for key, array in arrays.items():
        assert back[key].dtype == array.dtype
        assert np.array_equal(back[key], array), key
    torch_inference.from_arrays(in_torch.build_network(SPECS[name], HEADS), back)


@pytest.mark.parametrize("name", SPECS)
def test_a_step_of_training_sees_the_same_gradients_and_statistics(name):
    one, other = pair(SPECS[name])
    x = images(3, 64, 64, 3)
    outputs = one.train()(torch.from_numpy(x).permute(0, 3, 1, 2))
    sum(value.square().mean() for value in outputs.values()).backward()
    with tf.GradientTape() as tape:
        found = other(x, training=True)
        loss = sum(tf.reduce_mean(value**2) for value in found.values())
    gradients = tape.gradient(loss, other.trainable_variables)
    named = {v.path: g for v, g in zip(other.trainable_variables, gradients, strict=True)}
    for head, value in outputs.items():
        expected = value.detach().permute(0, 2, 3, 1).numpy()
        np.testing.assert_allclose(found[head], expected, rtol=1e-3, atol=1e-4)
    # Momentum, epsilon and the unbiased variance of PyTorch:
    now, then = to_arrays(other), torch_inference.to_arrays(one)
    for key in now:
        np.testing.assert_allclose(now[key], then[key], rtol=1e-4, atol=1e-5, err_msg=key)
    # In SegNet a rounding decides which of two nearly equal values is unpooled where.
    most = 5e-2 if name == "segnet" else 1e-2
    for key, parameter in one.named_parameters():
        if parameter.ndim == 4:
            layer = key.removesuffix(".weight")
            gradient = np.transpose(named[f"{layer}/kernel"], (3, 2, 0, 1))
            expected = parameter.grad.numpy()
            error = np.linalg.norm(gradient - expected) / np.linalg.norm(expected)
            assert error < most, key


def test_fresh_weights_are_distributed_alike():
    spec = in_torch.NetworkSpec(encoder="resnet", width=0.5)
    torch.manual_seed(3)
    theirs = torch_inference.to_arrays(in_torch.build_network(spec, HEADS))
    ours = to_arrays(in_keras.build_network(spec, HEADS, seed=3))
    for key, array in theirs.items():
        found = ours[key]
        if array.ndim == 4 and array.size > 1000:
            assert abs(found.mean() - array.mean()) < 5 * array.std() / array.size**0.5, key
            assert abs(found.std() / array.std() - 1) < 6 / array.size**0.5, key
            assert np.abs(found).max() > 3 * array.std(), f"{key} is cut off"
        elif array.ndim < 2:
            np.testing.assert_allclose(found, array, rtol=1e-6, err_msg=key)


DAMAGES = {
    "missing": lambda arrays: arrays.pop("decoder.stages.0.0.1.bias"),
    "foreign": lambda arrays: arrays.update({"encoder.gate.weight": np.zeros(3)}),
    "shape": lambda arrays: arrays.update({"heads.parts.bias": np.zeros(7, np.float32)}),
}


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_weights_of_another_network_are_a_sentence(damage, folded):
    network = in_keras.build_network(SPECS["resnet"], HEADS, folded=folded)
    arrays = torch_inference.to_arrays(trained(SPECS["resnet"]))
    DAMAGES[damage](arrays)
    with pytest.raises(ModelError, match="weights must fit the network"):
        from_arrays(network, arrays)


def test_sizes_and_costs_are_the_same():
    specs = list(SPECS.values())
    for size in ((64, 96), (63, 90)):
        rows = [measure_networks(specs, size, name) for name in ("torch", "tensorflow")]
        assert [row.parameters for row in rows[0]] == [row.parameters for row in rows[1]]
        costs = [[row.multiply_adds for row in found] for found in rows]
        assert costs[1] == pytest.approx(costs[0])
