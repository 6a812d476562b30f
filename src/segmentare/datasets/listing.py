"""Which files of a folder are images and which are masks, told by their names."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segmentare.datasets.base import Part
from segmentare.images.reading import is_image

Role = Literal["image", "mask", "other"]

_SKIPPED = {"original_layout", "original_samples", "__macosx"}  # copies of what lies beside them

#: Words in the name of a folder of masks; where there are several such folders, the first wins.
_MASK_WORDS = (
    *("mask", "masks", "segmentation", "segmentations", "seg", "segs", "silhouettes", "matte"),
    *("groundtruth", "truth", "gt", "annotation", "annotations", "annot", "annots", "manual"),
    *("label", "labels", "target", "targets"),
)
_IMAGE_WORDS = {
    *("image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "input"),
    *("inputs", "jpg", "jpeg", "frames", "scans", "rgb"),
}
_PARTS: dict[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}

_MASK_AFFIX = re.compile(
    r"^(?:masks?|labels?|seg|gt|manual)[_\-. ]+"
    r"|[_\-. ]+(?:masks?|labels?|seg|segmentation|segmented|gt|ground[_ ]?truth|annotation|annot"
    r"|lesion|manual1?|1stHO|matte|alpha|label_?ids|label_?train_?ids|L)$",
    re.IGNORECASE,
)
_IMAGE_AFFIX = re.compile(
    r"^(?:images?|img|photo|sat|rgb)[_\-. ]+"
    r"|[_\-. ]+(?:images?|img|photo|sat|rgb|orig|original|leftImg8bit)$",
    re.IGNORECASE,
)
_OTHER_OBSERVER = re.compile(r"[_\-. ](?:2ndHO|manual2)$", re.IGNORECASE)
_LOSSLESS = (".png", ".gif", ".bmp", ".tif", ".tiff")  # the likelier a mask, the earlier


@dataclass(frozen=True)
class Found:
    """One image file and what its name says.

    Attributes:
        path: The file.
        role: Image, mask, or something else (a second observer's mask).
        keys: Stems by which an image and its mask find each other, the most exact first.
        context: The folders between root and file, without the words that name the role.
        rank: Place of the mask's folder among the usual names; lower is likelier.
        part: The part of a split that a folder's name prescribes.
    """

    path: Path
    role: Role
    keys: tuple[str, ...]
    context: str
    rank: int
    part: Part | None


def list_images(root: Path) -> list[Path]:
    """Return all image files below a folder, sorted; hidden ones and spare copies left out."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(
            name for name in subfolders if name.lower() not in _SKIPPED and name[0] != "."
        )
        found += [Path(folder, name) for name in names if is_image(Path(name))]
    return sorted(found)


def classify(root: Path, paths: list[Path]) -> list[Found]:
    """Tell images from masks: by the folder's name, else by the file's own."""
    stems = {path.stem.lower() for path in paths}
    bases = stems | {_IMAGE_AFFIX.sub("", stem) for stem in stems}
    twins = _masks_beside_images(root, paths)
    return [_classify(root, path, bases, twins) for path in paths]


def _classify(root: Path, path: Path, bases: set[str], twins: set[Path]) -> Found:
    folders = path.relative_to(root).parent.parts
    stem = path.stem.lower()
    stripped = _MASK_AFFIX.sub("", stem)
    by_folder, rank = _role_of_folder(folders)
    has_affix = stripped != stem and (stripped in bases or _IMAGE_AFFIX.sub("", stripped) in bases)
    role: Role = by_folder or ("mask" if has_affix or path in twins else "image")
    if by_folder == "image" and has_affix and stripped in bases:
        role = "mask"  # images/a.jpg beside images/a_mask.png
    if _OTHER_OBSERVER.search(stem):
        role = "other"
    base = stripped if role == "mask" else stem
    keys = dict.fromkeys((stem, base, _IMAGE_AFFIX.sub("", base)))
    return Found(path, role, tuple(keys), _context(folders), rank, part_of(folders))


def _masks_beside_images(root: Path, paths: list[Path]) -> set[Path]:
    """Return the masks among files of one stem in one folder, such as a.jpg and a.png."""
    together: dict[Path, list[Path]] = {}
    for path in paths:
        if _role_of_folder(path.relative_to(root).parent.parts)[0] is None:
            together.setdefault(path.with_suffix(""), []).append(path)
    masks = set()
    for twins in together.values():
        lossless = [path for path in twins if path.suffix.lower() in _LOSSLESS]
        if len(twins) == 2 and lossless:
            masks.add(min(lossless, key=lambda path: _LOSSLESS.index(path.suffix.lower())))
    return masks


def _role_of_folder(folders: tuple[str, ...]) -> tuple[Role | None, int]:
    """Return what the innermost telling folder holds, and the rank of its name."""
    for folder in reversed(folders):
        words = _words(folder)
        ranks = [_MASK_WORDS.index(word) for word in words if word in _MASK_WORDS]
        if ranks:
            return "mask", min(ranks)
        if any(word in _IMAGE_WORDS for word in words):
            return "image", 0
    return None, len(_MASK_WORDS)


def _context(folders: tuple[str, ...]) -> str:
    """Return the folders without the words that say image or mask."""
    role_words = {*_MASK_WORDS, *_IMAGE_WORDS, "ground"}
    kept = [" ".join(w for w in _words(folder) if w not in role_words) for folder in folders]
    return "/".join(words for words in kept if words)


def part_of(folders: tuple[str, ...]) -> Part | None:
    """Return the part of a split that the innermost telling folder names."""
    for folder in reversed(folders):
        for word in _words(folder):
            if word in _PARTS:
                return _PARTS[word]
    return None


def _words(name: str) -> list[str]:
    """Split the name of a folder: "Ground_Truth", "trainMasks" and "testannot" have two words."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)
    glued = re.compile(r"^(train|val|test)(annot|masks?|images|labels)$")
    split = [glued.match(word.lower()) for word in words]
    return [
        part
        for word, match in zip(words, split, strict=True)
        for part in (match.groups() if match else (word.lower(),))
    ]
