"""Lines of predictions, also those of a process that was killed while it wrote."""

import json
import os
import signal
import subprocess
import sys

import pytest
from command_line import images

from segmentare.errors import InputError
from segmentare.results.lines import NAME, Lines

KILLED_AT_THE_FIFTH = """
import os, signal, sys
from segmentare.cli import main
from segmentare.results.masks import MaskWriter
usual, seen = MaskWriter.write, []
def watched(self, *words):
    seen.append(1)
    if len(seen) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return usual(self, *words)
MaskWriter.write = watched
main(sys.argv[1:])
"""


def read(folder):
    return [json.loads(line) for line in (folder / NAME).read_text().splitlines()]


def test_every_image_has_one_line(tmp_path):
    lines = Lines(tmp_path)
    lines.start()
    rows = [{"image": name, "mask": f"{name}.png", "share": 0.1} for name in "abc"]
    for row in rows[:2]:
        lines.add(row)
    assert read(tmp_path) == rows[:2]
    lines.finish(rows[:2])
    again = {**rows[0], "share": 0.7}
    other = Lines(tmp_path)
    other.start()
    other.add(again)
    assert read(tmp_path) == [*rows[:2], again]
    other.finish([again, rows[2]])
    assert read(tmp_path) == [rows[1], again, rows[2]]


def test_a_line_that_was_cut_short_is_left_out(tmp_path):
    whole = [{"mask": "a.png"}, {"mask": "b.png"}]
    text = "".join(json.dumps(row) + "\n" for row in whole)
    for cut in range(1, len('{"mask": "c.png"}')):
        (tmp_path / NAME).write_text(text + '{"mask": "c.png"}'[:cut])
        lines = Lines(tmp_path)
        lines.start()
        lines.add({"mask": "d.png"})
        assert read(tmp_path) == [*whole, {"mask": "d.png"}]
    (tmp_path / NAME).write_text(text + '{"mask": "c.png"}')  # only its end is missing
    Lines(tmp_path).start()
    assert read(tmp_path) == [*whole, {"mask": "c.png"}]


@pytest.mark.parametrize("text", ["my notes\n", "[1]\n", '{"mask": "a.png"}\n7\n{}\n', "[" * 10**5])
def test_other_files_are_not_touched(tmp_path, text):
    (tmp_path / NAME).write_text(text)
    if text.endswith("\n"):
        with pytest.raises(InputError, match=r"Line [12] of .* must be JSON as it was written"):
            Lines(tmp_path).start()
        assert (tmp_path / NAME).read_text() == text
    else:
        Lines(tmp_path).start()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_killed_process_leaves_the_lines_of_what_it_wrote(run_cli, tiny_run, photos, tmp_path):
    out = tmp_path / "masks"
    words = ["predict", tiny_run, photos / "images", "--out", out, "--quiet"]
    killed = subprocess.run(  # noqa: S603  our own words
        [sys.executable, "-c", KILLED_AT_THE_FIFTH, *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
        timeout=300,
    )
    assert killed.returncode == -signal.SIGKILL
    rows = read(out)
    assert [row["mask"] for row in rows] == sorted(path.name for path in out.glob("*.png"))
    assert len(rows) == 4
    rest = images(photos)[4:]
    code, _, errors = run_cli("predict", tiny_run, *rest, "--out", out, "--quiet")
    assert code == 0, errors
    found = read(out)
    assert found[:4] == rows
    assert [row["mask"] for row in found] == [f"{path.stem}.png" for path in images(photos)]
