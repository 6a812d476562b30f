"""An image of 10,000 x 10,000 pixels with the same network: by MONAI's sliding window, and by ours.

    python benchmarks/peers/large.py --out large

Both read a tiled TIFF, predict windows of 256 px that share a quarter and are blended by a
Gaussian, and write a mask. Ours is `segmentare predict`; MONAI's is the plain way of its
documentation: the image as one array, `sliding_window_inference`, the mask as one array. Each runs
in a process of its own, whose peak memory is printed; one that is killed for its memory is said.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from environments import DEFAULT, ready

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

from large_image import KIBIBYTES, write_image, write_model  # noqa: E402

SOURCE = HERE.parents[1] / "src"


def measure(command: list[object], threads: int) -> str:
    """Run a program and tell its seconds and its peak memory, or how it ended."""
    words = {"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": str(threads)}
    began = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], env=os.environ | words)
    _, status, usage = os.wait4(process.pid, 0)
    told = f"{time.perf_counter() - began:.1f} s | {usage.ru_maxrss * KIBIBYTES / 1e9:.2f} GB"
    return told if not status else f"ended with status {status} | {told.split('| ')[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for images and results")
    parser.add_argument("--sizes", type=int, nargs="+", default=[4_000, 10_000])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--environments", type=Path, default=DEFAULT, help=f"({DEFAULT})")
    options = parser.parse_args()
    python = ready(options.environments.resolve(), "together")
    options.out.mkdir(parents=True, exist_ok=True)
    model = write_model(options.out / "model")
    print("| image | who | time | peak memory |\n|---|---|---|---|")
    for size in options.sizes:
        image = options.out / f"{size}.tif"
        write_image(image, size, size)
        mask = options.out / f"monai-{size}.tif"
        worker = [python, HERE / "large_worker.py", model, image, mask]
        ours = [sys.executable, "-m", "segmentare", "predict", model, image]
        ours += ["--out", options.out / f"ours-{size}", "--overwrite", "--quiet"]
        ours += ["--engine", "torch", "--precision", "float32"]
        for name, command in (("MONAI, sliding window", worker), ("segmentare predict", ours)):
            print(
                f"| {size:,} x {size:,} | {name} | {measure(command, options.threads)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
