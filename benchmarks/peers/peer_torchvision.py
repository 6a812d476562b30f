"""torchvision: the segmentation models of its references, from random weights, in the plain loop.

The references train with cross-entropy and an auxiliary head at half its weight, as here; their SGD
over days on eight GPUs is replaced by the textbook's Adam. The batch norms of its MobileNetV3 move
by 0.01 a step, which is made for such trainings: after minutes on a CPU they lag so far behind that
every mask is empty. They get PyTorch's usual 0.1 here.
"""

from __future__ import annotations

from textbook import Recipe, begin, train
from torch import Tensor, nn
from torchvision.models import segmentation


def main() -> None:
    job = begin()
    name = job.words.variant or "lraspp_mobilenet_v3_large"
    kept: dict[str, Tensor] = {}

    def network() -> nn.Module:
        build = getattr(segmentation, name)
        more = {} if name.startswith("lraspp") else {"aux_loss": True}
        built = build(weights=None, weights_backbone=None, num_classes=1, **more)
        for layer in built.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 0.1
        return built

    def logits(network: nn.Module, images: Tensor) -> Tensor:
        kept.update(answer := network(images))
        return answer["out"]

    def loss(logits: Tensor, truth: Tensor) -> Tensor:
        cross = nn.functional.binary_cross_entropy_with_logits
        aside = cross(kept["aux"], truth) if "aux" in kept else 0.0
        return cross(logits, truth) + 0.5 * aside

    train(Recipe("torchvision", network, loss, logits), job)


if __name__ == "__main__":
    main()
