"""The textbook's training loop in PyTorch, as most of the peers' programs use it.

It runs in the environments of the peers and needs NumPy, Pillow and PyTorch only.

The clock runs while images are read and steps are taken. It stands still during predictions: to
validate costs a peer nothing, though ours pays for it. The rate is constant, so one training serves
all wall times: at each of them the test images are predicted twice, with the weights that did best
on the validation images so far and with the last ones.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from job import Clock, Job, mean_dice, read_job, read_mask, write_masks, write_result
from PIL import Image, ImageOps
from torch import Tensor, nn

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PREDICTED = 8  # images that are predicted at once


@dataclass(frozen=True)
class Recipe:
    """How a textbook trains.

    Attributes:
        package: Whose version stands in the result.
        network: Makes the network, once the seed is set.
        logits: The maps of a batch, (N, 1, H, W), from network and images.
        loss: Of these maps and the true masks, float 0 or 1 of the same shape.
        start: What the weights were at first, in words.
        batch: Images per step.
        rate: Of Adam, constant.
        size: Side that all images are resized to, in pixels.
        flips: Mirror images at random, as a textbook's only augmentation.
        probability: From the maps to probabilities.
        normalize: Mean and spread of each channel, of values in 0 to 1.
    """

    package: str
    network: Callable[[], nn.Module]
    loss: Callable[[Tensor, Tensor], Tensor]
    logits: Callable[[nn.Module, Tensor], Tensor] = lambda network, images: network(images)
    start: str = "random"
    batch: int = 8
    rate: float = 1e-3
    size: int = 256
    flips: bool = True
    probability: Callable[[Tensor], Tensor] = torch.sigmoid
    normalize: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET


def begin() -> Job:
    """Read the command line, and tell PyTorch its seed and its threads."""
    job = read_job()
    torch.set_num_threads(job.words.threads)
    torch.manual_seed(job.seed)
    return job


def read_images(pairs: list[tuple[str, str]], size: int) -> Tensor:
    """Return images as uint8 (N, 3, size, size)."""
    return torch.stack([read_image(image, size) for image, _ in pairs])


def read_image(path: str, size: int) -> Tensor:
    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file).convert("RGB").resize((size, size), Image.BILINEAR)
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).contiguous()


def read_masks(pairs: list[tuple[str, str]], size: int) -> Tensor:
    """Return masks as uint8 (N, 1, size, size) of 0 and 1."""
    return torch.stack([torch.from_numpy(read_mask(mask, size))[None] for _, mask in pairs])


def normalized(images: Tensor, recipe: Recipe) -> Tensor:
    mean, spread = (torch.tensor(values)[:, None, None] for values in recipe.normalize)
    return (images.float() / 255 - mean) / spread


def mirrored(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror each image with its mask left and right, and up and down, each by chance."""
    images, masks = images.clone(), masks.clone()
    for axis in (1, 2):
        for i in np.flatnonzero(torch.rand(len(images)).numpy() < 0.5):
            images[i], masks[i] = images[i].flip(axis), masks[i].flip(axis)
    return images, masks


def predict(network: nn.Module, images: Tensor, recipe: Recipe) -> Tensor:
    """Return probabilities, float32 (N, 1, size, size)."""
    network.eval()
    with torch.no_grad():
        parts = [
            recipe.probability(recipe.logits(network, normalized(some, recipe)))
            for some in images.split(PREDICTED)
        ]
    network.train()
    return torch.cat(parts)


def at_own_size(probability: Tensor, pairs: list[tuple[str, str]]) -> list[np.ndarray]:
    """Return masks of 0 and 1 at the images' own sizes."""
    masks = []
    for one, (_, path) in zip(probability, pairs, strict=True):
        size = read_mask(path).shape
        large = nn.functional.interpolate(one[None], size, mode="bilinear", align_corners=False)
        masks.append((large[0, 0] > 0.5).numpy().astype(np.uint8))
    return masks


def batches(count: int, size: int) -> Iterator[Tensor]:
    """Yield the numbers of shuffled images for ever, without a rest at the end of a round."""
    while True:
        yield from torch.randperm(count)[: count // size * size].split(size)


def train(recipe: Recipe, job: Job) -> None:
    """Train by the textbook, predict at every wall time, and write what came out."""
    clock = Clock()
    pairs = job.parts["train"]
    images, masks = read_images(pairs, recipe.size), read_masks(pairs, recipe.size)
    network = recipe.network().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.rate)
    with clock.pause():
        others = {part: read_images(job.parts[part], recipe.size) for part in ("val", "test")}
    best, weights = -1.0, copy.deepcopy(network.state_dict())
    curve, marks, seen, stepping = [], list(job.at), 0, 0.0
    look = job.every
    for chosen in batches(len(images), recipe.batch):
        began = time.perf_counter()
        some, truth = images[chosen], masks[chosen]
        if recipe.flips:
            some, truth = mirrored(some, truth)
        loss = recipe.loss(recipe.logits(network, normalized(some, recipe)), truth.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen, stepping = seen + len(chosen), stepping + time.perf_counter() - began
        seconds = clock.seconds()
        if seconds < min(look, marks[0]):
            continue
        with clock.pause():
            found = at_own_size(predict(network, others["val"], recipe), job.parts["val"])
            score = mean_dice(found, job.parts["val"])
            curve.append({"seconds": round(seconds, 2), "seen": seen, "val_dice": score})
            if score > best:
                best, weights = score, copy.deepcopy(network.state_dict())
            look = seconds + job.every
            if seconds >= marks[0]:
                write_both(network, weights, others["test"], recipe, job, marks[0])
                facts = facts_of(recipe.package, network, seen, stepping)
                facts |= {"start": recipe.start, "batch": recipe.batch, "size": recipe.size}
                at = {"seconds": round(seconds, 2), "seen": seen, "val_dice": best}
                write_result(job.out, job.out / f"at-{marks.pop(0):g}.json", facts | at, curve)
        if not marks:
            return


def write_both(
    network: nn.Module, best: dict, images: Tensor, recipe: Recipe, job: Job, mark: float
) -> None:
    """Write the test masks of the last and of the best weights."""
    last, pairs = copy.deepcopy(network.state_dict()), job.parts["test"]
    for name, weights in (("last", last), ("at", best)):
        network.load_state_dict(weights)
        found = at_own_size(predict(network, images, recipe), pairs)
        write_masks(found, pairs, job.out / f"{name}-{mark:g}")
    network.load_state_dict(last)


def facts_of(package: str, network: nn.Module, seen: int, stepping: float) -> dict[str, Any]:
    """Return what is told of every peer: `seen` images went through steps of so many seconds."""
    return {
        "package": package,
        "version": version(package),
        "torch": torch.__version__,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "start": "random",
        "images_per_second": round(seen / stepping, 2),
    }


def bce_dice(logits: Tensor, truth: Tensor) -> Tensor:
    """Return binary cross-entropy plus soft Dice loss, the latter over the whole batch."""
    cross = nn.functional.binary_cross_entropy_with_logits(logits, truth)
    probability = torch.sigmoid(logits)
    both = (probability * truth).sum()
    return cross + 1 - 2 * both / (probability.sum() + truth.sum()).clamp_min(1e-7)
