"""What a run's folder remembers beside the model: its split, and the images it has seen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmentare.atomic import write_json
from segmentare.datasets.base import PARTS
from segmentare.errors import ModelError
from segmentare.images.fingerprints import Fingerprint, near_duplicates
from segmentare.models.checkpoint import load_description
from segmentare.models.shipped import seen_by_start

SPLIT = "split.json"


@dataclass
class Seen:
    """Recognizes images by their content: those a model was trained on, chosen by, or started from.

    The same pixels are recognized at once, copies of another size or compression by `settle`.

    Attributes:
        parts: Exact content of every such image -> `train`, `val` or `start`.
        pictures: Fingerprints of the images of the run's own train and val parts.
        found: Name of each recognized image -> the part it was seen in.
        unknown: Fingerprints of the images that were looked at and not recognized, by name.
    """

    parts: Mapping[str, str] = field(default_factory=dict)
    pictures: Sequence[Fingerprint] = ()
    found: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, Fingerprint] = field(default_factory=dict)

    def look(self, name: str, content: Fingerprint) -> None:
        """Note whether the image of this content was seen."""
        part = self.parts.get(content.exact)
        if part is None:
            self.unknown[name] = content
        else:
            self.found[name] = part

    def settle(self) -> None:
        """Recognize copies of another size or compression among the images looked at."""
        names, count = list(self.unknown), len(self.pictures)
        for i, j in near_duplicates([*self.pictures, *self.unknown.values()]):
            if i < count <= j:
                self.found[names[j - count]] = self.parts[self.pictures[i].exact]
        self.unknown.clear()

    def names(self) -> list[str]:
        """Return the names of the recognized images."""
        return sorted(self.found)

    def to_dict(self) -> dict[str, Any]:
        """Return counts and names as JSON-ready data."""
        ways = ("train", "val", "start")
        by = {way: sorted(n for n, part in self.found.items() if part == way) for way in ways}
        return {
            "trained_on": len(by["train"]),
            "chosen_by": len(by["val"]),
            "started_from": len(by["start"]),
            "names": by,
            "note": self.sentence(),
        }

    def sentence(self) -> str | None:
        """Return a warning, or `None` where no image was seen."""
        if not self.found:
            return None
        ways = {
            "train": "was trained on",
            "val": "was chosen by",
            "start": "started from weights that had seen",
        }
        counts = {way: sum(part == way for part in self.found.values()) for way in ways}
        said = ", ".join(f"{ways[way]} {count}" for way, count in counts.items() if count)
        return f"The model {said} of these images: the score on them is not a score."


def write_split_file(
    folder: Path,
    parts: Mapping[str, Iterable[str]],
    contents: Mapping[str, Fingerprint],
    how: str,
    before: Iterable[str] = (),
) -> None:
    """Write which image went where, with its content, so that it is known again elsewhere.

    Args:
        folder: Of the run.
        parts: Names of the images of each part.
        contents: Of these images, by name.
        how: One sentence on how the split was made.
        before: Content of the images that a model the run starts from had seen.
    """
    rows = [
        {"name": name, "part": part, **contents[name].to_dict()}
        for part in PARTS
        for name in parts[part]
    ]
    lists: dict[str, Any] = {p: list(parts[p]) for p in PARTS}  # so that --split can read it
    data = {"how": how, **lists, "images": rows, "seen_before": sorted(before)}
    write_json(folder / SPLIT, data)


def read_split_parts(folder: Path) -> dict[str, set[str]]:
    """Return the names of the images of each part of a run.

    Raises:
        ModelError: The run has no split, or it is damaged.
    """
    parts: dict[str, set[str]] = {part: set() for part in PARTS}
    for row in _read_split(folder)[0]:
        parts[row["part"]].add(row["name"])
    return parts


def read_seen(folder: Path) -> Seen:
    """Return the memory of a run: what it was trained on, chosen by, and started from.

    Raises:
        ModelError: The split or the model's description is damaged.
    """
    plan = load_description(folder).get("training", {}).get("plan", {})
    parts = dict.fromkeys(seen_by_start(str(plan.get("start", ""))), "start")
    if (folder / SPLIT).is_file():
        rows, before = _read_split(folder)
        parts |= dict.fromkeys(before, "start")
        own = [row for row in rows if row["part"] != "test"]
        parts |= {row["content"].exact: row["part"] for row in own}
        return Seen(parts, [row["content"] for row in own])
    return Seen(parts)


def _read_split(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row per image, and the content of what the starting weights had seen."""
    path = folder / SPLIT
    if not path.is_file():
        raise ModelError(
            f"To use a part of its split, the run must hold {SPLIT}; {str(folder)!r} does not."
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rows = [
            {
                "name": row["name"],
                "part": PARTS[PARTS.index(row["part"])],
                "content": Fingerprint.from_dict(row),
            }
            for row in data["images"]
        ]
        return rows, list(data.get("seen_before", ()))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{str(path)!r} is damaged ({error}); copy the run again.") from error
