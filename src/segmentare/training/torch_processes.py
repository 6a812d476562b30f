"""Processes that train a network in PyTorch together, on Lightning Fabric.

Fabric averages the gradients: by NCCL between GPUs, by gloo between processors.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from segmentare.training.joint import join_norms, largest_message
from segmentare.training.neighbors import Exchange, Messages, Neighbors
from segmentare.training.processes import LAUNCHED, Processes
from segmentare.training.starting import LOST, Started, follow

T = TypeVar("T")
M = TypeVar("M", bound=nn.Module)

# PyTorch 2.13 renamed what shares statistics before every step.
_NAMES = inspect.signature(DistributedDataParallel.__init__).parameters
_BUFFERS = "forward_sync_buffers" if "forward_sync_buffers" in _NAMES else "broadcast_buffers"
_REASON = "segmentare/ended/{}"  # where a process leaves the sentence it ended with
_LONGEST = timedelta(hours=12)  # that a decision, such as a validation, may take
_LONG = timedelta(minutes=30)  # that all other messages may take, also gradients
_PATIENCE = 3.0  # seconds for the news of another's end to arrive, which the sockets bring first


@dataclass
class TorchProcesses(Processes):
    """One process among those that train together."""

    _control: Any = None  # a group on CPUs, whose messages do not wait for a GPU
    _decisions: Any = None  # the same, for what takes long
    _started: Started = field(default_factory=Started)
    _threads: int = 0

    def lead(self, engine: Any) -> None:  # noqa: ANN401  an engine that knows of processes
        """Let the engine know what to share its gradients with."""
        engine.processes = self

    def fabric(self, precision: Any, *, unused: bool = False) -> Fabric:  # noqa: ANN401  a literal
        """Return what brings precision and devices.

        Args:
            precision: As Fabric names it.
            unused: Some weights may take no part in the output.
        """
        hush()
        settings: dict[str, Any] = {
            _BUFFERS: False,  # they are equal already, see JointBatchNorm
            "gradient_as_bucket_view": True,
            "find_unused_parameters": unused,
        }
        return Fabric(
            accelerator=_accelerator(),
            devices=self.local,
            num_nodes=self.count // self.local,
            strategy=DDPStrategy(**settings),
            precision=precision,
        )

    def join(self, network: M) -> M:
        """Return the network, changed in place: its statistics are those of the whole batch."""
        most = largest_message(network)
        if most:
            join_norms(network, self._exchange(most))
        return network

    def _exchange(self, most: int) -> Exchange:
        """Return what carries messages of so many numbers."""
        if self.local < self.count or _accelerator() != "cpu" or not Neighbors.possible():
            return Messages()
        path = self.decide(lambda: Neighbors.new_file(Neighbors.room(self.count, most)))
        neighbors = Neighbors(self.rank, self.count, path, most, self._started.ended)
        with self.waiting():
            distributed.barrier(group=self._control)
        if self.first:
            path.unlink()  # the memory stays as long as somebody has it
        return neighbors

    def decide(self, make: Callable[[], T]) -> T:
        """Return what `make` returns in the first process, to all of them.

        The others wait, so the first one has the threads of all on its machine.
        """
        box: list[Any] = [None]
        if self.first:
            torch.set_num_threads(self._threads * self.local)
            try:
                box = [make()]
            finally:
                torch.set_num_threads(self._threads)
        with self.waiting():
            distributed.broadcast_object_list(box, src=0, group=self._decisions)
        made: T = box[0]
        return made

    def any(self, flag: bool) -> bool:  # noqa: FBT001  the one argument there is
        """Tell whether the flag is set in any process."""
        return self._reduced(float(flag), distributed.ReduceOp.MAX) > 0

    def mean(self, value: float) -> float:
        """Return the mean of the values of all processes."""
        return self._reduced(value, distributed.ReduceOp.SUM) / self.count

    def leave(self) -> None:
        """Part for good: the first process goes on alone, the others end here.

        Raises:
            SystemExit: In all processes but the first.
        """
        with self.waiting():  # whoever left first would look dead to the rest
            distributed.barrier(group=self._control)
        self._part()
        if not self.first:
            raise SystemExit(0)

    def waiting(self) -> AbstractContextManager[None]:
        """Mark that this process waits for others, and shall end if one of them is gone."""
        return self._started.waiting()

    def _reduced(self, value: float, how: Any) -> float:  # noqa: ANN401  PyTorch's own type
        tensor = torch.tensor([value], dtype=torch.float64)
        with self.waiting():
            distributed.all_reduce(tensor, how, group=self._control)
        return float(tensor.item())

    def _join(self) -> None:
        """Find the others."""
        if _accelerator() == "cuda" and self.local > torch.cuda.device_count():
            _refuse_gpus(self.local)
        self._threads = torch.get_num_threads()
        if self._started.children:
            self._threads = max(1, self._threads // self.local)
            self._started.wait()
        else:
            follow()
        # The gradients of 1x1 convolutions have strides of their own; their copy costs nothing.
        warnings.filterwarnings("ignore", message="Grad strides do not match")
        with self.waiting():
            self.fabric("32-true").launch()
            torch.set_num_threads(self._threads)
            self._control = distributed.new_group(backend="gloo", timeout=_LONG)
            self._decisions = distributed.new_group(backend="gloo", timeout=_LONGEST)

    def _part(self, *, failed: bool = False) -> None:
        """End what was begun; harmless if there is nothing.

        Args:
            failed: The others may not answer any more.
        """
        if failed:
            self._started.end()
        if distributed.is_initialized():
            parting = threading.Thread(target=distributed.destroy_process_group, daemon=True)
            parting.start()
            parting.join(_PATIENCE if failed else None)
        self._started.end()
        if self._threads:
            torch.set_num_threads(self._threads * self.local)
            self._threads = 0

    def _who_ended(self) -> str:
        """Return which other process ended, and why, as far as can be known."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            for rank in range(1, self.count):
                if reason := _read_reason(rank):
                    return f"process {rank + 1} ended: {reason}"
            if ended := self._started.ended():
                return ended
            time.sleep(0.1)
        return "one of them ended without a word (too little memory is a usual reason)."


