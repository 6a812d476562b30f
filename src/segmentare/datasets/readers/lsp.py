"""Leeds Sports Pose and its extended training set: `joints.mat` and `images/im0001.jpg`.

Source: Johnson and Everingham, "Clustered Pose and Nonlinear Appearance Models for Human Pose
Estimation", BMVC 2010, and "Learning Effective Human Pose Estimation from Inaccurate Annotation",
CVPR 2011.
"""

from __future__ import annotations

import io
import math
import re
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import HIDDEN, VISIBLE, Keypoints, Poses
from segmentare.annotations.skeletons import SKELETONS
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import relative
from segmentare.datasets.listing import list_images
from segmentare.datasets.object_dataset import Listed
from segmentare.datasets.pairing import named
from segmentare.datasets.pose_dataset import Person, PoseDataset, Remarks, inside, opened, poses_of
from segmentare.errors import DatasetError
from segmentare.images.reading import explained, image_size, read_bytes

_LSP = SKELETONS["lsp14"]
_FILE = "joints.mat"

_LARGEST = 200_000_000  # bytes of the arrays in a file: those of 600,000 images
_PIECE = 1 << 20  # bytes that are unpacked at once
_COMPRESSED = 15  # the type of an element that is
_NUMBERS = {"double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32))}


def open_lsp(root: Path) -> PoseDataset | None:
    """Open a folder with `joints.mat` and numbered images; `None` for others."""
    path = root / _FILE
    if not path.is_file():
        return None
    joints = _read_joints(path)
    images = {}
    for image in list_images(root):
        match = re.fullmatch(r"im(\d+)", image.stem)
        if match:
            images[int(match[1])] = image
    records: list[Record] = []
    problems: list[Problem] = []
    people: dict[Path, Keypoints] = {}
    remarks = Remarks(_FILE)
    for number, image in sorted(images.items()):
        reason = _wrong(image, number, joints, remarks)
        if reason:
            problems.append(Problem(relative(root, image), reason, stops=True))
        else:
            records.append(Record("", image, path))
            people[image] = joints[number - 1]
    problems += _missing(len(joints), set(images))
    problems += remarks.problems()

    def read(record: Record, size: Size) -> Poses:
        return poses_of([Person(people[record.image])], _LSP, size)

    layout = f"Leeds Sports Pose ({_FILE}, images/im0001.jpg), one person in each image."
    return opened(Listed(root, "lsp", layout, named(root, records), problems), _LSP, read)


def _read_joints(path: Path) -> NDArray[np.float32]:
    """Return the keypoints of all images, (N, 14, 3).

    The third number says "visible" in the extended set, whose other joints have no usable place,
    and "occluded" in the original one, whose joints all have one.
    """
    joints = _read_array(path, "joints")
    if joints.shape[:2] == (14, 3):
        points = joints.transpose(2, 0, 1).astype(np.float32)
        points[..., 2] = np.where(points[..., 2] > 0, VISIBLE, 0)
    elif joints.shape[:2] == (3, 14):
        points = joints.transpose(2, 1, 0).astype(np.float32)
        points[..., 2] = np.where(points[..., 2] > 0, HIDDEN, VISIBLE)
    else:
        raise DatasetError(
            f"The joints in '{path.name}' must have the shape (14, 3, images) or (3, 14, images); "
            f"they have {joints.shape}. A set with other keypoints can be given as COCO keypoints."
        )
    return points


def _read_array(path: Path, name: str) -> NDArray[Any]:
    """Return an array of numbers with three axes from a MATLAB file.

    What the file claims is looked at first: a compressed one of 3 MB may unpack to 5 GB, and an
    empty cell array may claim as many cells as there are bytes of memory.

    Raises:
        DatasetError: It is damaged, holds something else, or more than any such file.
    """
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import MatReadError

    data = read_bytes(path)
    try:
        with explained(path):
            _check_size(path, data)
            shapes = {said: (shape, kind) for said, shape, kind in whosmat(io.BytesIO(data))}
            shape, kind = shapes.get(name, ((), ""))
            if len(shape) == 3 and kind in _NUMBERS and math.prod(shape) * 8 <= _LARGEST:
                found = loadmat(io.BytesIO(data), variable_names=[name])[name]
                if isinstance(found, np.ndarray) and found.dtype.kind in "fiu":
                    return found
    except MatReadError as error:
        raise DatasetError(
            f"'{path.name}' is no MATLAB file that can be read ({error}); restore it."
        ) from error
    raise DatasetError(
        f"'{path.name}' must hold the array '{name}' of shape (14, 3, images); it holds "
        f"{', '.join(shapes)[:200] or 'nothing'}. Restore it."
    )


def _check_size(path: Path, data: bytes) -> None:
    """Refuse a file whose compressed parts would take too much memory; they are unpacked in pieces.

    Source: MathWorks, "MAT-File Format", version 5: 128 bytes of header, then the elements, each
    behind its type and its number of bytes.
    """
    order: Literal["little", "big"] = "big" if data[126:128] == b"MI" else "little"
    place, unpacked = 128, 0
    while data[126:128] in (b"MI", b"IM") and place + 8 <= len(data):
        kind, size = (int.from_bytes(data[at : at + 4], order) for at in (place, place + 4))
        if kind == _COMPRESSED:
            stream, rest = zlib.decompressobj(), data[place + 8 : place + 8 + size]
            while rest and unpacked <= _LARGEST:
                unpacked += len(stream.decompress(rest, _PIECE))
                rest = stream.unconsumed_tail
        if unpacked > _LARGEST:
            raise DatasetError(
                f"'{path.name}' must unpack to at most {_LARGEST // 10**6} MB, as any list of "
                "joints does; it holds more. Restore it."
            )
        place += 8 + size


def _wrong(image: Path, number: int, joints: NDArray[np.float32], remarks: Remarks) -> str:
    """Say why an image cannot be used; note what else is odd."""
    if not 1 <= number <= len(joints):
        return (
            f"'{image.name}' must be one of the {len(joints)} images in '{_FILE}', im1 to "
            f"im{len(joints)}; remove it or restore the file."
        )
    try:
        size = image_size(image)
    except DatasetError as error:
        return str(error)
    kept, gone = inside(joints[number - 1], size)
    remarks.outside(gone, joints[number - 1], _LSP.keypoints, f"'{image.name}'")
    if not kept[:, 2].any():
        return f"'{image.name}' must have a visible joint in '{_FILE}'; it has none. Remove it."
    return ""


def _missing(count: int, numbers: set[int]) -> list[Problem]:
    """Name the joints without an image."""
    absent = [k for k in range(1, count + 1) if k not in numbers]
    if not absent or not numbers:
        return []
    what = (
        f"'{_FILE}' has joints for {count} images, but {len(absent)} of them are not on disk, "
        f"such as number {absent[0]}; restore them if they are wanted."
    )
    return [Problem(_FILE, what, stops=False)]
