"""The network: an encoder, a decoder, and one 1x1 convolution per head."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from segmentare.errors import ModelError
from segmentare.keras import decoders, encoders
from segmentare.keras.blocks import Blocks
from segmentare.keras.layers import CutToImage, PadToMultiple, Tensor
from segmentare.models.architecture import HEATMAP_PRIOR, LITE_FACTORS, NetworkSpec, check_spec
from segmentare.tasks.base import Head


class Network(keras.Model):
    """Maps images (N, H, W, C) of any size to logits per head, before any activation.

    The logits of a head are float32 (N, ceil(H / stride), ceil(W / stride), channels), also where
    the network computes in bfloat16.

    Attributes:
        stride: Image pixels per cell of the maps.
        multiple: Images whose sizes are multiples of this are not padded.
        folded: BatchNorms are folded into the convolutions.
        norms: The name of the BatchNorm (there or folded) by that of its convolution.
        epsilons: What each BatchNorm adds to the variance, by its name.
    """

    stride: int
    multiple: int
    folded: bool
    norms: dict[str, str]
    epsilons: dict[str, float]


def build_network(
    spec: NetworkSpec,
    heads: Sequence[Head],
    *,
    seed: int | None = None,
    dtype: str = "float32",
    folded: bool = False,
) -> Network:
    """Build a network with fresh weights, distributed as PyTorch's are.

    Args:
        spec: What to build.
        heads: One 1x1 convolution each.
        seed: Of the fresh weights; `None` draws others every time.
        dtype: `float32`, or `mixed_bfloat16`: weights stay float32, layers compute in bfloat16.
        folded: Fold BatchNorms into convolutions, for prediction; see `weights.from_arrays`.

    Raises:
        ModelError: If `spec` names something that does not exist, does not fit together, or exists
            in PyTorch only.
    """
    check_spec(spec)
    if spec.encoder == "hf":
        raise ModelError(
            "Networks with a Hugging Face backbone exist in PyTorch only, but this one has the "
            f"backbone {(spec.backbone or {}).get('source')!r}. Use `framework='torch'`."
        )
    if spec.network != "segnet" and spec.encoder not in encoders.ENCODERS:
        raise ModelError(
            f"Networks with the encoder {spec.encoder!r} exist in PyTorch only; in TensorFlow it "
            f"must be one of {', '.join(encoders.ENCODERS)}. Use --framework torch."
        )
    blocks = Blocks(seed, dtype, folded=folded)
    image = keras.Input((None, None, spec.channels), dtype="float32", name="image")
    segnet = spec.network == "segnet"
    halving = {"resnet", *LITE_FACTORS}  # these see nothing at stride 1, but for details
    multiple = 2 ** (spec.depth if segnet or spec.encoder in halving else spec.depth - 1)
    padded = PadToMultiple(multiple, name="padding", dtype=dtype)(image)
    if segnet:
        features = decoders.segnet(blocks, encoders.segnet(blocks, padded, spec))
    else:
        encoded = encoders.ENCODERS[spec.encoder](blocks, padded, spec)
        features = decoders.unet(blocks, encoded, spec)
    cut = CutToImage(spec.stride, name="cut", dtype="float32")
    maps = {head.name: cut(_head(blocks, features, head), image) for head in heads}
    network = Network(inputs=image, outputs=maps)
    network.stride, network.multiple = spec.stride, multiple
    network.folded, network.norms, network.epsilons = folded, blocks.norms, blocks.epsilons
    return network


def _head(blocks: Blocks, features: Tensor, head: Head) -> Tensor:
    """Map features to logits that start near "no opinion"; see `networks.initialize_head`."""
    prior = HEATMAP_PRIOR if head.kind == "heatmap" else 0.5
    return keras.layers.Conv2D(
        head.channels,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.1, seed=blocks.seed()),
        bias_initializer=keras.initializers.Constant(math.log(prior / (1 - prior))),
        name=f"heads.{head.name}",
        dtype=blocks.dtype,
    )(features)


def activate(outputs: Mapping[str, Tensor], heads: Sequence[Head]) -> dict[str, Tensor]:
    """Turn logits (N, H, W, C) into what tasks decode, as `Head.kind` says.

    Returns:
        `classes`: softmax over the channels; `binary` and `heatmap`: sigmoid; `vectors`: as they
        are.
    """
    activated = {}
    for head in heads:
        logits = outputs[head.name]
        if head.kind == "classes":
            activated[head.name] = tf.nn.softmax(logits, axis=-1)
        elif head.kind == "vectors":
            activated[head.name] = logits
        else:
            activated[head.name] = tf.sigmoid(logits)
    return activated
