"""A model for people who write Python: it takes any image and returns predictions."""

from __future__ import annotations

import glob
import html
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self, overload

from segmentare.annotations.geometry import Image
from segmentare.annotations.segmentation import Category
from segmentare.errors import DatasetError
from segmentare.images.reading import is_image
from segmentare.models.architecture import NetworkSpec
from segmentare.models.description import Model as ModelFolder
from segmentare.models.description import read_model
from segmentare.models.frameworks import AUTO
from segmentare.prediction.pipeline import read_ahead
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.prediction.refining import look_again
from segmentare.results.prediction import Prediction
from segmentare.runtimes.image_inputs import Picture, image_name, to_image
from segmentare.runtimes.loading import Wanted, open_model
from segmentare.tasks.base import Maps, Task
from segmentare.video.sources import find_images

_NAMED = 8  # categories that are named in a repr


@dataclass(frozen=True, repr=False, eq=False)
class Model:
    """A model that is ready to predict, as `load` returns it.

    Attributes:
        predictor: What computes and decodes the maps.
        source: The model folder's description.
        engine: Name of what computes it.
        precision: Of the numbers in which it is computed.
        why: Why this engine was chosen, in one sentence.
    """

    predictor: Predictor[Any]
    source: ModelFolder
    engine: str
    precision: str
    why: str

    @property
    def task(self) -> Task[Any]:
        """What the model finds, with its thresholds."""
        return self.predictor.task

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories; an id is a place in this list."""
        return self.task.categories

    @property
    def preprocessing(self) -> Preprocessing:
        """How images become the network's input."""
        return self.predictor.preprocessing

    @property
    def folder(self) -> Path:
        """Where the model is."""
        return self.source.folder

    @property
    def computed(self) -> str:
        """Engine and precision, such as "openvino float32"."""
        return self.predictor.computed

    @overload
    def predict(
        self, given: str | Path, *, flips: bool | None = None, refine: bool = False
    ) -> Prediction | Any: ...  # noqa: ANN401  several predictions, where it is a folder

    @overload
    def predict(
        self,
        given: list[Any] | tuple[Any, ...] | Iterator[Any],
        *,
        flips: bool | None = None,
        refine: bool = False,
    ) -> Predictions: ...

    @overload
    def predict(
        self, given: Picture, *, flips: bool | None = None, refine: bool = False
    ) -> Prediction: ...

    def predict(
        self,
        given: Picture | list[Any] | tuple[Any, ...] | Iterator[Any],
        *,
        flips: bool | None = None,
        refine: bool = False,
    ) -> Prediction | Predictions:
        """Return what an image shows; of several images an iterator, which reads ahead.

        Args:
            given: One image: the path of a file, a PIL image, an array of shape (H, W) or
                (H, W, C), or a tensor of PyTorch of these shapes or (C, H, W), see
                `image_inputs.to_image`. Several images: a folder, a pattern such as
                `photos/*.jpg`, or a list, a tuple or a generator of any of these. (A type checker
                cannot see that a path is a folder; put it in a list.)
            flips: Average over four mirrors of the image, in four times the time; `None`: as the
                model was loaded.
            refine: Look at every person with keypoints again, close up.

        Raises:
            DatasetError: The file is missing, damaged or not an image.
            ValueError: It is not an image, the model takes other channels or pixels, or `refine`
                is given for a task without keypoints.

        >>> import numpy as np
        >>> model = load("run")  # doctest: +SKIP
        >>> model.predict("new.jpg").save("new.png")  # doctest: +SKIP
        >>> for found in model.predict("photos"):  # doctest: +SKIP
        ...     print(found)
        """
        predictor = self.predictor if flips is None else replace(self.predictor, flips=flips)
        predictor = look_again(predictor) if refine else predictor
        if isinstance(given, list | tuple | Iterator):
            return Predictions(predictor, _numbered(given))
        if isinstance(given, str | Path) and (several := _expanded(given)) is not None:
            return Predictions(predictor, several)
        return _predict(predictor, _read(predictor, given), image_name(given))

    __call__ = predict

    def maps(self, given: Picture) -> Maps:
        """Return what the network answers: per head float32 maps of shape (channels, H, W).

        Args:
            given: One image, as for `predict`.

        Raises:
            ValueError: As `predict`.
        """
        return self.predictor.maps(_read(self.predictor, given))

    @cached_property
    def _rows(self) -> dict[str, str]:
        """What there is to know, by its name."""
        spec = NetworkSpec.from_dict(self.source.description["network"])
        names = [c.name for c in self.categories if not c.background]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        height, width = self.preprocessing.size
        takes = f"{self.preprocessing.channels} channels of {self.preprocessing.dtype}"
        scale = self.preprocessing.scale
        sized = "whole images" if scale is None else f"tiles of images scaled by {scale:g}"
        return {
            "task": self.task.name,
            "categories": ", ".join(names[:_NAMED]) + more,
            "network": f"{spec.network} with encoder {spec.encoder}, width {spec.width:g}, "
            f"{self.source.file.stat().st_size / 1e6:.1f} MB",
            "input": f"{height} x {width} pixels (height x width), {takes}, {sized}",
            "engine": f"{self.computed}" + ", four flips" * self.predictor.flips,
            "folder": str(self.folder),
        }

    def __repr__(self) -> str:
        return "\n".join(["Model", *(f"  {name}: {text}" for name, text in self._rows.items())])

    def _repr_html_(self) -> str:
        """Return a small table for a notebook."""
        rows = (
            f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>"
            for name, text in self._rows.items()
        )
        return f"<table>{''.join(rows)}</table>"


