"""Readers: files on disk become samples; the layout of a folder is recognized, or named."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from segmentare.errors import DatasetError

if TYPE_CHECKING:
    from segmentare.datasets.files import FileDataset

#: Name of a reader -> (its module's function, the layout in words); special ones come first.
READERS: dict[str, tuple[str, str]] = {
    "ph2": ("ph2:open_ph2", "PH2 ('PH2 Dataset images', or images, masks and labels.csv)"),
    "mads": (
        "mads:open_mads",
        "MADS full body (images, masks, names like HipHop_HipHop1_C0_00180)",
    ),
    "camvid": ("camvid:open_camvid", "CamVid as SegNet has it (train, trainannot, ...)"),
    "voc": ("voc:open_voc", "Pascal VOC (JPEGImages, SegmentationClass)"),
    "drive": ("drive:open_drive", "DRIVE (training/images, training/1st_manual, ...)"),
    "chase": ("chase:open_chase", "CHASE_DB1 (Image_01L.jpg, Image_01L_1stHO.png)"),
    "folder": ("folder:open_folder", "images and masks in two folders, or named a.jpg, a_mask.png"),
}


def open_dataset(root: Path | str, reader: str | None = None) -> FileDataset:
    """Open a folder of annotated images by the first reader that recognizes its layout.

    All mask files are looked at once, because one rule has to read them all.

    Args:
        root: The folder.
        reader: Name of the one reader to use, a key of `READERS`; `None` tries all.

    Raises:
        DatasetError: The folder is missing, empty, or of no known layout.
    """
    root = Path(root)
    if reader is not None and reader not in READERS:
        raise DatasetError(f"The reader must be one of {', '.join(READERS)}; got '{reader}'.")
    _check_folder(root)
    for name in [reader] if reader else READERS:
        opened = _opener(name)(root)
        if opened is not None:
            return opened
    known = "; ".join(f"{name}: {READERS[name][1]}" for name in READERS)
    asked = f"the layout of '{reader}'" if reader else "a known layout"
    raise DatasetError(f"'{root}' must hold images in {asked}. Known layouts are {known}.")


def _check_folder(root: Path) -> None:
    if not root.exists():
        raise DatasetError(f"The folder '{root}' does not exist; check its spelling.")
    if not root.is_dir():
        raise DatasetError(f"'{root}' is a file; name the folder that holds images and masks.")
    if not any(root.iterdir()):
        raise DatasetError(f"The folder '{root}' is empty; it must hold images and masks.")


def _opener(name: str) -> Callable[[Path], FileDataset | None]:
    """Import a reader when it is first needed, for they load OpenCV."""
    module, function = READERS[name][0].split(":")
    opener: Callable[[Path], FileDataset | None] = getattr(
        import_module(f"segmentare.datasets.{module}"), function
    )
    return opener
