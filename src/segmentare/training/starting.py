"""Starts the other processes of a training on this machine, as `torchrun` would, and ends them.

None may outlive another, for it would wait for the dead one, perhaps for ever. Sockets that close
bring the news, as a rule. Where they do not, threads act, which look at the other processes: the
first process ends those that it started, and itself if it still waits; the others end when the
first is gone. On Linux the kernel sees to the latter, too, whatever a process is doing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from segmentare.training.processes import LAUNCHED

LOST = (
    "All {} processes must last until the training is done; {} Go on with --resume, or train anew "
    "with --overwrite."
)

_PARENT = "SEGMENTARE_PARENT"  # whose death ends a process that was started here
_PATIENCE = 3.0  # seconds until a process that has nothing left to do is ended
_LAST = 30.0  # seconds that the first process may go on waiting for one that is gone
_LOOK = 0.25  # seconds between two looks at other processes
_PR_SET_PDEATHSIG = 1  # of Linux' <linux/prctl.h>


@dataclass
class Started:
    """The processes that this one started, none in all but the first.

    Attributes:
        children: Number 1 and up; the process that starts them is number 0.
    """

    children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _before: dict[str, str | None] = field(default_factory=dict)  # variables to put back
    _waits: threading.Event = field(default_factory=threading.Event)  # this process, for others
    _over: threading.Event = field(default_factory=threading.Event)  # nobody is needed any more
    _lost: str = ""  # what happened first, where something did

    def start(self, count: int, worker: str, threads: int) -> None:
        """Start all processes but this one, and tell them and this one who they are.

        Args:
            count: How many there will be.
            worker: Name of the module that the others run.
            threads: Of each of the others.
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
                "OMP_NUM_THREADS": str(threads),
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
        threading.Thread(target=self._watch, args=(list(self.children),), daemon=True).start()

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

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark that this process waits for others, and shall end if one of them is gone."""
        self._waits.set()
        try:
            yield
        finally:
            self._waits.clear()

    def ended(self) -> str:
        """Return which process ended when it should not, "" if none."""
        return self._lost or _first_ended(self.children)

    def end(self) -> None:
        """Let all processes end, kill those that do not, and restore the environment."""
        _end(self.children)
        self.children.clear()
        for name, value in self._before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        self._before.clear()
        self._over.set()

    def _watch(self, children: list[subprocess.Popen[bytes]]) -> None:
        """End all when one of them ended, this process last, and only if it does not see it."""
        while not (lost := _first_ended(children)):
            if self._over.wait(_LOOK):
                return
        self._lost = lost
        for child in children:
            child.terminate()
        waited = 0.0
        while not self._over.wait(_LOOK):
            waited = waited + _LOOK if self._waits.is_set() else 0.0
            if _PATIENCE <= waited < _PATIENCE + _LOOK:
                for child in children:
                    child.kill()
            if waited >= _LAST:
                text = LOST.format(len(children) + 1, lost)
                os.write(2, f"Error: {text}\n".encode())  # the main thread cannot raise it
                os._exit(2)


def follow() -> None:
    """End this process when the one that started it is gone; tell that one that this is ready."""
    if _PARENT not in os.environ:  # torchrun, which is told nothing
        _end_with(os.getppid())
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
    _end_with(int(os.environ[_PARENT]))
    os.write(sys.stdout.fileno(), b".")


def _end_with(parent: int) -> None:
    """End this process when another one is gone, whatever this one waits for."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        os._exit(2)

    threading.Thread(target=watch, daemon=True).start()


def _first_ended(children: list[subprocess.Popen[bytes]]) -> str:
    """Return which process ended with an error, rather one that was killed; "" if none."""
    codes = {rank: child.poll() for rank, child in enumerate(children, start=1)}
    for rank, code in codes.items():
        if code is not None and code < 0:
            known = -code in {number.value for number in signal.Signals}
            name = signal.Signals(-code).name if known else f"signal {-code}"
            return f"process {rank + 1} was killed ({name}; too little memory is a usual reason)."
    for rank, code in codes.items():
        if code:
            return f"process {rank + 1} ended with code {code}."
    return ""


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + _PATIENCE
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, until - time.monotonic()))
        child.kill()
        child.communicate()
