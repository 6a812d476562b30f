"""What `speed.py` runs in the environment that holds smp and ours."""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import segmentation_models_pytorch as smp
import torch
from textbook import IMAGENET, Recipe, bce_dice, mirrored, normalized
from torch import Tensor, nn

from segmentare.annotations.segmentation import Category
from segmentare.datasets import open_dataset
from segmentare.models.architecture import NetworkSpec
from segmentare.networks.backend import TorchEngine
from segmentare.networks.decoders import textbook
from segmentare.networks.inference import fuse, maps_function
from segmentare.networks.network import build_network
from segmentare.tasks import TASKS
from segmentare.training.batches import Batches, prepare
from segmentare.training.planning import make_plan, time_plan
from segmentare.training.request import PlanRequest

SIZE, BATCH, WARM = 256, 8, 2
Turn = Callable[[int], None]


def textbook_step(network: nn.Module, images: Tensor, masks: Tensor) -> Turn:
    """Return one step of the textbook's loop on images and masks of uint8."""
    recipe = Recipe("", lambda: network, bce_dice, normalize=IMAGENET)
    optimizer = torch.optim.Adam(network.train().parameters(), lr=1e-3)

    def step(_: int) -> None:
        chosen = torch.randperm(len(images))[:BATCH]
        some, truth = mirrored(images[chosen], masks[chosen])
        answer = network(normalized(some, recipe))
        logits = answer["object"] if isinstance(answer, dict) else answer
        loss = bce_dice(logits, truth.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def our_step(engine: TorchEngine, batches: Batches, rate: float) -> Turn:
    """Return one step of our loop: augmented batch, step, averaged weights."""

    def step(number: int) -> None:
        engine.mean([engine.step(engine.load(batches[number]), rate)])
        engine.average(0.98)

    return step


def take_turns(ways: dict[str, Turn], rounds: int) -> dict[str, float]:
    """Return the median seconds of each way; all take turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + WARM):
        for name, turn in ways.items():
            began = time.perf_counter()
            turn(number)
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values[WARM:]) for name, values in times.items()}


def size_of(network: nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in network.parameters()) / 1e6:.1f} M"


def training(data: Path, rounds: int) -> None:
    """Print the training table."""
    dataset = open_dataset(data)
    samples = [dataset[i] for i in range(min(40, len(dataset)))]
    task = TASKS["semantic"].from_categories(dataset.categories, None)
    request = PlanRequest(steps=1000, size=(SIZE, SIZE), batch=BATCH)
    plan = make_plan(samples, len(samples), task, request)
    engine = TorchEngine(plan.spec, task.heads, 0)
    ready = [prepare(sample, plan.preprocessing) for sample in samples]
    shape = (plan.batch, plan.spec.stride, plan.seed)
    batches = Batches(ready, task, plan.preprocessing, plan.augmentation, *shape)
    plan = replace(time_plan(plan, batches, engine, 0.0), start="")
    same = textbook(build_network(plan.spec, task.heads))
    theirs = smp.Unet("resnet18", encoder_weights=None, classes=1)
    images = torch.randint(0, 255, (len(samples), 3, SIZE, SIZE), dtype=torch.uint8)
    masks = (images[:, :1] > 127).to(torch.uint8)
    engine.begin(plan)
    smp_way = f"smp U-Net + ResNet-18 ({size_of(theirs)}), textbook's loop"
    same_way = f"our network ({size_of(same)}), textbook's loop"
    our_way = f"our network ({size_of(same)}), our loop, {plan.precision}"
    ways = {
        smp_way: textbook_step(theirs, images, masks),
        same_way: textbook_step(same, images, masks),
        our_way: our_step(engine, batches, plan.learning_rate),
    }
    times = take_turns(ways, rounds)
    print(f"| training, {SIZE} px, batch {BATCH} | images/s | over smp | over the same network |")
    print("|---|---|---|---|")
    for name, seconds in times.items():
        over = f"{times[smp_way] / seconds:.2f}x | {times[same_way] / seconds:.2f}x"
        print(f"| {name} | {BATCH / seconds:.1f} | {over} |", flush=True)


def prediction(rounds: int) -> None:
    """Print the prediction table: networks alone, one image at a time, float32."""
    heads = TASKS["semantic"].from_categories(_two(), None).heads
    theirs = smp.Unet("resnet18", encoder_weights=None, classes=1).eval()
    same = build_network(NetworkSpec(), heads).eval()
    maps_of = maps_function(fuse(same), heads)
    textbook(same)
    print("\n| prediction, float32, batch 1 | 256 px | 512 px |\n|---|---|---|")
    cells: dict[str, list[str]] = {}
    for size in (256, 512):
        image = torch.randn(1, 3, size, size)
        array = image.permute(0, 2, 3, 1).contiguous().numpy()
        ways = {
            "smp U-Net + ResNet-18, eager": eager(theirs, image),
            "our network, eager": eager(same, image),
            "our network, prepared (PyTorch)": lambda _, array=array: maps_of(array),
        }
        for name, seconds in take_turns(ways, 3 * rounds).items():
            cells.setdefault(name, []).append(f"{1 / seconds:.1f} images/s")
    for name, values in cells.items():
        print(f"| {name} | {' | '.join(values)} |")


def eager(network: nn.Module, image: Tensor) -> Turn:
    def turn(_: int) -> None:
        with torch.inference_mode():
            network(image)

    return turn


def _two() -> tuple[Category, ...]:
    return (Category("ground", (0, 0, 0), background=True), Category("object", (255, 0, 0)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    torch.manual_seed(0)
    training(options.data, options.rounds)
    prediction(options.rounds)
    print(
        f"\n{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, ",
        end="",
    )
    print(f"PyTorch {torch.__version__}, smp {smp.__version__}")


if __name__ == "__main__":
    main()
