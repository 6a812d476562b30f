"""What a model folder says before any network is opened: of a training, or of an export.

A training leaves `model.json` and `weights.safetensors`. An export leaves a `model.json` with the
same task, categories, thresholds and preprocessing, and the network in a runtime's own format; the
entry `export` of its `model.json` names the files and their checksums.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from segmentare.errors import InputError, ModelError
from segmentare.models.checkpoint import MODEL, WEIGHTS, load_description, weights_file
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import task_from_dict
from segmentare.tasks.base import Maps, Task

EXPORT = "export"  #: entry of `model.json` that only exports have
PARITY = "parity.json"  #: how an export was compared with its model
_UNPICKLED = "torch"  # a format of earlier versions
RUN = "run"  #: format of what a training leaves

_OLD_NAMES = {"f32": "float32"}  # of precisions, in exports of version 0.1


@dataclass(frozen=True)
class Exported:
    """What `model.json` says of an exported network.

    Attributes:
        format: Name of the exporter, such as `onnx`.
        precision: `float32` or `int8`; what the numbers in the files are.
        files: Name -> SHA-256 of each file of the network; the first is the one to open.
        multiple: Heights and widths of its input must be multiples of this.
        flips: Predictions average four mirrors of the image unless they are told not to.
    """

    format: str
    precision: str
    files: Mapping[str, str]
    multiple: int
    flips: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {**vars(self), "files": dict(self.files)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        files = {str(name): str(content) for name, content in data["files"].items()}
        if not files or any(".." in Path(n).parts or Path(n).is_absolute() for n in files):
            raise InputError(f"files must be names of files in its folder, not {sorted(files)}")
        return cls(
            str(data["format"]),
            _OLD_NAMES.get(str(data["precision"]), str(data["precision"])),
            files,
            int(data["multiple"]),
            bool(data.get("flips", False)),
        )


@dataclass(frozen=True)
class Model:
    """A model folder, its description read and understood.

    Attributes:
        folder: Where it is.
        description: All of `model.json`.
        task: What the maps mean, with its thresholds and categories.
        preprocessing: How images become input.
        exported: `None` for what a training left.
    """

    folder: Path
    description: Mapping[str, Any]
    task: Task[Any]
    preprocessing: Preprocessing
    exported: Exported | None

    @property
    def format(self) -> str:
        """`run` for what a training left, else the name of the exporter."""
        return RUN if self.exported is None else self.exported.format

    @property
    def quantized(self) -> bool:
        """True when the network computes in 8-bit integers."""
        return self.exported is not None and self.exported.precision == "int8"

    @property
    def file(self) -> Path:
        """The file that a runtime opens."""
        return self.folder / (WEIGHTS if self.exported is None else next(iter(self.exported.files)))

    def verify(self) -> None:
        """Stop unless the files of an export are those that were written.

        A runtime may read damaged weights without a complaint, and then answer nonsense.

        Raises:
            ModelError: A file is missing or its content is another.
        """
        for name, content in self.exported.files.items() if self.exported else ():
            path = self.folder / name
            if not path.is_file():
                raise ModelError(
                    f"An exported folder must hold {name!r}; {str(self.folder)!r} does not. "
                    "Copy the folder again, or export the model again."
                )
            if checksum(path) != content:
                raise ModelError(
                    f"{str(path)!r} must have the checksum that {MODEL} names; it is damaged or "
                    "of another export. Copy the folder again, or export the model again."
                )

    def key(self) -> str:
        """Return a name for exactly this model: of its description and its weights."""
        content = hashlib.sha256(json.dumps(self.description, sort_keys=True).encode())
        if self.exported is None:
            content.update(checksum(self.file).encode())
        return content.hexdigest()[:24]


def read_model(folder: str | Path) -> Model:
    """Read and understand `model.json`; the network's own files are not opened.

    Raises:
        ModelError: It is missing, damaged, no model, or of a newer version.
    """
    folder = Path(folder)
    description = load_description(folder)
    try:
        task = task_from_dict(description["task"])
        preprocessing = Preprocessing.from_dict(description["preprocessing"])
        said = description.get(EXPORT)
        exported = None if said is None else Exported.from_dict(said)
    except ModelError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelError(
            f"model.json in {str(folder)!r} must describe task, network and preprocessing; "
            f"{error} is missing or wrong. Copy the folder again, or train anew."
        ) from error
    if exported is None:
        weights_file(folder)
    elif exported.format == _UNPICKLED:
        raise ModelError(
            f"{str(folder)!r} must not be an export to torch.export, which runs any code that is "
            "in it when it is opened. Export the model again, to onnx or openvino, or predict with "
            "the folder of its training."
        )
    return Model(folder, description, task, preprocessing, exported)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def finite(maps: Maps) -> Maps:
    """Return the maps, unless they hold something that is no number.

    Raises:
        ModelError: They do.
    """
    if not all(np.isfinite(values).all() for values in maps.values()):
        raise ModelError(
            "The network must answer with numbers; for this image it does not. "
            "Its training diverged: train it again with a lower learning rate."
        )
    return maps
