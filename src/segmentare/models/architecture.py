"""What a network is made of: a description from which every framework builds the same one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from segmentare.errors import ModelError
from segmentare.json_values import entry, listed, number, table, text, whole

#: Encoders that a `network` may have, the default first.
NETWORKS: dict[str, tuple[str, ...]] = {
    "unet": ("lite0", "lite1", "lite2", "resnet", "plain", "vgg", "hf"),
    "segnet": ("vgg",),
}

MAX_WIDTH = 16.0  #: of an encoder; its coarsest level has 8,192 channels then

# Least and most of the whole numbers that describe a network, far beyond any that trains.
_LIMITS = {
    "channels": (1, 4096),
    "depth": (1, 32),
    "blocks": (1, 64),
    "detail": (0, 4096),
    "stride": (1, 4),
}

HEATMAP_PRIOR = 0.1  #: what an untrained heatmap says everywhere; peaks are rare

UNET_CHANNELS = (64, 48, 32, 24, 16)  #: of the decoder behind EfficientNet-Lite, coarsest first
RESNET_CHANNELS = (128, 64, 48, 32, 16)  #: of the decoder behind a ResNet, coarsest first
VGG16_CONVOLUTIONS = (2, 2, 3, 3, 3)  #: convolutions before each of the five poolings


@dataclass(frozen=True)
class Stage:
    """Inverted residual blocks of the same shape.

    Attributes:
        repeats: Number of blocks.
        kernel: Side of the depthwise convolution.
        stride: Of the first block; the others have 1.
        expansion: Channels inside a block per channel that comes in.
        channels: Channels that come out.
    """

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


#: EfficientNet-Lite0: the stages behind a 3x3 convolution of stride 2 with `LITE_STEM` channels.
LITE_STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
LITE_STEM = 32
LITE_FACTORS = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}  #: width, depth
LITE_EPSILON = 1e-3  #: of all BatchNorms of an EfficientNet


@dataclass(frozen=True)
class NetworkSpec:
    """Everything but heads and weights that is needed to build a network again.

    Attributes:
        network: `unet` or `segnet`.
        encoder: `lite0`, `lite1`, `lite2` (EfficientNet-Lite), `resnet`, `plain`, `vgg` or `hf` for
            a U-Net, `vgg` for SegNet.
        channels: Channels of the image.
        width: Factor on all channels of the encoder; 1.0 is the published width. Not used by `hf`.
        depth: Levels of the encoder. Not used by `hf`.
        blocks: Residual blocks per level of `resnet`; 2 is ResNet-18.
        detail: Channels of a level at stride 1, for thin structures, that `resnet` and
            EfficientNet-Lite may have.
        decoder_channels: Features after each stage of the U-Net decoder, coarsest first; empty
            mirrors the encoder. Stages finer than `stride` are not used.
        stride: Image pixels per cell of the maps: 1, 2 or 4 (SegNet: 1).
        backbone: What `backbone.describe_backbone` returned, for `hf` only.
    """

    network: str = "unet"
    encoder: str = "lite0"
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
            ModelError: If a field is unknown, which a newer version may have written, or its value
                is none that a network can have.
        """
        unknown = sorted(set(data) - {field.name for field in fields(cls)})
        if unknown:
            raise ModelError(
                f"A network is described by {[field.name for field in fields(cls)]}, but this one "
                f"also has {unknown}. Read it with the version of segmentare that wrote it."
            )
        try:
            spec = cls(**_checked(data))
        except ValueError as error:
            raise ModelError(f"A network cannot be built of its description; {error}.") from error
        check_spec(spec)
        return spec


