"""Where an export goes: into a new folder, or in place of an earlier export and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segmentare.atomic import write_json, write_text
from segmentare.errors import OutputExistsError
from segmentare.models.description import PARITY
from segmentare.opening import read_text
from segmentare.overwriting import others

README = "README.md"


def export_target(run: Path, name: str, out: str | Path | None, *, overwrite: bool = False) -> Path:
    """Return the folder of an export.

    Args:
        run: The model's folder.
        name: What stands behind the run's name where `out` is not given.
        out: What is wanted; `None`: beside the run.
        overwrite: It may be an earlier export, with all that was written into it and no more.

    Raises:
        OutputExistsError: It is there and may not be replaced.
    """
    run = run.resolve()
    target = Path(out) if out is not None else run.parent / f"{run.name}-{name}"
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return target
    said = f"{str(target)!r} is there already. Give another `out`"
    contents = _contents(target)
    if contents is None:
        raise OutputExistsError(f"{said}; it is no export, so it is not replaced.")
    if not overwrite:
        raise OutputExistsError(f"{said} or `overwrite` it.")
    if foreign := others(target, contents):
        raise OutputExistsError(
            f"{said}; it holds {foreign[0]!r}, which is no part of the export, so it is not "
            "replaced."
        )
    return target


def keep_export(made: Path, target: Path, report: Mapping[str, Any], readme: str) -> None:
    """Add what people and programs want to know to an export, and move it into its place.

    Args:
        made: The export, in a temporary folder, where an earlier one is left to be removed.
        target: See `export_target`.
        report: How it was compared with its model.
        readme: How to use it.
    """
    write_text(made / README, readme)
    write_json(made / PARITY, {**report, "contents": [*others(made, ()), PARITY]})
    if target.exists():
        target.replace(made.with_name("earlier"))
    made.replace(target)


def _contents(folder: Path) -> list[str] | None:
    """Return the files of an export as it says; `None` where there is none."""
    try:
        report = json.loads(read_text(folder / PARITY))
        return [str(name) for name in report["contents"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
