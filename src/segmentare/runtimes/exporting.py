"""`segmentare export`: a model for other runtimes, which is run and compared before it is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentare.errors import InputError, MissingPackageError, ModelError
from segmentare.models.description import PARITY, Model, read_model
from segmentare.models.frameworks import FRAMEWORKS, choose_framework
from segmentare.prediction.predictor import Predictor
from segmentare.progress import Display
from segmentare.result import Result
from segmentare.runtimes import ENGINES, Engine, Settings
from segmentare.runtimes.example_images import Examples, examples_from
from segmentare.runtimes.export_folders import export_target, keep_export
from segmentare.runtimes.loading import Wanted, open_model
from segmentare.runtimes.parity import LOSS, Parity, compare, measure, plain
from segmentare.runtimes.trial import first_batch
from segmentare.runtimes.writing import export as write_export
from segmentare.runtimes.writing import find_exporter, refuse_export
from segmentare.training.machine import describe_machine, now

if TYPE_CHECKING:
    from rich.console import RenderableType

COMPARED = 24  #: images that an export is compared on
CALIBRATED = 64  #: images that int8 is calibrated on

_ROWS_FIRST = "(N, H / stride, W / stride, channels)"
_LAYOUTS = {"litert": _ROWS_FIRST, "savedmodel": _ROWS_FIRST}  # of the maps; of all others:
_CHANNELS_FIRST = "(N, channels, H / stride, W / stride)"
_SERVING = (
    "",
    "That is the signature `maps`. The signature `serving_default` takes images of the model's",
    "own pixels, of any size, resamples and normalizes them itself, and returns maps at their own",
    "size; those of tasks with keypoints are coarse, and `content` is the part of the network's",
    "input that the image covers:",
    "",
    "    loaded = tf.saved_model.load(THIS_FOLDER)",
    '    maps = loaded.signatures["serving_default"](images=image[None])',
)


@dataclass(frozen=True)
class ExportOptions:
    """What is exported, and how it is checked.

    Attributes:
        data: Dataset or images to compare on; `None` compares on noise.
        reader: Of the dataset.
        images: To compare on, at most.
        int8: Quantize to 8-bit integers.
        calibrate: Images to calibrate int8 on, at most.
        most_lost: How much of the main score int8 may cost.
        flips: Predictions of the export average four mirrors of the image.
        overwrite: Replace an earlier export.
    """

    data: Path | None = None
    reader: str | None = None
    images: int = COMPARED
    int8: bool = False
    calibrate: int = CALIBRATED
    most_lost: float = LOSS
    flips: bool = False
    overwrite: bool = False


@dataclass(frozen=True, repr=False)
class Export(Result):
    """A finished export.

    Attributes:
        folder: What `segmentare.load` and `segmentare predict` take.
        megabytes: Size of the network's files.
        images: What it was compared on.
        parity: What the comparison found, for each runtime that opens it here.
    """

    folder: Path
    megabytes: float
    images: str
    parity: tuple[Parity, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "folder": str(self.folder),
            "megabytes": round(self.megabytes, 2),
            "images": self.images,
            "parity": [parity.to_dict() for parity in self.parity],
        }

    @property
    def title(self) -> str:
        """Where it is."""
        return f"Export {str(self.folder)!r} ({self.megabytes:.1f} MB)"

    @property
    def summary(self) -> Mapping[str, object]:
        """What the comparisons found."""
        found = {parity.computed: sentence(parity) for parity in self.parity}
        return {"compared on": self.images, **found}

    def tables(self) -> Iterator[RenderableType]:
        """Yield how the export compares with its model."""
        from segmentare.runtimes.tables import export_tables

        return export_tables(self)


def export(
    run: str | Path,
    to: str,
    out: str | Path | None = None,
    options: ExportOptions | None = None,
    display: Display | None = None,
) -> Export:
    """Write a model for another runtime, run it, compare it with the model, and keep it if it fits.

    Args:
        run: What a training left.
        to: Name of the format.
        out: A new folder; `None`: beside the run, with the format behind its name.
        options: What is exported, and how it is checked.
        display: Where progress is shown; `None` shows nothing.

    Raises:
        ModelError: The model is damaged, cannot be written in this format, or what was written
            answers otherwise than the model: then nothing is kept.
        MissingPackageError: A package that is needed is not installed.
        DatasetError: There are no images to compare on.
        OutputExistsError: `out` is there already.
        InputError: There is no such format, it cannot be quantized, or the images do not suit.
    """
    options, display = options or ExportOptions(), display or Display(quiet=True)
    model, exporter = read_model(run), find_exporter(to)
    refuse_export(model)
    calibrated = options.int8 and not exporter.int8
    if calibrated:
        _check_calibration(to, options.data)
    readers = _readers(to, int8=options.int8)
    name = f"{to}{'-int8' * options.int8}"
    target = export_target(model.folder, name, out, overwrite=options.overwrite)
    calibrating = options.calibrate if calibrated else 0
    examples = examples_from(model, options.data, options.reader, options.images, calibrating)
    if options.data is None:
        display.warn("Compared on noise only; give `data` to compare on real images, with scores.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
        folder = Path(temporary) / "export"
        display.say(f"Writing {exporter.title} ...")
        int8 = options.int8 and exporter.int8
        made = write_export(model, to, folder, flips=options.flips, int8=int8)
        if calibrated:
            from segmentare.runtimes.writing.quantizing import quantize

            display.say(f"Quantizing on {len(examples.calibrating)} images ...")
            made = quantize(made, examples.calibrating)
        display.say(f"Comparing on {examples.where} ...")
        found = [_compared(model, made, engine, examples) for engine in readers]
        if to == "savedmodel":
            found.append(_served(model, made, examples))
        result = Export(target, _megabytes(made), examples.where, tuple(found))
        _refuse_mismatch(found, options.most_lost)
        export_target(model.folder, name, out, overwrite=options.overwrite)  # still free
        keep_export(folder, target, _report(result), _readme(made, result))
    return result


def _check_calibration(to: str, data: Path | None) -> None:
    from segmentare.runtimes.writing.quantizing import check_quantizing

    check_quantizing(to)
    if data is None:
        raise InputError("To quantize to int8, images are needed to calibrate on. Give `data`.")


def _readers(to: str, *, int8: bool) -> list[Engine]:
    """Return the engines that are installed and open the format."""
    able = [e for e in ENGINES.values() if to in e.formats and (e.int8 or not int8)]
    found = [engine for engine in able if engine.installed]
    if not found:
        ways = " or ".join(f"pip install 'segmentare[{engine.extra}]'" for engine in able)
        raise MissingPackageError(
            f"To check what is exported, {' or '.join(e.package for e in able)} must be installed. "
            f"Run: {ways}"
        )
    return found


def _compared(model: Model, made: Model, engine: Engine, examples: Examples) -> Parity:
    """Compare an export with its model, as a framework computes it in float32, and time both."""
    precision = engine.computes(made)[0]
    exported = open_model(made.folder, Wanted(engine.name, precision, "cpu"))
    truth = _exact(model, flips=exported.predictor.flips)
    parity = compare(truth, exported.predictor, examples.compared)
    framework = choose_framework()
    way = f"{framework} float32"
    functions = {way: plain(model, framework), parity.computed: exported.predictor.maps_of}
    if parity.computed == way:
        functions = {way: exported.predictor.maps_of}
    parity.milliseconds = measure(functions, first_batch(model, examples.compared[0].image))
    return parity


def _exact(model: Model, *, flips: bool) -> Predictor[Any]:
    """Return the model as a framework computes it in float32 on the processor."""
    framework = choose_framework()
    precision = "float32" if framework == "torch" else None
    wanted = Wanted(precision=precision, device="cpu", framework=framework)
    return open_model(model.folder, wanted, flips=flips).predictor


def _served(model: Model, made: Model, examples: Examples) -> Parity:
    """Compare what a server of a SavedModel answers to pixels with the model."""
    from segmentare.keras.exports import Server

    truth = _exact(model, flips=False)
    stride = int(model.description["network"]["stride"])
    return compare(truth, Server(truth, made.folder, stride), examples.compared)


def _refuse_mismatch(found: Sequence[Parity], most_lost: float) -> None:
    for parity in found:
        complaint = parity.complaint(most_lost)
        if complaint:
            raise ModelError(
                f"What was exported must answer as the model does; computed by {parity.computed}, "
                f"{complaint}. Nothing was kept; predict with the engine torch, or export to "
                "another format."
            )


def _megabytes(made: Model) -> float:
    names = made.exported.files if made.exported else ()
    return sum((made.folder / name).stat().st_size for name in names) / 1e6


def _report(result: Export) -> dict[str, Any]:
    found = {name: value for name, value in result.to_dict().items() if name != "folder"}
    return {"when": now(), "machine": describe_machine(), "cores": Settings().cores, **found}


def _readme(made: Model, result: Export) -> str:
    """Return a text on how to use the folder, with and without this package."""
    preprocessing = made.preprocessing
    heads = ", ".join(f"`{head.name}` ({head.channels}, {head.kind})" for head in made.task.heads)
    lines = [
        f"# A {made.task.name} model for {made.format}",
        "",
        "Made by `segmentare export`. `model.json` holds the task, its thresholds and categories,",
        f"and how images become input; `{PARITY}` how this network was compared with its model.",
        "",
        "    pip install segmentare "
        + " ".join(sorted({_package(p.computed) for p in result.parity})),
        "    segmentare predict THIS_FOLDER images --out masks",
        "",
        "    import segmentare",
        '    found = segmentare.load("THIS_FOLDER").predict("image.jpg")',
        "",
        f"The network alone (`{made.file.name}`) takes float32 of shape (N, H, W, C), sides",
        f"{_sides(made)}, with",
        f"(pixel - {list(preprocessing.mean)}) / {list(preprocessing.std)} in each channel.",
        f"It returns maps after their activation, {_LAYOUTS.get(made.format, _CHANNELS_FIRST)}:",
        f"{heads}.",
        *(_SERVING if made.format == "savedmodel" else ()),
        "",
        "Compared on " + result.images + ":",
        "",
    ]
    lines += [f"- {sentence(parity)}" for parity in result.parity]
    return "\n".join(lines) + "\n"


def _sides(made: Model) -> str:
    multiple = made.exported.multiple if made.exported else 1
    return "of any length" if multiple == 1 else f"multiples of {multiple}"


def _package(computed: str) -> str:
    return ENGINES[computed.partition(" ")[0]].package.replace("_", "-")


def sentence(parity: Parity) -> str:
    """Say in one line what a comparison found."""
    text = (
        f"{parity.computed}: {parity.differ} of {parity.pixels} pixels (or keypoints) differ, "
        f"maps by at most {max(parity.largest.values(), default=0):.2g}"
    )
    if parity.before is not None and parity.after is not None:
        text += f"; {parity.score} {parity.before:.4f} before, {parity.after:.4f} after"
    if not parity.milliseconds:
        return f"{text}."
    framework = FRAMEWORKS[next(iter(parity.milliseconds)).split()[0]]
    return f"{text}; {parity.speedup:.1f} times as fast as {framework} in float32."
