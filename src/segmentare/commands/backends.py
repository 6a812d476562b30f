"""Which framework a training runs in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from segmentare.errors import InputError, ModelError
from segmentare.models.frameworks import AUTO, FRAMEWORKS, choose_framework
from segmentare.training.backend import Engine
from segmentare.training.plan import Plan
from segmentare.training.processes import Processes
from segmentare.training.start import say_rules

_SEVERAL = "WORLD_SIZE"  # a variable that whatever starts several processes sets in each
_SPINS = "1000"  # of a waiting thread before it sleeps: some microseconds


def load_engine(framework: str) -> Any:  # noqa: ANN401  a class that is an `Engine`
    """Return the engine's class; nothing of the other framework is imported.

    On a busy machine PyTorch's threads must not spin while they wait for each other, as by GNU's
    OpenMP they do for milliseconds: a step then takes a hundred times as long. This must be said
    before PyTorch is loaded.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    if framework == "tensorflow":
        from segmentare.keras.backend import KerasEngine

        return KerasEngine
    from segmentare.networks.backend import TorchEngine

    return TorchEngine


@contextmanager
def processes_for(devices: int | None, framework: str) -> Iterator[Processes]:
    """Train on several GPUs if that is wanted, or with the processes that `torchrun` started.

    Args:
        devices: How many GPUs of this machine; `None`: as many processes as were started, else one.
        framework: `torch` or `tensorflow`.

    Raises:
        InputError: There cannot be so many.
        SystemExit: In all processes but the first, at the end of the training.
    """
    if devices in {None, 1} and int(os.environ.get(_SEVERAL, "1")) == 1:
        yield Processes()
        return
    if framework != "torch":
        raise InputError(
            "Only PyTorch trains with several processes; got the framework "
            f"{framework!r}. Leave out devices, or take the framework 'torch'."
        )
    from segmentare.networks.processes import together

    with together(devices) as processes:
        yield processes


def framework_of(wanted: str, earlier: Plan | None) -> str:
    """Return the name of the framework to train in.

    Args:
        wanted: A name, or `auto`.
        earlier: Plan of the run to resume, which goes on in its own framework.

    Raises:
        ModelError: Another one is wanted for the rest of a run.
        MissingPackageError: It is not installed, or none is.
        InputError: There is none of that name.
    """
    if earlier is None:
        return choose_framework(wanted)
    if wanted not in {AUTO, earlier.framework}:
        raise ModelError(
            f"This run was begun in {FRAMEWORKS[earlier.framework]} and must go on in it; got "
            f"--framework {wanted}. Leave it out, or train anew."
        )
    return choose_framework(earlier.framework)


def started(engine: Engine, plan: Plan) -> Plan:
    """Put the plan's starting weights into the network; return the plan with what was used."""
    if plan.start in ("", "none"):
        return replace(plan, start="")
    name, line = engine.start_from(plan.start)
    plan = replace(plan, start=name, reasons=(*plan.reasons, line))
    rules = say_rules(plan)
    return replace(plan, reasons=(*plan.reasons, rules)) if rules else plan
