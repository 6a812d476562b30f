"""MONAI's sliding window over a whole image with our network: MODEL IMAGE MASK."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tifffile
import torch
from monai.inferers import sliding_window_inference
from torch import Tensor

from segmentare.models.description import read_model
from segmentare.networks.inference import restore


def main() -> None:
    model, image, mask = map(Path, sys.argv[1:])
    network = restore(read_model(model)).eval()
    pixels = torch.from_numpy(tifffile.imread(image)).permute(2, 0, 1)[None].float()
    pixels = (pixels - 128) / 50  # as the model's preprocessing has it

    def object_map(windows: Tensor) -> Tensor:
        return network(windows)["object"]

    with torch.inference_mode():
        maps = sliding_window_inference(pixels, (256, 256), 4, object_map, 0.25, mode="gaussian")
    found = (maps[0, 0] > 0).numpy().astype(np.uint8)
    tifffile.imwrite(mask, found * 255, compression="zlib")


if __name__ == "__main__":
    main()
