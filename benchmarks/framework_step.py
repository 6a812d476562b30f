"""A training step in TensorFlow against the same step in PyTorch.

    python benchmarks/framework_step.py

Both engines train the same network on the same batches of 8 drawn images of 192 x 256 pixels, as a
training does: arrays in, forward, loss, backward, AdamW, average. They run in one process, turn by
turn, with the same number of threads, and the medians are compared: of the clock's time, and of the
processor's, which other programs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace

from segmentare.commands.backends import load_engine
from segmentare.models.architecture import NetworkSpec
from segmentare.synthetic.lesion_dataset import SyntheticLesions
from segmentare.tasks import SemanticTask
from segmentare.training.batches import Batches, one_opencv_thread, prepare
from segmentare.training.machine import describe_machine
from segmentare.training.planning import make_plan
from segmentare.training.request import PlanRequest

SPECS = {
    "unet + resnet": NetworkSpec(),
    "unet + plain x 0.25": NetworkSpec(encoder="plain", width=0.25, decoder_channels=()),
    "segnet x 0.25": NetworkSpec(network="segnet", encoder="vgg", width=0.25),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(192, 256))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--network", choices=SPECS, help="only this one")
    options = parser.parse_args()
    machine = describe_machine()
    print(", ".join(str(machine.get(k)) for k in ("processor", "cores", "torch", "tensorflow")))
    data = SyntheticLesions(8)
    samples = [data[index] for index in range(len(data))]
    for name in [options.network] if options.network else SPECS:
        spec = SPECS[name]
        task = SemanticTask.from_categories(data.categories)
        request = PlanRequest(steps=100, spec=spec, size=tuple(options.size))
        plan = make_plan(samples, len(samples), task, request)
        ready = [prepare(sample, plan.preprocessing) for sample in samples]
        batches = Batches(
            ready, task, plan.preprocessing, plan.augmentation, plan.batch, spec.stride, 0
        )
        loaded = [batches[number] for number in range(2)]
        engines = {}
        for framework in ("torch", "tensorflow"):
            engine_of = load_engine(framework)
            for precision in engine_of(spec, task.heads, 0).precisions():
                engine = engine_of(spec, task.heads, 0)
                engine.begin(replace(plan, precision=precision, framework=framework))
                engines[precision, framework] = engine
        times = {key: [] for key in engines}
        for turn in range(options.rounds + 2):
            for key, engine in engines.items():
                began = time.perf_counter(), time.process_time()
                loss = engine.step(engine.load(loaded[turn % 2]), 1e-4)
                engine.average(0.9)
                engine.mean([loss])
                if turn >= 2:
                    ended = time.perf_counter(), time.process_time()
                    times[key].append([b - a for a, b in zip(began, ended, strict=True)])
        print(f"{name}, batches of {plan.batch} at {options.size[0]} x {options.size[1]}:")
        middle = {
            key: [statistics.median(column) for column in zip(*rows, strict=True)]
            for key, rows in times.items()
        }
        for (precision, framework), (wall, processor) in middle.items():
            first = middle[precision, "torch"]
            print(
                f"  {precision} {framework}: {wall:.3f} s a step, {wall / first[0]:.2f} x "
                f"PyTorch's; processor {processor:.3f} s, {processor / first[1]:.2f} x"
            )


if __name__ == "__main__":
    with one_opencv_thread():
        main()
