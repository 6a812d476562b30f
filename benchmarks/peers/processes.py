"""Run a peer's program: its output in a file, its time limited, its failure told in a line."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any


class Failure(Exception):  # noqa: N818  a row of the table, not an error of ours
    """A peer did not come to its end; the text is the reason."""


def run_process(command: list[Any], log: Path, words: dict[str, str], patience: float) -> None:
    """Run a program to its end, with all that it starts.

    Args:
        command: The program and its arguments.
        log: File for all that it prints.
        words: Environment variables that are added.
        patience: Seconds after which it and all that it started are ended.

    Raises:
        Failure: It ended with an error, or not in time.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | words
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=variables,
            cwd=log.parent,
            start_new_session=True,
        )
        try:
            status = process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failure(f"not done after {patience:.0f} s") from None
        finally:
            end(process)
    if status:
        raise Failure(last_line(log) or f"ended with status {status}")


def end(process: subprocess.Popen) -> None:
    """End the process and its children, if any is left."""
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")[:300]
