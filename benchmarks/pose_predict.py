"""How many images of 256 x 256 a model of poses predicts per second, from pixels to people.

    python benchmarks/pose_predict.py

The network is a light one (`--width 0.5`, and below it a plain U-Net of a quarter) with
random weights, so what it answers is put away and the maps of 4 drawn people, with a little noise,
are decoded in its place: the work is that of a trained model. Times are medians over some rounds,
once by the clock (all threads, other work on the machine counts) and once in time of the
processor on one thread, which other work moves little.
"""

from __future__ import annotations

import argparse
import statistics
import time

import cv2
import numpy as np
import torch
from pose_decode import COCO, noisy, people

from segmentare.networks.inference import fuse, maps_function
from segmentare.networks.network import NetworkSpec, build_network
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks.pose import CODES, PoseTask

SIDE, STRIDE, PEOPLE = 256, 4, 4
NETWORKS = {
    "U-Net, resnet, width 0.5": NetworkSpec(encoder="resnet", width=0.5, stride=STRIDE),
    "U-Net, plain, width 0.25": NetworkSpec(
        encoder="plain", width=0.25, decoder_channels=(), stride=STRIDE
    ),
}


def predictor(task, spec):
    rng = np.random.default_rng(0)
    drawn = noisy(task, people(rng, PEOPLE, SIDE), rng, 0.02)
    torch.manual_seed(0)
    answer = maps_function(fuse(build_network(spec, task.heads)), task.heads)

    def maps_of(images):
        shapes = {name: maps.shape for name, maps in answer(images).items()}
        if shapes != {name: (1, *maps.shape) for name, maps in drawn.items()}:
            raise ValueError(f"The drawn maps must have the network's shapes; it has {shapes}.")
        return {name: maps[None] for name, maps in drawn.items()}

    preprocessing = Preprocessing(3, "uint8", (110.0,) * 3, (60.0,) * 3, (SIDE, SIDE))
    return Predictor(maps_of, task, preprocessing)


def per_second(model, image, rounds, clock):
    model.predict(image)
    times = []
    for _ in range(rounds):
        began = clock()
        model.predict(image)
        times.append(clock() - began)
    return 1 / statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    image = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    threads = torch.get_num_threads()
    print(f"| network, 256 x 256 | code | by the clock, {threads} threads | one thread | found |")
    print("|---|---|---|---|---|")
    for name, spec in NETWORKS.items():
        for code in CODES:
            model = predictor(PoseTask(COCO, code=code), spec)
            torch.set_num_threads(threads)
            real = per_second(model, image, options.rounds, time.perf_counter)
            torch.set_num_threads(1)
            alone = per_second(model, image, options.rounds, time.process_time)
            count = len(model.predict(image))
            rates = f"{real:.0f} images/s | {alone:.0f} images/s"
            print(f"| {name} | {code} | {rates} | {count} of {PEOPLE} |", flush=True)


if __name__ == "__main__":
    main()
