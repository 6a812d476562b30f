"""Cellpose 3: its own network (6.6 M parameters), random weights, its own training function.

Its schedule of 100 rounds (the rate rises over the first ten) ends when the wall time is over.
Images are gray, as it wants them; objects are sought at the mean diameter of the training objects.
Cellpose 4 is another network, of 300 M parameters, which starts from weights that must be fetched.
"""

from __future__ import annotations

import time
from contextlib import suppress

import numpy as np
import torch
from cellpose import models, train
from job import Clock, Job, read_gray, read_ids, write_ids, write_result
from textbook import begin, facts_of

ROUNDS = 100


class TimeUp(Exception):  # noqa: N818  no error: how a training function is left
    """The wall time is over."""


def train_for(seconds: float, job: Job, clock: Clock) -> tuple[models.CellposeModel, int, float]:
    """Train until the time is over; returns the model, images seen, and the seconds of steps."""
    model = models.CellposeModel(gpu=False, pretrained_model=False)
    forward, seen, began = model.net.forward, 0, 0.0

    def watched(images: torch.Tensor) -> object:
        nonlocal seen, began
        began = began or time.perf_counter()
        if clock.seconds() >= seconds:
            raise TimeUp
        seen += len(images)
        return forward(images)

    model.net.forward = watched
    pairs = job.parts["train"]
    images = [read_gray(image) for image, _ in pairs]
    labels = [read_ids(mask) for _, mask in pairs]
    with suppress(TimeUp):
        train.train_seg(
            model.net,
            train_data=images,
            train_labels=labels,
            channels=[0, 0],
            n_epochs=ROUNDS,
            min_train_masks=1,
            save_path=str(job.out),
        )
    del model.net.forward  # the class's own again
    return model, seen, time.perf_counter() - began


def main() -> None:
    job = begin()
    clock, seconds = Clock(), job.at[-1]
    model, seen, stepping = train_for(seconds, job, clock)
    spent = clock.seconds()
    facts = facts_of("cellpose", model.net, seen, stepping)  # before its prediction repacks it
    facts |= {"seconds": round(spent, 2), "seen": seen}
    model.net.eval()
    diameter = float(model.net.diam_labels.item())
    for image, _ in job.parts["test"]:
        found = model.eval(read_gray(image), channels=[0, 0], diameter=diameter)[0]
        write_ids(np.asarray(found), image, job.out / f"at-{seconds:g}")
    write_result(job.out, job.out / f"at-{seconds:g}.json", facts, [])


if __name__ == "__main__":
    main()
