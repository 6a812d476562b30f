"""Runs that are killed, in processes of their own; everything goes through the command line."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from command_line import TRAIN

from segmentare.models.checkpoint import load_model

KILLED_AT_16 = """
import os, signal, sys
from segmentare.training.batches import Batches
from segmentare.cli import main
usual = Batches.__getitem__
def watched(self, step):
    if step == 16:
        os.kill(os.getpid(), signal.SIGKILL)
    return usual(self, step)
Batches.__getitem__ = watched
main(sys.argv[1:])
"""

pytestmark = pytest.mark.slow


def start(*words, script=None):
    program = ["-c", script] if script else ["-m", "segmentare"]
    return subprocess.Popen(  # noqa: S603  our own words
        [sys.executable, *program, *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, seconds=300):
    output, errors = process.communicate(timeout=seconds)
    return process.returncode, output, errors


def test_a_killed_run_resumes_and_ends_as_the_unbroken_one(drawn, tmp_path):
    words = [*TRAIN, "--steps", 24]
    killed = start("train", drawn, "--out", tmp_path / "b", *words, script=KILLED_AT_16)
    assert finish(killed)[0] == -signal.SIGKILL
    assert not (tmp_path / "b" / "model.json").exists()
    unbroken = start("train", drawn, "--out", tmp_path / "a", *words)
    resumed = start("train", drawn, "--out", tmp_path / "b", "--resume", "--quiet")
    for process in (unbroken, resumed):
        code, _, errors = finish(process)
        assert code == 0, errors
    (one, arrays), (two, others) = (load_model(tmp_path / name) for name in "ab")
    assert arrays.keys() == others.keys()
    assert all(np.array_equal(arrays[name], others[name]) for name in arrays)
    for part in ("task", "network", "preprocessing", "validation"):
        assert one[part] == two[part]
    logs = [(tmp_path / name / "log.csv").read_text().splitlines() for name in "ab"]
    without_seconds = [[line.split(",")[:1] + line.split(",")[2:] for line in log] for log in logs]
    assert without_seconds[0] == without_seconds[1]
    scores = [json.loads((tmp_path / name / "scores.json").read_text()) for name in "ab"]
    assert scores[0]["per_image"] == scores[1]["per_image"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_usable_model(drawn, tmp_path, number):
    run = tmp_path / "run"
    process = start("train", drawn, "--out", run, *TRAIN, "--steps", 10**6)
    until = time.monotonic() + 300
    while not (run / "log.csv").is_file() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(number)
    code, _, errors = finish(process)
    assert code == 130, errors
    assert "Traceback" not in errors
    from segmentare.networks.inference import load

    assert load(run).predict(np.zeros((48, 64, 3), np.uint8)).category.shape == (48, 64)
    assert json.loads((run / "run.json").read_text())["interrupted"]
    assert "stopped early" in (run / "report.html").read_text(encoding="utf-8")
    assert not (run / "training_state.safetensors").exists()
