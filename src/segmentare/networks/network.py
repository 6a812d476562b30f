"""`Network(encoder, decoder, heads)`: the one class that every segmentation network is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor, nn

from segmentare.errors import ModelError
from segmentare.networks.backbone import BackboneEncoder
from segmentare.networks.decoders import UNET_CHANNELS, Decoder, SegNetDecoder, UNetDecoder
from segmentare.networks.encoders import (
    Encoder,
    ResidualEncoder,
    SegNetEncoder,
    UNetEncoder,
    VGG16Encoder,
)
from segmentare.networks.layers import initialize, pad_to_multiple
from segmentare.tasks.base import Head

#: Encoders that a `network` may have, the default first.
NETWORKS: dict[str, tuple[str, ...]] = {
    "unet": ("resnet", "plain", "vgg", "hf"),
    "segnet": ("vgg",),
}

HEATMAP_PRIOR = 0.1  #: what an untrained heatmap says everywhere; peaks are rare


@dataclass(frozen=True)
class NetworkSpec:
    """Everything but heads and weights that is needed to build a network again.

    Attributes:
        network: `unet` or `segnet`.
        encoder: `resnet`, `plain`, `vgg` or `hf` for a U-Net, `vgg` for SegNet.
        channels: Channels of the image.
        width: Factor on all channels of the encoder; 1.0 is the published width, whose finest
            level has 64 channels. Not used by `hf`.
        depth: Levels of the encoder. Not used by `hf`.
        blocks: Residual blocks per level of `resnet`; 2 is ResNet-18.
        detail: Channels of a level at stride 1 that `resnet` may have for thin structures.
        decoder_channels: Features after each stage of the U-Net decoder, coarsest first; empty
            mirrors the encoder. Stages finer than `stride` are not used.
        stride: Image pixels per cell of the maps: 1, 2 or 4 (SegNet: 1).
        backbone: What `backbone.describe_backbone` returned, for `hf` only.
    """

    network: str = "unet"
    encoder: str = "resnet"
    channels: int = 3
    width: float = 1.0
    depth: int = 5
    blocks: int = 2
    detail: int = 0
    decoder_channels: tuple[int, ...] = UNET_CHANNELS
    stride: int = 1
    backbone: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {**asdict(self), "decoder_channels": list(self.decoder_channels)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            ModelError: If a field is unknown, which a newer version may have written.
        """
        unknown = sorted(set(data) - {field.name for field in fields(cls)})
        if unknown:
            raise ModelError(
                f"A network is described by {[field.name for field in fields(cls)]}, but this one "
                f"also has {unknown}. Read it with the version of segmentare that wrote it."
            )
        values = dict(data)
        if "decoder_channels" in values:
            values["decoder_channels"] = tuple(values["decoder_channels"])
        return cls(**values)


