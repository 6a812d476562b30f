"""The formats that a model can be exported to, by name. To add one: write its file, name it here.

Each file has one function, `write(model, folder)`: it writes the network of a run into the folder
and returns what it wrote. It knows nothing of preprocessing and tasks, which `model.json` carries
for every format alike, and does not check itself: `runtimes.exporting` runs what was written and
compares it with the model.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segmentare.atomic import write_json
from segmentare.errors import InputError, MissingPackageError, ModelError
from segmentare.models.checkpoint import MODEL
from segmentare.models.description import EXPORT, Exported, Model, checksum, read_model


@dataclass(frozen=True)
class Exporter:
    """A format and who writes it.

    Attributes:
        name: What the option `to` calls it.
        title: What people call it.
        module: Holds `write`.
        needs: Packages that must be importable.
        extra: Of segmentare, that installs them.
        int8: `write` takes `int8=True` and quantizes by itself, with nothing to calibrate.
    """

    name: str
    title: str
    module: str
    needs: tuple[str, ...]
    extra: str = "export"
    int8: bool = False


@dataclass(frozen=True)
class Written:
    """What an exporter wrote.

    Attributes:
        files: Names in the folder; the first is the one that a runtime opens.
        multiple: Heights and widths of its input must be multiples of this.
    """

    files: Sequence[str]
    multiple: int


INPUT = "images"  #: name of the one input: normalized float32 of shape (N, H, W, C)

EXPORTERS: dict[str, Exporter] = {
    exporter.name: exporter
    for exporter in (
        Exporter(
            "onnx", "ONNX", "segmentare.runtimes.writing.onnx", ("torch", "onnx", "onnxscript")
        ),
        Exporter(
            "openvino", "OpenVINO", "segmentare.runtimes.writing.openvino", ("torch", "openvino")
        ),
        Exporter(
            "litert",
            "LiteRT",
            "segmentare.runtimes.writing.litert",
            ("tensorflow",),
            "tensorflow",
            int8=True,
        ),
        Exporter(
            "savedmodel",
            "SavedModel",
            "segmentare.runtimes.writing.savedmodel",
            ("tensorflow",),
            "tensorflow",
        ),
    )
}


def find_exporter(name: str) -> Exporter:
    """Return the exporter of a format.

    Raises:
        InputError: There is none of that name.
        MissingPackageError: A package that it needs is not installed.
    """
    if name not in EXPORTERS:
        raise InputError(f"A model is exported to one of {', '.join(EXPORTERS)}; got {name!r}.")
    found = EXPORTERS[name]
    absent = [package for package in found.needs if importlib.util.find_spec(package) is None]
    if absent:
        raise MissingPackageError(
            f"To export to {found.title}, {' and '.join(absent)} must be installed. "
            f"Run: pip install 'segmentare[{found.extra}]'"
        )
    return found


def refuse_export(model: Model) -> None:
    """Stop unless a model is what a training left.

    Raises:
        ModelError: It is an export already.
    """
    if model.exported is not None:
        raise ModelError(
            f"{str(model.folder)!r} must be what `segmentare train` left; it is an export to "
            f"{model.format} already. Export the folder of the training."
        )


def export(
    model: Model, to: str, folder: Path, *, flips: bool = False, int8: bool = False
) -> Model:
    """Write the network of a run in another format, with all that a prediction needs beside it.

    The folder gets a `model.json` at the end, so that an export that was stopped is none.

    Args:
        model: What a training left.
        to: Name of the format.
        folder: Made if it is missing.
        flips: Predictions shall average four mirrors of the image.
        int8: Of a format that quantizes by itself: write 8-bit integers.

    Raises:
        ModelError: The model is an export already, is damaged, or its network cannot be written
            in this format.
        MissingPackageError: A package that the format needs is not installed.
        InputError: There is no such format.
    """
    refuse_export(model)
    exporter = find_exporter(to)
    folder.mkdir(parents=True, exist_ok=True)
    write = importlib.import_module(exporter.module).write
    written: Written = write(model, folder, int8=True) if int8 else write(model, folder)
    facts = Exported(to, "int8" if int8 else "float32", {}, written.multiple, flips)
    return seal(model, folder, facts, written.files)


def seal(model: Model, folder: Path, exported: Exported, files: Sequence[str]) -> Model:
    """Write the `model.json` of an export whose files are written, and read it again."""
    sums = {name: checksum(folder / name) for name in files}
    facts = {**exported.to_dict(), "files": sums}
    write_json(folder / MODEL, {**model.description, EXPORT: facts})
    return read_model(folder)
