"""Ultralytics, from outside: its program `yolo` trains YOLO11n-seg from random weights.

Nothing of it is imported (its licence is the AGPL-3.0). Masks become polygons as it wants them, and
the polygons that it answers become masks: the union of all objects found, at its own default
confidence. Its `time` ends the training; it reckons its schedule by it.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from job import (
    Job,
    mean_dice,
    read_job,
    read_mask,
    run_program,
    write_masks,
    write_result,
)

SIZE = 256


def write_dataset(job: Job, root: Path) -> Path:
    """Write images and polygons of training and validation part; returns the YAML beside them."""
    shutil.rmtree(root, ignore_errors=True)
    for part in ("train", "val"):
        for kind in ("images", "labels"):
            (root / kind / part).mkdir(parents=True)
        for image, mask in job.parts[part]:
            path = Path(image)
            shutil.copy(path, root / "images" / part / path.name)
            lines = "\n".join(polygons(read_mask(mask)))
            label = root / "labels" / part / f"{path.stem}.txt"
            label.write_text(lines, encoding="utf-8")
    text = f"path: {root}\ntrain: images/train\nval: images/val\nnames:\n  0: object\n"
    (root / "data.yaml").write_text(text, encoding="utf-8")
    return root / "data.yaml"


def polygons(mask: np.ndarray) -> list[str]:
    """Return a line for each connected part: 0 and its outline, as shares of width and height."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    height, width = mask.shape
    large = [outline[:, 0] / (width, height) for outline in outlines if len(outline) > 2]
    return [" ".join(["0", *(f"{x:.5f}" for x in outline.ravel())]) for outline in large]


def mask_of(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return the union of the polygons of a label file; none where the file is missing."""
    mask = np.zeros(shape, np.uint8)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for line in lines:
        points = np.array(line.split()[1:], float).reshape(-1, 2) * (shape[1], shape[0])
        cv2.fillPoly(mask, [points.round().astype(np.int32)], 1)
    return mask


def yolo(*words: object) -> None:
    program = Path(sys.executable).with_name("yolo")
    run_program([program, *words])


def predict(job: Job, part: str, root: Path, weights: Path) -> list[np.ndarray]:
    """Return the masks of one part."""
    pairs, listed = job.parts[part], root / f"{part}.txt"
    listed.write_text("\n".join(image for image, _ in pairs), encoding="utf-8")
    words = {"model": weights, "source": listed, "imgsz": SIZE, "device": "cpu", "name": part}
    words |= {"save": False, "save_txt": True, "project": root, "exist_ok": True}
    yolo("segment", "predict", *(f"{key}={value}" for key, value in words.items()))
    labels = root / part / "labels"
    return [mask_of(labels / f"{Path(i).stem}.txt", read_mask(m).shape) for i, m in pairs]


def main() -> None:
    job = read_job()
    root, seconds = job.out / "ultralytics", job.at[-1]
    os.environ["YOLO_CONFIG_DIR"] = str(job.out)
    os.environ["YOLO_OFFLINE"] = "true"
    data = write_dataset(job, root)
    began = time.perf_counter()
    words = {"model": "yolo11n-seg.yaml", "data": data, "imgsz": SIZE, "time": seconds / 3600}
    words |= {"batch": 16, "device": "cpu", "seed": job.seed, "pretrained": False, "workers": 0}
    words |= {"project": root, "name": "run", "exist_ok": True, "plots": False}
    yolo("segment", "train", *(f"{key}={value}" for key, value in words.items()))
    spent = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6 * 1.024
    with (root / "run" / "results.csv").open(encoding="utf-8", newline="") as file:
        rounds = len(list(csv.DictReader(file)))
    seen = rounds * len(job.parts["train"])
    masks = {p: predict(job, p, root, root / "run/weights/best.pt") for p in ("val", "test")}
    write_masks(masks["test"], job.parts["test"], job.out / f"at-{seconds:g}")
    score = mean_dice(masks["val"], job.parts["val"])
    point = {"seconds": round(spent, 2), "seen": seen, "val_dice": score}
    facts = {
        "package": "ultralytics",
        "version": version("ultralytics"),
        "torch": version("torch"),
        "start": "random",
        "images_per_second": round(seen / spent, 2),
    }
    path = job.out / f"at-{seconds:g}.json"
    write_result(job.out, path, facts | point, [point])
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(told | {"peak_memory_gb": round(peak, 2)}), encoding="utf-8")


if __name__ == "__main__":
    main()
