"""A drawn, dermoscopy-like dataset: for the demo, for tests, and for pretraining.

Every picture is drawn from one whole number, so nothing has to be stored or downloaded, and the
mask is exact: the lesion's membership is a soft step of the distance to its border, and the mask
is where that membership, and the view through the instrument's frame, are at least one half.
"""

import csv
import io
from pathlib import Path

import numpy as np

from segmentare.annotations.geometry import Size
from segmentare.annotations.segmentation import Category, Sample, Segmentation
from segmentare.atomic import write_bytes
from segmentare.datasets.base import Problem, Record
from segmentare.errors import InputError
from segmentare.synthetic import optics
from segmentare.synthetic.files import check_drawing, write_png
from segmentare.synthetic.lesions import choose_kind, lesion

CATEGORIES = (
    Category("background", (0, 0, 0), background=True),
    Category("lesion", (255, 196, 0), thing=True),
)


def draw_lesion(seed: int, size: Size = (192, 256)) -> Sample[Segmentation]:
    """Draw a picture of one skin lesion as seen through a dermatoscope, and its exact mask.

    Args:
        seed: A whole number, 0 or more; the same number and size give the same picture.
        size: Height and width, at least 32 each.

    Returns:
        uint8 RGB image; category 1 in the lesion and 0 elsewhere; label `kind`, one of `common`,
        `atypical` and `melanoma`, by how irregular and many-colored the lesion was drawn.

    Raises:
        InputError: The seed is negative, or the size is too small.
    """
    check_drawing(seed, size)
    rng = np.random.default_rng(seed)
    kind = choose_kind(rng)
    mole = lesion(rng, kind, size)
    picture = optics.skin(rng, mole, size)
    optics.lay_over(picture, mole)
    optics.marks(rng, picture)
    optics.gel(rng, picture)
    optics.hairs(rng, picture)
    optics.lamps(rng, picture)
    mask = mole.mask
    frame = optics.aperture(rng, size)
    if frame is not None:
        cover, color = frame
        optics.mix(picture, cover, color)
        mask = mask & (cover < 0.5)  # nobody outlines what the frame hides
    truth = Segmentation(mask.astype(np.uint8))
    return Sample(optics.photograph(rng, picture), truth, f"drawn_{seed}", {"kind": kind.name})


class SyntheticLesions:
    """Drawn lesions as a dataset; each picture is drawn when it is asked for, and not kept.

    The records name the files that `write_dataset` would write; nothing lies on disk.

    Args:
        count: Number of pictures, at least 1.
        seed: Two datasets with different seeds have no picture in common.
        size: Height and width of every picture, at least 32 each.

    Raises:
        InputError: The count or the seed is out of range, or the size is too small.
    """

    reader = "synthetic"
    categories = CATEGORIES

    def __init__(self, count: int, seed: int = 0, size: Size = (192, 256)) -> None:
        if count < 1:
            raise InputError(f"A drawn dataset must have at least 1 picture; got {count}.")
        check_drawing(seed, size)
        self.root = Path()
        self.layout = f"{count} drawn lesions of {size[0]} x {size[1]} pixels, seed {seed}"
        self.problems: tuple[Problem, ...] = ()
        self._size = size
        digits = max(3, len(str(count - 1)))
        # Hashed, because seed 0's second picture must not be seed 1's first.
        self._seeds = [
            int(np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0])
            for index in range(count)
        ]
        self.records = tuple(
            Record(
                f"drawn_{index:0{digits}d}",
                Path("images", f"drawn_{index:0{digits}d}.png"),
                Path("masks", f"drawn_{index:0{digits}d}.png"),
                labels={"kind": choose_kind(np.random.default_rng(drawn_from)).name},
            )
            for index, drawn_from in enumerate(self._seeds)
        )

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample[Segmentation]:
        drawn = draw_lesion(self._seeds[index], self._size)
        return Sample(drawn.image, drawn.annotation, self.records[index].name, drawn.labels)


def write_dataset(root: Path, count: int, seed: int = 0, size: Size = (192, 256)) -> Path:
    """Write drawn lesions to disk as a lab would keep its own: images, masks, a table of labels.

    Each file is written whole or not at all; files of the same name are replaced, so that an
    interrupted call can be repeated.

    Args:
        root: Folder that receives `images/*.png` (RGB), `masks/*.png` (gray, 0 and 255) and
            `labels.csv` (columns name, image, mask, kind); made where it does not exist.
        count: Number of pictures, at least 1.
        seed: The same pictures as `SyntheticLesions(count, seed, size)`.
        size: Height and width of every picture, at least 32 each.

    Returns:
        `root`.

    Raises:
        InputError: The count or the seed is out of range, or the size is too small.
        OSError: The folder cannot be written.
    """
    dataset = SyntheticLesions(count, seed, size)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["name", "image", "mask", "kind"])
    for index, record in enumerate(dataset.records):
        sample = dataset[index]
        image, mask = f"images/{record.name}.png", f"masks/{record.name}.png"
        write_png(root / image, sample.image)
        write_png(root / mask, sample.annotation.category * np.uint8(255))
        writer.writerow([record.name, image, mask, record.labels["kind"]])
    write_bytes(root / "labels.csv", table.getvalue().encode())
    return root
