"""Draw the figures of the lesson, and print the numbers that its pages quote.

python docs/lesson/figures.py [FOLDER]
"""

import sys
from pathlib import Path

import charts
import pictures
from drawing import LANGUAGES, save

FOLDER = Path(__file__).parent / "figures"

FIGURES = {
    "questions.jpg": pictures.questions,
    "boxes.jpg": pictures.boxes,
    "encoder-decoder.svg": charts.encoder_decoder,
    "pooling.svg": charts.pooling,
    "strides.jpg": pictures.strides,
    "one-hot.svg": charts.one_hot,
    "gradients.svg": charts.gradients,
    "twice.svg": charts.twice,
    "imbalance.svg": charts.imbalance,
    "overlap.svg": charts.overlap,
    "shift.svg": charts.shift,
    "skeletons.jpg": pictures.skeletons,
    "similarity.svg": charts.similarity,
}


def draw(folder: Path) -> None:
    """Write every figure in every language, as `<name>.<language>.<format>`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in FIGURES.items():
        stem, ending = name.split(".")
        for language, say in LANGUAGES.items():
            save(figure(say), folder, f"{stem}.{language}.{ending}")


def print_numbers() -> None:
    """Print what the pages say in numbers; the figures hold the others."""
    for name, mask in pictures.passed().items():
        scores = [
            f"1/{s}: {pictures.iou(mask, pictures.through(mask, s)):.2f}" for s in (4, 8, 16, 32)
        ]
        print(f"IoU of {name} after grids of", ", ".join(scores))
    slopes = {
        "cross-entropy": charts.cross_entropy_slope,
        "squared error": charts.squared_error_slope,
    }
    for name, slope in slopes.items():
        print(
            f"{name}: slope {float(slope(charts.WRONG)):.4f} at z = {charts.WRONG:g}, "
            f"{charts.steps_to(slope)} steps until 90 % sure"
        )
    print(f"A cell sees {charts.seen(0)} pixels a row without halving, {charts.seen(4)} after four")
    bce, dice = charts.nothing_there(0.01)
    print(f'"1 % everywhere", object of 1 %: cross-entropy {bce:.3f}, Dice loss {dice:.3f}')
    for radius in (5, 20, 80):
        print(
            "Disk of radius {}, off by two pixels: IoU {:.2f}, Dice {:.2f}".format(
                radius, *charts.moved(radius)
            )
        )
    for keypoint in ("left_eye", "left_wrist", "left_hip"):
        print(f"OKS of one {keypoint} is one half at {charts.half_way(keypoint):.1f} pixels")


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    print_numbers()
