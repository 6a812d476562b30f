"""The network that a user means by its name, its encoder, its width and its depth."""

from __future__ import annotations

from dataclasses import replace

from segmentare.models.architecture import (
    LITE_FACTORS,
    NETWORKS,
    RESNET_CHANNELS,
    NetworkSpec,
    check_spec,
)

_WIDTHS = {"plain": 0.5, "vgg": 0.5}  # at 1.0 these are too slow for a CPU
_SEGNET_WIDTH = 0.5


def choose_spec(
    network: str, encoder: str | None, width: float | None, depth: int | None
) -> NetworkSpec:
    """Return the network that a user means.

    Args:
        network: `unet` or `segnet`.
        encoder: Its name, `hf:` and the folder or hub name of a Hugging Face AutoBackbone, or
            `None` for the network's default.
        width: Factor on the encoder's channels, or `None`.
        depth: Levels of the encoder, or `None`.

    Raises:
        ModelError: There is no such network.
        MissingPackageError: `hf` was asked for and transformers is not installed.
    """
    name = encoder or NETWORKS.get(network, ("",))[0]
    spec = NetworkSpec(network=network, encoder=name)
    if name.startswith("hf:"):
        from segmentare.networks.backbone import describe_backbone

        backbone = describe_backbone(name.removeprefix("hf:"))
        spec = replace(spec, encoder="hf", backbone=backbone)
    elif name == "resnet":
        spec = replace(spec, decoder_channels=RESNET_CHANNELS)
    elif name not in LITE_FACTORS:
        usual = _SEGNET_WIDTH if network == "segnet" else _WIDTHS.get(name, 1.0)
        spec = replace(spec, width=usual, decoder_channels=())
    if width is not None:
        spec = replace(spec, width=width)
    if depth is not None:
        spec = replace(spec, depth=depth)
    check_spec(spec)
    return spec
