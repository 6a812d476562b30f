import errno
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from segmentare.atomic import write_bytes
from segmentare.errors import ModelError
from segmentare.models.checkpoint import (
    FORMAT,
    MODEL,
    WEIGHTS,
    load_description,
    load_model,
    save_model,
    write_json,
)

DESCRIPTION = {"task": {"name": "semantic"}, "scores": {"dice": 0.9}, "title": "Größe"}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "encoder.weight": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "turned": rng.standard_normal((2, 5)).astype(np.float32).T,  # not contiguous
        "half": np.arange(6, dtype=np.float16).reshape(2, 3),
        "count": np.array(7, np.int64),
    }


@pytest.fixture
def model(tmp_path, arrays):
    save_model(tmp_path / "a" / "run", DESCRIPTION, arrays)
    return tmp_path / "a" / "run"


@pytest.fixture
def full_disk(monkeypatch):
    """Every file breaks off after a few bytes."""

    def write(self, data):
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    def fill():
        monkeypatch.setattr(Path, "write_bytes", write)

    return fill


def test_round_trip(model, arrays):
    description, loaded = load_model(model)
    assert description == {"format": FORMAT, **DESCRIPTION}
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        assert np.array_equal(loaded[name], array)
    assert sorted(path.name for path in model.iterdir()) == [MODEL, WEIGHTS]


def test_nothing_is_pickled(model):
    length = struct.unpack("<Q", (model / WEIGHTS).read_bytes()[:8])[0]
    header = json.loads((model / WEIGHTS).read_bytes()[8 : 8 + length])
    assert header["count"]["dtype"] == "I64"
    assert json.loads((model / MODEL).read_text(encoding="utf-8"))["title"] == "Größe"


def test_saving_again_replaces_the_model_and_keeps_other_files(model, arrays):
    (model / "notes.txt").write_text("mine")
    arrays["count"] = np.array(8, np.int64)
    save_model(model, DESCRIPTION | {"scores": {}}, arrays)
    description, loaded = load_model(model)
    assert description["scores"] == {}
    assert loaded["count"] == 8
    assert (model / "notes.txt").read_text() == "mine"


def _remove(run):
    for path in run.iterdir():
        path.unlink()
    run.rmdir()


def _cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def _change(run, **changes):
    write_json(run / MODEL, json.loads((run / MODEL).read_text()) | changes)


DAMAGES = {
    "missing folder": (_remove, r"must hold model.json; .* is no folder"),
    "missing json": (lambda run: (run / MODEL).unlink(), "must hold model.json; .* does not"),
    "missing weights": (lambda run: (run / WEIGHTS).unlink(), "must hold weights.safetensors"),
    "half a json": (lambda run: _cut(run / MODEL), "must be JSON; it is damaged"),
    "no text": (lambda run: (run / MODEL).write_bytes(b"\xff\xfe\x00\x80"), "it is damaged"),
    "foreign json": (lambda run: write_json(run / MODEL, {"a": 1}), "does not describe"),
    "a list": (lambda run: write_json(run / MODEL, ["task"]), "does not describe"),
    "a number": (lambda run: write_json(run / MODEL, 1), "does not describe"),
    "newer": (lambda run: _change(run, format=FORMAT + 1), rf"format {FORMAT + 1}.*Install"),
    "no format": (lambda run: _change(run, format=None), "has the format None"),
    "half the weights": (lambda run: _cut(run / WEIGHTS), "must be a safetensors file"),
    "empty weights": (lambda run: (run / WEIGHTS).write_bytes(b""), "must be a safetensors file"),
    "a zip": (lambda run: (run / WEIGHTS).write_bytes(b"PK\x03\x04" * 99), "it is damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_read_is_said_in_a_sentence(model, damage):
    spoil, sentence = DAMAGES[damage]
    spoil(model)
    with pytest.raises(ModelError, match=sentence) as caught:
        load_model(model)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_the_description_alone_needs_no_weights(model):
    (model / WEIGHTS).unlink()
    assert load_description(model)["task"] == {"name": "semantic"}


def test_a_full_disk_leaves_the_old_model_and_no_partial_file(model, arrays, full_disk):
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    full_disk()
    with pytest.raises(OSError, match="No space left"):
        save_model(model, DESCRIPTION, {name: array + 1 for name, array in arrays.items()})
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def test_a_full_disk_leaves_nothing_where_nothing_was(tmp_path, arrays, full_disk):
    full_disk()
    with pytest.raises(OSError, match="No space left"):
        save_model(tmp_path / "new", DESCRIPTION, arrays)
    assert list((tmp_path / "new").iterdir()) == []


def test_what_is_no_json_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"score": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_missing_folders_are_made(tmp_path):
    write_bytes(tmp_path / "a" / "b" / "c", b"1")
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"1"
