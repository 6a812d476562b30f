"""How far the predictions of PyTorch and TensorFlow are the same, as a table.

    python benchmarks/framework_parity.py --random ../shared/data/ph2/images
    python benchmarks/framework_parity.py --run RUN IMAGES [--run RUN IMAGES ...] --count 24

`--random` makes a small model of every network for every task, with fresh weights whose answers
are both yes and no; `--run` takes trained models. Both frameworks read the same model folder and
look at the same images, evenly chosen from a folder. Per model: the largest difference of any value
of its maps, and how many pixels of all predictions differ (ids of objects by what they cover), or
keypoints where a prediction has no pixels.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from segmentare.annotations.segmentation import Category
from segmentare.annotations.skeletons import SKELETONS
from segmentare.images.reading import read_image
from segmentare.models.architecture import NetworkSpec
from segmentare.models.checkpoint import save_model
from segmentare.networks.inference import to_arrays
from segmentare.networks.network import build_network
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.runtimes.agreement import differing, extent, largest_difference
from segmentare.runtimes.loading import load
from segmentare.tasks import BodyTask, InstanceTask, PanopticTask, PoseTask, SemanticTask
from segmentare.training.machine import describe_machine
from segmentare.video.sources import find_images

GROUND = Category("background", (0, 0, 0), background=True)
CELLS = (GROUND, Category("cell", (255, 0, 0), thing=True))
SCENE = (*CELLS, Category("sky", (0, 0, 255)))
PEOPLE = SKELETONS["coco17"]

TASKS = {
    "semantic, one object": SemanticTask(CELLS),
    "semantic, categories": SemanticTask(SCENE),
    "instance, centers": InstanceTask(CELLS),
    "instance, flows": InstanceTask(CELLS, code="flow"),
    "panoptic": PanopticTask(SCENE),
    "pose, centers": PoseTask(PEOPLE),
    "pose, fields": PoseTask(PEOPLE, code="fields"),
    "body": BodyTask(PEOPLE),
}
SPECS = {
    "unet resnet": NetworkSpec(encoder="resnet", width=0.25),
    "unet resnet, stride 4": NetworkSpec(encoder="resnet", width=0.25, stride=4),
    "unet plain": NetworkSpec(encoder="plain", width=0.25, decoder_channels=()),
    "unet vgg": NetworkSpec(encoder="vgg", width=0.25, decoder_channels=()),
    "segnet vgg": NetworkSpec(network="segnet", encoder="vgg", width=0.25),
}
SEEN = Preprocessing(3, "uint8", (190.0, 144.0, 122.0), (50.0, 49.0, 50.0), (96, 128))


def write_random(folder: Path, spec: NetworkSpec, task) -> Path:
    """Write a model with fresh weights, its BatchNorms and heads not at their start."""
    torch.manual_seed(0)
    network = build_network(spec, task.heads)
    for _ in range(3):
        network.train()(torch.randn(2, spec.channels, 64, 64))
    with torch.no_grad():
        for head in network.heads.values():
            head.weight.mul_(4)
    description = {
        "task": task.to_dict(),
        "network": spec.to_dict(),
        "preprocessing": SEEN.to_dict(),
    }
    save_model(folder, description, to_arrays(network))
    return folder


def chosen(folder: str, count: int):
    paths = list(find_images([Path(folder)]).values())
    places = np.unique(np.linspace(0, len(paths) - 1, count).round().astype(int))
    return [read_image(paths[place]) for place in places]


def compare(run: Path, images) -> tuple[float, int, int]:
    """Return the largest difference, how many pixels or keypoints differ, and of how many."""
    one, other = (load(run, framework=name) for name in ("torch", "tensorflow"))
    largest, differ, total = 0.0, 0, 0
    for image in images:
        readings = [predictor.read(image) for predictor in (one, other)]
        found = largest_difference(readings[0].maps, readings[1].maps)
        largest = max(largest, *found.values())
        shown = one.decode(readings[0]), other.decode(readings[1])
        differ, total = differ + differing(*shown), total + extent(shown[0])
    return largest, differ, total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--random", metavar="IMAGES", help="every network x task on these images")
    parser.add_argument("--run", nargs=2, action="append", default=[], metavar=("RUN", "IMAGES"))
    parser.add_argument("--count", type=int, default=3, help="images of each folder (3)")
    options = parser.parse_args()
    print("| network | task | largest difference of maps | pixels or keypoints that differ |")
    print("|---|---|---|---|")

    def row(network: str, task: str, run: Path, images) -> None:
        largest, differ, total = compare(run, images)
        print(f"| {network} | {task} | {largest:.1e} | {differ} of {total} |", flush=True)

    if options.random:
        images = chosen(options.random, options.count)
        for network, spec in SPECS.items():
            for name, task in TASKS.items():
                with tempfile.TemporaryDirectory() as folder:
                    row(network, name, write_random(Path(folder) / "model", spec, task), images)
    for run, folder in options.run:
        images = chosen(folder, options.count)
        row(f"trained: {Path(run).name}", f"{len(images)} images", Path(run), images)
    machine = describe_machine()
    facts = [str(machine.get(k)) for k in ("processor", "cores", "torch", "tensorflow")]
    print(f"\n{', '.join(facts)}; {datetime.now(UTC).date().isoformat()}.")


if __name__ == "__main__":
    main()
