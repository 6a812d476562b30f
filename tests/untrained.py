"""A model folder without a training, for tests of what surrounds a model."""

import torch

from segmentare.models.architecture import NetworkSpec
from segmentare.models.checkpoint import save_model
from segmentare.networks.inference import to_arrays
from segmentare.networks.network import build_network
from segmentare.prediction.preprocessing import Preprocessing


def write_model(folder, task, size=(32, 32)):
    """Write a tiny network with random weights for a task."""
    spec = NetworkSpec(encoder="resnet", width=0.125, depth=3, blocks=1, decoder_channels=(8, 8, 8))
    torch.manual_seed(0)
    network = build_network(spec, task.heads)
    preprocessing = Preprocessing(3, "uint8", (100.0,) * 3, (60.0,) * 3, size)
    description = {
        "task": task.to_dict(),
        "network": spec.to_dict(),
        "preprocessing": preprocessing.to_dict(),
    }
    save_model(folder, description, to_arrays(network))
    return folder
