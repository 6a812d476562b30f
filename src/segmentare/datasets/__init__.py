"""Readers: files on disk become samples; the layout of a folder is recognized, or named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentare.errors import DatasetError

if TYPE_CHECKING:
    from segmentare.annotations.poses import Skeleton
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
    "coco_panoptic": (
        "coco_panoptic:open_panoptic",
        "COCO panoptic (panoptic_*.json and a folder of PNG files of that name)",
    ),
    "coco": ("coco:open_coco", "COCO instances (annotations/instances_*.json, image folders)"),
    "cityscapes": ("cityscapes:open_cityscapes", "Cityscapes (leftImg8bit, gtFine)"),
    "penn_fudan": ("penn_fudan:open_penn_fudan", "Penn-Fudan (PNGImages, PedMasks)"),
    "yolo": ("yolo:open_yolo", "YOLO polygons (images, labels/*.txt, a YAML file with names)"),
    "ade20k": ("ade20k:open_ade20k", "ADE20K (a.jpg, a_seg.png, a.json)"),
    "object_masks": (
        "object_masks:open_object_masks",
        "a folder per image with images (one) and masks (one per object)",
    ),
    "labelme": ("labelme:open_labelme", "LabelMe (a.json beside a.jpg)"),
    "ids": ("ids:open_ids", "images and maps of object ids (16-bit PNG or TIFF) in two folders"),
    "folder": ("folder:open_folder", "images and masks in two folders, or named a.jpg, a_mask.png"),
}

WITH_STUFF = {"coco_panoptic", "cityscapes", "ade20k"}  # readers that know stuff and things

#: The same for keypoints, which the tasks `KEYPOINT_TASKS` need.
KEYPOINT_READERS: dict[str, tuple[str, str]] = {
    "openpose": ("openpose_dataset:open_openpose", "OpenPose (a.jpg and a_keypoints.json)"),
    "lsp": ("lsp:open_lsp", "Leeds Sports Pose (joints.mat, images/im0001.jpg)"),
    "mpii": ("mpii:open_mpii", "MPII human pose (a JSON list of image, joints, joints_vis)"),
    "cvat": ("cvat:open_cvat", "CVAT for images 1.1 (annotations.xml with skeletons or points)"),
    "label_studio": (
        "label_studio:open_label_studio",
        "Label Studio (its JSON export with keypointlabels)",
    ),
    "coco_keypoints": (
        "coco_keypoints:open_keypoints",
        "COCO keypoints (annotations/person_keypoints_*.json and the like, image folders)",
    ),
}
KEYPOINT_TASKS = ("pose", "body")


def open_dataset(
    root: Path | str,
    reader: str | None = None,
    task: str = "semantic",
    skeleton: Skeleton | None = None,
) -> FileDataset:
    """Open a folder of annotated images by the first reader that recognizes its layout.

    All mask files are looked at once, because one rule has to read them all.

    Args:
        root: The folder.
        reader: Name of the one reader to use, a key of `READERS`, of `KEYPOINT_READERS` for the
            task "pose", or of either for "body", whose people may have silhouettes alone; `None`
            tries all.
        task: Name of the task that the data are for; some layouts hold data for several, and
            which categories there are, and whether things are told apart, depends on it.
        skeleton: What keypoints are that the files do not name. Named ones stay as they are: see
            `as_skeleton.as_skeleton`. Bodies without any keypoints need it.

    Raises:
        DatasetError: The folder is missing, empty, or of no known layout, or does not hold what
            the task needs.

    Examples:
        >>> dataset = segmentare.open_dataset(photos)
        >>> len(dataset), [category.name for category in dataset.categories]
        (24, ['background', 'object'])
        >>> dataset[0].annotation.category.shape
        (48, 64)
    """
    return _check_objects(recognize(Path(root), reader, task, skeleton), task)


def recognize(
    root: Path, reader: str | None, task: str, skeleton: Skeleton | None = None
) -> FileDataset:
    """Open a folder as `open_dataset` does, also where objects are not told apart."""
    readers = _readers(task)
    if reader is not None and reader not in readers:
        raise DatasetError(
            f"The reader for the task '{task}' must be one of {', '.join(readers)}; got '{reader}'."
        )
    _check_folder(root)
    for name in [reader] if reader else readers:
        opened = _open(
            name,
            root,
            {
                "task": "instance" if task == "body" and name in READERS else task,
                "forced": reader is not None,
                "skeleton": skeleton,
            },
        )
        if opened is not None:
            opened = _without_repeated(opened)
            if task == "body" and name in READERS:
                return _as_people(opened, skeleton)
            return opened
    known = "; ".join(f"{name}: {layout}" for name, (_, layout) in readers.items())
    asked = f"the layout of '{reader}'" if reader else "a known layout"
    raise DatasetError(f"'{root}' must hold images in {asked}. Known layouts are {known}.")


def open_richest(root: Path | str, reader: str | None = None) -> FileDataset:
    """Open a folder for the task that keeps most of what it holds: stuff and things, or objects.

    One without any mask is opened for its keypoints, where it has some.

    Args:
        root: The folder.
        reader: As in `open_dataset`.

    Raises:
        DatasetError: As `open_dataset`.
    """
    try:
        found = open_dataset(root, reader)
    except DatasetError:
        try:
            return open_dataset(root, reader, KEYPOINT_TASKS[0])
        except DatasetError:
            return open_dataset(root, reader)  # says what is wrong
    if not found.records:
        return _with_keypoints(root, reader) or found
    if found.rule is not None:  # masks of categories
        return found
    return open_dataset(
        root, found.reader, "panoptic" if found.reader in WITH_STUFF else "instance"
    )


def _with_keypoints(root: Path | str, reader: str | None) -> FileDataset | None:
    """Return the folder as one of keypoints, `None` where no image has any."""
    try:
        found = open_dataset(root, reader, KEYPOINT_TASKS[0])
    except DatasetError:
        return None
    return found if found.records else None


def _open(name: str, root: Path, options: Mapping[str, Any]) -> FileDataset | None:
    """Call a reader with those of the options that it takes."""
    opener = _opener(name)
    taken = signature(opener).parameters
    return opener(root, **{key: value for key, value in options.items() if key in taken})


def _readers(task: str) -> dict[str, tuple[str, str]]:
    if task == "body":
        return KEYPOINT_READERS | READERS
    return KEYPOINT_READERS if task in KEYPOINT_TASKS else READERS


def _without_repeated(opened: FileDataset) -> FileDataset:
    from segmentare.datasets.identity import without_repeated

    return without_repeated(opened)


def _as_people(opened: FileDataset, skeleton: Skeleton | None) -> FileDataset:
    from segmentare.datasets.as_people import as_people

    return as_people(opened, skeleton)


def _check_objects(opened: FileDataset, task: str) -> FileDataset:
    """Refuse masks of categories alone where a task tells objects apart."""
    if task in {"instance", "panoptic"} and opened.rule is not None:
        raise DatasetError(
            f"The task '{task}' needs objects that are told apart, but '{opened.root}' holds "
            f"categories only ({opened.layout.rstrip('.')}). Give it maps of ids, or make one "
            f"object of each connected part with 'segmentare convert {opened.root} --to ids'."
        )
    return opened


def _check_folder(root: Path) -> None:
    if not root.exists():
        raise DatasetError(f"The folder '{root}' does not exist; check its spelling.")
    if not root.is_dir():
        raise DatasetError(f"'{root}' is a file; name the folder that holds images and masks.")
    if not any(root.iterdir()):
        raise DatasetError(f"The folder '{root}' is empty; it must hold images and masks.")


def _opener(name: str) -> Callable[..., FileDataset | None]:
    """Import a reader when it is first needed, for they load OpenCV."""
    module, function = (READERS | KEYPOINT_READERS)[name][0].split(":")
    opener: Callable[..., FileDataset | None] = getattr(
        import_module(f"segmentare.datasets.readers.{module}"), function
    )
    return opener
