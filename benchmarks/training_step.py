"""A training step as `segmentare` takes it against the plain fp32 loop of the same network.

    python benchmarks/training_step.py

The plain loop is the textbook's: float32, PyTorch's default memory layout, cells repeated and
concatenated before they are convolved, one step after the other. Ours is what the plan chooses on
this machine (channels_last, bfloat16 where it pays). Both run in one process, turn by turn, and the
medians are compared. In between stands what our decoder gains (`networks/doubling.py`).
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time

import torch

from segmentare.models.architecture import NetworkSpec
from segmentare.networks.backend import precisions
from segmentare.networks.decoders import textbook
from segmentare.networks.layers import channels_last
from segmentare.networks.losses import LossSettings, total_loss
from segmentare.networks.network import build_network
from segmentare.tasks import Head

HEADS = (Head("object", 1, "binary"),)


def step(network, optimizer, images, target, precision):
    began = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        outputs = network(images)
    loss = total_loss(outputs, {"object": target}, HEADS, LossSettings())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    loss.item()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(192, 256))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    images = torch.randn(options.batch, 3, *options.size)
    target = (torch.rand(options.batch, 1, *options.size) > 0.5).float()
    for spec in (NetworkSpec(), NetworkSpec(encoder="plain", width=0.25, decoder_channels=())):
        ours = channels_last(build_network(spec, HEADS).train())
        plain = textbook(copy.deepcopy(ours)).to(memory_format=torch.contiguous_format)
        fast = images.contiguous(memory_format=torch.channels_last)
        ways = {"plain fp32": (plain, images, "float32")}
        by_the_book = textbook(copy.deepcopy(ours))
        for precision in precisions():
            ways[f"channels_last {precision}, decoder by the book"] = (by_the_book, fast, precision)
            ways[f"channels_last {precision}"] = (ours, fast, precision)
        times = {name: [] for name in ways}
        optimizers = {
            name: torch.optim.AdamW(network.parameters(), lr=1e-4)
            for name, (network, _, _) in ways.items()
        }
        for turn in range(options.rounds):
            for name, (network, batch, precision) in ways.items():
                seconds = step(network, optimizers[name], batch, target, precision)
                if turn >= 2:
                    times[name].append(seconds)
        base = statistics.median(times["plain fp32"])
        print(f"{spec.network} + {spec.encoder} x {spec.width:g}:")
        for name, values in times.items():
            middle = statistics.median(values)
            print(f"  {name}: {options.batch / middle:.1f} images/s, {base / middle:.2f}x")


if __name__ == "__main__":
    main()
