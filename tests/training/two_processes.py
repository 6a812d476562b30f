"""Some steps of tiny trainings, run by `test_processes` in one process and, as here, in two."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from tiny_training import PLAN, engine_of, sample

from segmentare.annotations import UNLABELED, Category, Segmentation
from segmentare.batches import Batches
from segmentare.tasks import Instance, Semantic
from segmentare.training.loop import Training
from segmentare.training.torch_processes import together

ONE = (Category("background", (0, 0, 0), background=True), Category("x", (255, 0, 0)))
MANY = (*ONE, Category("y", (0, 255, 0)), Category("z", (0, 0, 255)))
THINGS = (ONE[0], replace(ONE[1], thing=True))

CASES = {
    "binary": Semantic(ONE),
    "classes": Semantic(MANY),
    "vectors": Instance(THINGS),
    "unknown": Semantic(MANY),
}


def samples(case):
    """Return pictures whose halves of a batch differ in what is there, and in what is known."""
    for seed in range(6):
        shown = sample(seed)
        category = shown.annotation.category.copy()
        if len(CASES[case].categories) > 2:
            category[: 4 * seed][category[: 4 * seed] > 0] = 2 + seed % 2
        if case == "unknown":
            category[:, : 5 * seed] = UNLABELED
        instance = (category == 1).astype(np.int32) if case == "vectors" else None
        yield replace(shown, annotation=Segmentation(category, instance))


def train(case, processes, folder):
    """Take three steps with batches of four; save where the weights ended, and the last gradient.

    The rate is low, for Adam's first steps are as long for a gradient of rounding as for any.
    """
    folder.mkdir(parents=True, exist_ok=True)
    task = CASES[case]
    plan = replace(PLAN, task=task, batch=4, steps=3, warm_up=0.0, learning_rate=2e-4)
    engine = engine_of(plan, task)
    network = engine.network
    batches = Batches(
        list(samples(case)), task, plan.preprocessing, plan.augmentation, 4, plan.spec.stride, 3
    )
    before = {name: t.detach().numpy().copy() for name, t in network.state_dict().items()}
    scores = iter([0.3, 0.9, 0.5])
    training = Training(plan, engine, batches, lambda _: next(scores), folder)
    training.processes = processes
    processes.lead(engine)
    losses = [event.loss for event in training.run()]
    after = {name: t.detach().numpy() for name, t in network.state_dict().items()}
    moved = {f"moved.{name}": abs(after[name] - before[name]).max() for name in after}
    gradients = {f"gradient.{n}": p.grad.numpy() for n, p in network.named_parameters()}
    if processes.first:
        best = {f"best.{name}": array for name, array in training.best.items()}
        np.savez(folder / "end.npz", losses=losses, **after, **best, **moved, **gradients)


if __name__ == "__main__":
    with together(None, "none") as among:
        for name in CASES:
            train(name, among, Path(sys.argv[1]) / f"{name}_two")
        among.leave()
