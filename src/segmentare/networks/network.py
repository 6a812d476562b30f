"""`Network(encoder, decoder, heads)`: the one class that every segmentation network is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from segmentare.models.architecture import HEATMAP_PRIOR, LITE_FACTORS, NetworkSpec, check_spec
from segmentare.networks.backbone import BackboneEncoder
from segmentare.networks.decoders import Decoder, SegNetDecoder, UNetDecoder
from segmentare.networks.efficientnet_lite import LiteEncoder
from segmentare.networks.encoders import (
    Encoder,
    ResidualEncoder,
    SegNetEncoder,
    UNetEncoder,
    VGG16Encoder,
)
from segmentare.networks.layers import initialize, pad_to_multiple
from segmentare.tasks.base import Head


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

    Examples:
        >>> spec = segmentare.NetworkSpec(encoder="resnet", width=0.125)
        >>> network = segmentare.build_network(spec, run.predictor.task.heads)
        >>> sum(weights.numel() for weights in network.parameters()) > 100_000
        True
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
    elif spec.encoder in LITE_FACTORS:
        encoder = LiteEncoder(spec)
    else:
        encoder = ResidualEncoder(spec.channels, spec.width, spec.depth, spec.blocks, spec.detail)
    initialize(encoder)
    return encoder
