"""COCO's JSON files, of whatever task: images, annotations and categories, checked.

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; the format at
https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentare.annotations.segmentation import Category, distinct_color
from segmentare.datasets.base import Part, Problem
from segmentare.datasets.file_finder import FileFinder
from segmentare.datasets.listing import list_images, part_of
from segmentare.datasets.object_dataset import read_json
from segmentare.errors import DatasetError

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class CocoFile:
    """One JSON file.

    Attributes:
        path: The file.
        images: Its images, by id.
        annotations: Its annotations, as they stand.
        categories: Its categories, by id.
        twice: Ids of images that stand there twice.
    """

    path: Path
    images: Mapping[int, Entry]
    annotations: tuple[Entry, ...]
    categories: Mapping[int, Entry]
    twice: frozenset[int]

    @property
    def suffix(self) -> str:
        """What the name says beyond the task: "train2017" of instances_train2017.json."""
        return self.path.stem.split("_", 1)[-1]

    @property
    def part(self) -> Part | None:
        """The part of a split that the name of the file, or of its folder, prescribes."""
        return part_of((self.path.parent.name, self.suffix))


def candidates(root: Path) -> list[Path]:
    """Return the JSON files where COCO datasets keep them, sorted."""
    found = [*root.glob("*.json"), *root.glob("annotations/*.json"), *root.glob("*/_annotations*")]
    return sorted(path for path in set(found) if path.suffix == ".json" and path.is_file())


def read_coco(path: Path) -> CocoFile | None:
    """Read a file of images, annotations and categories; `None` where it holds something else.

    Raises:
        DatasetError: The file is no complete JSON, or an entry lacks its id.
    """
    data = read_json(path)
    keys = ("images", "annotations", "categories")
    if not isinstance(data, dict) or not all(isinstance(data.get(key), list) for key in keys):
        return None
    ids = [_id_of(path, "image", place, entry) for place, entry in enumerate(data["images"])]
    kinds = {
        _id_of(path, "category", place, entry): entry
        for place, entry in enumerate(data["categories"])
    }
    for entry in data["annotations"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("image_id"), int):
            raise DatasetError(
                f"Every annotation in '{path.name}' must name its image by 'image_id', a whole "
                f"number; got {str(entry)[:80]}. Export the file again."
            )
    return CocoFile(
        path,
        dict(zip(ids, data["images"], strict=True)),
        tuple(data["annotations"]),
        kinds,
        frozenset(image for image, count in Counter(ids).items() if count > 1),
    )


def _id_of(path: Path, kind: str, place: int, entry: Any) -> int:  # noqa: ANN401  from a JSON file
    name = "file_name" if kind == "image" else "name"
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), int) or name not in entry:
        raise DatasetError(
            f"Every {kind} in '{path.name}' must have 'id', a whole number, and '{name}'; entry "
            f"{place} is {str(entry)[:80]}. Export the file again."
        )
    return int(entry["id"])


def merged_categories(files: Iterable[CocoFile]) -> dict[int, Entry]:
    """Return the categories of all files by their id in the files, sorted.

    Raises:
        DatasetError: Two files name one id differently.
    """
    found: dict[int, Entry] = {}
    origin: dict[int, str] = {}
    for file in files:
        for number, entry in file.categories.items():
            if number in found and found[number]["name"] != entry["name"]:
                raise DatasetError(
                    f"Category {number} must have one name; it is '{found[number]['name']}' in "
                    f"'{origin[number]}' and '{entry['name']}' in '{file.path.name}'. Make them "
                    f"agree."
                )
            found.setdefault(number, entry)
            origin.setdefault(number, file.path.name)
    return dict(sorted(found.items()))


def category_of(entry: Entry, index: int, *, thing: bool, background: bool = False) -> Category:
    """Return the category that an entry of the file describes, for the id `index`."""
    color = entry.get("color")
    named = isinstance(color, list) and len(color) == 3
    red, green, blue = (int(value) for value in color) if named else distinct_color(index)  # type: ignore[union-attr]  # named
    return Category(str(entry["name"]), (red, green, blue), thing=thing, background=background)


class ImageFinder:
    """Finds the image files that JSON files name; see `FileFinder`.

    Args:
        root: The folder of the dataset.
        without: Folders that hold annotations, not images.
    """

    def __init__(self, root: Path, without: Iterable[Path] = ()) -> None:
        aside = tuple(without)
        paths = list_images(root)
        kept = [p for p in paths if not any(p.is_relative_to(folder) for folder in aside)]
        self._finder = FileFinder(root, kept, (root / "images",))

    def find(self, file: CocoFile, entry: Entry, *, alone: bool = True) -> Path | None:
        """Return the image of an entry: in a folder named like the file, else the only one.

        Args:
            file: The file that names it.
            entry: What the file says of it.
            alone: Find it also by its name alone; see `FileFinder.alone`.
        """
        name = str(entry["file_name"])
        for folder in (file.suffix, file.path.parent.name):
            near = self._finder.near(folder, name)
            if near is not None:
                return near
        return self._finder.find(name) or (self._finder.alone(name) if alone else None)

    def remarks(self) -> list[Problem]:
        """Say which images were found by their names alone."""
        return self._finder.remarks("the JSON file")


def image_problem(file: CocoFile, number: int, path: Path | None) -> Problem | None:
    """Say why an image of a file cannot be used, if so; `path` is where it lies."""
    name = str(file.images[number]["file_name"])
    if path is None:
        what = f"'{name}' stands in '{file.path.name}' but not on disk; restore it."
    elif number in file.twice:
        what = (
            f"Image ids must be unique in '{file.path.name}', but {number} stands there twice (for "
            f"'{name}'), so nobody knows whose its annotations are; give each image its own."
        )
    else:
        return None
    return Problem(name, what, stops=True)