def _checked(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a network, their types and ranges checked.

    Raises:
        ValueError: A value is wrong.
    """
    values = dict(data)
    for name in {"network", "encoder"} & set(data):
        values[name] = text(data[name], name)
    for name in set(_LIMITS) & set(data):
        values[name] = whole(data[name], name, *_LIMITS[name])
    if "width" in data:
        values["width"] = number(data["width"], "width", 0.001, MAX_WIDTH)
    if "decoder_channels" in data:
        given = listed(data["decoder_channels"], "decoder_channels", 16)
        values["decoder_channels"] = tuple(whole(n, "decoder_channels", 1, 4096) for n in given)
    if data.get("backbone") is not None:
        values["backbone"] = _checked_backbone(table(data["backbone"], "backbone"))
    return values


def _checked_backbone(backbone: dict[str, Any]) -> dict[str, Any]:
    for stride in listed(entry(backbone, "strides"), "strides", 12, 1):
        whole(stride, "strides", 1, 1024)
    whole(entry(backbone, "patch"), "patch", 0, 256)
    text(backbone.get("source", ""), "source")
    _check_config(table(entry(backbone, "config"), "config"))
    return backbone


def _check_config(value: Any, name: str = "config") -> None:  # noqa: ANN401  any JSON value
    """Refuse numbers of layers and channels that no published network has."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_config(inner, key)
    elif isinstance(value, list):
        for inner in listed(value, name, 4096):
            _check_config(inner, name)
    elif type(value) is int:
        layers = name == "depths" or (name.startswith("num_") and name.endswith("layers"))
        whole(value, name, -(2**31), 256 if layers else 2**20)


#: Rows of the list: a name for the eye and what it stands for.
LISTED: tuple[NetworkSpec, ...] = (
    NetworkSpec(),
    NetworkSpec(encoder="lite1"),
    NetworkSpec(encoder="lite2"),
    NetworkSpec(encoder="resnet", decoder_channels=RESNET_CHANNELS),
    NetworkSpec(encoder="resnet", width=0.5, decoder_channels=RESNET_CHANNELS),
    NetworkSpec(encoder="plain", width=0.5, decoder_channels=()),
    NetworkSpec(encoder="plain", width=0.25, decoder_channels=()),
    NetworkSpec(encoder="vgg", width=0.5, decoder_channels=()),
    NetworkSpec(network="segnet", encoder="vgg"),
    NetworkSpec(network="segnet", encoder="vgg", width=0.25),
)


@dataclass(frozen=True)
class NetworkRow:
    """One network of the list.

    Attributes:
        spec: What to build it from.
        parameters: Number of trained values.
        multiply_adds: Multiply-adds for one megapixel (10^6 pixels) of image.
    """

    spec: NetworkSpec
    parameters: int
    multiply_adds: float


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
    if spec.channels < 1 or not 0 < spec.width <= MAX_WIDTH or spec.blocks < 1:
        raise ModelError(
            f"A network needs channels of at least 1, a width above 0 and up to {MAX_WIDTH:g}, and "
            f"blocks of at least 1, but has channels {spec.channels}, width {spec.width}, blocks "
            f"{spec.blocks}."
        )
    lite = dict.fromkeys(LITE_FACTORS, 5)
    deepest = {"plain": 8, "vgg": 5, "resnet": 6, **lite}.get(spec.encoder)
    if deepest and not 2 <= spec.depth <= deepest:
        raise ModelError(
            f"The depth of encoder {spec.encoder!r} must be 2 to {deepest}, but it is {spec.depth}."
        )
    if (spec.encoder == "hf") != (spec.backbone is not None):
        raise ModelError(
            "The encoder 'hf' and only that one takes a backbone, but the encoder is "
            f"{spec.encoder!r} and the backbone {spec.backbone!r}. See describe_backbone."
        )


def lite_levels(spec: NetworkSpec) -> list[list[Stage]]:
    """Return the stages of an EfficientNet-Lite, level by level: strides 2, 4, 8, 16, 32.

    The larger variants repeat the stages more often and are wider, but for their stem and for the
    number of blocks in the first and the last stage.
    Source: Tan, Le, "EfficientNet", ICML 2019, https://arxiv.org/abs/1905.11946, and
    https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
    """
    width, depth = LITE_FACTORS[spec.encoder]
    levels: list[list[Stage]] = [[]]
    for place, stage in enumerate(LITE_STAGES):
        inner = 0 < place < len(LITE_STAGES) - 1
        if stage.stride > 1:
            levels.append([])
        levels[-1].append(
            replace(
                stage,
                repeats=math.ceil(depth * stage.repeats) if inner else stage.repeats,
                channels=scaled(stage.channels, width * spec.width),
            )
        )
    return levels[: spec.depth]


def decoder_stages(
    strides: Sequence[int], channels: Sequence[int], wanted: Sequence[int], stride: int
) -> list[tuple[int, int]]:
    """Return (stride, channels) of every stage of a U-Net decoder, coarsest first.

    Args:
        strides: Of the encoder's levels, finest first.
        channels: Of the encoder's levels, finest first.
        wanted: Channels of the stages, coarsest first; empty mirrors the encoder's.
        stride: Of the last stage.

    Raises:
        ModelError: If `wanted` has too few stages, or `stride` is not below the encoder's.
    """
    skips, current = dict(zip(strides, channels, strict=True)), strides[-1]
    targets = [current >> k for k in range(1, current.bit_length()) if current >> k >= stride]
    widths = tuple(wanted) or tuple(skips.get(target, channels[0]) for target in targets)
    if not targets or targets[-1] != stride:
        raise ModelError(
            f"The output stride must be a power of two below the encoder's largest stride "
            f"{current}, but it is {stride}."
        )
    if len(widths) < len(targets):
        raise ModelError(
            f"Going from stride {current} to {stride} takes {len(targets)} decoder stages, but "
            f"decoder_channels has {len(widths)}: {list(widths)}. Give one number per stage."
        )
    return list(zip(targets, widths, strict=False))


def scaled(channels: int, width: float) -> int:
    """Return `channels` x `width` as a multiple of 8 (what vector units like), at least 8."""
    return max(8, round(channels * width / 8) * 8)
