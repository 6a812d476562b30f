"""Training and prediction of the same network by the textbook's loop and by ours, turn by turn.

    python benchmarks/peers/speed.py --data ../shared/data/ph2

It makes one environment that holds smp and what ours needs, so that all run in one process, on one
PyTorch, and prints images a second and ratios. Training: smp's U-Net with ResNet-18 in the
textbook's loop (float32, Adam, BCE + Dice, mirrors), our network in that very loop, and our network
in our loop (as the plan chooses it here, with our augmentation and averaged weights). Prediction:
the network alone, one image at a time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

from environments import DEFAULT, ready

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with one kind of object")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--environments", type=Path, default=DEFAULT, help=f"({DEFAULT})")
    options = parser.parse_args()
    python = ready(options.environments.resolve(), "together")
    words = {"PYTHONPATH": str(HERE.parents[1] / "src"), "HF_HUB_OFFLINE": "1"}
    words |= {"OMP_NUM_THREADS": str(options.threads)}
    command = [str(python), str(HERE / "speed_worker.py")]
    command += ["--data", str(options.data), "--rounds", str(options.rounds)]
    subprocess.run(command, env=os.environ | words, check=True)


if __name__ == "__main__":
    main()
