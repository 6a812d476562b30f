"""Small numbers that the processes of one machine tell each other through shared memory.

A message by gloo wakes several threads on its way, which takes milliseconds where all cores are
busy; BatchNorm sends two per layer and step. Here each process writes into memory that all of them
see, and looks until the others have written, too.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, distributed

_LINE = 64  # bytes that a processor's caches keep together; each counter has its own
_SPIN = 2e-3  # seconds that a process looks without a break, where each has a core
_PAUSE = 2e-4  # seconds of each break after that
_LOOK = 0.25  # seconds between two questions whether the others are alive


class Exchange(Protocol):
    """How processes tell each other the sums of their batches."""

    def gather(self, own: Tensor) -> Tensor:
        """Return what each process gave, (processes, *shape); float32, of one shape everywhere."""


class Messages:
    """By messages, also between machines and GPUs."""

    def gather(self, own: Tensor) -> Tensor:
        """Return what each process gave, (processes, *shape)."""
        parts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, own)
        return torch.stack(parts)


class Neighbors:
    """Through memory that the processes of one machine share.

    Two places per process take turns: whoever writes into the first one again has read all others'
    second, so these have read its first. The order in which a processor shows writes to others
    must be that of the program, which x86 promises.

    Args:
        rank: Number of this process.
        count: How many there are.
        path: Of a file of `Neighbors.room(count, most)` zero bytes; it may be removed once all
            processes have opened it.
        most: Numbers of the largest message.
        lost: Tells who ended, "" while all are alive.
    """

    def __init__(
        self, rank: int, count: int, path: Path, most: int, lost: Callable[[], str]
    ) -> None:
        self._rank, self._lost = rank, lost
        memory = np.memmap(path, np.uint8, "r+")
        self._counters = memory[: count * _LINE].view(np.int64)[:: _LINE // 8]
        self._places = memory[count * _LINE :].view(np.float32).reshape(2, count, most)
        self._turn = 0
        enough = len(os.sched_getaffinity(0)) >= count
        self._spin = _SPIN if enough else 0.0  # else the others cannot get on meanwhile

    @staticmethod
    def possible() -> bool:
        """Tell whether this machine keeps what the class relies on."""
        return sys.platform == "linux" and platform.machine().lower() in {"x86_64", "amd64"}

    @staticmethod
    def room(count: int, most: int) -> int:
        """Return how many bytes the file must have."""
        return count * (_LINE + 2 * most * 4)

    @staticmethod
    def new_file(size: int) -> Path:
        """Make a file of zeros, in memory where there is such a folder."""
        folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  shared memory
        handle, name = tempfile.mkstemp(prefix="segmentare-", dir=folder)
        os.truncate(handle, size)
        os.close(handle)
        return Path(name)

    def gather(self, own: Tensor) -> Tensor:
        """Return what each process gave, (processes, *shape).

        Raises:
            DistError: Another process ended.
        """
        values = own.detach().numpy()
        self._turn += 1
        places = self._places[self._turn % 2, :, : values.size]
        places[self._rank] = values.ravel()
        self._counters[self._rank] = self._turn
        for rank in range(len(self._counters)):
            self._wait(rank)
        return torch.from_numpy(places.reshape(-1, *values.shape).copy())

    def _wait(self, rank: int) -> None:
        """Return when a process has written."""
        began = looked = time.monotonic()
        while self._counters[rank] < self._turn:
            now = time.monotonic()
            if now - began > self._spin:
                time.sleep(_PAUSE)
            if now - looked > _LOOK:
                looked = now
                if lost := self._lost():
                    raise distributed.DistError(lost)
