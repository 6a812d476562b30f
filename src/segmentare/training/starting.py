"""Starts the other processes of a training on this machine, as `torchrun` would, and ends them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import torch

from segmentare.training.processes import LAUNCHED

_PARENT = "SEGMENTARE_PARENT"  # whose death ends a process that was started here
_PATIENCE = 3.0  # seconds until a process that has nothing left to do is ended


@dataclass
class Started:
    """The processes that this one started, none in all but the first.

    Attributes:
        children: Number 1 and up; the process that starts them is number 0.
    """

    children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _before: dict[str, str | None] = field(default_factory=dict)  # variables to put back

    def start(self, count: int, worker: str) -> None:
        """Start all processes but this one, and tell them and this one who they are.

        Args:
            count: How many there will be.
            worker: Name of the module that the others run.
        """
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port = listening.getsockname()[1]
        mine = {
            "RANK": "0",
            "LOCAL_RANK": "0",
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            "GROUP_RANK": "0",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo",
            LAUNCHED: "segmentare",
        }
        self._before = {name: os.environ.get(name) for name in mine}
        os.environ.update(mine)
        for rank in range(1, count):
            theirs = {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // count)),
                "TORCH_CPP_LOG_LEVEL": "ERROR",
                _PARENT: str(os.getpid()),
            }
            self.children.append(
                subprocess.Popen(  # noqa: S603  our own module
                    [sys.executable, "-m", worker],
                    env={**os.environ, **theirs},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    start_new_session=True,  # Ctrl-C reaches the first process, which tells them
                )
            )

    def wait(self) -> None:
        """Return when all are ready to find each other, so that none waits for a dead one.

        Raises:
            ChildProcessError: One of them ended.
        """
        for rank, child in enumerate(self.children, start=1):
            if child.stdout is None or not child.stdout.read(1):
                code = child.wait()
                raise ChildProcessError(
                    f"All {len(self.children) + 1} processes must start; process {rank + 1} ended "
                    f"with code {code} before it began. Is there enough memory for so many?"
                )

    def killed(self) -> str:
        """Return which process was killed from outside, "" if none."""
        for rank, child in enumerate(self.children, start=1):
            if (code := child.poll()) and code < 0:
                return (
                    f"process {rank + 1} was killed ({signal.Signals(-code).name}; too little "
                    "memory is a usual reason)."
                )
        return ""

    def end(self) -> None:
        """Let all processes end, kill those that do not, and restore the environment."""
        until = time.monotonic() + _PATIENCE
        for child in self.children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, until - time.monotonic()))
            child.kill()
            child.communicate()
        self.children.clear()
        for name, value in self._before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        self._before.clear()


def report_ready() -> None:
    """Tell the process that started this one that it is ready, and end when that one is gone."""
    if _PARENT in os.environ:
        os.write(sys.stdout.fileno(), b".")
        threading.Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    """End this process when the one that started it is gone, whatever this one waits for."""
    while os.getppid() == int(os.environ[_PARENT]):
        time.sleep(1.0)
    os._exit(2)
