"""`segmentare export --to savedmodel`: written, run, compared with the model, and kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segmentare.annotations import Sample
from segmentare.checkpoint import MODEL, load_description, write_json
from segmentare.errors import DatasetError, ModelError
from segmentare.frameworks import choose_framework
from segmentare.interfaces.common_ground import check_categories, check_skeletons, fitted
from segmentare.interfaces.comparing_exports import Compared, Reader, compare
from segmentare.interfaces.display import Display
from segmentare.interfaces.export_folders import export_target, keep_export
from segmentare.interfaces.exporting import ExportOptions
from segmentare.interfaces.machine import describe_machine, now
from segmentare.interfaces.runs import read_split_parts
from segmentare.loading import load
from segmentare.models import PARITY
from segmentare.prediction.predictor import Predictor
from segmentare.result import Result

TITLES = {"savedmodel": "SavedModel"}


@dataclass(frozen=True, repr=False)
class Export(Result):
    """A finished export.

    Attributes:
        folder: What `segmentare.load` and `segmentare predict` take.
        megabytes: Size of its files.
        compared: What the comparisons found.
    """

    folder: Path
    megabytes: float
    compared: tuple[Compared, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        rows = [{**asdict(row), "share_that_differs": row.share} for row in self.compared]
        return {"folder": str(self.folder), "megabytes": self.megabytes, "parity": rows}

    @property
    def title(self) -> str:
        """Where it is."""
        return f"Export {str(self.folder)!r} ({self.megabytes} MB)"

    @property
    def summary(self) -> Mapping[str, object]:
        """What the comparisons found."""
        return {row.computed: row.sentence() for row in self.compared}

    def tables(self) -> Iterator[str]:
        """Yield what the comparisons found."""
        yield from (row.sentence() for row in self.compared)
        yield f"Export: {self.folder} ({self.megabytes} MB)"


def export(
    run: str | Path,
    to: str,
    out: str | Path | None = None,
    options: ExportOptions | None = None,
    display: Display | None = None,
) -> Export:
    """Write a model for TensorFlow's runtimes, run it, compare it, and keep it if it fits.

    Args:
        run: What a training left.
        to: `savedmodel`.
        out: A new folder; `None`: beside the run, with the format behind its name.
        options: What is exported, and how it is checked. The data must be annotated images, of the
            run's own data its test part.
        display: Where progress is shown; `None` shows nothing.

    Raises:
        ModelError: The model is damaged, exists in PyTorch only, or what was written answers
            otherwise than the model: then nothing is kept.
        MissingPackageError: TensorFlow is not installed.
        DatasetError: There are no annotated images to compare on.
        OutputExistsError: `out` is there already.
        ValueError: There is no such format, or it cannot be made as is wanted.
    """
    options = options or ExportOptions()
    display, run = display or Display(quiet=True), Path(run)
    _check(run, to)
    if options.data is None:
        raise ValueError(f"Annotated images to compare on are needed for --to {to}. Give --data.")
    if options.flips or options.int8:
        raise ValueError(f"--flips and --int8 cannot be part of --to {to}. Leave them out.")
    target = export_target(run, to, out, overwrite=options.overwrite)
    model = load(run)
    samples = _samples(model, run, Path(options.data), options.reader, options.images)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
        folder = Path(temporary) / "export"
        display.say(f"Writing {TITLES[to]} ...")
        readers = _write(run, to, folder)
        display.say(f"Comparing on {len(samples)} images ...")
        found = tuple(compare(model, name, reader, samples) for name, reader in readers.items())
        _refuse_mismatch(found)
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        result = Export(target, round(sum(sizes) / 1e6, 2), found)
        report = {"when": now(), "machine": describe_machine(), **result.to_dict()}
        del report["folder"]
        keep_export(folder, target, report, _readme(model, to, result))
    return result


def _check(run: Path, to: str) -> None:
    if to not in TITLES:
        raise ValueError(f"A model is exported to one of {', '.join(TITLES)}; got {to!r}.")
    choose_framework("tensorflow")
    if "export" in load_description(run):
        raise ModelError(
            f"{str(run)!r} must be what `segmentare train` left; it is an export already. "
            "Export the folder of the training."
        )


def _refuse_mismatch(found: Sequence[Compared]) -> None:
    for row in found:
        complaint = row.complaint()
        if complaint:
            raise ModelError(
                f"What was exported must answer as the model does; computed by {row.computed}, "
                f"{complaint}. Nothing was kept."
            )


def _samples(
    model: Predictor[Any], run: Path, data: Path, reader: str | None, count: int
) -> list[Sample[Any]]:
    """Return annotated images, of the run's own data those of its test part, evenly spread."""
    from segmentare.datasets import open_dataset

    dataset = open_dataset(data, reader, model.task.name)
    check_categories(model, dataset)
    check_skeletons(model, dataset)
    places = range(len(dataset.records))
    test = read_split_parts(run)["test"]
    unseen = [place for place in places if dataset.records[place].name in test] or list(places)
    chosen = np.unique(np.linspace(0, len(unseen) - 1, min(count, len(unseen))).round().astype(int))
    samples = [fitted(dataset[unseen[place]], model) for place in chosen]
    if not samples:
        raise DatasetError(f"{str(data)!r} must hold annotated images; it holds none.")
    return samples


def _write(run: Path, to: str, folder: Path) -> dict[str, Reader]:
    """Write an export with its `model.json`; what reads it comes back, by the name of the way."""
    from segmentare.keras import exports
    from segmentare.keras.inference import restore

    found = restore(run)
    folder.mkdir(parents=True)
    files = exports.write_savedmodel(found, folder)
    facts = {
        "format": to,
        "precision": "float32",
        "files": {name: exports.checksum(folder / name) for name in files},
        "multiple": 1,
        "flips": False,
    }
    write_json(folder / MODEL, {**found.description, exports.EXPORT: facts})
    predictor = load(folder)
    server = exports.Server(predictor, folder, found.network.stride)
    return {f"{to} float32": predictor, f"{to} serving_default": server}


def _readme(model: Predictor[Any], to: str, result: Export) -> str:
    """Return a text on how to use the folder, with and without this package."""
    preprocessing = model.preprocessing
    heads = ", ".join(f"`{head.name}` ({head.channels}, {head.kind})" for head in model.task.heads)
    normal = f"(pixel - {list(preprocessing.mean)}) / {list(preprocessing.std)}"
    ways = {
        "savedmodel": (
            "    loaded = tf.saved_model.load(FOLDER)",
            '    maps = loaded.signatures["serving_default"](images=image[None])',
            "",
            f"takes {preprocessing.dtype} images (N, H, W, {preprocessing.channels}) of any size,",
            "resamples and normalizes them itself, and returns maps at their own size; tasks of",
            "keypoints coarse ones, and `content`, the part of the network's input that the image",
            "covers. The signature",
            f"`maps` is the network alone, for images that are normalized: {normal}.",
        ),
    }
    lines = [
        f"# A {model.task.name} model as {TITLES[to]}",
        "",
        "Made by `segmentare export`. `model.json` holds the task, its thresholds and categories,",
        f"and how images become input; `{PARITY}` how it was compared with its model.",
        "",
        "    pip install 'segmentare[tensorflow]'",
        "    segmentare predict FOLDER images --out masks",
        "",
        "Without this package,",
        "",
        *ways[to],
        "",
        f"Maps, after their activation: {heads}.",
        "",
        *(f"- {row.sentence()}" for row in result.compared),
    ]
    return "\n".join(lines) + "\n"