class Predictions(Iterator[Prediction]):
    """Predictions of several images, in their order; the next images are read meanwhile.

    An image that cannot be used raises its error in its place; `next` then goes on behind it.
    """

    def __init__(self, predictor: Predictor[Any], given: Iterable[tuple[str, Picture]]) -> None:
        """Start.

        Args:
            predictor: Of the model.
            given: Name and source of each image.
        """
        self._predictor, self._done = predictor, 0
        self._ahead = _ahead(predictor, given)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Prediction:
        (name, _), image = next(self._ahead)
        self._done += 1
        with _named(name):
            return _predict(self._predictor, image.result(), name)

    def __repr__(self) -> str:
        return f"Predictions: an iterator, of which {self._done} images are done"


def _ahead(
    predictor: Predictor[Any], given: Iterable[tuple[str, Picture]]
) -> Generator[tuple[tuple[str, Picture], Future[Image]], None, None]:
    return read_ahead(given, lambda item: _read(predictor, item[1]))


def _predict(predictor: Predictor[Any], image: Image, name: str) -> Prediction:
    return Prediction(predictor.predict(image), image, name, predictor.task)


def _read(predictor: Predictor[Any], given: Picture) -> Image:
    with _named(given if isinstance(given, str | Path) else ""):
        return to_image(given, predictor.preprocessing)


@contextmanager
def _named(name: str | Path) -> Iterator[None]:
    """Let an error about an image name its file."""
    try:
        yield
    except ValueError as error:
        if Path(name).name in str(error):
            raise
        raise DatasetError(f"'{name}': {error}") from error


def _expanded(given: str | Path) -> list[tuple[str, Picture]] | None:
    """Return the images of a folder or of a pattern; `None` for the path of one image.

    Raises:
        DatasetError: There is none.
    """
    path = Path(given)
    if path.is_dir():
        images = find_images([path]).values()
        return [(image.relative_to(path).as_posix(), image) for image in images]
    if path.exists() or not glob.has_magic(str(path)):
        return None
    found = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
    matches = [image for image in found if is_image(image)]
    if not matches:
        raise DatasetError(f"There must be an image like '{given}'; none is there.")
    return [(image.name, image) for image in matches]


def _numbered(given: Iterable[Any]) -> Iterator[tuple[str, Picture]]:
    """Yield each image with its name, or its number; folders and patterns with all of theirs."""
    for number, one in enumerate(given, start=1):
        several = _expanded(one) if isinstance(one, str | Path) else None
        if several is not None:
            yield from several
        else:
            yield image_name(one, f"image {number}"), one


def load(
    folder: str | Path,
    *,
    flips: bool | None = None,
    engine: str = "auto",
    precision: str | None = None,
    device: str = "auto",
    framework: str = AUTO,
) -> Model:
    """Load a model folder, of a training or an export, ready to predict.

    Args:
        folder: What `segmentare train` or `segmentare export` made.
        flips: Average over four mirrors of the image; `None`: as the export says, else not.
        engine: `torch`, `onnx`, `openvino`, `litert`, or `auto`: what an earlier trial on this
            machine found to be the fastest (`segmentare predict` holds one), else the first that is
            installed.
        precision: `float32`, `bfloat16` or `int8`; `None`: see `Wanted`.
        device: `auto` (a GPU where there is one), `cpu`, `cuda`, or `mps` (PyTorch only).
        framework: `torch`, `tensorflow`, or `auto`; see `Wanted`.

    Raises:
        ModelError: The folder is missing, damaged, foreign or of a newer version, or the engine
            cannot compute it.
        MissingPackageError: A package that is needed is not installed.
        ValueError: There is no such engine.

    Examples:
        >>> model = segmentare.load(run.folder)
        >>> found = model.predict(sorted((photos / "images").iterdir())[0])
        >>> found.category.shape
        (48, 64)
    """
    wanted = Wanted(engine, precision, device, framework)
    opened = open_model(folder, wanted, flips=flips)
    return Model(opened.predictor, read_model(folder), opened.engine, opened.precision, opened.why)
