"""Which framework a training runs in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from segmentare.errors import ModelError
from segmentare.frameworks import AUTO, FRAMEWORKS, choose_framework
from segmentare.plan import Plan
from segmentare.training.engine import Engine


def load_engine(framework: str) -> Any:  # noqa: ANN401  a class that is an `Engine`
    """Return the engine's class; nothing of the other framework is imported."""
    if framework == "tensorflow":
        from segmentare.keras.engine import KerasEngine

        return KerasEngine
    from segmentare.training.torch_engine import TorchEngine

    return TorchEngine


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
    return replace(plan, start=name, reasons=(*plan.reasons, line))
