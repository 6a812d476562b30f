"""Any Hugging Face backbone (ResNet, ConvNeXt, Swin, DINOv2, ...) as an encoder.

Such weights were trained on images normalized by the mean and deviation in `IMAGENET_MEAN` and
`IMAGENET_STD` (of values 0 to 1); a model that starts from them should preprocess alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the name every PyTorch reader knows)

from segmentare.errors import InputError, MissingPackageError, ModelError
from segmentare.networks.encoders import Encoder

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# Entries of a configuration that name code or weights which transformers would fetch and run.
_FROM_ELSEWHERE = frozenset(
    {
        *("auto_map", "attn_implementation", "experts_implementation", "custom_pipelines"),
        *("quantization_config", "transformers_weights", "use_pretrained_backbone", "pretrained"),
    }
)

PROBE_CELLS = 4  #: the probing image has this many cells of stride 32 a side
PYRAMID_STRIDES = (4, 8, 16, 32)  #: what a plain vision transformer's features are resized to


class BackboneEncoder(Encoder):
    """A Hugging Face backbone with random weights, built from its description alone.

    Backbones with stages of growing stride give their features as they are. A plain vision
    transformer has one stride only: the image is resized so that each patch covers 16 pixels, and
    four of its layers are resized to strides 4, 8, 16, 32.
    Source: Li et al., "Exploring Plain Vision Transformer Backbones for Object Detection",
    ECCV 2022, https://arxiv.org/abs/2203.16527 (with interpolation in place of deconvolution).

    Args:
        description: What `describe_backbone` returned; holds all that is needed, so that neither
            a network nor the original folder is needed again.
        inputs: Channels of the image.

    Raises:
        MissingPackageError: If transformers is not installed.
        ModelError: If the description is not one.
    """

    def __init__(self, description: Mapping[str, Any], inputs: int) -> None:
        super().__init__()
        if not {"config", "strides", "patch"} <= set(description):
            raise ModelError(
                "A backbone's description must hold 'config', 'strides' and 'patch', but it holds "
                f"{sorted(description)}. Make one with describe_backbone."
            )
        config = {**description["config"], "num_channels": inputs}
        self.backbone = build_backbone(config)
        self.strides = tuple(description["strides"])
        self.channels = tuple(int(count) for count in self.backbone.channels)
        self.patch = int(description["patch"])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of every level, finest first."""
        if not self.patch:
            return list(self.backbone(x).feature_maps)
        height, width = x.shape[-2:]
        grid = (height // 16 * self.patch, width // 16 * self.patch)
        resized = F.interpolate(x, size=grid, mode="bilinear", antialias=True)
        return [
            F.interpolate(features, size=(height // stride, width // stride), mode="bilinear")
            for features, stride in zip(
                self.backbone(resized).feature_maps, self.strides, strict=True
            )
        ]


def describe_backbone(source: str | Path) -> dict[str, Any]:
    """Read the configuration of a backbone and find its strides by one small forward pass.

    Args:
        source: A local folder with a `config.json`, or a name on the Hugging Face hub (which is
            then looked up over the network).

    Returns:
        JSON-ready data for `NetworkSpec.backbone`: `source`, `config`, `strides` (finest first)
        and `patch` (0, or the patch size of a plain vision transformer).

    Raises:
        MissingPackageError: If transformers is not installed.
        ModelError: If `source` cannot be read, or is no backbone with strides that double.
    """
    transformers = import_transformers()
    try:
        loaded = transformers.AutoConfig.from_pretrained(str(source), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise unreadable(source, error) from error
    # Dtype and versions are the writer's business; what stays is what shapes the layers.
    config = json.loads(json.dumps(loaded.to_dict()))
    for key in ("transformers_version", "architectures", "_name_or_path", "dtype", "id2label"):
        config.pop(key, None)
    config.pop("label2id", None)
    stages = len(getattr(loaded, "stage_names", None) or ())
    if not stages:
        raise ModelError(
            f"A backbone must have stages, but {str(source)!r} ({loaded.model_type}) has none. "
            "Take a resnet, convnext, swin, dinov2 or another AutoBackbone."
        )
    config = {**config, "out_features": None, "out_indices": list(range(stages))}
    strides = probe_strides(config)
    if len(set(strides)) > 1:
        # The stem often has the stride of the first stage; the later one has seen more.
        chosen = {stride: index for index, stride in enumerate(strides)}
        levels, patch = sorted(chosen), 0
        config["out_indices"] = [chosen[stride] for stride in levels]
    else:
        levels, patch = list(PYRAMID_STRIDES), strides[0]
        config["out_indices"] = [(stages - 1) * k // 4 for k in range(1, 5)]
    check_levels(source, levels, len(set(config["out_indices"])))
    return {"source": str(source), "config": config, "strides": levels, "patch": patch}


def backbone_weights(source: str | Path) -> dict[str, NDArray[np.float32]]:
    """Return the pretrained arrays of a backbone by name, for `load_encoder_weights`.

    Args:
        source: A local folder, or a name on the Hugging Face hub (then downloaded once).

    Raises:
        MissingPackageError: If transformers is not installed.
        ModelError: If `source` cannot be read.
    """
    from safetensors import SafetensorError

    transformers = import_transformers()
    try:
        _refuse_other_shards(Path(source))
        loaded = transformers.AutoConfig.from_pretrained(str(source), trust_remote_code=False)
        # Through its own class, for AutoBackbone of transformers 5 takes no local folder.
        random = build_backbone(loaded.to_dict())
        model = type(random).from_pretrained(
            str(source), config=random.config, use_safetensors=True
        )
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
        raise unreadable(source, error) from error
    return {
        f"backbone.{name}": tensor.detach().float().numpy()
        for name, tensor in model.state_dict().items()
    }


def _refuse_other_shards(folder: Path) -> None:
    """Refuse a list of weight files that are not safetensors, which would be unpickled.

    Raises:
        InputError: There is one.
    """
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return
    files = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    others = sorted({str(name) for name in files if not str(name).endswith(".safetensors")})
    if others:
        raise InputError(f"{index.name} must name safetensors only; it names {others[0]!r}")


def build_backbone(config: Mapping[str, Any]) -> Any:  # noqa: ANN401 (transformers has no types)
    """Build a backbone with random weights from its configuration."""
    transformers = import_transformers()
    values = {
        key: value
        for key, value in config.items()
        if key not in _FROM_ELSEWHERE and not key.startswith("_")
    }
    try:
        made = transformers.AutoConfig.for_model(values.pop("model_type", ""), **values)
        return transformers.AutoBackbone.from_config(made, trust_remote_code=False)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"The configuration of a backbone must be one that transformers knows, but "
            f"{config.get('model_type')!r} is refused: {error}"
        ) from error


def probe_strides(config: Mapping[str, Any]) -> list[int]:
    """Return the stride of every stage, found by running a small image."""
    patch = config.get("patch_size")
    # A multiple of 32 fits every pyramid; a plain transformer wants whole patches.
    step = 32 if not isinstance(patch, int) or 32 % patch == 0 else patch
    size = PROBE_CELLS * step
    model = build_backbone(config).eval()
    with torch.no_grad():
        maps = model(torch.zeros(1, int(config.get("num_channels", 3)), size, size)).feature_maps
    return [size // int(features.shape[-1]) for features in maps]


def check_levels(source: str | Path, levels: list[int], count: int) -> None:
    """Raise ModelError unless the strides are different powers of two, one per feature map."""
    if count != len(levels) or any(stride & (stride - 1) for stride in levels):
        raise ModelError(
            f"The stages of a backbone must have strides that double, but {str(source)!r} has "
            f"{count} stages of strides {levels}. Take a resnet, convnext, swin or dinov2."
        )


def unreadable(source: str | Path, error: Exception) -> ModelError:
    """Return the error for a backbone that could not be read, with the first line of its cause."""
    cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(
        f"A backbone must be a local folder with config.json and model.safetensors, or a name on "
        f"the Hugging Face hub, but {str(source)!r} could not be read: {cause}"
    )


def import_transformers() -> Any:  # noqa: ANN401 (transformers has no types)
    """Import transformers, which takes seconds, only where it is needed."""
    try:
        import transformers
    except ImportError as error:
        raise MissingPackageError(
            "Hugging Face backbones need the package transformers, which is not installed. "
            "Run: pip install segmentare[pretrained]"
        ) from error
    return transformers
