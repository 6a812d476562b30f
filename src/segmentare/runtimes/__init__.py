"""The runtimes that can compute a network's maps; to add one, write its file and name it here.

The file of an engine has two functions. `hindrance(precision)` says in a few words why this machine
cannot compute in a precision, or "". `open_network(model, settings)` returns a function from
normalized images, float32 of shape (N, H, W, C) with sides that are multiples of 32, to the
activated maps of every head: all that a `Predictor` needs. Nothing is imported before an engine is
used, so a machine needs the packages of one engine only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from segmentare.errors import InputError, MissingPackageError, ModelError
from segmentare.models import frameworks
from segmentare.models.description import RUN, Model
from segmentare.tasks.base import Maps
from segmentare.training import machine

MapsFunction = Callable[[NDArray[np.float32]], Maps]

PRECISIONS = ("float32", "bfloat16", "int8")  #: what numbers a network is computed in


@dataclass(frozen=True)
class Engine:
    """A runtime: what it is, what it reads, how exactly it can compute.

    Attributes:
        name: What the option `engine` calls it.
        title: What people call it.
        package: That must be importable.
        extra: Of segmentare, that installs it.
        formats: Exports that it opens.
        runs_as: The format that a run is exported to for it; "" where it opens a run as it is,
            `None` where it computes exports only.
        precisions: In which it computes a network of 32-bit numbers, the exact one first.
        int8: True where it computes quantized networks.
        within: Another package that holds it too; "" where there is none.
    """

    name: str
    title: str
    package: str
    extra: str
    formats: tuple[str, ...]
    runs_as: str | None
    precisions: tuple[str, ...] = ("float32",)
    int8: bool = False
    within: str = ""

    @property
    def installed(self) -> bool:
        """True when its package is there, or another that holds it."""
        packages = (self.package, self.within) if self.within else (self.package,)
        return any(frameworks.installed(package) for package in packages)

    @property
    def module(self) -> ModuleType:
        """Its file, imported now."""
        return importlib.import_module(f"{__name__}.{self.name}")

    def computes(self, model: Model) -> tuple[str, ...]:
        """Return the precisions in which it computes a model; none where it cannot open it."""
        opens = self.runs_as is not None if model.format == RUN else model.format in self.formats
        if not opens:
            return ()
        if model.quantized:
            return ("int8",) if self.int8 else ()
        return self.precisions


@dataclass(frozen=True)
class Settings:
    """How an engine computes.

    Attributes:
        precision: One of `PRECISIONS`.
        device: `auto`, `cpu`, `cuda` or `mps`; only PyTorch knows others than `cpu`.
        threads: How many; `None`: as many as there are cores for this process.
    """

    precision: str = "float32"
    device: str = "auto"
    threads: int | None = None

    @property
    def cores(self) -> int:
        """How many threads that is."""
        return self.threads or machine.threads()


#: In the order of preference among equally fast ones.
ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine("torch", "PyTorch", "torch", "torch", (), "", ("float32", "bfloat16")),
        Engine(
            "openvino",
            "OpenVINO",
            "openvino",
            "openvino",
            ("openvino", "onnx"),
            "openvino",
            ("float32", "bfloat16"),
            int8=True,
        ),
        Engine("onnx", "ONNX Runtime", "onnxruntime", "onnx", ("onnx",), "onnx"),
        Engine(
            "litert",
            "LiteRT",
            "ai_edge_litert",
            "litert",
            ("litert",),
            None,
            int8=True,
            within="tensorflow",
        ),
        Engine("tensorflow", "TensorFlow", "tensorflow", "tensorflow", ("savedmodel",), None),
    )
}


def find_engine(name: str) -> Engine:
    """Return the engine of that name, which is installed.

    Raises:
        InputError: There is none of that name.
        MissingPackageError: Its package is not installed.
    """
    if name not in ENGINES:
        raise InputError(f"The engine must be auto or one of {', '.join(ENGINES)}; got {name!r}.")
    engine = ENGINES[name]
    if not engine.installed:
        raise MissingPackageError(
            f"The engine {name!r} needs the package {engine.package}, which is not installed. "
            f"Run: pip install 'segmentare[{engine.extra}]'"
        )
    return engine


def open_engine(engine: Engine, model: Model, settings: Settings) -> MapsFunction:
    """Return what computes the maps of a model that the engine can open as it is.

    Raises:
        ModelError: The model is damaged, or the engine cannot open it or not compute it so.
    """
    able = engine.computes(model)
    if settings.precision not in able:
        what = f"{model.format} in {settings.precision}"
        raise ModelError(
            f"The engine {engine.name!r} must be able to compute the model; it cannot compute "
            f"{what}. {_advice(model, able)}"
        )
    reason = engine.module.hindrance(settings.precision)
    if reason:
        raise ModelError(
            f"The engine {engine.name!r} cannot compute in {settings.precision} here: {reason}. "
            "Give `precision='float32'`."
        )
    model.verify()
    maps_of: MapsFunction = engine.module.open_network(model, settings)
    return maps_of


def _advice(model: Model, able: Sequence[str]) -> str:
    if able:
        return f"Give `precision` {' or '.join(able)}."
    names = [engine.name for engine in ENGINES.values() if engine.computes(model)]
    if model.quantized:
        return f"Of this quantized model only that is capable: `engine` {' or '.join(names)}."
    return f"Give `engine` {' or '.join(names)}, or export the model to another format."


def padded(maps_of: MapsFunction, multiple: int) -> MapsFunction:
    """Let a network that takes sides of multiples of a larger number take all multiples of 32.

    What is missing repeats the edge, as everywhere; cells that see nothing else are cut off.
    """

    def run(images: NDArray[np.float32]) -> Maps:
        height, width = images.shape[1:3]
        down, right = -height % multiple, -width % multiple
        if not down and not right:
            return maps_of(images)
        grown = np.pad(images, ((0, 0), (0, down), (0, right), (0, 0)), mode="edge")
        cut = {}
        for name, maps in maps_of(grown).items():
            stride = grown.shape[1] // maps.shape[2]
            cut[name] = maps[:, :, : -(-height // stride), : -(-width // stride)]
        return cut

    return run