@contextlib.contextmanager
def together(devices: int | None, worker: str) -> Iterator[Processes]:
    """Train with several processes if that is wanted, or if `torchrun` started several.

    Args:
        devices: How many processes on this machine, one per GPU where there are GPUs. `None`: as
            many as `torchrun` started, else one.
        worker: Name of the module that the others run; it must enter `together`, too.

    Raises:
        ValueError: There are not so many devices, or `torchrun` started another number.
        ChildProcessError: Another process ended.
        SystemExit: In all processes but the first, when they are done or something failed.
    """
    processes = _found(devices)
    if processes.count == 1:
        yield Processes()
        return
    started = processes._started  # noqa: SLF001  this function is a part of the class
    if LAUNCHED not in os.environ:
        threads = max(1, torch.get_num_threads() // processes.count)
        started.start(processes.count, worker, threads)
    try:
        processes._join()  # noqa: SLF001
        yield processes
    except (ValueError, OSError, ImportError, RuntimeError, KeyboardInterrupt) as error:
        _end(processes, error)
    finally:
        for child in started.children:
            child.terminate()
        processes._part(failed=True)  # noqa: SLF001  after `leave` there is nothing to end


def _end(processes: TorchProcesses, error: BaseException) -> None:
    """Raise what a process says when it ends, which is nothing in all but the first."""
    lost = isinstance(error, RuntimeError) and _is_lost(error)
    if processes.first and lost:
        who = processes._who_ended()  # noqa: SLF001
        raise ChildProcessError(LOST.format(processes.count, who)) from error
    if processes.first or (isinstance(error, RuntimeError) and not lost):
        raise error
    if isinstance(error, KeyboardInterrupt):
        raise SystemExit(130) from None
    if not distributed.is_initialized():
        raise error  # the first process cannot be told
    if not lost:
        with contextlib.suppress(RuntimeError):  # the first may be gone
            _store().set(_REASON.format(processes.rank), str(error))
    raise SystemExit(2) from None


def _found(devices: int | None) -> TorchProcesses:
    """Return the processes that there are, or shall be."""
    if LAUNCHED in os.environ:
        names = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
        rank, count, local = (int(os.environ[name]) for name in names)
        if devices not in {None, local}:
            raise ValueError(
                f"--devices must be what torchrun started on this machine, {local} processes; got "
                f"{devices}. Leave --devices out."
            )
        return TorchProcesses(rank, count, local)
    if devices is not None and devices < 1:
        raise ValueError(f"--devices must be at least 1; got {devices}.")
    wanted = devices or 1
    if wanted > 1 and _accelerator() == "cuda" and wanted > torch.cuda.device_count():
        _refuse_gpus(wanted)
    return TorchProcesses(0, wanted, wanted)


def hush() -> None:
    """Let Fabric announce nothing, which would break the progress bar."""
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)


def _accelerator() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _refuse_gpus(wanted: int) -> None:
    raise ValueError(
        f"Every process must have a GPU of its own; {wanted} are wanted on this machine and it has "
        f"{torch.cuda.device_count()}. Give fewer --devices, or CUDA_VISIBLE_DEVICES= to train on "
        "its processors."
    )


def _is_lost(error: RuntimeError) -> bool:
    """Tell whether an error means that another process is gone."""
    text = str(error)
    return isinstance(error, distributed.DistError) or "gloo" in text or "NCCL" in text


def _store() -> Any:  # noqa: ANN401  PyTorch's own type
    return distributed.distributed_c10d._get_default_store()  # noqa: SLF001  there is no other way


def _read_reason(rank: int) -> str:
    if not distributed.is_initialized():
        return ""
    try:
        key = _REASON.format(rank)
        return str(_store().get(key).decode()) if _store().check([key]) else ""
    except RuntimeError:  # it was kept by a process that is gone
        return ""
