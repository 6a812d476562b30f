"""Leeds Sports Pose and its extended training set: `joints.mat` and `images/im0001.jpg`.

Source: Johnson and Everingham, "Clustered Pose and Nonlinear Appearance Models for Human Pose
Estimation", BMVC 2010, and "Learning Effective Human Pose Estimation from Inaccurate Annotation",
CVPR 2011.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

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
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    data = read_bytes(path)
    try:
        with explained(path):
            content: dict[str, Any] = loadmat(io.BytesIO(data))
    except MatReadError as error:
        raise DatasetError(
            f"'{path.name}' is no MATLAB file that can be read ({error}); restore it."
        ) from error
    joints = content.get("joints")
    names = ", ".join(name for name in content if name[:2] != "__")
    if not isinstance(joints, np.ndarray) or joints.ndim != 3 or joints.dtype.kind not in "fiu":
        raise DatasetError(
            f"'{path.name}' must hold the array 'joints' of shape (14, 3, images); it holds "
            f"{names or 'nothing'}. Restore it."
        )
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
