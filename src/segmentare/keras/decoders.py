"""Decoders: features of an encoder in, one dense feature map out; as in `networks.decoders`."""

from __future__ import annotations

import keras

from segmentare.keras.blocks import Blocks
from segmentare.keras.encoders import Features
from segmentare.keras.layers import Double, Tensor, Unpool
from segmentare.models.architecture import VGG16_CONVOLUTIONS, NetworkSpec, decoder_stages


def unet(blocks: Blocks, features: Features, spec: NetworkSpec) -> Tensor:
    """Double the coarsest features until `spec.stride`, joining the encoder's on the way.

    Source: Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015, https://arxiv.org/abs/1505.04597

    Raises:
        ModelError: The stages do not fit the encoder.
    """
    skips = dict(zip(features.strides, features.levels, strict=True))
    stages = decoder_stages(features.strides, features.channels, spec.decoder_channels, spec.stride)
    x = features.last
    for stage, (target, width) in enumerate(stages):
        x = blocks.apply(Double, x)
        if target in skips:
            x = keras.layers.Concatenate(dtype=blocks.dtype)([x, skips[target]])
        for k in range(2):
            x = blocks.conv_block(x, width, f"decoder.stages.{stage}.{k}")
    return x


def segnet(blocks: Blocks, features: Features) -> Tensor:
    """Mirror VGG-16: unpool with the encoder's own positions, no other connection.

    Source: Badrinarayanan, Kendall, Cipolla, "SegNet", IEEE PAMI 39(12), 2017,
    https://arxiv.org/abs/1511.00561
    """
    x, channels = features.last, features.channels
    for stage, level in enumerate(reversed(range(len(channels)))):
        x = blocks.apply(Unpool, x, features.levels[level])
        count = VGG16_CONVOLUTIONS[level] - (level == 0)
        for k in range(count):
            width = channels[max(level - 1, 0)] if k == count - 1 else channels[level]
            x = blocks.conv_block(x, width, f"decoder.stages.{stage}.{k}")
    return x
