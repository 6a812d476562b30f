"""Training throughput of two processes with one thread each against one process with two threads.

    python benchmarks/two_processes.py

Same network, global batch, images, augmentation and steps. The two ways take turns, each in fresh
processes, and the medians over the rounds are compared. Images/s count everything in the loop:
data, step, gradients on their way, averaged weights; the first ten steps are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

LEFT_OUT = 10  # steps until the loop says something for the first time
WAYS = {"1 process x 2 threads": (1, 2), "2 processes x 1 thread": (2, 1)}


def train(options: argparse.Namespace) -> None:
    """Train in this process, with others if `torchrun` started them, and print images/s."""
    from segmentare.annotations import Category
    from segmentare.architecture import NetworkSpec
    from segmentare.batches import Batches
    from segmentare.datasets.augmentation import Augmentation
    from segmentare.datasets.synthetic import draw_lesion
    from segmentare.plan import LossSettings, Plan
    from segmentare.prediction.preprocessing import Preprocessing
    from segmentare.tasks import Semantic
    from segmentare.training.loop import Training
    from segmentare.training.torch_engine import TorchEngine, precisions
    from segmentare.training.torch_processes import together

    background = Category("background", (0, 0, 0), background=True)
    task = Semantic((background, Category("lesion", (255, 0, 0))))
    size = (options.size[0], options.size[1])
    plan = Plan(
        task=task,
        spec=NetworkSpec(),
        preprocessing=Preprocessing(3, "uint8", (120.0,) * 3, (60.0,) * 3, size),
        augmentation=Augmentation(),
        loss=LossSettings(),
        batch=options.batch,
        steps=LEFT_OUT + options.steps + 1,  # the last one ends with more than a step
        budget=None,
        learning_rate=2e-3,
        encoder_rate=1.0,
        weight_decay=0.02,
        warm_up=0.05,
        ema=0.98,
        validations=1,
        precision=options.precision or precisions()[-1],
        channels_last=True,
        seed=0,
    )
    engine = TorchEngine(plan.spec, task.heads, plan.seed)
    samples = [draw_lesion(seed, size) for seed in range(16)]
    kept = (plan.preprocessing, plan.augmentation, plan.batch, plan.spec.stride, plan.seed)
    batches = Batches(samples, task, *kept)
    with together(None, "none") as processes, tempfile.TemporaryDirectory() as folder:
        training = Training(plan, engine, batches, None, Path(folder), processes=processes)
        processes.lead(engine)
        seconds = {event.step: event.seconds for event in training.run()}
        if processes.first:
            spent = seconds[LEFT_OUT + options.steps] - seconds[LEFT_OUT]
            clock = {what: round(value, 2) for what, value in training.clock.items()}
            rate = options.steps * options.batch / spent
            print(json.dumps({"rate": rate, "precision": plan.precision, "clock": clock}))
        processes.leave()


def measure(processes: int, threads: int) -> dict[str, object]:
    """Train in fresh processes and return what the first of them printed."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run(
        [sys.executable, *(launcher if processes > 1 else []), *sys.argv, "--inside"],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(192, 256))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20, help="that are timed, a multiple of 10")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="(the fastest here)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        train(options)
        return
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    for turn in range(options.rounds):
        for name, way in WAYS.items():
            said = measure(*way)
            rates[name].append(said["rate"])
            print(
                f"round {turn + 1}, {name}, {said['precision']}: {said['rate']:.2f} images/s, "
                f"seconds {said['clock']}",
                flush=True,
            )
    one, two = (statistics.median(values) for values in rates.values())
    print(f"medians: {one:.2f} and {two:.2f} images/s; two against one: {two / one:.2f}x")


if __name__ == "__main__":
    main()
