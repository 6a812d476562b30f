"""Splits into training, validation and test part: seeded, stratified, grouped, or as prescribed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from segmentare.datasets.base import PARTS, Part, Record
from segmentare.datasets.splits import Split
from segmentare.errors import DatasetError, InputError

#: Label columns by which a split is stratified if nobody names one, the first that is there.
_STRATA = ("diagnosis", "class", "category", "label", "cell_type", "type", "kind", "modality")


def make_split(
    records: Sequence[Record],
    *,
    seed: int = 0,
    val: float = 0.15,
    test: float = 0.15,
    by: str | None = None,
    groups: str | None = None,
    prescribed: bool = True,
) -> Split:
    """Split records so that no group lies in two parts and every label is shared out evenly.

    The parts that the dataset prescribes stay as they are; where it prescribes no validation
    part, one is taken from its training part, and so is a test part. A share of 0 keeps none:
    images prescribed for that part are trained on.

    Args:
        records: The usable records.
        seed: The same seed and names give the same split, in whatever order they come.
        val: Share of the images that choose the checkpoint, 0 to 1.
        test: Share of the images that only measure, 0 to 1.
        by: Label whose values are shared out evenly; `None` takes a usual one if there is one.
        groups: A label, or a regular expression whose first group (or whole match) in the name is
            the group; `None` takes the groups of the records.
        prescribed: False shuffles the parts that the dataset prescribes.

    Raises:
        DatasetError: There are too few images or groups, or `by` or `groups` fit no record.
        InputError: The shares are out of range.
    """
    if not (0 <= val < 1 and 0 <= test < 1 and val + test < 1):
        raise InputError(
            f"The shares of validation and test must be at least 0 and below 1 together; "
            f"got val={val} and test={test}."
        )
    shares: dict[Part, float] = {"test": test, "val": val}
    shares = {part: share for part, share in shares.items() if share > 0}
    _check_count(len(records), shares)
    records = sorted(records, key=lambda record: record.name)
    keys = _group_keys(records, groups)
    strata, column = _strata(records, by)
    fixed: dict[str, Part] = {}
    if prescribed:
        fixed = {r.name: r.part for r in records if r.part in shares}
    if groups is not None and fixed:
        _check_crossing(records, keys)
    open_shares = {part: share for part, share in shares.items() if part not in fixed.values()}
    pool = [record.name for record in records if record.name not in fixed]
    dealt = _deal(pool, keys, strata, open_shares, seed)
    part_of = {**dict.fromkeys(pool, PARTS[0]), **dealt, **fixed}
    first, second, third = (
        tuple(r.name for r in records if part_of[r.name] == part) for part in PARTS
    )
    grouped = len(set(keys.values())) < len(records)
    how = _describe(
        [part for part in PARTS if part in fixed.values()],
        list(open_shares),
        column,
        seed,
        grouped=grouped,
    )
    return Split(first, second, third, seed, how)


def _check_count(count: int, shares: Mapping[Part, float]) -> None:
    if count < 1 + len(shares):
        parts = " and ".join(["training", *reversed(list(shares))])
        raise DatasetError(
            f"A split into {parts} needs at least {1 + len(shares)} images; there "
            f"{'is' if count == 1 else 'are'} {count}. Add images with masks"
            f"{', or keep no test part (`test=0`)' if 'test' in shares else ''}."
        )


def _group_keys(records: Sequence[Record], groups: str | None) -> dict[str, str]:
    """Return the group of every name; a record without one is a group of its own."""
    alone = {record.name: f"image {record.name}" for record in records}
    if groups is None:
        own = {r.name: f"group {r.group}" for r in records if r.group is not None}
        return alone | own
    if any(groups in record.labels for record in records):
        named = {r.name: f"{groups} {r.labels[groups]}" for r in records if groups in r.labels}
        return alone | named
    try:
        pattern = re.compile(groups)
    except re.error as error:
        raise DatasetError(
            f"Groups must be a label or a regular expression; '{groups}' is neither ({error})."
        ) from error
    found = {record.name: pattern.search(record.name) for record in records}
    lacking = next((name for name, match in found.items() if match is None), None)
    if lacking is not None:
        known = ", ".join(sorted({label for r in records for label in r.labels})) or "none"
        raise DatasetError(
            f"Groups must be a label ({known}) or a regular expression found in every name; "
            f"'{groups}' is not found in '{lacking}'."
        )
    return {name: m[1] if m.re.groups else m[0] for name, m in found.items() if m is not None}


def _strata(records: Sequence[Record], by: str | None) -> tuple[dict[str, str], str]:
    """Return the stratum of every name and the label that they come from ("" for none)."""
    labels = {label for record in records for label in record.labels}
    if by is not None and by not in labels:
        raise DatasetError(
            f"The label to stratify by must be one of {', '.join(sorted(labels)) or 'none'}; "
            f"got '{by}'."
        )
    usual = (label for label in _STRATA if label in labels)
    column = by if by is not None else next(usual, "")
    return {record.name: record.labels.get(column, "") for record in records}, column


def _check_crossing(records: Sequence[Record], keys: Mapping[str, str]) -> None:
    """Refuse groups that somebody names but the dataset's own parts cut through.

    Raises:
        DatasetError: A group lies in two prescribed parts.
    """
    seen: dict[str, Part] = {}
    for record in records:
        part = record.part or PARTS[0]
        if seen.setdefault(keys[record.name], part) != part:
            raise DatasetError(
                f"The group '{keys[record.name]}' lies in two parts that the dataset prescribes; "
                f"name other groups, or make the split anew with prescribed=False."
            )


def _deal(
    names: Sequence[str],
    keys: Mapping[str, str],
    strata: Mapping[str, str],
    shares: Mapping[Part, float],
    seed: int,
) -> dict[str, Part]:
    """Deal whole groups to the parts, stratum by stratum, each time to the part that lacks most.

    A group's stratum is that of most of its images. Every part gets at least one group.
    """
    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(keys[name], []).append(name)
    if len(members) < 1 + len(shares):
        raise DatasetError(
            f"{', '.join(['train', *reversed(list(shares))])} need a group of images each; all "
            f"{len(names)} images belong to {len(members)}. Name other groups or fewer parts."
        )
    order = [str(key) for key in np.random.default_rng(seed).permutation(sorted(members))]
    stratum = {k: Counter(strata[n] for n in members[k]).most_common(1)[0][0] for k in members}
    order.sort(key=lambda key: stratum[key])  # stable, so shuffled within a stratum
    wanted: dict[Part, float] = {"train": 1 - sum(shares.values()), **shares}
    lacking = dict.fromkeys(wanted, 0.0)
    got: dict[str, Part] = {}
    for key in order:
        size = len(members[key])
        for part, share in wanted.items():
            lacking[part] += share * size
        part = max(lacking, key=lambda p: lacking[p])
        lacking[part] -= size
        got[key] = part
    _fill(got, members, list(wanted))
    return {name: got[key] for key, names in members.items() for name in names}


def _fill(got: dict[str, Part], members: Mapping[str, list[str]], parts: Iterable[Part]) -> None:
    """Give a part that went empty the smallest group of the part that has the most groups."""
    for part in [part for part in parts if part not in got.values()]:
        richest = Counter(got.values()).most_common(1)[0][0]
        smallest = min((key for key in got if got[key] == richest), key=lambda k: len(members[k]))
        got[smallest] = part


def _describe(
    fixed: Sequence[Part], dealt: Sequence[Part], column: str, seed: int, *, grouped: bool
) -> str:
    """Say in one sentence how a split was made."""
    kept = f"{' and '.join(fixed)} as the dataset prescribes" if fixed else ""
    ways = ([f"stratified by {column}"] if column else []) + (["whole groups"] if grouped else [])
    by = f", {', '.join(ways)}" if ways else ""
    pool = "the rest" if fixed else "all images"
    drawn = f"{' and '.join(reversed(dealt))} drawn from {pool} (seed {seed}{by})"
    text = "; ".join(part for part in (kept, drawn if dealt else "") if part)
    none = [part for part in ("val", "test") if part not in {*fixed, *dealt}]
    return (text or "all images train") + (f"; no {' and no '.join(none)} part" if none else "")
