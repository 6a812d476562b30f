"""One function per command: options in, tables and files out, exit code back.

Everything heavy is imported inside the functions, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import json
import sys
from pathlib import Path
from typing import Any


def version() -> str:
    """Return the installed version."""
    from importlib.metadata import version as installed

    return installed("segmentare")


def explain(error: Exception) -> str:
    """Return the one sentence that a user gets for an error."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full: nothing more could be written. Free some space and go on."
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.strerror}: {str(error.filename)!r}."
    return str(error)


def demo(options: argparse.Namespace) -> int:
    """Run the whole way on drawn or on given images."""
    from segmentare.interfaces import api

    api.demo(
        options.out,
        options.data,
        task=options.task,
        budget=options.budget,
        seed=options.seed,
        display=_display(),
    )
    return 0


def check(options: argparse.Namespace) -> int:
    """Print what a dataset holds; 1 when nothing could be trained on it."""
    from segmentare.interfaces import api
    from segmentare.interfaces.overwriting import free_name
    from segmentare.interfaces.tables import print_checkup

    page = None
    if not options.no_page:
        default = Path(f"check-{options.data.resolve().name}.html")
        page = options.page or free_name(default, "check")
    _check_json(options.json, "check")
    checkup = api.check(
        options.data,
        page=page,
        samples=options.samples,
        reader=options.reader,
        skeleton=options.skeleton,
        task=options.task,
        display=_display(options),
    )
    findings = checkup.to_dict()
    if _wants_words(options.json, findings, "check"):
        print_checkup(findings, page)
    return 0 if checkup.can_train else 1


def train(options: argparse.Namespace) -> int:
    """Train, score on the test part, write the report."""
    from segmentare.interfaces import api
    from segmentare.interfaces.options import TrainOptions
    from segmentare.interfaces.tables import print_scores

    display = _display(options)
    names = TrainOptions.__annotations__
    chosen: Any = {name: value for name, value in vars(options).items() if name in names}
    run = api.train(options.data, options.out, display=display, command=_command_line(), **chosen)
    if options.json:
        print(json.dumps(run.to_dict()))
    elif run.evaluation is not None:
        print_scores(run.evaluation)
    display.say(f"Model: {run.folder}   Report: {run.report}")
    return 130 if run.facts["interrupted"] else 0


def evaluate(options: argparse.Namespace) -> int:
    """Score a model and write what was asked for."""
    from segmentare.interfaces import api
    from segmentare.interfaces.tables import print_scores

    _check_json(options.json, "evaluate")
    evaluation = api.evaluate(
        options.run,
        options.data,
        part=options.part,
        report=options.report,
        flips=options.flips or None,
        refine=options.refine,
        engine=options.engine,
        precision=options.precision,
        framework=options.framework,
        reader=options.reader,
        skeleton=options.skeleton,
        display=_display(options),
    )
    if _wants_words(options.json, evaluation.to_dict(), "evaluate"):
        print_scores(evaluation)
    return 1 if evaluation.failed else 0


def compare(options: argparse.Namespace) -> int:
    """Compare two models on the same images."""
    from segmentare.interfaces import api
    from segmentare.interfaces.tables import print_comparison

    _check_json(options.json, "compare")
    result = api.compare(
        options.run_a,
        options.run_b,
        options.data,
        part=options.part,
        score=options.score,
        framework=options.framework,
        reader=options.reader,
        skeleton=options.skeleton,
        display=_display(options),
    )
    if _wants_words(options.json, result, "compare"):
        print_comparison(result, str(options.run_a), str(options.run_b))
    return 0


def predict(options: argparse.Namespace) -> int:
    """Write what images and videos show; 1 when one of them could not be read."""
    from segmentare.interfaces import api
    from segmentare.interfaces.options import PredictOptions

    display = _display(options)
    names = PredictOptions.__annotations__
    chosen: Any = {name: value for name, value in vars(options).items() if name in names}
    chosen["flips"] = options.flips or None
    result = api.predict(options.run, options.images, options.out, display=display, **chosen)
    if options.json:
        for row in (*result.rows, *(film.to_dict() for film in result.films)):
            print(json.dumps(row))
    for file, reason in result.failed:
        print(f"Skipped: {file}: {reason}", file=sys.stderr)
    done = [(len(result.rows), "image")] if result.rows or not result.films else []
    done += [(len(result.films), "video")] if result.films else []
    text = " and ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in done)
    display.say(f"{text} in {options.out}, {len(result.failed)} skipped.")
    return 1 if result.failed else 0


