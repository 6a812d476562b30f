"""The driver of the side-by-side benchmark: what it skips, survives, scores and prints."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FOLDER = Path(__file__).parents[2] / "benchmarks" / "peers"
sys.path.insert(0, str(FOLDER))

import peers as known_peers
import processes
import run as driver
import scoring
import table as tables

from segmentare.datasets import open_dataset
from segmentare.errors import DatasetError

sys.path.remove(str(FOLDER))
del sys.modules["run"]  # the lesson has a file of that name, too


def row(peer="smp", minutes=2.0, seed=0, **more):
    return {
        "peer": peer, "title": peer, "minutes": minutes, "seed": seed, "data": "ph2",
        "status": "ok", "package": peer, "dice": 0.8, "ci95": [0.7, 0.9],
        "version": "1", "start": "random",
        "images_per_second": 4.0, "seen": 480, "peak_memory_gb": 2.0, "curve": [],
        "torch": "2", "images": 24, "machine": "here", "threads": 2, "date": "today",
    } | more  # fmt: skip


def options(tmp_path, **more):
    words = {
        "data": Path("ph2"), "minutes": [2, 5], "retry": False, "threads": 1, "every": 5,
        "task": "semantic", "out": tmp_path / "out", "environments": tmp_path / "environments",
    }  # fmt: skip
    return argparse.Namespace(**words | more)


def test_rows_that_are_there_are_not_run_again(tmp_path):
    rows = [row(minutes=2.0), row(minutes=5.0, status="failed", reason="no")]
    assert driver.missing(rows, "smp", 0, options(tmp_path)) == []
    assert driver.missing(rows, "smp", 0, options(tmp_path, retry=True)) == [300]
    assert driver.missing(rows, "smp", 1, options(tmp_path)) == [120, 300]
    assert driver.missing(rows, "monai", 0, options(tmp_path)) == [120, 300]
    assert driver.missing(rows, "smp", 0, options(tmp_path, data=Path("other"))) == [120, 300]


def test_a_peer_that_cannot_be_installed_is_a_row_with_its_reason(tmp_path):
    folder = tmp_path / "environments" / "smp"
    folder.mkdir(parents=True)
    (folder / "info.json").write_text(json.dumps({"failed": "pip install: no such thing"}))
    rows = driver.rows_of("smp", [120, 300], 0, options(tmp_path), (None, ()))
    assert [(r["minutes"], r["status"], r["reason"]) for r in rows] == [
        (2, "failed", "pip install: no such thing"),
        (5, "failed", "pip install: no such thing"),
    ]
    assert "failed: pip install" in driver.said(rows[0])
    assert "no such thing" in tables.text_of(rows, "dice.png")


def test_a_program_that_fails_tells_its_last_line(tmp_path):
    code = "import sys; print('one'); sys.exit('the reason\\n')"
    with pytest.raises(processes.Failure, match=r"^the reason$"):
        processes.run_process([sys.executable, "-c", code], tmp_path / "log.txt", {}, 60)


@pytest.mark.skipif(os.name != "posix", reason="groups of processes are POSIX's")
def test_a_program_that_hangs_is_ended_with_its_children(tmp_path):
    child = tmp_path / "child"
    code = (
        "import subprocess, sys, time; "
        f"p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        f"open({str(child)!r}, 'w').write(str(p.pid)); time.sleep(60)"
    )
    with pytest.raises(processes.Failure, match="not done after"):
        processes.run_process([sys.executable, "-c", code], tmp_path / "log.txt", {}, 3)
    process = Path("/proc") / child.read_text() / "stat"
    for _ in range(50):
        if not process.exists() or process.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the child of the program is still there")


@pytest.fixture
def squares(tmp_path):
    """Two images of 8 x 8 with 16 object pixels each."""
    for kind in ("images", "masks", "found"):
        (tmp_path / kind).mkdir()
    mask = np.zeros((8, 8), np.uint8)
    mask[2:6, 2:6] = 255
    for i in range(2):
        noise = np.random.default_rng(i).integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "images" / f"{i}.png")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{i}.png")
    return tmp_path


def test_dice_of_saved_masks_worked_out_by_hand(squares):
    found = np.zeros((8, 8), np.uint8)
    found[2:6, 2:4] = 255  # half of the object and nothing else: 2 * 8 / (8 + 16)
    Image.fromarray(found).save(squares / "found" / "0.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(squares / "found" / "1.png")
    scores = scoring.score(open_dataset(squares), ("0", "1"), squares / "found")
    assert scores["dice"] == pytest.approx((2 / 3 + 0) / 2, abs=1e-5)
    assert scores["pooled"] == pytest.approx(2 * 8 / (8 + 32), abs=1e-5)
    assert scores["images"] == 2


def test_objects_of_saved_maps_worked_out_by_hand(squares):
    truth, found = np.zeros((8, 8), np.uint16), np.zeros((8, 8), np.uint16)
    truth[2:6, 2:6], truth[7, :3], truth[0, 5:] = 1, 2, 3
    found[2:6, 2:6], found[7, 6:], found[0, 5:] = 9, 4, 300  # 2 hits, 1 invented, 1 missed
    for i, ids in enumerate((found, found * 0)):
        Image.fromarray(truth).save(squares / "masks" / f"{i}.png")
        Image.fromarray(ids).save(squares / "found" / f"{i}.ids.png")
    dataset = open_dataset(squares, task="instance")
    scores = scoring.score_objects(dataset, ("0", "1"), squares / "found")
    assert scores[scores["metric"]] == pytest.approx((2 / 4 + 0) / 2)
    assert scores["accuracy@0.7"] == pytest.approx((2 / 4 + 0) / 2)


@pytest.mark.parametrize("damage", ["absent", "small", "cut"])
def test_a_mask_that_a_peer_did_not_write_well_is_an_error(squares, damage):
    path = squares / "found" / "0.png"
    if damage == "small":
        Image.fromarray(np.zeros((4, 8), np.uint8)).save(path)
    if damage == "cut":
        path.write_bytes((squares / "masks" / "0.png").read_bytes()[:20])
    with pytest.raises(DatasetError, match=r"must be a mask of the size \(8, 8\)"):
        scoring.score(open_dataset(squares), ("0",), squares / "found")


def test_time_until_a_score_takes_the_first_crossing_of_the_shortest_training():
    slow = [{"seconds": 40, "val_dice": 0.7}, {"seconds": 90, "val_dice": 0.91}]
    long = [{"seconds": 60, "val_dice": 0.95}]
    assert tables.time_until([row(minutes=5, curve=long), row(minutes=2, curve=slow)]) == 90
    assert tables.time_until([row(curve=slow)], goal=0.92) is None
    lines = tables.times([row("ours", curve=slow), row("smp"), row("monai", curve=long)])
    assert lines[2:] == [
        "| monai | 60 | 0.7x |",
        "| ours | 90 | 1.0x |",
        "| smp | not in 120 | more than 1.3x |",
    ]


def test_a_second_try_replaces_the_first_row(tmp_path):
    rows = [row(status="failed", reason="once"), row(dice=0.9), row("ours", dice=0.91)]
    text = tables.text_of(rows, "dice.png")
    assert "once" not in text
    assert text.index("| ours (ours 1) |") < text.index("| smp (smp 1) |")
    readme = tmp_path / "README.md"
    readme.write_text(f"a\n{tables.BEGIN}\nold\n{tables.END}\nb\n")
    tables.insert(readme, text)
    assert readme.read_text() == f"a\n{tables.BEGIN}\n{text}\n{tables.END}\nb\n"


def test_seeds_are_averaged():
    assert tables.dice_of([row(dice=0.8), row(dice=0.9, seed=1)]) == "**0.850** ± 0.071 (2 seeds)"
    assert tables.dice_of([row()]) == "**0.800** [0.700, 0.900]"


def test_every_peer_has_a_program_and_an_environment():
    for peer in known_peers.PEERS.values():
        assert not peer.program or (FOLDER / peer.program).is_file()
        assert not peer.program or peer.environment in known_peers.ENVIRONMENTS
