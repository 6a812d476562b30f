"""Bulk predictions on Ray, against those of one process, and with processes that die."""

import json
import os
import signal
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from command_line import broken_image, contents, images

from segmentare.commands import bulk
from segmentare.commands.bulk import RECEIPTS, Worker, described
from segmentare.commands.predicting import Job
from segmentare.results.outputs import Outputs
from segmentare.runtimes.loading import Wanted

with_ray = pytest.mark.skipif(find_spec("ray") is None, reason="the package ray is not installed")


def work(job, places, *, first=0):
    """Do what a process on Ray does."""
    worker = Worker(job, [path.name for path in places])
    for path in places[first:]:
        worker({"stem": path.stem, "path": str(path), "place": str(path)})


def one_by_one(run, items):
    """Stand in for Ray: the same worker in this process."""
    job, found = run, items
    worker = Worker(job, [path.name for path in found.values()])
    for stem, path in found.items():
        yield worker({"stem": stem, "path": str(path), "place": str(path)})


class NoRay:
    """What `_connected` returns without Ray."""

    def __init__(self, address):
        del address

    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


@pytest.fixture
def without_ray(monkeypatch):
    monkeypatch.setattr(bulk, "_run", one_by_one)
    monkeypatch.setattr(bulk, "_connected", NoRay)


@pytest.mark.usefixtures("without_ray")
def test_results_equal_those_of_one_process(run_cli, tiny_run, photos, tmp_path):
    broken_image(photos)
    words = ["predict", tiny_run, photos / "images", "--overlay", "--quiet", "--json"]
    one = run_cli(*words, "--out", tmp_path / "one")
    many = run_cli(*words, "--out", tmp_path / "many", "--ray")
    assert many == one
    assert one[0] == 1
    assert contents(tmp_path / "many") == contents(tmp_path / "one")


@pytest.mark.usefixtures("without_ray")
def test_what_has_a_receipt_is_not_written_again(run_cli, tiny_run, photos, tmp_path):
    """A call that goes on after it was killed; one image was half written then."""
    out, places = (tmp_path / "out").resolve(), images(photos)
    (out / RECEIPTS).mkdir(parents=True)
    wanted = Wanted("torch", "float32")
    job = Job(tiny_run.resolve(), out, Outputs(), wanted=wanted)
    (out / RECEIPTS / "job.json").write_text(json.dumps(described(job)))
    work(job, places, first=len(places) - 4)
    kept = {path: path.stat().st_ino for path in out.glob("*.png")}
    (out / f"{places[0].stem}.png").write_bytes(b"half")
    (out / f".{'0123456789abcdef' * 2}.tmp").write_bytes(b"half of another")
    words = ["predict", tiny_run, photos / "images", "--ray", "--quiet"]
    other = run_cli(*words, "--out", out, "--flips")
    assert other[0] == 2
    assert "not finished, of another model or with other options" in other[2]
    code, _, errors = run_cli(*words, "--out", out)
    assert code == 0, errors
    assert len(kept) == 4
    assert {path: path.stat().st_ino for path in kept} == kept
    assert {path.name for path in out.iterdir()} == {
        "predictions.jsonl",
        *(f"{path.stem}.png" for path in places),
    }
    rows = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert [row["file"] for row in rows] == [str(path) for path in places]
    refused = run_cli(*words, "--out", out)
    assert refused[0] == 2
    assert "are in" in refused[2]


def test_videos_and_addresses_that_do_not_suit_are_sentences(refused, tiny_run, tmp_path):
    video = tmp_path / "film.mp4"
    video.write_bytes(b"0")
    text = refused("predict", tiny_run, video, "--out", tmp_path / "out", "--ray", "--quiet")
    assert text.startswith("--ray is for images; got the video")


@with_ray
@pytest.mark.slow
def test_no_cluster_at_the_address_is_a_sentence(refused, tiny_run, photos, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_GCS_RPC_TIMEOUT_S", "2")
    words = ["predict", tiny_run, photos / "images", "--out", tmp_path / "out", "--quiet"]
    text = refused(*words, "--ray", "nowhere")
    assert text.startswith("There must be a Ray cluster at 'nowhere'; none answers")


def processes():
    """Return the ids of Ray's processes that predict."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if words.startswith(b"ray::") and b"Worker" in words and b"IDLE" not in words:
            yield int(path.parent.name)


@with_ray
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").is_file(), reason="finds processes in /proc")
def test_a_process_that_is_killed_costs_nothing(run_cli, tiny_run, photos, tmp_path):
    """Kill a process once some images are written; those stay as they are, the rest follows."""
    out, places, killed, kept = tmp_path / "out", images(photos), [], {}
    for copy in range(1, 8):
        for path in places:
            path.with_name(f"{path.stem}_{copy}{path.suffix}").write_bytes(path.read_bytes())

    def kill():
        until = time.monotonic() + 500
        while not killed and time.monotonic() < until:
            done = list((out / RECEIPTS).glob("[0-9a-f]*.json"))
            if len(done) < 5 or not (found := list(processes())):
                time.sleep(0.01)
                continue
            stems = [json.loads(path.read_text())["stem"] for path in done]
            kept.update({stem: (out / f"{stem}.png").stat() for stem in stems})
            os.kill(found[0], signal.SIGKILL)
            killed.append(found[0])

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    code, _, errors = run_cli(
        "predict", tiny_run, photos / "images", "--out", out, "--quiet", "--ray"
    )
    thread.join(5)
    assert code == 0, errors
    assert killed
    assert 5 <= len(kept) < 8 * len(places)  # it died on the way
    for stem, before in kept.items():
        after = (out / f"{stem}.png").stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns), stem
    stems = {path.stem for path in images(photos)}
    assert {path.name for path in out.iterdir()} == {
        "predictions.jsonl",
        *(f"{stem}.png" for stem in stems),
    }
    rows = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert sorted(row["mask"] for row in rows) == sorted(f"{stem}.png" for stem in stems)
