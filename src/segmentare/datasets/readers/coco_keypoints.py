"""COCO keypoints: `annotations/person_keypoints_*.json`, and all who write files of that form.

These are COCO itself, CrowdPose, OCHuman, Halpe, and what MMPose makes of AI Challenger, JHMDB and
PoseTrack 2018. Which keypoints there are is said by the file, or else by their number.

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014,
https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from segmentare.annotations.geometry import Size
from segmentare.annotations.poses import Poses, Skeleton
from segmentare.datasets.base import Problem, Record
from segmentare.datasets.object_dataset import Listed, misfit
from segmentare.datasets.pairing import named
from segmentare.datasets.pose_dataset import PoseDataset, opened, without_parts
from segmentare.datasets.readers.coco_files import (
    CocoFile,
    Entry,
    ImageFinder,
    candidates,
    image_problem,
)
from segmentare.datasets.readers.coco_marks import Marks, read_marks
from segmentare.errors import DatasetError
from segmentare.images.reading import is_image

_OTHERS = ("instances", "captions", "panoptic", "stuff", "image_info", "deepfashion")


def open_keypoints(
    root: Path, task: str = "pose", skeleton: Skeleton | None = None
) -> PoseDataset | None:
    """Open COCO keypoints; `None` for others. Silhouettes are kept for the task "body".

    Args:
        root: The folder.
        task: Name of the task.
        skeleton: As in `read_marks`.
    """
    found = (read_marks(path, skeleton) for path in keypoint_files(root))
    files = [marks for marks in found if marks is not None]
    return _open(root, files, silhouettes=task == "body") if files else None


def keypoint_files(root: Path) -> list[Path]:
    """Return the JSON files that may hold keypoints, those that say so by their names first."""
    paths = sorted({*candidates(root), *root.glob("annotations/*/*.json")})
    chosen = [path for path in paths if path.name.startswith("person_keypoints")]
    return chosen or [path for path in paths if not path.name.startswith(_OTHERS)]


def _open(root: Path, files: Sequence[Marks], *, silhouettes: bool) -> PoseDataset:
    places = _Places(root)
    records: list[Record] = []
    problems: list[Problem] = []
    sources: dict[Path, tuple[Marks, int]] = {}
    used: list[Marks] = []
    for marks in files:
        images = {number: places.find(marks.file, e) for number, e in marks.file.images.items()}
        again = next((path for path in images.values() if path in sources), None)
        if again is not None:
            what = (
                f"'{marks.file.path.name}' is left out, for '{sources[again][0].file.path.name}' "
                f"annotates the same images, such as '{again.name}'; to use it, remove the other."
            )
            problems.append(Problem(marks.file.path.name, what, stops=False))
            continue
        found, wrong = _list_file(marks, images)
        used.append(marks)
        records += found.values()
        problems += [*wrong, *marks.remarks.problems()]
        sources.update({record.image: (marks, number) for number, record in found.items()})
    _check_same(used)
    problems += places.remarks()

    def read(record: Record, size: Size) -> Poses:
        marks, number = sources[record.image]
        entry = marks.file.images[number]
        said = (int(entry.get("height", size[0])), int(entry.get("width", size[1])))
        if said != size:
            raise DatasetError(misfit(record.image.name, f"'{marks.file.path.name}'", said, size))
        return marks.poses(number, size, silhouettes=silhouettes)

    names = ", ".join(f"'{marks.file.path.name}'" for marks in used[:4])
    more = f" and {len(used) - 4} more" if len(used) > 4 else ""
    kept = named(root, without_parts(records))
    listed = Listed(root, "coco_keypoints", f"COCO keypoints in {names}{more}.", kept, problems)
    return opened(listed, used[0].kind.skeleton, read, used[0].kind.name)


def _list_file(
    marks: Marks, images: Mapping[int, Path | None]
) -> tuple[dict[int, Record], list[Problem]]:
    """Return the usable images of a file by their ids, and what is wrong with others."""
    file, found, problems = marks.file, {}, []
    for number, entry in file.images.items():
        if entry.get("is_labeled") is False:  # PoseTrack's frames between the annotated ones
            marks.remarks.add("images that nobody annotated are left out", str(entry["file_name"]))
            continue
        path = images[number]
        problem = image_problem(file, number, path)
        if problem is None and number in marks.wrong:
            problem = Problem(str(entry["file_name"]), marks.wrong[number], stops=True)
        if problem is not None:
            problems.append(problem)
        elif path is not None:
            video = entry.get("vid_id")
            group = None if video is None else str(video)
            found[number] = Record("", path, file.path, group=group, part=file.part)
    return found, problems


def _check_same(used: Sequence[Marks]) -> None:
    """Refuse files that mark different keypoints."""
    for marks in used[1:]:
        one, other = used[0].kind.skeleton, marks.kind.skeleton
        if one.keypoints != other.keypoints:
            raise DatasetError(
                f"All files of a dataset must mark the same keypoints; '{used[0].file.path.name}' "
                f"has {len(one.keypoints)} ('{one.name}') and '{marks.file.path.name}' "
                f"{len(other.keypoints)} ('{other.name}'). Put them into folders of their own."
            )


class _Places:
    """Finds the images that a file names: by their path, by their name, or in a folder beside."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._finder = ImageFinder(root)
        self._beside: dict[str, int] = {}
        self._siblings: list[Path] | None = None

    def find(self, file: CocoFile, entry: Entry) -> Path | None:
        name = str(entry["file_name"]).replace("\\", "/")
        for folder in (self._root, self._root / "images", file.path.parent):
            if is_image(folder / name) and (folder / name).is_file():
                return folder / name
        found = self._finder.find(file, entry, alone=False) or self._find_beside(name)
        return found or self._finder.find(file, entry)

    def remarks(self) -> list[Problem]:
        """Say which images come from beside the folder."""
        return [
            Problem(
                "",
                f"{count} images are taken from '{folder}', which lies beside "
                f"'{self._root.name}', where they are not.",
                stops=False,
            )
            for folder, count in self._beside.items()
        ] + self._finder.remarks()

    def _find_beside(self, name: str) -> Path | None:
        if self._siblings is None:
            folders = sorted(self._root.resolve().parent.iterdir())
            self._siblings = [f for f in folders if f.is_dir() and f.name[0] != "."]
        for folder in self._siblings:
            for path in (folder / name, folder / "images" / name):
                if is_image(path) and path.is_file():
                    self._beside[folder.name] = self._beside.get(folder.name, 0) + 1
                    return path
        return None
