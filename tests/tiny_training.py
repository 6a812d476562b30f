"""A training small enough for tests: 32 x 32 pixels, a network of some thousand weights."""

from dataclasses import replace

import numpy as np

from segmentare.annotations.segmentation import Category, Sample, Segmentation
from segmentare.datasets.augmentation import Augmentation
from segmentare.models.architecture import NetworkSpec
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import SemanticTask
from segmentare.training.batches import Batches
from segmentare.training.loop import Training
from segmentare.training.plan import LossSettings, Plan

TASK = SemanticTask(
    (Category("background", (0, 0, 0), background=True), Category("x", (255, 0, 0)))
)
PLAN = Plan(
    task=TASK,
    spec=NetworkSpec(encoder="resnet", width=0.125, depth=3, blocks=1, decoder_channels=(8, 8, 8)),
    preprocessing=Preprocessing(3, "uint8", (100.0,) * 3, (60.0,) * 3, (32, 32)),
    augmentation=Augmentation(),
    loss=LossSettings(),
    batch=2,
    steps=12,
    budget=None,
    learning_rate=2e-3,
    encoder_rate=1.0,
    weight_decay=0.02,
    warm_up=0.05,
    ema=0.9,
    validations=4,
    precision="float32",
    channels_last=True,
    seed=3,
)


def sample(seed):
    """Return a bright disk before noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    disk = np.hypot(y - rng.uniform(8, 24), x - rng.uniform(8, 24)) < rng.uniform(4, 12)
    image = rng.integers(0, 120, (32, 32, 3)) + 120 * disk[..., None]
    return Sample(image.astype(np.uint8), Segmentation(disk.astype(np.uint8)), f"disk {seed}")


def engine_of(plan, task=TASK):
    from segmentare.networks.backend import TorchEngine

    return TorchEngine(plan.spec, task.heads, plan.seed)


def network_of(plan, task=TASK):
    return engine_of(plan, task).network


def training(folder, validate=None, batches=None, make=engine_of, **changes):
    """Return a training of the plan above with some of its numbers changed.

    `make` makes its engine from the plan.
    """
    plan = replace(PLAN, **changes)
    folder.mkdir(parents=True, exist_ok=True)
    usual = Batches(
        [sample(seed) for seed in range(5)],
        TASK,
        plan.preprocessing,
        plan.augmentation,
        plan.batch,
        1,
        plan.seed,
    )
    return Training(plan, make(plan), batches or usual, validate, folder)


def weights(network):
    return {name: tensor.detach().numpy().copy() for name, tensor in network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)
