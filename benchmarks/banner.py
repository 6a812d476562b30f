"""Make the picture of the README from what `make demo` left: `python benchmarks/banner.py demo`."""

import sys
from pathlib import Path

import numpy as np

from segmentare.datasets.images import read_image
from segmentare.prediction.files import encode_jpeg


def main() -> None:
    demo = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    pictures = [read_image(path) for path in sorted((demo / "masks").glob("*.overlay.jpg"))[:6]]
    rows = [np.concatenate(pictures[i : i + 3], axis=1) for i in (0, 3)]
    target = Path(__file__).parent.parent / "docs" / "images" / "demo.jpg"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(encode_jpeg(np.concatenate(rows)))


if __name__ == "__main__":
    main()
