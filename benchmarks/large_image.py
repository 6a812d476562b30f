"""How much memory and time an image of 20,000 x 20,000 pixels takes, and whether it is right.

    python benchmarks/large_image.py --out /tmp/large

It draws an image of 4,000 x 4,000 pixels and predicts it with `segmentare predict` in processes of
their own: whole, in parts, and in parts by a process that is killed and a second one that goes on.
It prints times, peak memory of the processes, and how many pixels differ. Then it draws the large
image as tiled RGB TIFF and predicts it; that prints every minute how far it is.

A model folder can be given; without one a small network with random weights is used, which takes as
long and as much memory as a trained one. If this program is killed, `--resume` goes on with the
large image where it stopped; the time that it prints is then that of the rest.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

TILE = 512
KIBIBYTES = 1 if sys.platform == "darwin" else 1024  # of what the system counts memory in


def patch() -> np.ndarray:
    """Return a picture of many soft blobs of several sizes and colors, 2048 x 2048."""
    random = np.random.default_rng(0)
    total = np.zeros((2048, 2048, 3), np.float32)
    for cells in (16, 64, 256):
        noise = random.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        total += cv2.resize(noise, (2048, 2048), interpolation=cv2.INTER_CUBIC)
    total += random.normal(0, 0.1, total.shape).astype(np.float32)
    return np.clip(128 + 40 * total, 0, 255).astype(np.uint8)


def tiles(height: int, size: int) -> Iterator[np.ndarray]:
    """Yield the tiles of an image that repeats the patch, each time a little different."""
    source = patch()
    for row in range(0, height, TILE):
        for column in range(0, size, TILE):
            y, x = (row * 3 // 2) % 1536, (column * 3 // 2) % 1536
            tile = source[y : y + TILE, x : x + TILE]
            yield np.roll(tile, (row // 2048 + column // 2048) % 3, axis=2)


def write_image(path: Path, size: int, height: int) -> None:
    """Write a tiled RGB TIFF without ever holding it, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    with tifffile.TiffWriter(temporary, bigtiff=3 * height * size > 4e9) as file:
        file.write(
            tiles(height, size),
            shape=(height, size, 3),
            dtype=np.uint8,
            tile=(TILE, TILE),
            photometric="rgb",
            compression="zlib",
            compressionargs={"level": 1},
        )
    temporary.replace(path)


def write_model(folder: Path) -> Path:
    """Write a small network with random weights that sees images at their own scale."""
    import torch

    from segmentare.annotations.segmentation import Category
    from segmentare.models.checkpoint import save_model
    from segmentare.networks.inference import to_arrays
    from segmentare.networks.network import NetworkSpec, build_network
    from segmentare.prediction.preprocessing import Preprocessing
    from segmentare.tasks import SemanticTask

    categories = (Category("ground", (0, 0, 0), background=True), Category("blob", (255, 0, 0)))
    task = SemanticTask(categories)
    torch.manual_seed(0)
    spec = NetworkSpec(encoder="resnet", width=0.25)
    network = build_network(spec, task.heads)
    preprocessing = Preprocessing(3, "uint8", (128.0,) * 3, (50.0,) * 3, (256, 256), 1.0)
    description = {
        "task": task.to_dict(),
        "network": spec.to_dict(),
        "preprocessing": preprocessing.to_dict(),
    }
    save_model(folder, description, to_arrays(network))
    return folder


def start(model: Path, image: Path, out: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start to predict in a process of its own."""
    command = [sys.executable, "-m", "segmentare", "predict", model, image]
    return subprocess.Popen([str(word) for word in (*command, "--out", out, *options)])


def predict(model: Path, image: Path, out: Path, *options: str) -> tuple[float, float]:
    """Predict in a process of its own; returns seconds and its peak memory in GB."""
    began = time.perf_counter()
    process = start(model, image, out, *options)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"The prediction must succeed; it ended with status {status}.")
    return time.perf_counter() - began, usage.ru_maxrss * KIBIBYTES / 1e9


def predict_killed(model: Path, image: Path, out: Path, *options: str) -> tuple[float, int]:
    """Predict, be killed after some parts, go on; returns seconds of the rest, and parts."""
    process, folder = start(model, image, out, *options), out / f".{image.stem}.parts"
    while len(list(folder.glob("*.npz"))) < 2 and process.poll() is None:
        time.sleep(0.01)
    if process.poll() is not None:
        raise SystemExit("The prediction ended before it could be killed; take a larger --whole.")
    process.kill()
    process.wait()
    kept = len(list(folder.glob("*.npz")))
    return predict(model, image, out, *options)[0], kept


def compare(out: Path) -> None:
    """Print how many pixels of the smaller image differ."""
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(out / "whole" / "small.png") as picture:
        whole = np.asarray(picture)
    for name in ("parts", "killed"):
        parts = tifffile.imread(out / name / "small.tif")
        differ, share = int((whole != parts).sum()), float((whole > 0).mean())
        print(
            f"pixels that differ, {name} against whole: {differ:,} of {whole.size:,} "
            f"({100 * share:.0f} % are foreground)",
            flush=True,
        )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for images and results")
    parser.add_argument("--model", type=Path, help="model folder (a small one is made)")
    parser.add_argument("--size", type=int, default=20_000, help="pixels of a side (20,000)")
    parser.add_argument("--height", type=int, help="rows, if it shall not be square")
    parser.add_argument("--whole", type=int, default=4_000, help="side of what fits into memory")
    parser.add_argument("--engine", help="that computes the model (the fastest here)")
    parser.add_argument("--resume", action="store_true", help="go on with the large image")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    model = options.model or options.out / "model"
    if not model.exists():
        write_model(model)
    more = ["--engine", options.engine] if options.engine else []
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores", flush=True)
    if not options.resume:
        for name in ("whole", "parts", "killed", "big"):
            shutil.rmtree(options.out / name, ignore_errors=True)
        small, side = options.out / "small.tif", f"{options.whole:,} px"
        write_image(small, options.whole, options.whole)
        for name, limit in (("whole", "1e9"), ("parts", "1")):
            taken = predict(model, small, options.out / name, "--large", limit, *more)
            print(f"{side}, {name}: {taken[0]:7.1f} s, peak {taken[1]:.2f} GB", flush=True)
        rest = predict_killed(model, small, options.out / "killed", "--large", "1", *more)
        print(f"{side}, killed after {rest[1]} parts: {rest[0]:7.1f} s for the rest", flush=True)
        compare(options.out)
    big, height = options.out / "big.tif", options.height or options.size
    if not (options.resume and big.exists()):
        write_image(big, options.size, height)
    seconds, memory = predict(model, big, options.out / "big", *more)
    size = f"{height:,} x {options.size:,} px"
    print(f"{size}, in parts: {seconds:7.1f} s, peak {memory:.2f} GB")


if __name__ == "__main__":
    main()