def export(options: argparse.Namespace) -> int:
    """Write a model for another runtime and print how it compares."""
    from segmentare.interfaces import api
    from segmentare.interfaces.engine_tables import print_export
    from segmentare.interfaces.exporting import Export
    from segmentare.interfaces.options import ExportSettings

    names = ExportSettings.__annotations__
    chosen: Any = {name: value for name, value in vars(options).items() if name in names}
    result = api.export(options.run, options.to, options.out, display=_display(options), **chosen)
    if options.json:
        print(json.dumps(result.to_dict()))
    elif isinstance(result, Export):
        print_export(result)
    else:
        print(*(row.sentence() for row in result.compared), sep="\n")
        print(f"Export: {result.folder} ({result.megabytes} MB)")
    return 0


def bench(options: argparse.Namespace) -> int:
    """Print how fast every engine computes a model."""
    from segmentare.interfaces import api
    from segmentare.interfaces.engine_tables import print_bench

    result = api.bench(
        options.run,
        also=options.also,
        data=options.data,
        size=options.size,
        seconds=options.seconds,
        display=_display(options),
    )
    if options.json:
        print(json.dumps(result.to_dict()))
    else:
        print_bench(result)
    return 0


def convert(options: argparse.Namespace) -> int:
    """Write a dataset in another format; 1 when an image had to be left out."""
    from segmentare.interfaces import api

    result = api.convert(
        options.data,
        options.out,
        options.to,
        reader=options.reader,
        skeleton=options.skeleton,
        display=_display(options),
    )
    if options.json:
        print(json.dumps(result.to_dict()))
    else:
        print("\n".join(result.lines()))
    return 1 if result.skipped else 0


def networks(options: argparse.Namespace) -> int:
    """List the networks."""
    from segmentare.interfaces.listing import list_networks
    from segmentare.interfaces.tables import print_networks

    rows = list_networks()
    if options.json:
        listed = [
            {**row.spec.to_dict(), "parameters": row.parameters, "multiply_adds": row.multiply_adds}
            for row in rows
        ]
        print(json.dumps(listed))
    else:
        print_networks(rows)
    return 0


def skeletons(options: argparse.Namespace) -> int:
    """List the included skeletons, or print one as TOML."""
    from segmentare.interfaces.chosen_skeletons import choose_skeleton, skeleton_rows, to_toml
    from segmentare.interfaces.tables import print_skeletons

    chosen = None if options.skeleton is None else choose_skeleton(options.skeleton)
    if options.json:
        print(json.dumps(skeleton_rows() if chosen is None else chosen.to_dict()))
    elif chosen is not None:
        print(to_toml(chosen))
    else:
        print_skeletons(skeleton_rows())
    return 0


def _display(options: argparse.Namespace | None = None) -> Any:  # noqa: ANN401  imported late
    from segmentare.interfaces.display import Display

    return Display(quiet=bool(options and options.quiet))


def _check_json(file: Path | None, command: str) -> None:
    """Refuse early to replace a file that the command did not write."""
    from segmentare.interfaces.overwriting import check_replaceable

    if file not in (None, Path("-")):
        check_replaceable(file, command)


def _wants_words(file: Path | None, result: dict[str, Any], command: str) -> bool:
    """Write or print `result` as `--json` says; return whether tables are to be printed, too."""
    from segmentare.interfaces.overwriting import generator, write_result

    if file == Path("-"):
        print(json.dumps({"generator": generator(command), **result}))
        return False
    if file is not None:
        write_result(file, result, command)
    return True


def _command_line() -> str:
    import shlex

    return shlex.join(["segmentare", *sys.argv[1:]])
