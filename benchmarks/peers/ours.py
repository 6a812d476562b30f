"""Ours, run as a user runs it: `segmentare train`, then `segmentare predict` on the test images.

Each wall time is a training of its own, since the schedule knows its budget. The budget holds all
that the user waits for before the model is written: reading and checking the images, timing the
machine, validating, tuning.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peers import Peer
from processes import run_process

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
COMMAND = (sys.executable, "-m", "segmentare")
START = 900  # seconds for start, test score and report beside the budget


def run(
    peer: Peer, seconds: list[float], seed: int, out: Path, options: argparse.Namespace
) -> dict[float, dict[str, Any]]:
    """Train once for every wall time; returns facts by wall time, without scores.

    Args:
        peer: Whose options are added.
        seconds: The wall times.
        seed: Of weights and batches; the split is the one beside `out`.
        out: Folder for runs and masks.
        options: `data`, `task` and `threads`.

    Raises:
        Failure: A command failed.
    """
    words = {"OMP_NUM_THREADS": str(options.threads), "PYTHONPATH": str(SOURCE)}
    words |= {"HF_HUB_OFFLINE": "1"}
    images = [
        image for image, _ in json.loads((out.parent / "job.json").read_text())["parts"]["test"]
    ]
    size = installed()
    found = {}
    for mark in seconds:
        folder = out / f"run-{mark:g}"
        train = [*COMMAND, "train", options.data, "--out", folder, "--overwrite", "--quiet"]
        train += ["--budget", f"{mark:g}s", "--seed", seed, "--split", out.parent / "split.json"]
        train += ["--task", options.task]
        run_process([*train, *peer.options], out / f"train-{mark:g}.txt", words, 3 * mark + START)
        predict = [*COMMAND, "predict", folder, *images, "--out", out / f"at-{mark:g}", "--quiet"]
        predict += ["--overwrite", "--engine", "torch", "--precision", "float32"]
        run_process(predict, out / f"predict-{mark:g}.txt", words, START)
        found[mark] = facts_of(folder) | size
    return found


def facts_of(folder: Path) -> dict[str, Any]:
    """Read what a run says of itself."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    seen = run["steps"] * plan["batch"]
    steps = sum(run["clock"].get(what, 0.0) for what in ("data", "step", "average"))
    with (folder / "log.csv").open(encoding="utf-8", newline="") as file:
        curve = [
            {
                "seconds": float(row["seconds"]),
                "seen": int(row["step"]) * plan["batch"],
                "val_dice": float(row["val_dice"]),
            }
            for row in csv.DictReader(file)
            if row.get("val_dice")  # objects have another score
        ]
    return {
        "package": "segmentare",
        "version": version("segmentare"),
        "torch": run["machine"].get("torch"),
        "start": plan["start"] or "random",
        "batch": plan["batch"],
        "size": plan["preprocessing"]["size"],
        "precision": plan["precision"],
        "images_per_second": round(seen / steps, 2),
        "seconds": run["seconds"],
        "seen": seen,
        "peak_memory_gb": run["peak_memory_gb"],
        "curve": curve,
    }


def installed() -> dict[str, Any]:
    """Return how much `segmentare[torch]` takes on disk."""
    command = [sys.executable, str(HERE / "installed.py"), "segmentare[torch]"]
    facts = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {key: facts[key] for key in ("install_mb", "without_torch_mb")}
