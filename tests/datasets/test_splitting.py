import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentare.datasets.base import PARTS, Record
from segmentare.datasets.splits import Split, read_split
from segmentare.datasets.splitting import make_split
from segmentare.errors import DatasetError


def record(name: str, **fields) -> Record:
    return Record(name, Path(f"{name}.png"), Path(f"{name}_mask.png"), **fields)


def many(count: int, **fields) -> list[Record]:
    return [record(f"a{i:03d}", **fields) for i in range(count)]


def sizes(split: Split) -> list[int]:
    return [len(getattr(split, part)) for part in PARTS]


def test_shares_and_seed():
    records = many(100)
    split = make_split(records)
    assert sizes(split) == [70, 15, 15]
    assert split == make_split(records[::-1])
    assert split.test != make_split(records, seed=1).test
    assert sorted((*split.train, *split.val, *split.test)) == [r.name for r in records]
    assert "seed 0" in split.how


def test_every_label_is_shared_out():
    kinds = ["common"] * 64 + ["atypical"] * 64 + ["melanoma"] * 32
    records = [record(f"a{i:03d}", labels={"diagnosis": kind}) for i, kind in enumerate(kinds)]
    split = make_split(records)
    assert "stratified by diagnosis" in split.how
    label = {r.name: r.labels["diagnosis"] for r in records}
    for part, share in (("val", 0.15), ("test", 0.15)):
        counted = Counter(label[name] for name in getattr(split, part))
        for kind, total in Counter(kinds).items():
            assert abs(counted[kind] - share * total) <= 1.5


@given(st.lists(st.integers(0, 8), min_size=3, max_size=60), st.integers(0, 99))
def test_no_group_crosses_and_nobody_is_lost(groups, seed):
    records = [record(f"a{i:03d}", group=f"g{group}") for i, group in enumerate(groups)]
    if len(set(groups)) < 3:
        with pytest.raises(DatasetError, match="belong to"):
            make_split(records, seed=seed)
        return
    split = make_split(records, seed=seed)
    part = split.part_of()
    assert min(sizes(split)) >= 1
    assert set(part) == {r.name for r in records}
    assert len({(r.group, part[r.name]) for r in records}) == len(set(groups))


def test_groups_by_label_and_by_pattern():
    records = [record(f"p{i // 4}_{i % 4}", labels={"patient": str(i // 4)}) for i in range(40)]
    for groups in ("patient", r"^(p\d+)_", r"p\d+(?=_)"):
        part = make_split(records, groups=groups).part_of()
        assert len({(name.split("_")[0], part[name]) for name in part}) == 10
    with pytest.raises(DatasetError, match="not found in 'p0_0'"):
        make_split(records, groups="x")
    with pytest.raises(DatasetError, match="neither"):
        make_split(records, groups="(")


def test_prescribed_parts_stay():
    records = [record(f"a{i}", part="train" if i < 20 else "test") for i in range(30)]
    split = make_split(records)
    assert set(split.test) == {f"a{i}" for i in range(20, 30)}
    assert sizes(split) == [17, 3, 10]
    assert sizes(make_split(records, test=0)) == [25, 5, 0]
    assert set(make_split(records, prescribed=False).test) != set(split.test)
    with pytest.raises(DatasetError, match="prescribed=False"):
        make_split(records, groups=r"a(\d)")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few(count):
    with pytest.raises(DatasetError, match="at least 3 images"):
        make_split(many(count))


def test_three_are_enough_and_two_without_test():
    assert sizes(make_split(many(3))) == [1, 1, 1]
    assert sizes(make_split(many(2), test=0)) == [1, 1, 0]
    assert sizes(make_split(many(2), test=0, val=0)) == [2, 0, 0]


def test_shares_out_of_range():
    with pytest.raises(ValueError, match=r"val=0\.6 and test=0\.5"):
        make_split(many(9), val=0.6, test=0.5)
    with pytest.raises(DatasetError, match="must be one of kind"):
        make_split(many(9, labels={"kind": "x"}), by="color")


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_files_bring_a_split_back(tmp_path, ending):
    records = [*many(9), record('odd, "name"')]
    split = make_split(records)
    if ending == "json":
        (tmp_path / "s.json").write_text(json.dumps(split.to_dict()))
    else:
        with (tmp_path / "s.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("name", "part"), *split.part_of().items()])
    back = read_split(tmp_path / f"s.{ending}", records)
    assert back.part_of() == split.part_of()
    with pytest.raises(DatasetError, match="names 1 images"):
        read_split(tmp_path / f"s.{ending}", records[1:])


@pytest.mark.parametrize(
    ("file", "text", "how"),
    [
        ("s.json", '{"train": ["a"], "test": ["b"]}', "read from s.json"),
        ("s.json", '{"train": ["a"], "test": ["b"], "how": "by hand"}', "by hand"),
        ("s.csv", "name,part\na,train\nb,test\n", "read from s.csv"),
    ],
)
def test_a_split_says_where_it_comes_from(tmp_path, file, text, how):
    (tmp_path / file).write_text(text)
    assert read_split(tmp_path / file).how == how


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"train": 3}'])
def test_damaged_split_files(tmp_path, text):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(DatasetError, match="must be JSON"):
        read_split(tmp_path / "s.json")


def test_a_name_in_two_parts():
    with pytest.raises(DatasetError, match="'a' stands in it 2 times"):
        Split(("a",), ("b",), ("a",))


def test_shuffling_is_fair():
    tested = np.zeros(20)
    for seed in range(200):
        for name in make_split(many(20), seed=seed).test:
            tested[int(name[1:])] += 1
    assert tested.min() > 10
    assert tested.max() < 55
