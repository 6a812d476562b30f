"""The options of `segmentare predict`, by what they are for."""

from __future__ import annotations

import argparse
from pathlib import Path

from segmentare.frameworks import AUTO, FRAMEWORKS
from segmentare.interfaces.options import LARGE

EXAMPLES = """\
  segmentare predict run new_photos --out masks --overlay
  segmentare predict run me.jpg --out tv --cutout --background beach.jpg
  segmentare predict cells_run slides --out found --overlay --pixel-size 0.5 --unit um
  segmentare predict people_run team.jpg --out people --overlay --openpose 18
  segmentare predict people_run match.mp4 --out match --first 100 --last 400 --step 2
  segmentare predict run archive --out masks --ray
  segmentare predict people_run 0 --out me"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add them all."""
    command.add_argument("run", type=Path, metavar="RUN", help="model folder")
    command.add_argument(
        "images",
        nargs="+",
        metavar="SOURCE",
        help="images, folders of images, video files, or the number of a camera",
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results")
    command.add_argument("--flips", action="store_true", help="average four mirrors of each image")
    command.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="predict images with many processes on Ray: on this machine, or on the cluster at "
        "ADDRESS (host:port, ray://host:port, auto)",
    )
    add_engine(command)
    command.add_argument("--overwrite", action="store_true", help="replace earlier results")
    command.add_argument(
        "--json", action="store_true", help="print a JSON line per image and per video"
    )
    command.add_argument("--quiet", action="store_true", help="show no progress")
    _add_images(command.add_argument_group("what to write of images, beside masks and tables"))
    _add_people(command.add_argument_group("people, or what else has keypoints"))
    _add_videos(
        command.add_argument_group(
            "videos and cameras",
            "Each gives <stem>.webm (.mp4 where OpenCV writes H.264), what was found drawn over\n"
            "the frames, and <stem>.jsonl, a line per frame. A camera is named by its number,\n"
            "from 0, and runs until Ctrl-C.",
        )
    )


def add_engine(command: argparse.ArgumentParser) -> None:
    """Add the options that say what computes a model."""
    command.add_argument(
        "--engine",
        choices=("auto", "torch", "openvino", "onnx", "litert"),
        default="auto",
        help="what computes the model (auto: the fastest that is installed and agrees with float32, by "
        "a short trial that is remembered)",
    )
    command.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "int8"),
        help="in which numbers (auto: what is fastest and right; of a named engine: float32)",
    )
    add_framework(command)


def add_framework(command: argparse.ArgumentParser) -> None:
    """Add the option that says which framework computes the network."""
    command.add_argument(
        "--framework",
        choices=(AUTO, *FRAMEWORKS),
        default=AUTO,
        help="PyTorch or TensorFlow (auto: whichever is installed)",
    )


def _add_images(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--overlay", action="store_true", help="also <stem>.overlay.jpg")
    group.add_argument("--probability", action="store_true", help="also <stem>.probability.png")
    group.add_argument("--cutout", action="store_true", help="also <stem>.cutout.png (RGBA)")
    group.add_argument(
        "--background", type=Path, metavar="IMAGE", help="also <stem>.background.jpg, before IMAGE"
    )
    group.add_argument(
        "--heatmaps",
        action="store_true",
        help="also <stem>.heatmap.<head>.jpg, what the network answers, before it is decoded",
    )
    group.add_argument(
        "--pixel-size",
        type=float,
        metavar="SIZE",
        help="units per pixel, for areas and lengths in objects.csv",
    )
    group.add_argument("--unit", default="um", help="name of that unit (um)")
    group.add_argument(
        "--large",
        type=float,
        default=LARGE,
        metavar="MEGAPIXELS",
        help="larger images are read, predicted and written in parts, as TIFF (32)",
    )


def _add_people(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--openpose",
        type=int,
        choices=(18, 25),
        help="keypoints of OpenPose's JSON (25, or the model's own where it knows no people); of "
        "videos it is written only with this option, into <stem>_json",
    )
    group.add_argument(
        "--skeleton",
        metavar="NAME_OR_FILE",
        help="keypoints that are written and drawn instead of the model's: see "
        "`segmentare skeletons`, or a TOML file",
    )
    group.add_argument(
        "--refine",
        action="store_true",
        help="look at each person a second time, close up: slower, and small ones may gain by it",
    )


def _add_videos(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--first", type=int, default=0, metavar="N", help="first frame (0)")
    group.add_argument("--last", type=int, metavar="N", help="last frame (the video's)")
    group.add_argument("--step", type=int, default=1, metavar="N", help="every N-th frame (1)")
    group.add_argument(
        "--no-track",
        action="store_false",
        dest="track",
        help="give no ids that stay from frame to frame",
    )
    group.add_argument(
        "--no-smooth",
        action="store_false",
        dest="smooth",
        help="leave keypoints as they are found in each frame, trembling",
    )
