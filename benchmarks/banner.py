"""Make a picture of the README from what a demo left.

`python benchmarks/banner.py demo demo.jpg` after `make demo`, or after another demo with its
folder and the name of the picture.
"""

import sys
from pathlib import Path

import numpy as np

from segmentare.annotations.geometry import resample
from segmentare.images.reading import read_image
from segmentare.results.files import encode_jpeg

_WIDTH = 1152  # pixels


def main() -> None:
    demo, name = Path(sys.argv[1]), sys.argv[2]
    pictures = [read_image(path) for path in sorted((demo / "masks").glob("*.overlay.jpg"))[:6]]
    rows = [np.concatenate(pictures[i : i + 3], axis=1) for i in (0, 3)]
    picture = np.concatenate(rows)
    width = min(_WIDTH, picture.shape[1])
    small = resample(picture, (round(picture.shape[0] * width / picture.shape[1]), width))
    target = Path(__file__).parent.parent / "docs" / "images" / name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(encode_jpeg(small, quality=88))


if __name__ == "__main__":
    main()
