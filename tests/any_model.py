"""Untrained models of every task and network, for tests of exports and engines."""

import numpy as np
import torch
from drawn_poses import COCO

from segmentare.annotations.segmentation import Category
from segmentare.commands.network_choice import choose_spec
from segmentare.models.architecture import NetworkSpec
from segmentare.models.checkpoint import save_model
from segmentare.networks.inference import to_arrays
from segmentare.networks.network import build_network
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import BodyTask, InstanceTask, PanopticTask, PoseTask, SemanticTask

CELLS = (Category("background", (0, 0, 0), background=True), Category("x", (255, 0, 0), thing=True))
SCENE = (*CELLS, Category("sky", (0, 0, 255)))

TASKS = {
    "binary": SemanticTask(CELLS),
    "categories": SemanticTask(SCENE),
    "centers": InstanceTask(CELLS),
    "flows": InstanceTask(CELLS, code="flow"),
    "panoptic": PanopticTask(SCENE),
    "pose": PoseTask(COCO),
    "body": BodyTask(COCO),
}

NETWORKS = {
    "lite": NetworkSpec(width=0.25, decoder_channels=(8,) * 5),
    "lite detail": NetworkSpec(
        "unet", "lite2", width=0.25, depth=3, detail=8, decoder_channels=(8,) * 4
    ),
    "resnet": NetworkSpec(
        encoder="resnet", width=0.125, depth=3, blocks=1, decoder_channels=(8, 8, 8)
    ),
    "detail": NetworkSpec(
        encoder="resnet", width=0.125, depth=3, blocks=1, detail=8, decoder_channels=(8,) * 4
    ),
    "coarse": NetworkSpec(
        encoder="resnet", width=0.125, depth=3, blocks=1, decoder_channels=(8,), stride=4
    ),
    "deep": NetworkSpec(
        encoder="resnet", width=0.125, depth=6, blocks=1, decoder_channels=(8,) * 6
    ),
    "plain": choose_spec("unet", "plain", 0.125, 3),
    "vgg": choose_spec("unet", "vgg", 0.125, 3),
    "segnet": choose_spec("segnet", "vgg", 0.125, 3),
}

#: How images of a size become input: whole ones, and windows of them.
WHOLE = Preprocessing(3, "uint8", (100.0,) * 3, (60.0,) * 3, (64, 96))
TILED = Preprocessing(3, "uint8", (100.0,) * 3, (60.0,) * 3, (64, 64), scale=1.0)


def write_any(folder, task=TASKS["binary"], spec=NETWORKS["resnet"], preprocessing=WHOLE):
    """Write a model whose random weights answer both yes and no."""
    torch.manual_seed(0)
    network = build_network(spec, task.heads)
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        network.train()(torch.randn(2, spec.channels, 64, 64, generator=generator))
    with torch.no_grad():
        for head in network.heads.values():
            head.weight.mul_(4)
    description = {
        "task": task.to_dict(),
        "network": spec.to_dict(),
        "preprocessing": preprocessing.to_dict(),
    }
    save_model(folder, description, to_arrays(network))
    return folder


def picture(height=75, width=110, seed=0, channels=3):
    """Return an image of blocks with noise."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 220, (height // 8 + 1, width // 8 + 1, channels))
    large = np.kron(blocks, np.ones((8, 8, 1)))[:height, :width]
    return (large + rng.integers(0, 35, large.shape)).astype(np.uint8)
