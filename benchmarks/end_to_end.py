"""How much longer a folder takes than its network alone: files in, mask files out.

    python benchmarks/end_to_end.py RUN FOLDER --images 40
    python benchmarks/end_to_end.py RUN FOLDER --images 40 --engine openvino --precision float32

Network alone: the batches are ready in memory, and their maps are thrown away. End to end: what
`segmentare predict` does with the folder once the model is loaded. Both are timed in turns; the
median of the rounds counts.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from segmentare.commands.predict import predict
from segmentare.images.reading import read_image
from segmentare.runtimes.example_images import trial_images
from segmentare.runtimes.loading import Wanted, open_model
from segmentare.video.sources import find_images


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="model folder")
    parser.add_argument("folder", type=Path, help="images")
    parser.add_argument("--images", type=int, default=40, help="how many of them (40)")
    parser.add_argument("--rounds", type=int, default=7, help="how often both are timed (7)")
    parser.add_argument("--engine", default="auto", help="as of `segmentare predict` (auto)")
    parser.add_argument("--precision", help="as of `segmentare predict`")
    options = parser.parse_args()
    paths = list(find_images([options.folder]).values())[: options.images]
    wanted = Wanted(options.engine, options.precision)
    opened = open_model(options.run, wanted, examples=lambda model: trial_images(model, paths))
    predictor = opened.predictor
    preprocessing, batches = predictor.preprocessing, []
    for path in paths:
        image = read_image(path)
        frame = preprocessing.frame(image.shape[:2])
        if frame.tile != frame.padded:
            raise SystemExit(f"'{path}' must be small enough to be processed in one piece.")
        batches.append(preprocessing.normalize(preprocessing.arrange(image, frame))[None])
    alone, whole = [], []
    for batch in batches:
        predictor.run(batch)  # the first run of each size is slower
    for _ in range(options.rounds):
        began = time.perf_counter()
        for batch in batches:
            predictor.run(batch)
        alone.append(time.perf_counter() - began)
        out = Path(tempfile.mkdtemp())
        with patch("segmentare.commands.predicting.open_model", lambda *_, **__: opened):
            began = time.perf_counter()
            predict(options.run, paths, out, quiet=True)
            whole.append(time.perf_counter() - began)
        shutil.rmtree(out)
    count = len(paths)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {count} images")
    print(opened.why)
    network, everything = statistics.median(alone), statistics.median(whole)
    print(f"network alone: {1000 * network / count:7.1f} ms per image")
    print(f"end to end:    {1000 * everything / count:7.1f} ms per image")
    ratios = [one / other for one, other in zip(whole, alone, strict=True)]
    print(f"end to end / network: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
