"""MADS full body segmentation: frames of a few videos, so groups are the sequences.

Source: Zhang, Liu, Trinh, Shao, Lee and Chan, "Martial Arts, Dancing and Sports dataset: A
challenging stereo and multi-view dataset for 3D human pose estimation", Image and Vision
Computing 61, 2017; masks on Kaggle, tapakah68/segmentation-full-body-mads-dataset.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segmentare.datasets.base import Record
from segmentare.datasets.files import FileDataset, build, unread
from segmentare.datasets.listing import classify, list_images
from segmentare.datasets.pairing import pair
from segmentare.datasets.readers.folder import pairs_from_table

_FRAME = re.compile(r"(?P<action>[^_]+)_(?P<take>.+)_(?:C\d+|left|right)_\d+", re.IGNORECASE)


def open_mads(root: Path) -> FileDataset | None:
    """Open MADS, recognized by names such as HipHop_HipHop1_C0_00180.png; `None` for others."""
    for place in (root, *sorted(root.glob("*/")), *sorted(root.glob("*/*/"))):
        folder = place / "images"
        names = [path.stem for path in folder.iterdir()] if folder.is_dir() else []
        if not names or not (place / "masks").is_dir():
            continue
        if 10 * sum(bool(_FRAME.fullmatch(name)) for name in names) < 9 * len(names):
            continue
        paths = list_images(place)
        records, problems, source = pairs_from_table(place, paths) or (
            *pair(place, classify(place, paths)),
            "pairs of the same name",
        )
        layout = f"MADS full body, {source}; one group per sequence"
        opened = unread(root, "mads", layout, _grouped(records), problems)
        return build(opened, None, "person")
    return None


def _grouped(records: Sequence[Record]) -> list[Record]:
    """Name the sequence of every frame: its name without camera and number."""
    done = []
    for record in records:
        match = _FRAME.fullmatch(record.image.stem)
        if match is None:
            done.append(record)
            continue
        group = f"{match['action']}_{match['take']}"
        done.append(replace(record, group=group, labels={"action": match["action"]}))
    return done
