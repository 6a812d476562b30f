"""Make the starting weights that ship in `src/segmentare/weights/`.

One U-Net with a head per source learns several kinds of pictures at once: drawn lesions, persons,
everyday objects, nuclei and vessels. The encoder and the decoder are kept; the heads are not.
The sets that the benchmarks test on (PH2, person_ccp, blood_cells_wbc, retina_drive, camvid) are
left out entirely, so scores on them stay honest.

    python benchmarks/starting_weights.py --data ../shared/data --minutes 50 --threads 1
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch

from segmentare.annotations import UNLABELED, Category, Sample, Segmentation
from segmentare.architecture import NetworkSpec
from segmentare.atomic import write_bytes, write_json
from segmentare.batches import Batches, prepare
from segmentare.datasets.augmentation import Augmentation
from segmentare.datasets.fingerprints import fingerprint
from segmentare.datasets.synthetic import SyntheticLesions
from segmentare.networks.network import build_network
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import Head, Semantic
from segmentare.training.losses import LOSSES, LossSettings
from segmentare.training.state import decay_at
from segmentare.training.torch_engine import Ema

SIZE = (192, 256)
MEAN, STD = (123.7, 116.3, 103.5), (58.4, 57.1, 57.4)
SHARES = {"lesion": 0.3, "coco": 0.3, "person": 0.2, "nuclei": 0.1, "vessel": 0.1}
UPRIGHT = Augmentation(rotation=15, mirror_y=0.0, corners=0.0)


def categories(count: int) -> tuple[Category, ...]:
    background = Category("background", (0, 0, 0), background=True)
    return (background, *(Category(str(i), (i, 0, 0)) for i in range(1, count + 1)))


def rgb(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def lesions(count: int) -> Iterable[Sample]:
    drawn = SyntheticLesions(count, seed=1)
    return (drawn[i] for i in range(count))


def persons(data: Path) -> Iterable[Sample]:
    for path in sorted((data / "person_portraits/Training_Images").glob("*.jpg")):
        mask = cv2.imread(str(data / "person_portraits/Ground_Truth" / f"{path.stem}.png"), 0)
        yield Sample(rgb(path), Segmentation((mask > 127).astype(np.uint8)), path.stem)


def nuclei(data: Path) -> Iterable[Sample]:
    for path in sorted((data / "nuclei_dsb2018/images").glob("*.png")):
        ids = cv2.imread(str(data / "nuclei_dsb2018/masks" / path.name), cv2.IMREAD_UNCHANGED)
        yield Sample(rgb(path), Segmentation((ids > 0).astype(np.uint8)), path.stem)


def vessels(data: Path) -> Iterable[Sample]:
    for path in sorted((data / "retina_chasedb1").glob("*.jpg")):
        mask = cv2.imread(str(path.with_name(f"{path.stem}_1stHO.png")), 0)
        yield Sample(rgb(path), Segmentation((mask > 0).astype(np.uint8)), path.stem)


def coco(data: Path) -> Iterable[Sample]:
    """Objects of 80 categories, larger ones below smaller ones; crowds are unlabeled."""
    for part in ("train2017", "val2017"):
        facts = json.loads((data / f"coco_mini/annotations/instances_{part}.json").read_text())
        number = {c["id"]: i + 1 for i, c in enumerate(facts["categories"])}
        for row in facts["images"]:
            image = rgb(data / "coco_mini" / part / row["file_name"])
            found = [a for a in facts["annotations"] if a["image_id"] == row["id"]]
            mask = np.zeros(image.shape[:2], np.uint8)
            for item in sorted(found, key=lambda a: (-a["iscrowd"], -a["area"])):
                if item["iscrowd"]:
                    x, y, width, height = (int(v) for v in item["bbox"])
                    mask[y : y + height, x : x + width] = UNLABELED
                    continue
                corners = [np.reshape(part, (-1, 2)) for part in item["segmentation"]]
                outlines = [np.round(points).astype(int) for points in corners]
                cv2.fillPoly(mask, outlines, number[item["category_id"]])
            yield Sample(image, Segmentation(mask), str(row["id"]))
    for path in sorted((data / "coco128-seg/images/train2017").glob("*.jpg")):
        image = rgb(path)
        labels = data / "coco128-seg/labels/train2017" / f"{path.stem}.txt"
        mask = np.zeros(image.shape[:2], np.uint8)
        text = labels.read_text() if labels.is_file() else ""
        rows = [line.split() for line in text.splitlines()]
        shapes = [(int(r[0]), np.reshape(np.array(r[1:], float), (-1, 2))) for r in rows]
        for index, points in sorted(shapes, key=lambda s: -np.ptp(s[1], axis=0).prod()):
            corners = np.round(points * image.shape[1::-1]).astype(int)
            cv2.fillPoly(mask, [corners], index + 1)
        yield Sample(image, Segmentation(mask), path.stem)


def contents(data: Path) -> list[str]:
    """Return what recognizes the real pictures, so that nobody takes a score on them for one."""
    real = (*coco(data), *persons(data), *nuclei(data), *vessels(data))
    return sorted(fingerprint(sample.image).exact for sample in real)


def sources(data: Path, drawn: int, seed: int) -> dict[str, Batches]:
    fit = Preprocessing(3, "uint8", MEAN, STD, SIZE)
    native = Preprocessing(3, "uint8", MEAN, STD, SIZE, scale=1.0)
    half = Preprocessing(3, "uint8", MEAN, STD, SIZE, scale=0.6)
    free = Augmentation()
    plans = {
        "lesion": (lesions(drawn), categories(1), fit, free),
        "coco": (coco(data), categories(80), fit, UPRIGHT),
        "person": (persons(data), categories(1), fit, UPRIGHT),
        "nuclei": (nuclei(data), categories(1), native, free),
        "vessel": (vessels(data), categories(1), half, free),
    }
    return {
        name: Batches([prepare(s, fit) for s in samples], Semantic(kinds), fit, change, 8, 1, seed)
        for name, (samples, kinds, fit, change) in plans.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--drawn", type=int, default=2500)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=Path("src/segmentare/weights"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = sources(options.data, options.drawn, seed=0)
    facts = {
        "images": {name: len(batches.samples) for name, batches in data.items()},
        "seen": contents(options.data),
    }
    counts = facts["images"]
    print("images:", counts, flush=True)
    heads = tuple(
        Head(name, b.task.heads[0].channels, b.task.heads[0].kind) for name, b in data.items()
    )
    spec = NetworkSpec(width=options.width)
    network = build_network(spec, heads).to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02, foreach=True)
    ema = Ema(network)
    rng = np.random.default_rng(0)
    taken, losses = dict.fromkeys(data, 0), {name: [] for name in data}
    began, step, shown = time.time(), 0, 0
    while (progress := (time.time() - began) / (60 * options.minutes)) < 1:
        name = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        images, targets = data[name][taken[name]]
        taken[name] += 1
        rate = 2e-3 * min(1, (step + 1) / 100) * (0.5 + 0.5 * np.cos(np.pi * progress))
        for group in optimizer.param_groups:
            group["lr"] = rate
        tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)
        (target,) = targets.values()
        coarse = 2 if name == "coco" else 1  # 81 maps at full size would cost a third of the step
        with torch.autocast(device, torch.bfloat16):
            features = network.decoder(network.encoder(tensor))[..., ::coarse, ::coarse]
            logits = network.heads[name](features)
        goal = torch.from_numpy(target)[..., ::coarse, ::coarse].to(device)
        kind = data[name].task.heads[0].kind
        loss = LOSSES[kind](logits.float(), goal, LossSettings())
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
            save(options.out, spec, ema, {**facts, "batches_of_8": taken, "steps": step})
    save(options.out, spec, ema, {**facts, "batches_of_8": taken, "steps": step})


def save(folder: Path, spec: NetworkSpec, ema: Ema, facts: dict) -> None:
    from safetensors.numpy import save as encode

    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        name: tensor.cpu().numpy().astype(np.float16)
        for name, tensor in ema.tensors().items()
        if not name.startswith("heads.")
    }
    write_bytes(folder / "start.safetensors", encode(arrays))
    card = {
        "network": spec.to_dict(),
        "size": list(SIZE),
        **facts,
        "left_out": ["ph2", "person_ccp", "blood_cells_wbc", "retina_drive", "camvid"],
        "made_by": "benchmarks/starting_weights.py",
    }
    write_json(folder / "start.json", card)


if __name__ == "__main__":
    main()
