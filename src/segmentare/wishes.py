"""What a user asks of a training, before anything is known of the data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from segmentare.architecture import (
    LITE_FACTORS,
    NETWORKS,
    RESNET_CHANNELS,
    NetworkSpec,
    check_spec,
)
from segmentare.geometry import Size

_WIDTHS = {"plain": 0.5, "vgg": 0.5}  # at 1.0 these are too slow for a CPU
_SEGNET_WIDTH = 0.5


@dataclass(frozen=True)
class Wishes:
    """What a user asked for; `None` leaves the choice to the plan.

    Attributes:
        budget: Seconds for the whole training.
        steps: Exactly so many steps, whatever they take.
        spec: The network, without its channels.
        width: Factor on the channels of the encoder, as `spec` has it, if the user chose it.
        size: Height and width of the training images.
        scale: Factor for "native" scale; see `Preprocessing`.
        batch: Images per step.
        learning_rate: Of AdamW, at its highest.
        precision: `float32` or `bfloat16`.
        code: How a task writes objects down: `center` or `flow` (instance), `center` or `fields`
            (pose).
        focal: Exponent of the focal loss.
        balance: Weigh rare categories more.
        seed: Of everything random.
    """

    budget: float | None = 600.0
    steps: int | None = None
    spec: NetworkSpec = NetworkSpec()
    width: float | None = None
    size: Size | None = None
    scale: float | None = None
    batch: int | None = None
    learning_rate: float | None = None
    precision: str | None = None
    code: str | None = None
    focal: float = 0.0
    balance: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"steps": 1, "batch": 1, "seed": 0, "focal": 0}
        for name in (*least, "budget", "learning_rate", "scale"):
            value = getattr(self, name)
            good = value is None or (value >= least[name] if name in least else value > 0)
            if not good or (value is not None and math.isinf(value)):
                what = f"at least {least[name]}" if name in least else "a number above 0"
                raise ValueError(f"--{name.replace('_', '-')} must be {what}; got {value}.")


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
