"""Files are there whole or not at all."""

import pytest

from segmentare.atomic import replacing, write_bytes, write_json


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "folder" / "file.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert path.read_text() == '{\n "a": 2\n}\n'
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def fail(place):
        place.write_bytes(b"half")
        raise OSError("full")

    with pytest.raises(OSError, match="full"), replacing(path) as place:
        fail(place)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_kept_where_overwriting_is_not_allowed(tmp_path):
    path = tmp_path / "file"
    write_bytes(path, b"old", overwrite=False)
    with pytest.raises(FileExistsError, match="exists already"):
        write_bytes(path, b"new", overwrite=False)
    assert path.read_bytes() == b"old"


def test_a_name_as_long_as_a_file_system_allows(tmp_path):
    write_bytes(tmp_path / ("n" * 255), b"")
    assert len(list(tmp_path.iterdir())) == 1
