"""Processes that train a network in PyTorch together, on Lightning Fabric.

Fabric starts one process per GPU, or `torchrun` does, also on several machines; Fabric averages
their gradients, by NCCL between GPUs and by gloo between processors.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import distributed

from segmentare.errors import InputError
from segmentare.training.processes import Processes

T = TypeVar("T")

LAUNCHED = "TORCHELASTIC_RUN_ID"  #: a variable that `torchrun` sets in all processes


@dataclass(frozen=True, kw_only=True)
class TorchProcesses(Processes):
    """One process among those that train together."""

    fabric: Fabric

    def share(self, value: T) -> T:
        """Return the value that the first process gave."""
        shared: T = self.fabric.broadcast(value)
        return shared

    def any(self, flag: bool) -> bool:  # noqa: FBT001  the one argument there is
        """Tell whether the flag is set in any process."""
        return self.mean(float(flag)) > 0

    def mean(self, value: float) -> float:
        """Return the mean of the values of all processes."""
        return float(self.fabric.all_reduce(torch.tensor(value), reduce_op="mean"))

    def leave(self) -> None:
        """End all processes but the first, which goes on alone.

        Raises:
            SystemExit: In all processes but the first.
        """
        self.fabric.barrier()
        if not self.first:
            raise SystemExit(0)


@contextlib.contextmanager
def together(devices: int | None) -> Iterator[Processes]:
    """Train on several GPUs if that is wanted, or with the processes that `torchrun` started.

    Args:
        devices: How many GPUs of this machine. `None`: as many processes as `torchrun` started,
            else one.

    Raises:
        InputError: There are not so many GPUs, or `torchrun` started another number of processes.
        SystemExit: In all processes but the first, at the end of the training.
    """
    count, local = _counted(devices)
    if count == 1:
        yield Processes()
        return
    before = dict(os.environ)
    fabric = make_fabric("32-true", count=count, local=local)
    try:
        fabric.launch()
        yield TorchProcesses(fabric.global_rank, count, fabric=fabric)
    except BaseException:
        for child in getattr(fabric.strategy.launcher, "procs", []):
            child.kill()  # it would wait for this process
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
        for name in os.environ.keys() - before.keys():
            del os.environ[name]  # the next training must not take itself for a part of this one


def make_fabric(
    precision: Any,  # noqa: ANN401  a literal of Fabric's
    *,
    count: int | None = None,
    local: int | None = None,
    unused: bool = False,
) -> Fabric:
    """Return what brings precision and devices.

    Args:
        precision: As Fabric names it.
        count: Processes on all machines; `None`: those that are there.
        local: Processes on this machine.
        unused: Some weights may take no part in the output.
    """
    for name in ("lightning.fabric", "lightning_fabric"):  # announcements break the progress bar
        logging.getLogger(name).setLevel(logging.WARNING)
    count = count or (distributed.get_world_size() if is_shared() else 1)
    if count == 1:
        return Fabric(accelerator="auto", devices=1, precision=precision)
    local = local or int(os.environ.get("LOCAL_WORLD_SIZE", count))
    return Fabric(
        accelerator="cuda" if torch.cuda.is_available() else "cpu",
        devices=local,
        num_nodes=count // local,
        strategy=DDPStrategy(find_unused_parameters=unused, gradient_as_bucket_view=True),
        precision=precision,
    )


def is_shared() -> bool:
    """Tell whether other processes train the same network."""
    return distributed.is_available() and distributed.is_initialized()


def _counted(devices: int | None) -> tuple[int, int]:
    """Return how many processes there will be, on all machines and on this one."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if devices is not None and devices < 1:
        raise InputError(f"devices must be at least 1; got {devices}.")
    if LAUNCHED not in os.environ:
        count = local = devices or 1
        if count > max(gpus, 1):
            _refuse(count, gpus)
        return count, local
    count, local = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if devices not in {None, local}:
        raise InputError(
            f"devices must be what torchrun started on this machine, {local} processes; got "
            f"{devices}. Leave devices out."
        )
    if gpus and local > gpus:
        _refuse(local, gpus)
    return count, local


def _refuse(wanted: int, gpus: int) -> None:
    raise InputError(
        f"devices must be at most the number of GPUs of this machine, {gpus}; got {wanted}. "
        "Without GPUs one process, which uses all cores, is faster than several: leave devices out."
    )
