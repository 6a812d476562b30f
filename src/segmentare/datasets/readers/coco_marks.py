"""The people in one JSON file of COCO's form: their keypoints, checked, and what these are.

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014,
https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.outlines import fill_union
from segmentare.annotations.poses import VISIBLE, Keypoints, Poses, Skeleton
from segmentare.annotations.runlengths import RLE
from segmentare.annotations.skeletons import SKELETONS, find_skeleton, same_keypoints, skeleton_of
from segmentare.datasets.pose_dataset import (
    Person,
    Remarks,
    inside,
    poses_of,
    without_visibility,
)
from segmentare.datasets.readers.coco import read_segmentation
from segmentare.datasets.readers.coco_files import CocoFile, Entry, read_coco
from segmentare.errors import DatasetError, InputError

#: Skeletons of files that do not name their keypoints, by the number of these.
_BY_COUNT = {17: "coco17", 18: "openpose18", 25: "body25", 136: "halpe136"}


@dataclass(frozen=True)
class Kind:
    """The objects of a file that have keypoints.

    Attributes:
        name: Of their category.
        ids: Their categories in the file.
        skeleton: Their keypoints.
    """

    name: str
    ids: frozenset[int]
    skeleton: Skeleton


@dataclass(frozen=True)
class Marks:
    """One JSON file with its people.

    Attributes:
        file: The file.
        kind: What its keypoints are.
        people: The annotations of each image, by its id.
        keypoints: Those of each annotation (K, 3), by the annotation's place in the file; none
            where nobody marked any.
        wrong: Why an image cannot be used, by its id.
        remarks: What else was noticed.
    """

    file: CocoFile
    kind: Kind
    people: Mapping[int, list[tuple[int, Entry]]]
    keypoints: Mapping[int, Keypoints]
    wrong: Mapping[int, str]
    remarks: Remarks

    def poses(self, number: int, size: Size, *, silhouettes: bool = False) -> Poses:
        """Return the people in the image with this id.

        Raises:
            DatasetError: A mask cannot be read.
        """
        entry = self.file.images[number]
        people = []
        for place, annotation in self.people[number]:
            marked = self.keypoints.get(place)
            mask = None
            if silhouettes or marked is None or annotation.get("iscrowd", 0):
                mask = self._mask(annotation, str(entry["file_name"]), size)
            track = annotation.get("track_id")
            area = annotation.get("area")
            people.append(
                Person(
                    marked,
                    _box(annotation.get("bbox")),
                    float(area) if isinstance(area, int | float) and area > 0 else None,
                    mask,
                    bool(annotation.get("iscrowd", 0)),
                    track if isinstance(track, int) else None,
                )
            )
        ignored = _ignored(entry, size)
        return poses_of(people, self.kind.skeleton, size, ignored, silhouettes=silhouettes)

    def _mask(self, annotation: Entry, image: str, size: Size) -> RLE | None:
        if not annotation.get("segmentation"):
            return None
        try:
            return read_segmentation(annotation["segmentation"], size)
        except (ValueError, TypeError, KeyError) as error:
            raise DatasetError(
                f"Annotation {annotation.get('id')} in '{self.file.path.name}', of '{image}', has "
                f"a silhouette that cannot be read: {error}; encode it again."
            ) from error


def read_marks(path: Path, skeleton: Skeleton | None = None) -> Marks | None:
    """Read a file of keypoints; `None` where it holds something else.

    Args:
        path: The file.
        skeleton: What its keypoints are if it does not name them, and which objects count if their
            keypoints differ.

    Raises:
        DatasetError: The file is damaged, or does not say what its keypoints are.
    """
    file = read_coco(path)
    kind = None if file is None else _kind_of(file, skeleton)
    if file is None or kind is None:
        return None
    remarks = Remarks(path.name)
    people: dict[int, list[tuple[int, Entry]]] = {number: [] for number in file.images}
    found: dict[int, Keypoints] = {}
    wrong: dict[int, str] = {}
    for place, annotation in enumerate(file.annotations):
        number = int(annotation["image_id"])
        label = f"annotation {annotation.get('id', f'number {place}')}"
        if number not in people:
            remarks.add("annotations are of images that are not listed", label)
        elif annotation.get("category_id") in kind.ids:
            people[number].append((place, annotation))
            try:
                marked = _keypoints(annotation, kind.skeleton, remarks, label)
            except ValueError as error:
                name = file.images[number]["file_name"]
                wrong.setdefault(number, f"A{label[1:]} in '{path.name}', of '{name}', {error}")
                continue
            if marked is not None:
                found[place] = marked
                _look_outside(file.images[number], kind.skeleton, marked, remarks, label)
    highest = max((float(np.nan_to_num(k[:, 2]).max()) for k in found.values()), default=2.0)
    if highest == 1:  # PoseTrack's way to say "labeled"
        for marked in found.values():
            marked[marked[:, 2] == 1, 2] = VISIBLE
    return Marks(file, kind, people, found, wrong, remarks)


def _keypoints(
    annotation: Entry, skeleton: Skeleton, remarks: Remarks, label: str
) -> Keypoints | None:
    """Return the keypoints (K, 3) of an annotation, `None` where none is marked."""
    given = annotation.get("keypoints")
    if not given:
        return None
    if not isinstance(given, list) or not all(isinstance(v, int | float) for v in given):
        raise InputError("must have a list of numbers x, y, v, x, y, v, ... as keypoints.")
    count = len(skeleton.keypoints)
    if len(given) == 2 * count:
        remarks.add("objects have keypoints without visibility, which count as visible", label)
        keypoints = without_visibility(np.array(given, np.float64).reshape(-1, 2))
        return keypoints if keypoints[:, 2].any() else None
    if len(given) != 3 * count:
        raise InputError(
            f"has {len(given) / 3:.4g} keypoints where '{skeleton.name}' has {count}; correct it "
            f"or remove it."
        )
    keypoints = np.array(given, np.float32).reshape(-1, 3)
    strange = ~np.isin(keypoints[:, 2], (0, 1, 2))
    if strange.any():
        raise InputError(
            f"must have keypoints with a visibility of 0, 1 or 2; that of "
            f"'{skeleton.keypoints[int(np.argmax(strange))]}' is {keypoints[strange][0, 2]:g}."
        )
    return keypoints if keypoints[:, 2].any() else None


def _look_outside(
    entry: Entry, skeleton: Skeleton, marked: Keypoints, remarks: Remarks, label: str
) -> None:
    size = int(entry.get("height", 2**31)), int(entry.get("width", 2**31))
    _, gone = inside(marked, size)
    if gone.any():
        where = f"{label} in '{entry['file_name']}'"
        remarks.outside(gone, marked, skeleton.keypoints, where)


def _box(given: Any) -> tuple[float, float, float, float] | None:  # noqa: ANN401  from a JSON file
    """Return a box from its corner and sides; COCO's pixel 0 goes from 0 to 1."""
    if not isinstance(given, list) or len(given) != 4:
        return None
    if not all(isinstance(value, int | float) for value in given):
        return None
    x, y, width, height = given
    if not np.isfinite(given).all() or width <= 0 or height <= 0:
        return None
    return x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5


