"""What the peers' programs share, whatever framework they use: the job, the clock, the files.

It runs in the environments of the peers and needs NumPy and Pillow only.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


@dataclass
class Clock:
    """Seconds of work, without those that were spent inside `pause`."""

    paused: float = 0.0
    began: float = field(default_factory=time.perf_counter)

    def seconds(self) -> float:
        return time.perf_counter() - self.began - self.paused

    @contextmanager
    def pause(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.paused += time.perf_counter() - began


@dataclass(frozen=True)
class Job:
    """What a peer's program is asked for.

    Attributes:
        parts: Pairs of an image file and its mask file, by "train", "val" and "test".
        at: Seconds of work after which the test images are predicted; the last one ends the work.
        every: Seconds of work between two looks at the validation images.
        seed: Of weights and batches.
        out: Folder for `at-SECONDS/`, `last-SECONDS/` and `result.json`.
        words: What else stood on the command line.
    """

    parts: dict[str, list[tuple[str, str]]]
    at: tuple[float, ...]
    every: float
    seed: int
    out: Path
    words: argparse.Namespace


def read_job() -> Job:
    """Read the command line that every peer's program understands, and set the seed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", type=Path, required=True, help="JSON with the files of each part")
    parser.add_argument("--at", type=float, nargs="+", required=True, help="seconds")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between validations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--variant", default="", help="which of the peer's networks")
    words = parser.parse_args()
    random.seed(words.seed)
    np.random.seed(words.seed)  # noqa: NPY002  what the peers' packages draw from
    words.out.mkdir(parents=True, exist_ok=True)
    parts = json.loads(words.job.read_text(encoding="utf-8"))["parts"]
    return Job(parts, tuple(sorted(words.at)), words.every, words.seed, words.out, words)


def read_mask(path: str, size: int | None = None) -> np.ndarray:
    """Return a mask as uint8 (H, W) of 0 and 1."""
    with Image.open(path) as file:
        gray = file.convert("L")
        mask = gray if size is None else gray.resize((size, size), Image.NEAREST)
    return (np.asarray(mask) > 127).astype(np.uint8)


def read_rgb(path: str) -> np.ndarray:
    """Return an image as uint8 (H, W, 3)."""
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"))


def read_gray(path: str) -> np.ndarray:
    """Return an image as uint8 (H, W)."""
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB").convert("L"))


def read_ids(path: str) -> np.ndarray:
    """Return a map of objects, int32 (H, W), 0 where there is none."""
    with Image.open(path) as file:
        return np.asarray(file).astype(np.int32)


def write_ids(ids: np.ndarray, image: str, folder: Path) -> None:
    """Write a map of objects as 16-bit PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(ids.astype(np.uint16)).save(folder / f"{Path(image).stem}.ids.png")


def mean_dice(masks: list[np.ndarray], pairs: list[tuple[str, str]]) -> float:
    """Return the mean over images of Dice, to choose weights by; the driver scores anew."""
    scores = []
    for mask, (_, path) in zip(masks, pairs, strict=True):
        truth = read_mask(path)
        total = int(mask.sum()) + int(truth.sum())
        scores.append(2 * int((mask & truth).sum()) / total if total else 1.0)
    return float(np.mean(scores))


def write_masks(masks: list[np.ndarray], pairs: list[tuple[str, str]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for mask, (image, _) in zip(masks, pairs, strict=True):
        Image.fromarray(mask * 255).save(folder / f"{Path(image).stem}.png")


def write_result(out: Path, path: Path, facts: dict[str, Any], curve: list[dict]) -> None:
    """Write what is known at one wall time; memory is that of this process so far."""
    kibibytes = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kibibytes / 1e9
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(facts | {"peak_memory_gb": round(peak, 2), "curve": curve})
    path.write_text(text, encoding="utf-8")


def run_program(words: list[Any]) -> None:
    """Run a program of the peer; where it fails this one ends too, so that its words are last."""
    done = subprocess.run([str(word) for word in words], check=False)
    if done.returncode:
        sys.exit(done.returncode)
