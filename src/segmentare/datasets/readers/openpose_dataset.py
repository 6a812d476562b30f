"""Images with OpenPose's JSON files, `a.jpg` and `a_keypoints.json`, as a dataset."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import VISIBLE, Poses
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.files import relative
from segmentare.datasets.listing import list_images
from segmentare.datasets.object_dataset import Listed
from segmentare.datasets.pairing import named
from segmentare.datasets.pose_dataset import Person, PoseDataset, opened, poses_of
from segmentare.datasets.readers.openpose import LAYOUTS, SUFFIX, read_openpose
from segmentare.errors import DatasetError
from segmentare.opening import read_bytes


def open_openpose(root: Path) -> PoseDataset | None:
    """Open images and OpenPose's files of their names, in any folders; `None` for others."""
    files = openpose_files(root)
    if not files:
        return None
    images: dict[str, list[Path]] = {}
    for image in list_images(root):
        images.setdefault(image.stem, []).append(image)
    records: list[Record] = []
    problems: list[Problem] = []
    people: dict[Path, Poses] = {}
    for path in files:
        stem = path.name.removesuffix(SUFFIX)
        own = images.get(stem, [])
        try:
            if len(own) == 1:
                people[own[0]] = read_openpose(path)
                records.append(Record("", own[0], path))
                continue
            reason = (
                f"'{path.name}' must have one image '{stem}.*'; it has {len(own)}. Rename them."
            )
        except DatasetError as error:
            reason = str(error)
        problems.append(Problem(relative(root, path), reason, stops=True))
    used = Counter(len(p.skeleton.keypoints) for p in people.values() if len(p))
    skeleton = LAYOUTS[used.most_common(1)[0][0] if used else 25]
    if len(used) > 1:
        raise DatasetError(
            f"All files in '{root.name}' must have the same layout; there are {used[18]} of 18 "
            f"keypoints and {used[25]} of 25. Put them into folders of their own."
        )

    def read(record: Record, size: Size) -> Poses:
        found = people[record.image].keypoints.copy()
        found[found[..., 2] > 0, 2] = VISIBLE
        return poses_of([Person(points) for points in found], skeleton, size)

    layout = f"OpenPose's JSON (a.jpg, a{SUFFIX})."
    return opened(Listed(root, "openpose", layout, named(root, records), problems), skeleton, read)


def openpose_files(root: Path) -> list[Path]:
    """Return OpenPose's files in a folder and in those in it, sorted; COCO's are not among them."""
    found = [*root.glob(f"*{SUFFIX}"), *root.glob(f"*/*{SUFFIX}")]
    files = sorted(path for path in found if path.name[0] != "." and path.is_file())
    return files if any(b'"people"' in read_bytes(path) for path in files) else []
