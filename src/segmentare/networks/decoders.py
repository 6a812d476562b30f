"""Decoders: features of an encoder in, one dense feature map out.

A decoder is an `nn.Module` with two attributes, `channels` (of its output) and `stride` (pixels
per cell of its output). A new one is a class like these and one branch in
`network.build_network`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name every PyTorch reader knows)

from segmentare.architecture import UNET_CHANNELS, VGG16_CONVOLUTIONS, decoder_stages
from segmentare.networks.encoders import Encoder, SegNetEncoder
from segmentare.networks.layers import ConvBlock, unpool


class Decoder(nn.Module):
    """What a network may rely on.

    Attributes:
        channels: Of the output.
        stride: Image pixels per cell of the output.
    """

    channels: int
    stride: int


class UNetDecoder(Decoder):
    """Doubles the coarsest features until `stride`, joining the encoder's features on the way.

    Each stage repeats cells 2x2 (three to four times faster than bilinear interpolation on a CPU
    in bfloat16, and the convolutions behind smooth it), concatenates the encoder's features of
    that stride, if there are any, and applies two 3x3 convolutions.

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
        self.mode = "bilinear" if bilinear else "nearest"
        self.stages = nn.ModuleList()
        before = encoder.channels[-1]
        for target, width in stages:
            joined = before + skips.get(target, 0)
            self.stages.append(nn.Sequential(ConvBlock(joined, width), ConvBlock(width, width)))
            before = width
        self.channels = before
        self.stride = stride

    def forward(self, features: list[Tensor]) -> Tensor:
        """Map the encoder's features, finest first, to (N, channels, H / stride, W / stride)."""
        skips = dict(zip(self.strides, features, strict=True))
        x = features[-1]
        for target, stage in zip(self.targets, self.stages, strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode=self.mode)
            if target in skips:
                x = torch.cat((x, skips[target]), dim=1)
            x = stage(x)
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
