"""What a run and an evaluation leave for people to look at: `report.html` and `scores.json`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from segmentare.atomic import write_json
from segmentare.commands.running import Trained
from segmentare.datasets import KEYPOINT_TASKS
from segmentare.drawing.objects import NOT_JUDGED, OUTCOMES
from segmentare.locking import locked
from segmentare.models.checkpoint import load_description
from segmentare.progress import Display
from segmentare.report.evaluation import Evaluation, image_score, score
from segmentare.report.formatting import task_title
from segmentare.report.report import Picture, ReportData, write_report
from segmentare.training.logs import NAME as LOG
from segmentare.training.logs import read_log
from segmentare.training.machine import describe_machine, now
from segmentare.training.outcome import say_work
from segmentare.training.runs import read_seen

REPORT, SCORES = "report.html", "scores.json"
_WORST, _BEST = 9, 6

#: scores under a picture, by task
_UNDER = {
    "semantic": ("dice", "iou", "hd95"),
    "instance": ("accuracy@0.5", "accuracy@0.7", "aji"),
    "panoptic": ("pq", "sq", "rq"),
    "pose": ("oks_ap", "pck@0.2", "pck_box@0.2"),
    "body": ("oks_ap", "iou", "pck@0.2", "pck_box@0.2"),
}
#: what the colors of outlines mean where objects are told apart
_LEGEND = {
    "matched (the truth: a thin white line)": OUTCOMES["matched"],
    "missed (dashed)": OUTCOMES["missed"],
    "invented": OUTCOMES["invented"],
    "not judged": NOT_JUDGED,
}


def score_run(run: Trained, command: str, display: Display) -> Evaluation | None:
    """Score a finished training on its test part and write its report.

    Args:
        run: What `train` returned.
        command: The command line that made it.
        display: Where progress is shown.

    Returns:
        The evaluation, or `None` where no test part was kept: the report then says so.
    """
    with locked(run.folder):
        evaluation = _score_test(run, display)
        if evaluation is not None:
            write_json(run.folder / SCORES, evaluation.to_dict())
        write_report(run.folder / REPORT, _of_run(run, evaluation, command))
    return evaluation


def _score_test(run: Trained, display: Display) -> Evaluation | None:
    if not run.parts.test:
        return None
    names = set(run.parts.test)
    records = [record for record in run.dataset.records if record.name in names]
    seen = read_seen(run.folder)
    return score(run.predictor, run.dataset, records, seen=seen, part="test", display=display)


def _of_run(run: Trained, evaluation: Evaluation | None, command: str) -> ReportData:
    notes = list(run.facts["warnings"])
    if run.facts["interrupted"]:
        notes.append("The training was stopped early; the best weights until then were kept.")
    if evaluation is None:
        notes.append("No test part was kept, so there is no score on unseen images.")
    root = shlex.quote(str(run.dataset.root))
    folder = shlex.quote(str(run.folder))
    return ReportData(
        title=_title(run.predictor.task.name, run.dataset.root.name),
        when=now(),
        dataset={
            "root": run.dataset.root.name,
            "reader": run.dataset.reader,
            "layout": run.dataset.layout,
            "split": run.parts.how,
            "counts": {part: len(names) for part, names in run.parts.by_part().items()},
            "categories": [category.to_dict() for category in run.dataset.categories],
        },
        plan={k: v for k, v in run.plan.to_dict().items() if k != "reasons"},
        plan_lines=(say_work(run.facts), *run.plan.reasons),
        history=[_numbers(row) for row in read_log(run.folder / LOG)],
        machine={
            **describe_machine(),
            "seconds": run.facts["seconds"],
            "peak_memory_gb": run.facts["peak_memory_gb"],
            **{name: run.facts[name] for name in ("steps", "images_seen", "times_seen")},
        },
        commands=[
            command,
            f"segmentare evaluate {folder} {root} --part test",
            f"segmentare predict {folder} NEW_IMAGES --out masks --overlay",
        ],
        notes=[*notes, *_warnings(evaluation)],
        made_by="train",
        **_of_evaluation(evaluation, run.predictor.task.name, run.predictor.task.headline),
    )


def _title(task: str, data: str) -> str:
    kind = task_title(task)
    return f"{kind[:1].upper()}{kind[1:]} {'in' if task in KEYPOINT_TASKS else 'of'} {data}"


def write_evaluation(folder: Path, evaluation: Evaluation, run: Path, data: Path) -> Path:
    """Write the report of `segmentare evaluate` and return its path."""
    description = load_description(run)
    part = ["--part", evaluation.part] if evaluation.part else []
    words = ["segmentare", "evaluate", str(run), str(data), *part, "--report", str(folder)]
    report = ReportData(
        title=f"{run.name} on {data.resolve().name}",
        when=now(),
        dataset={"root": data.resolve().name, "categories": _categories(description)},
        history=[_numbers(row) for row in read_log(run / LOG)],
        machine=describe_machine(),
        commands=[shlex.join(words)],
        notes=_warnings(evaluation),
        **_of_evaluation(evaluation, evaluation.task, evaluation.headline),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_report(folder / REPORT, report)
    return folder / REPORT


def _of_evaluation(evaluation: Evaluation | None, task: str, headline: str) -> dict[str, Any]:
    if evaluation is None:
        return {"task": task, "headline": headline}
    outlines = {"outlines": _LEGEND} if evaluation.outcomes else {}
    if task in KEYPOINT_TASKS:  # skeletons have colors of their own
        outlines = {"outlines": {}}
    return outlines | {
        "task": task,
        "headline": headline,
        "images": evaluation.images,
        "part": evaluation.part,
        "seen": len(evaluation.seen.found),
        "scores": evaluation.scores,
        "per_image": evaluation.per_image,
        "calibration": evaluation.calibration,
        "pictures": _pictures(evaluation),
    }


def _pictures(evaluation: Evaluation) -> list[Picture]:
    """Return the worst and the best images, worst first."""
    judged_by = image_score(evaluation.headline, evaluation.per_image)
    rows = sorted(evaluation.per_image, key=lambda row: float(row.get(judged_by) or 0.0))
    worst = rows[: min(_WORST, (len(rows) + 1) // 2)]
    best = [row for row in rows[-_BEST:] if row not in worst]
    shown = [(row, "worst") for row in worst] + [(row, "best") for row in reversed(best)]
    return [
        Picture(
            name=row["name"],
            rank="worst" if rank == "worst" else "best",
            jpeg=evaluation.pictures[row["name"]],
            scores={key: row[key] for key in _UNDER.get(evaluation.task, ()) if key in row},
            outcomes={
                what + (" segments" if evaluation.task == "panoptic" else ""): count
                for what, count in _outcomes(evaluation, row).items()
            },
            labels=row.get("labels", {}),
        )
        for row, rank in shown
        if row["name"] in evaluation.pictures
    ]


def _outcomes(evaluation: Evaluation, row: dict[str, Any]) -> dict[str, int]:
    """Return how many segments, or people, of an image were matched, missed and invented."""
    if evaluation.task not in KEYPOINT_TASKS:
        return evaluation.outcomes.get(row["name"], {})
    matched = row["objects_matched"]
    missed, invented = row["objects_true"] - matched, row["objects_predicted"] - matched
    return {"matched": matched, "missed": missed, "invented": invented}


def _warnings(evaluation: Evaluation | None) -> list[str]:
    if evaluation is None:
        return []
    return [f"{name} was skipped: {reason}" for name, reason in evaluation.failed]


def _categories(description: dict[str, Any]) -> list[dict[str, Any]]:
    return list(description["task"]["categories"])


def _numbers(row: dict[str, str]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if value}