def _ignored(entry: Entry, size: Size) -> NDArray[np.bool_] | None:
    """Return the regions that PoseTrack leaves out."""
    columns, rows = entry.get("ignore_regions_x"), entry.get("ignore_regions_y")
    if not columns or not rows:
        return None
    try:
        rings = [
            np.array(xy, np.float64).T for xy in zip(columns, rows, strict=True) if len(xy[0]) > 2
        ]
        return fill_union(rings, size) if rings else None
    except (ValueError, TypeError, OverflowError) as error:
        raise DatasetError(
            f"The regions of '{entry['file_name']}' that are left out (ignore_regions_x and _y) "
            f"must be lists of lists of numbers of the same lengths; {error}. Correct them."
        ) from error


def _kind_of(file: CocoFile, hint: Skeleton | None) -> Kind | None:
    """Return what the file marks keypoints of; `None` where it marks none.

    Raises:
        DatasetError: Several categories have different keypoints, or nobody says what they are.
    """
    counts: dict[int, Counter[int]] = {}
    for annotation in file.annotations:
        given, number = annotation.get("keypoints"), annotation.get("category_id")
        if isinstance(given, list) and given and isinstance(number, int):
            counts.setdefault(number, Counter())[len(given)] += 1
    ids = [number for number in counts if number in file.categories]
    if not ids:
        return None
    names = {number: tuple(file.categories[number].get("keypoints") or ()) for number in ids}
    if len(set(names.values())) > 1:
        chosen = [n for n in ids if file.categories[n]["name"] == "person"]
        if hint is not None:
            chosen = [n for n in ids if same_keypoints(names[n], hint)] or chosen
        if not chosen:
            listed = ", ".join(f"'{file.categories[n]['name']}'" for n in ids[:5])
            raise DatasetError(
                f"All objects in '{file.path.name}' must have the same keypoints, but those of "
                f"{listed} differ; give each kind a file of its own, or a skeleton that has the "
                f"keypoints of one of them."
            )
        ids = chosen
    first = file.categories[ids[0]]
    name = str(first["name"]) if len(ids) == 1 else "object"
    commonest = sum((counts[number] for number in ids), Counter()).most_common(1)[0][0]
    return Kind(name, frozenset(ids), _skeleton(file, first, commonest, hint))


def _skeleton(file: CocoFile, category: Entry, numbers: int, hint: Skeleton | None) -> Skeleton:
    names = [str(name) for name in category.get("keypoints") or ()]
    if not names:
        if hint is not None and numbers in (2 * len(hint.keypoints), 3 * len(hint.keypoints)):
            return hint
        if numbers % 3 or numbers // 3 not in _BY_COUNT:
            other = "" if hint is None else f" ('{hint.name}' has {len(hint.keypoints)})"
            raise DatasetError(
                f"The category '{category['name']}' in '{file.path.name}' must name its "
                f"{numbers / 3:.4g} keypoints in 'keypoints'; it names none. Add them, or give "
                f"a `skeleton` of so many keypoints{other}, such as a TOML file."
            )
        return SKELETONS[_BY_COUNT[numbers // 3]]
    limbs = [tuple(limb) for limb in category.get("skeleton") or () if len(limb) == 2]
    valid = [(a - 1, b - 1) for a, b in limbs if min(a, b) > 0 and max(a, b) <= len(names)]
    return find_skeleton(names) or skeleton_of(str(category["name"]), names, limbs=valid)
