"""One process at a time writes into a folder, and a dead one keeps nobody out."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from command_line import TRAIN, contents

from segmentare.errors import OutputExistsError
from segmentare.locking import LOCK, locked

HOLD = """
import sys, time
from pathlib import Path
from segmentare.locking import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def hold():
    """Return what starts a process that locks a folder."""
    started = []

    def start(folder):
        process = subprocess.Popen(  # noqa: S603  our own words
            [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "locked\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_folder_is_let_go_as_it_was(tmp_path):
    folder = tmp_path / "a" / "b"
    with locked(folder):
        assert [path.name for path in folder.iterdir()] == [LOCK]
    assert list(tmp_path.iterdir()) == []
    with locked(folder):
        (folder / "mine").touch()
    assert [path.name for path in folder.iterdir()] == ["mine"]
    with pytest.raises(ZeroDivisionError), locked(folder):
        _ = 1 / 0
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_another_process_is_kept_out_while_this_one_lives(tmp_path, hold):
    process = hold(tmp_path / "run")
    with pytest.raises(OutputExistsError) as error, locked(tmp_path / "run"):
        pass
    assert f"process {process.pid} on " in str(error.value)
    assert "Wait until it is done, or give another `out`." in str(error.value)
    assert (tmp_path / "run" / LOCK).is_file()
    kill(process)
    assert (tmp_path / "run" / LOCK).is_file()  # it was left, and means nothing
    with locked(tmp_path / "run"):
        pass


def test_a_thread_is_kept_out_as_well(tmp_path):
    with (
        locked(tmp_path),
        pytest.raises(OutputExistsError, match=f"process {os.getpid()} on "),
        locked(tmp_path),
    ):
        pass


def test_many_threads_never_write_at_once(tmp_path):
    inside, most, done, ended, begin = [], [], [], [], threading.Barrier(8)

    def work():
        begin.wait()
        while len(done) < 200:
            try:
                with locked(tmp_path / "run"):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
                    done.append(1)
            except OutputExistsError:
                continue
        ended.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(ended) == 8


@pytest.mark.parametrize("command", ["train", "predict"])
def test_a_second_command_into_one_folder_is_refused(
    refused, run_cli, hold, drawn, model, tmp_path, command
):
    out = tmp_path / "out"
    words = {
        "train": ["train", drawn, "--out", out, *TRAIN],
        "predict": ["predict", model, drawn / "images", "--out", out, "--quiet"],
    }[command]
    process = hold(out)
    before = contents(out)
    for more in ([], ["--overwrite"]):
        sentence = refused(*words, *more)
        assert sentence.startswith("One process at a time may write into")
    assert contents(out) == before
    kill(process)
    assert run_cli(*words)[0] == 0  # a lock of the dead is no file of the user
    assert not (out / LOCK).exists()


def test_a_run_is_locked_until_its_report_is_written(run_cli, monkeypatch, drawn, tmp_path):
    from segmentare.commands import scoring, training

    seen = []

    def watch(module, name):
        usual = getattr(module, name)

        def watched(*words, **more):
            with pytest.raises(OutputExistsError), locked(tmp_path / "run"):
                pass
            seen.append(name)
            return usual(*words, **more)

        monkeypatch.setattr(module, name, watched)

    for module, name in ((training, "load"), (training, "finish"), (scoring, "write_report")):
        watch(module, name)
    assert run_cli("train", drawn, "--out", tmp_path / "run", *TRAIN)[0] == 0
    assert seen == ["load", "finish", "write_report"]
    assert not (tmp_path / "run" / LOCK).exists()
