"""Which framework a training runs in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from segmentare.errors import ModelError
from segmentare.frameworks import AUTO, FRAMEWORKS, choose_framework
from segmentare.plan import Plan
from segmentare.training.engine import Engine
from segmentare.training.processes import LAUNCHED, Processes
from segmentare.training.start import say_rules

_WORKER = "segmentare.interfaces.working"  # what further processes run


def load_engine(framework: str) -> Any:  # noqa: ANN401  a class that is an `Engine`
    """Return the engine's class; nothing of the other framework is imported."""
    if framework == "tensorflow":
        from segmentare.keras.engine import KerasEngine

        return KerasEngine
    from segmentare.training.torch_engine import TorchEngine

    return TorchEngine


@contextmanager
def processes_for(devices: int | None) -> Iterator[Processes]:
    """Train with several processes, if that is wanted or `torchrun` started several.

    Args:
        devices: How many on this machine; `None`: as many as were started, else one.

    Raises:
        MissingPackageError: There shall be several, and PyTorch is not installed.
        ValueError: There cannot be so many.
        ChildProcessError: Another process ended too early.
        SystemExit: In all processes but the first, when they are done or something failed.
    """
    if devices in {None, 1} and LAUNCHED not in os.environ:
        yield Processes()
        return
    choose_framework("torch")
    from segmentare.training.torch_processes import together

    with together(devices, _WORKER) as processes:
        yield processes


def framework_of(wanted: str, earlier: Plan | None) -> str:
    """Return the name of the framework to train in.

    Args:
        wanted: A name, or `auto`.
        earlier: Plan of the run to resume, which goes on in its own framework.

    Raises:
        ModelError: Another one is wanted for the rest of a run.
        MissingPackageError: It is not installed, or none is.
        ValueError: There is none of that name.
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
