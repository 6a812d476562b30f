"""`segmentare convert`: a dataset in another format, and what that format cannot hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from segmentare.commands.options import command
from segmentare.commands.values import Folder
from segmentare.errors import InputError

if TYPE_CHECKING:
    from segmentare.annotations.poses import Skeleton
    from segmentare.datasets.converting import Converted


@command
def convert(
    data: Folder,
    out: Folder,
    to: Literal["coco", "yolo", "masks", "ids", "panoptic", "openpose", "coco-keypoints"],
    *,
    reader: str | None = None,
    skeleton: str | Path | Skeleton | None = None,
    quiet: bool = False,
) -> Converted:
    """Write a dataset in another format, and say what that format cannot hold.

    Images are copied as they are. Masks that do not tell objects apart give one object for each
    connected part. The new folder appears whole or not at all.

    Args:
        data (DATA): Folder of the dataset.
        out (--out DIR): Folder of the new dataset, which must be empty or not exist.
        to (--to FORMAT): COCO instances (coco), YOLO polygons (yolo), masks of categories (masks),
            maps of ids (ids) or COCO panoptic (panoptic); of people OpenPose's JSON (openpose) or
            COCO keypoints (coco-keypoints).
        reader (NAME): Layout of the dataset, where it is not recognized by itself.
        skeleton (NAME_OR_FILE): Skeleton that keypoints are converted to, or that they have where
            the data does not name them: see `segmentare skeletons`, or a TOML file.
        quiet: Show no progress.

    Returns:
        What was written, what was lost, and what was skipped because it cannot be read.

    Raises:
        DatasetError: The data cannot be read, or holds no usable image.
        OutputExistsError: There is something in the folder.
        InputError: There is no such format or skeleton, or they do not belong together.

    Examples:
        segmentare convert photos --to coco --out photos_coco
        segmentare convert people --to openpose --out people_openpose --skeleton coco17

        >>> found = segmentare.convert(photos, folder / "yolo", "yolo", quiet=True)
        >>> found.images
        24
    """
    from segmentare.datasets.chosen_skeletons import choose_skeleton
    from segmentare.datasets.converting import POSE_FORMATS, check_free, convert_objects
    from segmentare.datasets.converting_poses import convert_poses
    from segmentare.progress import Display

    data, out, display = Path(data), Path(out), Display(quiet=quiet)
    chosen = None if skeleton is None else choose_skeleton(skeleton)
    check_free(out)
    if to in POSE_FORMATS:
        return convert_poses(data, out, to, reader=reader, skeleton=chosen, display=display)
    if chosen is not None:
        raise InputError(
            f"`skeleton` is for {' and '.join(POSE_FORMATS)}; got it with the format '{to}'. "
            "Leave it out."
        )
    return convert_objects(data, out, to, reader, display)
