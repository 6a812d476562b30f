"""Hugging Face backbones from small folders on disk, and starting weights; no network access."""

import builtins
import json
import os

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pytest
import torch

from segmentare.errors import MissingPackageError, ModelError
from segmentare.networks import Network, NetworkSpec, build_network
from segmentare.networks.backbone import backbone_weights, describe_backbone
from segmentare.networks.weights import load_encoder_weights
from segmentare.tasks.base import Head

transformers = pytest.importorskip("transformers")

HEADS = (Head("object", 1, "binary"),)
STAGES = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
CONFIGS = {
    "resnet": lambda: transformers.ResNetConfig(embedding_size=8, layer_type="basic", **STAGES),
    "convnext": lambda: transformers.ConvNextConfig(**STAGES),
    "swin": lambda: transformers.SwinConfig(embed_dim=8, depths=[1] * 4, num_heads=[1] * 4),
    "dinov2": lambda: transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=56, patch_size=14
    ),
}


@pytest.fixture(params=CONFIGS)
def folder(request, tmp_path):
    torch.manual_seed(3)
    model = transformers.AutoBackbone.from_config(CONFIGS[request.param]())
    model.save_pretrained(tmp_path / "backbone")
    return tmp_path / "backbone"


def build(folder, channels: int = 3) -> Network:
    spec = NetworkSpec(
        encoder="hf",
        channels=channels,
        decoder_channels=(16, 8, 8, 8, 8),
        backbone=describe_backbone(folder),
    )
    return build_network(spec, HEADS)


def weights_in(arrays) -> int:
    return sum(array.ndim > 0 for array in arrays.values())


def test_a_backbone_becomes_an_encoder_and_is_rebuilt_without_its_folder(folder):
    network = build(folder).eval()
    arrays = backbone_weights(folder)
    assert load_encoder_weights(network, arrays) == weights_in(arrays)
    assert network.encoder.strides == (4, 8, 16, 32)
    x = torch.randn(2, 3, 50, 70)
    with torch.no_grad():
        maps = network(x)["object"]
        features = network.encoder(torch.randn(1, 3, 64, 96))
    assert maps.shape == (2, 1, 50, 70)
    assert [tuple(f.shape[-2:]) for f in features] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert tuple(f.shape[1] for f in features) == network.encoder.channels

    backbone = json.loads(json.dumps(describe_backbone(folder)))
    for file in folder.iterdir():
        file.unlink()
    spec = NetworkSpec(encoder="hf", decoder_channels=(16, 8, 8, 8, 8), backbone=backbone)
    again = build_network(NetworkSpec.from_dict(spec.to_dict()), HEADS).eval()
    again.load_state_dict(network.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(again(x)["object"], maps)


def test_weights_for_three_channels_serve_one_and_five(folder):
    arrays = backbone_weights(folder)
    color = build(folder).eval()
    load_encoder_weights(color, arrays)
    x = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        expected = color.encoder(x.expand(1, 3, 64, 64))
        for channels in (1, 5):
            network = build(folder, channels).eval()
            load_encoder_weights(network, arrays)
            found = network.encoder(x.expand(1, channels, 64, 64))
            for one, other in zip(found, expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_a_patch_of_a_plain_transformer_covers_16_pixels(tmp_path):
    transformers.AutoBackbone.from_config(CONFIGS["dinov2"]()).save_pretrained(tmp_path)
    network = build(tmp_path).eval()
    sizes = []
    network.encoder.backbone.register_forward_pre_hook(
        lambda _, inputs: sizes.append(tuple(inputs[0].shape[-2:]))
    )
    network(torch.randn(1, 3, 64, 96))
    assert sizes == [(4 * 14, 6 * 14)]


def test_bf16_autocast_and_gradients(folder):
    network = build(folder).train().to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        loss = network(torch.randn(2, 3, 64, 64))["object"].square().mean()
    loss.backward()
    idle = {key for key, p in network.named_parameters() if p.grad is None}
    # Parts of the original models that only serve pre-training or pooled outputs.
    assert all(key.endswith(("mask_token", "layernorm.weight", "layernorm.bias")) for key in idle)


def test_own_weights_load_by_name_with_and_without_prefix():
    spec = NetworkSpec(encoder="resnet", width=0.125, blocks=1)
    source, target = build_network(spec, HEADS), build_network(spec, HEADS)
    whole = {key: value.numpy() for key, value in source.state_dict().items()}
    encoder = {key: value.numpy() for key, value in source.encoder.state_dict().items()}
    for arrays in (whole, encoder):
        assert load_encoder_weights(target, arrays) == weights_in(encoder)
    for key, value in target.encoder.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), encoder[key])
    assert not torch.equal(target.heads["object"].weight, source.heads["object"].weight)


def test_arrays_that_fit_nowhere_are_an_error_and_change_nothing():
    network = build_network(NetworkSpec(encoder="resnet", width=0.125, blocks=1), HEADS)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    arrays = {"stem.0.weight": np.zeros((3, 3, 5, 5), np.float32), "other": np.zeros(2)}
    with pytest.raises(ModelError, match=r"none of 2 does"):
        load_encoder_weights(network, arrays)
    wider = build_network(
        NetworkSpec(encoder="resnet", width=0.25, blocks=1), HEADS
    ).encoder.state_dict()
    with pytest.raises(ModelError, match="same encoder and width"):
        load_encoder_weights(network, {key: value.numpy() for key, value in wider.items()})
    changed = [k for k, v in network.state_dict().items() if not torch.equal(v, before[k])]
    assert not changed


def test_what_is_no_backbone_is_said(tmp_path):
    with pytest.raises(ModelError, match="could not be read"):
        describe_backbone(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="bert"):
        describe_backbone(tmp_path)
    (tmp_path / "config.json").write_text("not json")
    with pytest.raises(ModelError, match="could not be read"):
        describe_backbone(tmp_path)
    spec = NetworkSpec(encoder="hf", backbone={"config": {}})
    with pytest.raises(ModelError, match="'strides'"):
        build_network(spec, HEADS)
    spec = NetworkSpec(
        encoder="hf", backbone={"config": {"model_type": "x"}, "strides": [4], "patch": 0}
    )
    with pytest.raises(ModelError, match="'x'"):
        build_network(spec, HEADS)


def test_missing_transformers_names_the_command(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name == "transformers":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackageError, match=r"pip install segmentare\[pretrained\]"):
        describe_backbone("anything")
