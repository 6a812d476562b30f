"""Objects that may overlap: one mask for each, and the way to and from maps of ids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentare.annotations.geometry import Size
from segmentare.annotations.outlines import Outline, trace
from segmentare.annotations.runlengths import RLE, objects_of
from segmentare.annotations.segmentation import UNLABELED, Category, Segmentation
from segmentare.errors import InputError


@dataclass(frozen=True)
class Instances:
    """The objects in one image.

    Attributes:
        masks: One mask per object; they may overlap.
        categories: Category id of each object.
        scores: How sure a prediction is of each object, 0 to 1; `None` in a truth.
        crowd: True for a region of many objects that nobody told apart; empty for none.
        size: Height and width of the image.
    """

    masks: tuple[RLE, ...]
    categories: tuple[int, ...]
    scores: tuple[float, ...] | None = None
    crowd: tuple[bool, ...] = ()
    size: Size = (0, 0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "crowd", self.crowd or (False,) * len(self.masks))
        if self.masks and self.size == (0, 0):
            object.__setattr__(self, "size", self.masks[0].size)
        for name in ("categories", "scores", "crowd"):
            other = getattr(self, name)
            if other is not None and len(other) != len(self.masks):
                raise InputError(
                    f"There must be one of {name} for each of {len(self.masks)} masks; "
                    f"got {len(other)}."
                )
        for mask in self.masks:
            if mask.size != self.size:
                raise InputError(
                    f"Masks must have the size of the image, {self.size}; got {mask.size}."
                )

    def __len__(self) -> int:
        return len(self.masks)

    def __repr__(self) -> str:
        height, width = self.size
        kinds = " ".join(str(kind) for kind in sorted(set(self.categories))[:8])
        parts = [f"{len(self)} masks", *([f"categories {kinds}"] if kinds else [])]
        parts += [f"{sum(self.crowd)} crowds"] if any(self.crowd) else []
        parts += [f"{height} x {width} pixels", *(["scores"] if self.scores else [])]
        return f"Instances({', '.join(parts)})"

    def to_segmentation(self, categories: tuple[Category, ...]) -> Flattened:
        """Lay all objects into one map, smaller ones over larger ones.

        Pixels of a crowd that no object covers become `UNLABELED`. Pixels of nothing become the
        background, or `UNLABELED` where the categories have none. Objects of a category that is
        no thing get a category but no id.

        Args:
            categories: The categories by id; the background, if there is one, is id 0.
        """
        has_background = bool(categories) and categories[0].background
        pixels = self.size[0] * self.size[1]
        category = np.full(pixels, 0 if has_background else UNLABELED, np.uint8)
        owner = np.zeros(pixels, np.int32)  # place of the object, counted from 1
        order = sorted(range(len(self)), key=lambda i: (not self.crowd[i], -self.masks[i].area))
        for i in order:
            where = self.masks[i].to_mask().ravel(order="F")
            category[where] = UNLABELED if self.crowd[i] else self.categories[i]
            owner[where] = 0 if self.crowd[i] else i + 1
        seen = np.bincount(owner, minlength=len(self) + 1)
        areas = [mask.area for mask in self.masks]
        kept = [i for i in range(len(self)) if seen[i + 1] and not self.crowd[i]]
        things = [i for i in kept if categories[self.categories[i]].thing]
        ids = np.zeros(len(self) + 1, np.int32)
        ids[[i + 1 for i in things]] = range(1, len(things) + 1)
        covered = [
            i for i, a in enumerate(areas) if not self.crowd[i] and (seen[i + 1] < a or not a)
        ]
        scores = None
        if self.scores is not None:
            scores = np.array([self.scores[i] for i in things], np.float32)
        segmentation = Segmentation(
            np.ascontiguousarray(category.reshape(self.size, order="F")),
            np.ascontiguousarray(ids[owner].reshape(self.size, order="F")),
            scores=scores,
        )
        hidden = tuple(i for i in covered if not seen[i + 1])
        return Flattened(segmentation, tuple(covered), hidden)

    @classmethod
    def from_segmentation(cls, segmentation: Segmentation) -> Instances:
        """Return one object per instance id; its category is that of most of its pixels.

        Raises:
            InputError: The segmentation does not tell objects apart.
        """
        if segmentation.instance is None:
            raise InputError(
                "Objects can only be taken from a segmentation with instance ids; this one has "
                "categories alone."
            )
        found = objects_of(segmentation.instance)
        kinds = _commonest(segmentation, np.array(list(found), np.int64))
        given = segmentation.scores
        scores = None if given is None else tuple(float(given[i - 1]) for i in found)
        return cls(tuple(found.values()), kinds, scores, size=segmentation.size)


@dataclass(frozen=True)
class Flattened:
    """What became of objects that were laid into one map.

    Attributes:
        segmentation: The map.
        overlapped: Places of the objects that lost pixels to others.
        hidden: Places of those that lost all of them, or had none.
    """

    segmentation: Segmentation
    overlapped: tuple[int, ...]
    hidden: tuple[int, ...]


def outline_of(mask: RLE) -> Outline:
    """Return the outline of one object; see `outlines.trace`."""
    x0, y0, x1, y1 = mask.box
    found = trace(mask.to_mask()[y0:y1, x0:x1])
    return Outline(
        tuple(ring + np.array((x0, y0)) for ring in found.parts),
        tuple(ring + np.array((x0, y0)) for ring in found.holes),
    )


def _commonest(segmentation: Segmentation, ids: NDArray[np.int64]) -> tuple[int, ...]:
    """Return the category of most pixels of each object, unlabeled pixels left out."""
    instance = segmentation.instance
    if instance is None or not len(ids):
        return ()
    where = instance > 0
    place = np.searchsorted(ids, instance[where])
    counts = np.bincount(place * 256 + segmentation.category[where], minlength=256 * len(ids))
    return tuple(counts.reshape(-1, 256)[:, :UNLABELED].argmax(axis=1).tolist())
