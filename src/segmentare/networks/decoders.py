"""Decoders: features of an encoder in, one dense feature map out.

A decoder is an `nn.Module` with two attributes, `channels` (of its output) and `stride` (pixels
per cell of its output). A new one is a class like these and one branch in
`network.build_network`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name every PyTorch reader knows)

from segmentare.models.architecture import UNET_CHANNELS, VGG16_CONVOLUTIONS, decoder_stages
from segmentare.networks.doubling import DoublingConvolution, double_and_convolve
from segmentare.networks.encoders import Encoder, SegNetEncoder
from segmentare.networks.layers import ConvBlock, unpool

M = TypeVar("M", bound=nn.Module)


class Decoder(nn.Module):
    """What a network may rely on.

    Attributes:
        channels: Of the output.
        stride: Image pixels per cell of the output.
    """

    channels: int
    stride: int


class UNetStage(nn.Sequential):
    """Doubles coarse features, joins fine ones, and applies two 3x3 convolutions.

    Attributes:
        inputs: Channels of the coarse features.
        merged: Repeating and convolving are one operation (see `networks.doubling`), on a CPU;
            GPUs do the textbook's three.
    """

    def __init__(self, inputs: int, others: int, width: int, *, bilinear: bool = False) -> None:
        super().__init__(ConvBlock(inputs + others, width), ConvBlock(width, width))
        self.inputs = inputs
        self.mode = "bilinear" if bilinear else "nearest"
        self.merged = not bilinear

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """Map (N, inputs, H, W) and (N, others, 2 H, 2 W) to (N, width, 2 H, 2 W)."""
        first: Any = self[0]
        convolution, norm, relu = first
        if isinstance(convolution, DoublingConvolution):
            x = convolution(x, skip)
        elif self.merged and x.device.type == "cpu":
            x = double_and_convolve(x, skip, convolution.weight)
        else:
            x = F.interpolate(x, scale_factor=2.0, mode=self.mode)
            x = convolution(x if skip is None else torch.cat((x, skip), dim=1))
        features: Tensor = self[1](relu(norm(x)))
        return features

    def prepare(self, *, merged: bool) -> None:
        """Make the sums of weights once, if wanted; BatchNorm must be folded already."""
        self.merged = self.merged and merged
        first: Any = self[0]
        if self.merged:
            first[0] = DoublingConvolution(first[0], self.inputs)


def textbook(network: M) -> M:
    """Let a network compute as it is written in books, step by step; returns it, changed in place.

    It gives the same up to rounding, and is what others are measured against.
    """
    for stage in network.modules():
        if isinstance(stage, UNetStage):
            stage.merged = False
    return network


class UNetDecoder(Decoder):
    """Doubles the coarsest features until `stride`, joining the encoder's features on the way.

    Each stage repeats cells 2x2 (three to four times faster than bilinear interpolation on a CPU
    in bfloat16, and the convolutions behind smooth it), concatenates the encoder's features of
    that stride, if there are any, and applies two 3x3 convolutions; see `UNetStage`.

    Source: Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015, https://arxiv.org/abs/1505.04597

    Args:
        encoder: Whose features come in.
        channels: Features after each stage, coarsest first; empty mirrors the encoder's. Stages
            beyond `stride` are left out.
        stride: Of the output: 1, 2 or 4.
        bilinear: Interpolate instead of repeating.

    Raises:
        ModelError: If `channels` has too few stages, or `stride` is not below the encoder's.
    """

    def __init__(
        self,
        encoder: Encoder,
        channels: Sequence[int] = UNET_CHANNELS,
        stride: int = 1,
        *,
        bilinear: bool = False,
    ) -> None:
        super().__init__()
        skips = dict(zip(encoder.strides, encoder.channels, strict=True))
        stages = decoder_stages(encoder.strides, encoder.channels, channels, stride)
        self.strides = tuple(encoder.strides)
        self.targets = tuple(target for target, _ in stages)
        self.stages = nn.ModuleList()
        before = encoder.channels[-1]
        for target, width in stages:
            self.stages.append(UNetStage(before, skips.get(target, 0), width, bilinear=bilinear))
            before = width
        self.channels = before
        self.stride = stride

    def forward(self, features: list[Tensor]) -> Tensor:
        """Map the encoder's features, finest first, to (N, channels, H / stride, W / stride)."""
        skips = dict(zip(self.strides, features, strict=True))
        x = features[-1]
        for target, stage in zip(self.targets, self.stages, strict=True):
            x = stage(x, skips.get(target))
        return x


class SegNetDecoder(Decoder):
    """VGG-16 mirrored: unpools with the encoder's own pooling indices, no other connection.

    The last convolution of each stage narrows to the channels of the stage before it; the paper's
    last one maps to the categories, which here is the work of the heads, so the finest stage ends
    in 64 channels.

    Source: Badrinarayanan, Kendall, Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder
    Architecture for Image Segmentation", IEEE PAMI 39(12), 2017, https://arxiv.org/abs/1511.00561
    """

    def __init__(self, encoder: SegNetEncoder) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        depth = len(encoder.channels)
        for level in reversed(range(depth)):
            width, last = encoder.channels[level], encoder.channels[max(level - 1, 0)]
            count = VGG16_CONVOLUTIONS[level] - (level == 0)
            blocks = [ConvBlock(width, last if k == count - 1 else width) for k in range(count)]
            self.stages.append(nn.Sequential(*blocks))
        self.channels = encoder.channels[0]
        self.stride = 1

    def forward(self, features: list[Tensor]) -> Tensor:
        """Map what a `SegNetEncoder` returns to (N, channels, H, W)."""
        *positions, x = features
        for stage, where in zip(self.stages, reversed(positions), strict=True):
            x = stage(unpool(x, where))
        return x
