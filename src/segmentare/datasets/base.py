"""What a dataset is: records of files, the categories of their pixels, and samples on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from segmentare.annotations.segmentation import Category, Sample

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class Record:
    """The files of one image, before anything is decoded.

    Attributes:
        name: Unique within the dataset; the stem of the image where that is unique.
        image: The image file.
        mask: The file of the annotation; `None` where the image has none.
        valid: A mask file whose zero pixels count as unlabeled (a field of view), or `None`.
        labels: What is known of the whole image, such as `{"diagnosis": "melanoma"}`.
        group: Images of one group (patient, sequence) must not lie on both sides of a split.
        part: The part of the split that the dataset's own layout prescribes, or `None`.
    """

    name: str
    image: Path
    mask: Path | None = None
    valid: Path | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None
    part: Part | None = None


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a dataset.

    Attributes:
        file: Path relative to the dataset's root, or "" for the dataset as a whole.
        what: One sentence: what must hold, what was found, what to do.
        stops: True when a training cannot use this file (it is left out, or the run stops).
    """

    file: str
    what: str
    stops: bool


class Dataset(Protocol):
    """What every reader returns. `len` and `[]` go over the records that can be used."""

    @property
    def root(self) -> Path:
        """The folder."""

    @property
    def reader(self) -> str:
        """Name of the reader that recognized it."""

    @property
    def layout(self) -> str:
        """One sentence that says what was recognized."""

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories by id; empty where no mask can be read."""

    @property
    def records(self) -> Sequence[Record]:
        """The images that can be used."""

    @property
    def problems(self) -> Sequence[Problem]:
        """What the reader itself noticed while listing files."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample[Any]: ...
