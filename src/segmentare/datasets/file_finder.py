"""The files that tables and annotations name, whose paths may be those of another machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from segmentare.datasets.base import Problem
from segmentare.datasets.listing import Role, classify


@dataclass
class FileFinder:
    """Finds files by the names that others gave them, and never takes one for another.

    A path is followed from one of the folders. Where it leads nowhere, because it was written on
    another machine, its end is: to a file of that name in a folder of that name. A name without
    any folder is that of the one file so named, wherever it lies. Masks do not count where an
    image is looked for.

    Attributes:
        root: The folder of the dataset.
        paths: The files that can be found by the end of their paths.
        folders: Where paths may begin, beside the root.
    """

    root: Path
    paths: Iterable[Path]
    folders: tuple[Path, ...] = ()
    _by_name: dict[str, list[Path]] = field(default_factory=dict, init=False)
    _by_stem: dict[str, list[Path]] = field(default_factory=dict, init=False)
    _masks: set[Path] = field(default_factory=set, init=False)
    _above: set[str] = field(default_factory=set, init=False)
    _alone: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        files = classify(self.root, list(self.paths))
        for found in files:
            self._by_name.setdefault(found.path.name, []).append(found.path)
            self._by_stem.setdefault(found.path.stem, []).append(found.path)
        masks = {found.path for found in files if found.role == "mask"}
        self._masks = masks if len(masks) < len(files) else set()  # else the names mislead

    def find(self, name: str, role: Literal["image", "mask"] = "image") -> Path | None:
        """Return the file of a name, `None` where there is none or it is not clear which.

        Args:
            name: As it stands in the table, with slashes of any kind.
            role: What the file is.
        """
        parts = parts_of(name)
        for folder in (self.root, *self.folders):
            path = Path(os.path.normpath(folder.joinpath(*parts)))  # no ".." leads out
            if parts and path.is_relative_to(os.path.normpath(self.root)) and path.is_file():
                return path
        return self._longest(parts, role, least=min(2, len(parts)))

    def near(self, folder: str, name: str) -> Path | None:
        """Return the one image whose path ends in a folder and in all of a name."""
        parts = [folder, *parts_of(name)]
        return self._longest(parts, "image", least=len(parts))

    def alone(self, name: str) -> Path | None:
        """Return the one image of a name whose folder nothing here is called after; see `remarks`.

        Servers, and tools on other machines, write down folders that are not there.
        """
        parts = parts_of(name)
        if len(parts) < 2 or parts[-2] in self._folders():
            return None
        found = self._longest(parts[-1:], "image", least=1)
        self._alone += [name] * (found is not None)
        return found

    def _folders(self) -> set[str]:
        """Return the names of all folders of the dataset, also of those without an image."""
        if not self._above:
            below = (name for _, folders, _ in os.walk(self.root) for name in folders)
            self._above = {self.root.resolve().name, *below}
        return self._above

    def alike(self, name: str, role: Role) -> Path | None:
        """Return a file of that role and another ending, to be proposed instead of a lost one."""
        found = self._by_stem.get(Path(*parts_of(name)).stem, [])
        return next((path for path in found if (path in self._masks) == (role == "mask")), None)

    def remarks(self, source: str) -> list[Problem]:
        """Say which files were found by `alone`, in the table or file `source`."""
        if not self._alone:
            return []
        what = (
            f"{len(self._alone)} images were found by their names alone, for the folders that "
            f"{source} says are not there, such as that of '{self._alone[0]}'."
        )
        return [Problem("", what, stops=False)]

    def _longest(self, parts: Sequence[str], role: Role, *, least: int) -> Path | None:
        """Return the one path that shares most of its end with a name, and at least so much."""
        named = self._by_name.get(parts[-1], []) if parts else []
        masks = [path for path in named if path in self._masks]
        if role == "image" or masks:
            named = masks if role == "mask" else [path for path in named if path not in masks]
        ends = {path: _common_end(path.resolve().parts, parts) for path in named}
        best = [path for path, shared in ends.items() if shared == max(ends.values()) >= least]
        return best[0] if len(best) == 1 else None


def parts_of(name: str) -> list[str]:
    """Return the folders and the file of a path of any system, without its drive and root."""
    parts = name.strip().replace("\\", "/").split("/")
    return [part for part in parts if part not in {"", "."} and not part.endswith(":")]


def _common_end(path: Sequence[str], parts: Sequence[str]) -> int:
    pairs = list(zip(reversed(path), reversed(parts), strict=False))
    return next((n for n, (one, other) in enumerate(pairs) if one != other), len(pairs))
