"""One number for an object that lies in several blocks, from what the blocks see twice."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentare.large.blocks import Place, Plan, Workspace

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Joined:
    """The objects of a whole image, best first; row i belongs to id i + 1.

    Attributes:
        tables: Per block the id of each of its numbers, which count from 1; entry 0 is 0.
        scores: How sure each object is, 0 to 1, shape (N,).
        kinds: Category of each, shape (N,).
    """

    tables: dict[Place, Ids]
    scores: NDArray[np.float32]
    kinds: NDArray[np.uint8]


def join(workspace: Workspace, plan: Plan, least_area: int) -> Joined:
    """Find which objects of neighboring blocks are the same, and number all.

    Around a seam both blocks have decoded the same pixels, so the halves of an object are found
    by what they share there: more than half of the smaller one. What an object is made of in each
    block counts by its pixels: for its score, and for its category.

    Args:
        workspace: Holds all blocks.
        plan: Of the blocks.
        least_area: Objects of fewer pixels are left out.
    """
    first: dict[Place, int] = {}
    areas: list[NDArray[np.int64]] = []
    scores: list[NDArray[np.float32]] = []
    kinds: list[NDArray[np.uint8]] = []
    count = 0
    for block in plan.blocks:
        found = workspace.load(block, "areas", "scores", "kinds")
        first[block] = count
        count += len(found[0])
        areas.append(found[0])
        scores.append(found[1])
        kinds.append(found[2])
    area = np.concatenate(areas).astype(np.float64)
    unions = Unions(count)
    for one, other in _neighbors(plan):
        pairs = _same(workspace, plan, one, other)
        unions.join(pairs[:, 0] + first[one], pairs[:, 1] + first[other])
    owner, total = unions.owners()
    whole = np.bincount(owner, area, total)
    score = np.bincount(owner, area * np.concatenate(scores), total) / np.maximum(whole, 1)
    kind = _most(owner, np.concatenate(kinds), area, total)
    kept = np.flatnonzero(whole >= max(least_area, 1))
    kept = kept[np.argsort(-score[kept].astype(np.float32), kind="stable")]
    ids = np.zeros(total, np.int32)
    ids[kept] = np.arange(1, len(kept) + 1)
    tables = {
        block: np.append(np.int32(0), ids[owner[start : start + len(values)]])
        for (block, start), values in zip(first.items(), areas, strict=True)
    }
    return Joined(tables, score[kept].astype(np.float32), kind[kept])


class Unions:
    """Which of many things are one."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pairs: list[NDArray[np.int64]] = []

    def join(self, these: NDArray[np.int64], those: NDArray[np.int64]) -> None:
        """Say that thing these[i] is thing those[i], for all i."""
        self._pairs.append(np.stack([these, those]).astype(np.int64))

    def owners(self) -> tuple[NDArray[np.intp], int]:
        """Return for each thing the number of its union, from 0 in their order, and how many."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        pairs = np.concatenate([np.zeros((2, 0), np.int64), *self._pairs], axis=1)
        shape = (self._count, self._count)
        graph = coo_array((np.ones(pairs.shape[1], np.bool_), (pairs[0], pairs[1])), shape)
        total, labels = connected_components(graph, directed=False)
        return labels.astype(np.intp), int(total)


def _most(
    owner: NDArray[np.intp], kinds: NDArray[np.uint8], area: NDArray[np.float64], total: int
) -> NDArray[np.uint8]:
    """Return the category of most pixels of each union; the lower of two equal ones."""
    most, best = np.zeros(total, np.uint8), np.zeros(total)
    for kind in np.unique(kinds):
        pixels = np.bincount(owner, area * (kinds == kind), total)
        more = pixels > best
        most[more], best[more] = kind, pixels[more]
    return most


def _neighbors(plan: Plan) -> list[tuple[Place, Place]]:
    """Return all pairs of blocks that share a border."""
    across = [
        ((rows, one), (rows, other))
        for rows in plan.rows
        for one, other in itertools.pairwise(plan.columns)
    ]
    down = [
        ((one, columns), (other, columns))
        for one, other in itertools.pairwise(plan.rows)
        for columns in plan.columns
    ]
    return across + down


def _same(workspace: Workspace, plan: Plan, one: Place, other: Place) -> NDArray[np.int64]:
    """Return the numbers (from 0) of objects that are the same in two blocks, shape (P, 2)."""
    parts = []
    around = plan.around(one), plan.around(other)
    shared = [(max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(around[0], around[1], strict=True)]
    for block, (rows, columns) in zip((one, other), around, strict=True):
        ids, areas = workspace.load(block, "ids", "areas")
        part = ids[
            shared[0][0] - rows[0] : shared[0][1] - rows[0],
            shared[1][0] - columns[0] : shared[1][1] - columns[0],
        ]
        # what only the margin saw belongs to the neighbor, and is the neighbor's alone
        part = np.append(False, areas > 0)[part] * part
        parts.append(part.ravel().astype(np.int64))
    sizes = [np.bincount(part) for part in parts]
    both = (parts[0] > 0) & (parts[1] > 0)
    codes, common = np.unique(parts[0][both] * len(sizes[1]) + parts[1][both], return_counts=True)
    these, those = np.divmod(codes, len(sizes[1]))
    smaller = np.minimum(sizes[0][these], sizes[1][those])
    same = 2 * common > smaller
    return np.stack([these[same] - 1, those[same] - 1], axis=1)