class Network(nn.Module):
    """An encoder, a decoder, and one 1x1 convolution per head.

    Attributes:
        stride: Image pixels per cell of the maps.
        multiple: Images whose sizes are multiples of this are not padded.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, heads: Sequence[Head]) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.heads = nn.ModuleDict(
            {head.name: nn.Conv2d(decoder.channels, head.channels, 1) for head in heads}
        )
        self.stride = decoder.stride
        self.multiple = encoder.strides[-1]
        for head in heads:
            initialize_head(self.heads[head.name], head)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Map images (N, C, H, W) of any size to logits.

        Returns:
            Per head (N, channels, ceil(H / stride), ceil(W / stride)), float32 also under
            autocast, before any activation (see `activate`). While training, BatchNorm needs more
            than one cell per channel at the coarsest level: two images, or one of 64 pixels.
        """
        height, width = x.shape[-2:]
        features = self.decoder(self.encoder(pad_to_multiple(x, self.multiple)))
        rows, columns = -(-height // self.stride), -(-width // self.stride)
        return {
            name: head(features)[..., :rows, :columns].float() for name, head in self.heads.items()
        }


def activate(outputs: Mapping[str, Tensor], heads: Sequence[Head]) -> dict[str, Tensor]:
    """Turn logits into what tasks decode, as `Head.kind` says.

    Returns:
        `classes`: softmax over the channels; `binary` and `heatmap`: sigmoid; `vectors`: as they
        are.
    """
    activated = {}
    for head in heads:
        logits = outputs[head.name]
        if head.kind == "classes":
            activated[head.name] = torch.softmax(logits, dim=1)
        elif head.kind == "vectors":
            activated[head.name] = logits
        else:
            activated[head.name] = torch.sigmoid(logits)
    return activated


def initialize_head(layer: nn.Module, head: Head) -> None:
    """Start a head near "no opinion": small weights, and a bias that is 0 (probability 1/2).

    A heatmap starts at `HEATMAP_PRIOR`: its peaks fill so little of the image that else the first
    steps would only push everything down. A binary head starts at 1/2, because an object may well
    fill half of the image.
    Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, section 4.1,
    https://arxiv.org/abs/1708.02002
    """
    parameters = dict(layer.named_parameters())
    nn.init.normal_(parameters["weight"], std=0.1)
    prior = HEATMAP_PRIOR if head.kind == "heatmap" else 0.5
    nn.init.constant_(parameters["bias"], math.log(prior / (1 - prior)))


def build_network(spec: NetworkSpec, heads: Sequence[Head]) -> Network:
    """Build a network with fresh random weights (from PyTorch's global generator).

    Raises:
        ModelError: If `spec` names something that does not exist or does not fit together.
        MissingPackageError: If `spec.encoder` is `hf` and transformers is not installed.
    """
    check_spec(spec)
    if spec.network == "segnet":
        segnet_encoder = SegNetEncoder(spec.channels, spec.width, spec.depth)
        initialize(segnet_encoder)
        segnet_decoder = SegNetDecoder(segnet_encoder)
        initialize(segnet_decoder)
        return Network(segnet_encoder, segnet_decoder, heads)
    encoder = build_encoder(spec)
    decoder = UNetDecoder(encoder, spec.decoder_channels, spec.stride)
    initialize(decoder)
    return Network(encoder, decoder, heads)


def build_encoder(spec: NetworkSpec) -> Encoder:
    """Build the encoder of a U-Net, with fresh weights."""
    if spec.encoder == "hf":
        return BackboneEncoder(spec.backbone or {}, spec.channels)
    encoder: Encoder
    if spec.encoder == "plain":
        encoder = UNetEncoder(spec.channels, spec.width, spec.depth)
    elif spec.encoder == "vgg":
        encoder = VGG16Encoder(spec.channels, spec.width, spec.depth)
    else:
        encoder = ResidualEncoder(spec.channels, spec.width, spec.depth, spec.blocks, spec.detail)
    initialize(encoder)
    return encoder


def check_spec(spec: NetworkSpec) -> None:
    """Raise ModelError, with a sentence, where `spec` cannot become a network."""
    if spec.network not in NETWORKS:
        raise ModelError(
            f"The network must be one of {list(NETWORKS)}, but it is {spec.network!r}."
        )
    if spec.encoder not in NETWORKS[spec.network]:
        raise ModelError(
            f"The encoder of a {spec.network} must be one of {list(NETWORKS[spec.network])}, "
            f"but it is {spec.encoder!r}."
        )
    if spec.network == "segnet" and spec.stride != 1:
        raise ModelError(f"A segnet has stride 1, but {spec.stride} was asked for. Use a unet.")
    if spec.channels < 1 or spec.width <= 0 or spec.blocks < 1:
        raise ModelError(
            "A network needs channels of at least 1, a width above 0 and blocks of at least 1, but "
            f"has channels {spec.channels}, width {spec.width}, blocks {spec.blocks}."
        )
    deepest = {"plain": 8, "vgg": 5, "resnet": 6}.get(spec.encoder)
    if deepest and not 2 <= spec.depth <= deepest:
        raise ModelError(
            f"The depth of encoder {spec.encoder!r} must be 2 to {deepest}, but it is {spec.depth}."
        )
    if (spec.encoder == "hf") != (spec.backbone is not None):
        raise ModelError(
            "The encoder 'hf' and only that one takes a backbone, but the encoder is "
            f"{spec.encoder!r} and the backbone {spec.backbone!r}. See describe_backbone."
        )
