"""Processes that train together and are killed: none of the others may wait for ever."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import TRAIN

HERE = Path(__file__).resolve().parent
DEADLINE = 600  # seconds, on the busiest machine

pytest.importorskip("lightning_fabric", reason="the package lightning-fabric is not installed")
torch = pytest.importorskip("torch", reason="the package torch is not installed")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("this PyTorch has no gloo, which processes talk through", allow_module_level=True)
if not Path("/proc/self/stat").is_file():
    pytest.skip("processes are found in /proc", allow_module_level=True)

# What a process does that trains with others is not what is tested here, so these only wait.
FIRST = """
import sys, threading, time
from segmentare.training import starting
starting._LAST, starting._PATIENCE = 1.0, 0.5
started = starting.Started()
started.start(3, "idle_process", 1)
started.wait()
print(*[child.pid for child in started.children], flush=True)
with started.waiting():
    threading.Event().wait()
"""


def environment():
    path = [str(HERE), str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"}


def in_background():
    """Ignore Ctrl-C, as in a background shell; but not hanging up, as under nohup."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextlib.contextmanager
def begun(*words):
    """Start Python, as a background shell does; nothing survives the test."""
    process = subprocess.Popen(  # noqa: S603  our own words
        [sys.executable, *map(str, words)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=in_background,  # noqa: PLW1509
    )
    others = []
    try:
        yield process, others
    finally:
        for number in (process.pid, *others):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        process.communicate()


def children(number):
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rsplit(")", 1)[1].split()[1]) == number:
                yield int(path.parent.name)


def alive(number):
    """Tell whether a process runs; one that nobody waited for yet does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def assert_gone(numbers, seconds):
    until = time.monotonic() + seconds
    while any(map(alive, numbers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [number for number in numbers if alive(number)]


def test_a_process_that_waits_in_vain_ends_with_the_sentence():
    with begun("-c", FIRST) as (first, others):
        others.extend(map(int, first.stdout.readline().split()))
        os.kill(others[0], signal.SIGKILL)
        output, errors = first.communicate(timeout=DEADLINE)
        assert (first.returncode, output) == (2, "")
        assert errors == (
            "Error: All 3 processes must last until the training is done; process 2 was killed "
            "(SIGKILL; too little memory is a usual reason). Go on with --resume, or train anew "
            "with --overwrite.\n"
        )
        assert_gone(others, 10)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_processes_end_with_the_one_that_started_them(number):
    with begun("-c", FIRST) as (first, others):
        others.extend(map(int, first.stdout.readline().split()))
        os.kill(others[0], signal.SIGSTOP)  # it cannot look for itself
        os.kill(first.pid, number)
        assert first.wait(timeout=DEADLINE) == -number
        assert_gone(others[0 if sys.platform == "linux" else 1 :], 10)


@contextlib.contextmanager
def training(drawn, run):
    """Train with two processes without end, until the log is there."""
    words = ["train", drawn, "--out", run, *TRAIN, "--steps", 10**6, "--devices", 2]
    with begun("-m", "segmentare", *words) as (first, others):
        until = time.monotonic() + DEADLINE
        while not (run / "log.csv").is_file() and first.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        others.extend(children(first.pid))
        assert len(others) == 1, first.communicate()
        yield first, others[0]


@pytest.mark.slow
def test_a_second_process_that_is_killed_ends_the_run_with_a_sentence(drawn, tmp_path):
    with training(drawn, tmp_path / "run") as (first, second):
        os.kill(second, signal.SIGKILL)
        output, errors = first.communicate(timeout=DEADLINE)
        assert (first.returncode, output) == (2, "")
        assert errors.startswith("Error: All 2 processes must last until the training is done; ")
        assert "process 2 was killed (SIGKILL" in errors
        assert errors.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [False, True])
def test_a_first_process_that_is_killed_ends_the_second(drawn, tmp_path, stopped):
    with training(drawn, tmp_path / "run") as (first, second):
        if stopped:
            os.kill(second, signal.SIGSTOP)
        os.kill(first.pid, signal.SIGKILL)
        assert first.communicate(timeout=DEADLINE) == ("", "")
        assert_gone([second], 30)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1, "torchrun"])
def test_torchrun_ends_when_a_process_is_killed(drawn, tmp_path, victim):
    run = tmp_path / "run"
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "--"]
    words = ["segmentare", "train", drawn, "--out", run, *TRAIN]
    with begun(*launcher, *words, "--steps", 10**6) as (first, others):
        until = time.monotonic() + DEADLINE
        while not (run / "log.csv").is_file() and first.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        others.extend(sorted(children(first.pid)))
        assert len(others) == 2, first.communicate()
        os.kill(first.pid if victim == "torchrun" else others[victim], signal.SIGKILL)
        _, errors = first.communicate(timeout=DEADLINE)
        assert first.returncode == (-signal.SIGKILL if victim == "torchrun" else 1)
        if victim != "torchrun":  # which says who was killed, for it ends the others at once
            assert "(SIGKILL)" in errors
        assert_gone(others, 60)
