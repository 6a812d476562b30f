"""One function per command: options in, tables and files out, exit code back.

Everything heavy is imported inside the functions, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segmentare.planning import Wishes


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
    from segmentare.interfaces.demo import demo as run_demo

    run_demo(
        options.out, options.data, budget=options.budget, seed=options.seed, display=_display()
    )
    return 0


def check(options: argparse.Namespace) -> int:
    """Print what a dataset holds; 1 when nothing could be trained on it."""
    from segmentare.checkpoint import write_json
    from segmentare.interfaces.checking import check as run_check
    from segmentare.interfaces.tables import print_checkup

    page = None
    if not options.no_page:
        page = options.page or Path(f"check-{options.data.resolve().name}.html")
    checkup = run_check(
        options.data,
        reader=options.reader,
        page=page,
        samples=options.samples,
        display=_display(options),
    )
    if options.json:
        write_json(options.json, checkup.to_dict())
    print_checkup(checkup.to_dict(), page)
    return 0 if checkup.can_train else 1


def train(options: argparse.Namespace) -> int:
    """Train, score on the test part, write the report."""
    from segmentare.interfaces.parts import Splitting
    from segmentare.interfaces.reporting import score_run
    from segmentare.interfaces.tables import print_scores
    from segmentare.interfaces.training import Options
    from segmentare.interfaces.training import train as run_train

    display = _display(options)
    splitting = Splitting(
        val=options.val,
        test=options.test,
        file=options.split,
        by=options.by,
        groups=options.groups,
        seed=options.seed,
        allow_duplicates=options.allow_duplicates,
    )
    run = run_train(
        options.data,
        options.out,
        _wishes(options),
        Options(
            task=options.task,
            reader=options.reader,
            splitting=splitting,
            start=options.start,
            resume=options.resume,
            overwrite=options.overwrite,
            skip_broken=options.skip_broken,
        ),
        display,
    )
    evaluation = score_run(run, _command_line(), display)
    if options.json:
        result = {"run": str(run.folder), **run.facts}
        if evaluation is not None:
            result["test"] = evaluation.to_dict()
        print(json.dumps(result))
    elif evaluation is not None:
        print_scores(evaluation)
    display.say(f"Model: {run.folder}   Report: {run.folder / 'report.html'}")
    return 130 if run.facts["interrupted"] else 0


def evaluate(options: argparse.Namespace) -> int:
    """Score a model and write what was asked for."""
    from segmentare.checkpoint import write_json
    from segmentare.interfaces.evaluation import evaluate as run_evaluate
    from segmentare.interfaces.reporting import write_evaluation
    from segmentare.interfaces.tables import print_scores

    display = _display(options)
    evaluation = run_evaluate(
        options.run,
        options.data,
        part=options.part,
        reader=options.reader,
        flips=options.flips,
        pictures=options.report is not None,
        display=display,
    )
    if options.json:
        write_json(options.json, evaluation.to_dict())
    if options.report:
        path = write_evaluation(options.report, evaluation, options, _command_line())
        display.say(f"Report: {path}")
    print_scores(evaluation)
    return 1 if evaluation.failed else 0


def compare(options: argparse.Namespace) -> int:
    """Compare two models on the same images."""
    from segmentare.checkpoint import write_json
    from segmentare.interfaces.evaluation import compare as run_compare
    from segmentare.interfaces.tables import print_comparison

    result = run_compare(
        options.run_a,
        options.run_b,
        options.data,
        part=options.part,
        score_name=options.score,
        reader=options.reader,
        display=_display(options),
    )
    if options.json:
        write_json(options.json, result)
    print_comparison(result, str(options.run_a), str(options.run_b))
    return 0


def predict(options: argparse.Namespace) -> int:
    """Write masks; 1 when an image could not be read."""
    from segmentare.interfaces.predicting import Outputs
    from segmentare.interfaces.predicting import predict as run_predict

    display = _display(options)
    outputs = Outputs(
        overlay=options.overlay,
        probability=options.probability,
        cutout=options.cutout,
        background=options.background,
        overwrite=options.overwrite,
    )
    result = run_predict(
        options.run, options.images, options.out, outputs, flips=options.flips, display=display
    )
    if options.json:
        for row in result.rows:
            print(json.dumps(row))
    for file, reason in result.failed:
        print(f"Skipped: {file}: {reason}", file=sys.stderr)
    display.say(f"{len(result.rows)} masks in {options.out}, {len(result.failed)} images skipped.")
    return 1 if result.failed else 0


def networks(options: argparse.Namespace) -> int:
    """List the networks."""
    from segmentare.interfaces.tables import print_networks
    from segmentare.networks.listing import list_networks

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


def _display(options: argparse.Namespace | None = None) -> Any:  # noqa: ANN401  imported late
    from segmentare.interfaces.display import Display

    return Display(quiet=bool(options and options.quiet))


def _command_line() -> str:
    import shlex

    return shlex.join(["segmentare", *sys.argv[1:]])


def _wishes(options: argparse.Namespace) -> Wishes:
    """Gather what the user decided about the training."""
    from segmentare.networks.choice import choose_spec
    from segmentare.planning import Wishes

    return Wishes(
        budget=options.budget,
        steps=options.steps,
        spec=choose_spec(options.network, options.encoder, options.width, options.depth),
        size=options.size,
        scale=options.scale,
        batch=options.batch,
        learning_rate=options.learning_rate,
        precision=options.precision,
        focal=options.focal,
        balance=options.balance,
        seed=options.seed,
    )
