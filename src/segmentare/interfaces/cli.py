"""The command line: arguments in, one Python function each, a message and an exit code out.

Exit codes: 0 all went well; 1 it ran, but something is wrong with the data (a dataset that cannot
be trained on, images that could not be read); 2 it could not run, and a sentence says why; 130
stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from segmentare.interfaces import commands
from segmentare.interfaces.predict_arguments import (
    EXAMPLES,
    add_arguments,
    add_engine,
    add_framework,
)

_TASKS = ("semantic", "instance", "panoptic", "pose", "body")
_TASK_HELP = (
    "what is learned: a category per pixel, objects, or both; keypoints of people, or these and "
    "their silhouettes (semantic)"
)

_DESCRIPTION = """\
From a folder of annotated images to a segmentation model that is measured, fast and ready to use.

  segmentare demo                          no data at hand? see it work on drawn images
  segmentare check photos                  what is in this folder, and what is wrong with it
  segmentare train photos --out run        train for ten minutes, score on images never seen
  segmentare evaluate run others           score on another folder
  segmentare predict run new/*.jpg --out masks --overlay
  segmentare predict run video.mp4 --out found
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except (ValueError, OSError, ImportError) as error:
        if isinstance(error, ImportError) and not _is_ours(error):
            raise
        print(f"Error: {commands.explain(error)}", file=sys.stderr)
        return 2
    return code


def _is_ours(error: ImportError) -> bool:
    return "pip install" in str(error)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; building it imports nothing heavy."""
    root = _Parser(
        prog="segmentare",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"segmentare {commands.version()}")
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser] = root.add_subparsers(
        metavar="COMMAND", required=True, parser_class=_Parser
    )
    for add in (
        _demo,
        _check,
        _train,
        _evaluate,
        _compare,
        _predict,
        _export,
        _bench,
        _convert,
        _networks,
        _skeletons,
    ):
        add(subparsers)
    return root


class _Parser(argparse.ArgumentParser):
    """Prints usage errors in the same form as all others."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"Error: {message}. See '{self.prog} --help'.\n")


def _command(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    example: str,
) -> argparse.ArgumentParser:
    command = subparsers.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"example:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=getattr(commands, name))
    return command


def _demo(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        subparsers,
        "demo",
        "draw images (or take DATA), train, evaluate, predict, and write a report",
        "  segmentare demo --out demo\n"
        "  segmentare demo --task instance --out cells\n"
        "  segmentare demo --task body --out people\n"
        "  segmentare demo --data photos --budget 5m",
    )
    command.add_argument("--out", type=Path, default=Path("demo"), help="folder (default: demo)")
    command.add_argument("--data", type=Path, help="your own dataset instead of drawn images")
    command.add_argument("--budget", help="training time (100s; 3m for all but semantic)")
    command.add_argument("--seed", type=int, default=0, help="of everything random (0)")
    command.add_argument("--task", default="semantic", choices=_TASKS, help=_TASK_HELP)


def _json_option(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument(
        "--json",
        nargs="?",
        type=_json_file,
        const=Path("-"),
        metavar="FILE.json",
        help=f"print {what} as JSON, or write it to a file",
    )


def _json_file(text: str) -> Path:
    """Return the file that an optional value of `--json` names.

    A folder that stands behind `--json` is an argument of the command, and must not be taken for
    it.
    """
    if text != "-" and not text.endswith(".json"):
        message = f"the file's name must end in .json, found {text}; to print JSON, put --json last"
        raise argparse.ArgumentTypeError(message)
    return Path(text)


def _check(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        subparsers,
        "check",
        "say what a dataset holds and what is wrong with it",
        "  segmentare check photos --page check.html --json check.json",
    )
    command.add_argument("data", type=Path, metavar="DATA", help="dataset folder")
    _json_option(command, "the findings")
    command.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        help="where the page of samples goes (default: check-<name of DATA>.html)",
    )
    command.add_argument("--no-page", action="store_true", help="write no page")
    command.add_argument("--samples", type=int, default=24, help="images on the page (24)")
    command.add_argument(
        "--task", choices=_TASKS, help="what the data are for (what uses most of them)"
    )
    _data_options(command)


def _train(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        subparsers,
        "train",
        "train a model within a time budget and score it on images it never saw",
        "  segmentare train photos --out run\n"
        "  segmentare train photos --out run --budget 2h --network unet --seed 1\n"
        "  segmentare train photos --out run --resume",
    )
    command.add_argument("data", type=Path, metavar="DATA", help="dataset folder")
    command.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    command.add_argument("--task", default="semantic", choices=_TASKS, help=_TASK_HELP)
    command.add_argument(
        "--budget", default="10m", help="time for the training: 90s, 10m, 2h (10m)"
    )
    command.add_argument("--steps", type=int, help="exactly so many steps instead of a budget")
    command.add_argument("--network", default="unet", help="see `segmentare networks` (unet)")
    command.add_argument(
        "--encoder", help="resnet, plain, vgg, or a Hugging Face AutoBackbone: hf:FOLDER_OR_NAME"
    )
    command.add_argument("--width", type=float, help="factor on the encoder's channels")
    command.add_argument("--depth", type=int, help="levels of the encoder")
    command.add_argument("--size", help="of the training images: 256 or 192x256 (H x W)")
    command.add_argument(
        "--scale", type=float, help="keep the images' scale times this factor, in windows"
    )
    command.add_argument("--batch", type=int, help="images per step (8)")
    command.add_argument("--learning-rate", type=float, help="highest rate of AdamW (2e-3)")
    command.add_argument("--precision", choices=("float32", "bfloat16"), help="do not time, take")
    add_framework(command)
    command.add_argument(
        "--code",
        choices=("center", "flow", "fields"),
        help="of instances: by their centers, or by flows (dense cells), chosen by their crowding; "
        "of poses: by centers, or by limb fields as OpenPose's (center)",
    )
    command.add_argument("--focal", type=float, default=0.0, help="exponent of the focal loss (0)")
    command.add_argument(
        "--balance", action="store_true", default=None, help="weigh rare categories"
    )
    command.add_argument(
        "--start", default="default", help="starting weights: default, none, or a model folder"
    )
    command.add_argument("--seed", type=int, default=0, help="of split, weights and batches (0)")
    command.add_argument("--val", type=float, default=0.15, help="share kept for choosing (0.15)")
    command.add_argument("--test", type=float, default=0.15, help="share kept for scoring (0.15)")
    command.add_argument(
        "--split", type=Path, metavar="FILE", help="JSON or CSV with name and part"
    )
    command.add_argument("--by", metavar="COLUMN", help="label that all parts get their share of")
    command.add_argument(
        "--groups", metavar="COLUMN_OR_PATTERN", help="what never lies in two parts, e.g. patient"
    )
    command.add_argument(
        "--allow-duplicates", action="store_true", help="accept the same image in two parts"
    )
    command.add_argument(
        "--devices",
        type=int,
        metavar="N",
        help="train on N GPUs of this machine (1, or what torchrun started)",
    )
    command.add_argument("--skip-broken", action="store_true", help="leave unusable images out")
    command.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    command.add_argument("--overwrite", action="store_true", help="replace the run in RUN")
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    _data_options(command)


def _evaluate(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        subparsers,
        "evaluate",
        "score a model on annotated images at their own size",
        "  segmentare evaluate run others --json scores.json --report pages\n"
        "  segmentare evaluate run photos --part test",
    )
    command.add_argument("run", type=Path, metavar="RUN", help="model folder")
    command.add_argument("data", type=Path, metavar="DATA", help="dataset folder")
    command.add_argument("--part", choices=("train", "val", "test"), help="of the run's own split")
    _json_option(command, "all scores")
    command.add_argument("--report", type=Path, metavar="DIR", help="write DIR/report.html")
    command.add_argument("--flips", action="store_true", help="average four mirrors of each image")
    command.add_argument(
        "--refine", action="store_true", help="look at each person a second time, close up"
    )
    add_engine(command)
    _data_options(command)


def _compare(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        subparsers,
        "compare",
        "say which of two models is better on the same images, and how sure that is",
        "  segmentare compare run1 run2 others",
    )
    command.add_argument("run_a", type=Path, metavar="RUN_A", help="model folder")
    command.add_argument("run_b", type=Path, metavar="RUN_B", help="model folder")
    command.add_argument("data", type=Path, metavar="DATA", help="dataset folder")
    command.add_argument("--part", choices=("train", "val", "test"), help="of RUN_A's split")
    command.add_argument("--score", help="score per image (the main one of RUN_A)")
    add_framework(command)
    _json_option(command, "the result")
    _data_options(command)


def _predict(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "say what images and videos show: masks, objects or skeletons, and tables of them"
    add_arguments(_command(subparsers, "predict", text, EXAMPLES))


def _export(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        subparsers,
        "export",
        "write a model for another runtime, run it there, and compare it with the model",
        "  segmentare export run --to openvino --data photos\n"
        "  segmentare export run --to openvino --int8 --data photos --out small",
    )
    command.add_argument("run", type=Path, metavar="RUN", help="model folder")
    command.add_argument(
        "--to",
        required=True,
        choices=("onnx", "openvino", "torch", "savedmodel", "litert"),
        help="the format; the last two are TensorFlow's",
    )
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="a new folder (beside RUN: RUN-<format>)"
    )
    command.add_argument(
        "--data", type=Path, metavar="DATA", help="dataset or images to compare on (noise)"
    )
    command.add_argument("--images", type=int, default=24, help="to compare on, at most (24)")
    command.add_argument(
        "--int8", action="store_true", help="quantize to 8-bit integers (openvino, litert)"
    )
    command.add_argument(
        "--calibrate", type=int, default=64, metavar="N", help="images int8 is calibrated on (64)"
    )
    command.add_argument(
        "--most-lost", type=float, default=0.01, help="score that int8 may cost at most (0.01)"
    )
    command.add_argument(
        "--flips", action="store_true", help="the export shall average four mirrors of each image"
    )
    command.add_argument("--overwrite", action="store_true", help="replace an earlier export")
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    _data_options(command)


def _bench(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        subparsers,
        "bench",
        "measure every engine that computes a model here: time, memory, agreement",
        "  segmentare bench run\n  segmentare bench run --also small_int8 --data photos --size 256",
    )
    command.add_argument("run", type=Path, metavar="RUN", help="model folder")
    command.add_argument(
        "--also",
        type=Path,
        nargs="+",
        default=(),
        metavar="EXPORT",
        help="other forms of the same model, such as its export with --int8",
    )
    command.add_argument("--data", type=Path, metavar="DATA", help="images (noise)")
    command.add_argument(
        "--size", help="of the network's input: 256 or 192x256, H x W (as it sees the images)"
    )
    command.add_argument(
        "--seconds", type=float, default=4.0, help="that each engine computes maps for (4)"
    )
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.add_argument("--quiet", action="store_true", help="show no progress")


def _convert(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        subparsers,
        "convert",
        "write a dataset in another format, and say what that format cannot hold",
        "  segmentare convert photos --to coco --out photos_coco",
    )
    command.add_argument("data", type=Path, metavar="DATA", help="dataset folder")
    command.add_argument(
        "--to",
        required=True,
        choices=("coco", "yolo", "masks", "ids", "panoptic", "openpose", "coco-keypoints"),
        help="COCO instances, YOLO polygons, masks of categories, maps of ids, COCO panoptic; "
        "people: OpenPose's JSON, COCO keypoints",
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    _data_options(command)


def _networks(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        subparsers,
        "networks",
        "list the networks with their parameters and their cost",
        "  segmentare networks",
    )
    command.add_argument("--json", action="store_true", help="print the list as JSON")


def _skeletons(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        subparsers,
        "skeletons",
        "list the skeletons that come along, or print one as a TOML file",
        "  segmentare skeletons\n"
        "  segmentare skeletons coco17 > mine.toml\n"
        "  segmentare skeletons mine.toml --json",
    )
    command.add_argument(
        "skeleton", nargs="?", metavar="NAME_OR_FILE", help="the one to be printed"
    )
    command.add_argument("--json", action="store_true", help="print as JSON")


def _data_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--reader", metavar="NAME", help="force a layout instead of recognizing it"
    )
    command.add_argument(
        "--skeleton",
        metavar="NAME_OR_FILE",
        help="of keypoints: what they are where the data does not say, or to what they are "
        "converted; see `segmentare skeletons`, or a TOML file",
    )
    command.add_argument("--quiet", action="store_true", help="show no progress")


if __name__ == "__main__":
    sys.exit(main())
