"""Results as tables on a terminal; wide ones stay readable when they are piped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from segmentare.architecture import NetworkRow
from segmentare.datasets import KEYPOINT_TASKS
from segmentare.interfaces.evaluation import Evaluation
from segmentare.interfaces.formatting import score_order, score_text
from segmentare.interfaces.terminal import Console, console

_NAMED = 6  # absent categories that are named
_LISTED = 26  # keypoints that are named
_COLUMNS = 4  # scores of a group that a terminal has room for


def print_scores(evaluation: Evaluation) -> None:
    """Print the scores with their intervals, per category and per label."""
    out = console()
    where = f"{evaluation.part} part" if evaluation.part else "all images"
    table = Table(title=f"{evaluation.images} images ({where})", title_justify="left")
    for column in ("score", "mean per image", "95 % interval", "pooled"):
        table.add_column(column, justify="left" if column == "score" else "right")
    for name, value in evaluation.scores.items():
        if isinstance(value, float):
            table.add_row(name, "", "", _number(value))
        elif _is_score(value):
            numbers = _number(value.get("mean")), _interval(value), _number(value.get("pooled"))
            table.add_row(name, *numbers)
    out.print(table)
    objects = evaluation.scores.get("objects")
    if objects:
        like = "OKS" if evaluation.task in KEYPOINT_TASKS else "IoU"
        out.print(
            f"Objects: {objects['true']} in the truth, {objects['predicted']} predicted, "
            f"{objects['matched']} of them matched at {like} 0.5."
        )
    categories = evaluation.scores.get("categories", {})
    if len(categories) > 2:
        _print_groups(out, "category", categories, evaluation.headline)
    joints = evaluation.scores.get("joints", {})
    _print_groups(out, "keypoint", joints, evaluation.headline, ("marked", "labeled"))
    for column, groups in evaluation.scores.get("labels", {}).items():
        _print_groups(out, column, groups, evaluation.headline)
    if evaluation.seen.found:
        out.print(f"Warning: {evaluation.seen.sentence()}", style="bold red")
    for name, reason in evaluation.failed:
        out.print(f"Skipped: {name}: {reason}", style="yellow")


def _print_groups(
    out: Console,
    title: str,
    groups: Mapping[str, Any],
    headline: str,
    counted: tuple[str, str] = ("images", "images"),
) -> None:
    """Print a row per group, with its most telling scores, the main one first.

    Args:
        out: Where.
        title: Of the column with their names.
        groups: Name of the group -> its scores.
        headline: Name of the main score.
        counted: How the column of counts is called, and where they stand.
    """
    if len(groups) < 2:
        return
    found = {name for group in groups.values() for name, value in group.items() if _is_score(value)}
    names = sorted(found, key=lambda name: (name != headline, score_order(name), name))[:_COLUMNS]
    table = Table()
    table.add_column(title)
    table.add_column(counted[0], justify="right")
    interval = _has_interval(groups, names[0]) if names else False  # of the main one; room is short
    for name in names:
        table.add_column(score_text(name).title, justify="right")
        if interval and name == names[0]:
            table.add_column("95 % interval", justify="right")
    for label, group in groups.items():
        cells = []
        for name in names:
            value = group.get(name) or {}
            cells.append(_number(value.get("mean", value.get("pooled"))))
            if interval and name == names[0]:
                cells.append(_interval(value))
        table.add_row(label, str(group.get(counted[1], "")), *cells)
    out.print(table)


def _is_score(value: Any) -> bool:  # noqa: ANN401  any JSON value
    return isinstance(value, Mapping) and ("mean" in value or "pooled" in value)


def _has_interval(groups: Mapping[str, Any], name: str) -> bool:
    return any((group.get(name) or {}).get("ci95") for group in groups.values())


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"


def _interval(value: Mapping[str, Any]) -> str:
    interval = value.get("ci95")
    return f"{_number(interval[0])} to {_number(interval[1])}" if interval else ""


def print_comparison(result: Mapping[str, Any], name_a: str, name_b: str) -> None:
    """Print who wins, by how much, and how sure that is."""
    out = console()
    table = Table(title=f"{result['score']} on {result['images']} images", title_justify="left")
    for column in ("", "mean"):
        table.add_column(column)
    table.add_row(f"A  {name_a}", _number(result["a"]))
    table.add_row(f"B  {name_b}", _number(result["b"]))
    table.add_row("B - A", f"{result['difference']:+.4f}  [{_interval(result)}]")
    out.print(table)
    out.print(
        f"B is better on {result['better']}, worse on {result['worse']}, equal on "
        f"{result['equal']} images."
    )
    if result["p_better"] is not None:
        out.print(f"Share of paired bootstrap samples in which B wins: {result['p_better']:.3f}.")
    for name, count in result["seen"].items():
        if count:
            out.print(
                f"Warning: {name.upper()} was trained on or chosen by {count} of these images.",
                style="bold red",
            )


def print_networks(rows: Sequence[NetworkRow]) -> None:
    """Print the networks with the options that choose them."""
    table = Table()
    for column in ("network", "encoder", "width", "parameters", "multiply-adds per megapixel"):
        table.add_column(column, justify="left" if column in ("network", "encoder") else "right")
    for row in rows:
        table.add_row(
            f"--network {row.spec.network}",
            f"--encoder {row.spec.encoder}",
            f"{row.spec.width:g}",
            f"{row.parameters / 1e6:.2f} M",
            f"{row.multiply_adds / 1e9:.0f} G",
        )
    table.add_row("--network unet", "--encoder hf:FOLDER_OR_NAME", "", "", "")
    console().print(table)
    text = "hf takes any Hugging Face AutoBackbone: pip install 'segmentare[pretrained]'."
    console().print(text)


def print_skeletons(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the included skeletons with their keypoints."""
    table = Table()
    for column in ("--skeleton", "keypoints", "limbs", "names"):
        justify: Any = "right" if column in ("keypoints", "limbs") else "left"
        table.add_column(column, justify=justify)
    for row in rows:
        names = row["keypoints"]
        more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        table.add_row(
            str(row["name"]),
            str(len(names)),
            str(len(row["limbs"])),
            ", ".join(names[:_LISTED]) + more,
        )
    console().print(table)
    text = "One as a TOML file, to start your own from: segmentare skeletons coco17 > mine.toml"
    console().print(text)


def _facts(checkup: Mapping[str, Any]) -> list[str]:
    """Return what a dataset holds, as lines."""
    lines = [f"Images: {len(checkup['usable'])} usable of {checkup['images']}"]
    if checkup["height"]:
        sizes = {side: checkup[side] for side in ("height", "width")}
        middle = " x ".join(f"{size['median']:.0f}" for size in sizes.values())
        least = " x ".join(f"{size['least']:.0f}" for size in sizes.values())
        most = " x ".join(f"{size['most']:.0f}" for size in sizes.values())
        lines.append(f"Height x width: {middle} (median), {least} to {most}")
        lines.append(
            f"Pixels: {', '.join(f'{n} of {kind}' for kind, n in checkup['pixels'].items())}"
        )
    if checkup["objects"]:
        objects = checkup["objects"]
        lines.append(
            f"Objects per image: {objects['median']:g} (median), {objects['least']} to "
            f"{objects['most']}"
        )
    if checkup["unlabeled"]:
        lines.append(f"Unlabeled pixels: {100 * checkup['unlabeled']:.2f} %")
    for name, what in (("empty", "without any object"), ("full", "without any background")):
        if checkup[name]:
            lines.append(f"Images {what}: {len(checkup[name])}, such as {checkup[name][0]}")
    return [*lines, *_shares(checkup)]


def _shares(checkup: Mapping[str, Any]) -> list[str]:
    """Return how the images are spread over labels, parts and groups, and which are twins."""
    lines = []
    for name, values in checkup["labels"].items():
        if len(values) <= 12:
            counts = ", ".join(f"{count} {value}" for value, count in values.items())
            lines.append(f"{name}: {counts}")
    if checkup["parts"]:
        counts = ", ".join(f"{count} {part}" for part, count in checkup["parts"].items())
        lines.append(f"Parts that the dataset prescribes: {counts}")
    if checkup["groups"]:
        lines.append(f"Groups (patients, sequences): {checkup['groups']}")
    for name, what in (("duplicates", "Same pixels"), ("near_duplicates", "Same picture")):
        if checkup[name]:
            one, other = checkup[name][0]
            lines.append(f"{what}: {len(checkup[name])} pairs, such as {one} and {other}")
    return lines


def _print_categories(out: Console, categories: Sequence[Mapping[str, Any]]) -> None:
    """Print how much there is of every category, and which do not occur."""
    table = Table()
    for column in ("category", "share of pixels", "images"):
        table.add_column(column, justify="left" if column == "category" else "right")
    for row in categories:
        if row["images"]:
            table.add_row(str(row["name"]), f"{100 * row['share']:.2f} %", str(row["images"]))
    out.print(table)
    absent = [str(row["name"]) for row in categories if not row["images"]]
    if absent:
        more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
        out.print(f"In no image: {', '.join(absent[:_NAMED])}{more}.")


def print_checkup(checkup: Mapping[str, Any], page: Path | None) -> None:
    """Print what a dataset holds, its categories and its problems."""
    out = console()
    out.print(str(checkup["layout"]))
    for line in _facts(checkup):
        out.print(line)
    _print_categories(out, checkup["categories"])
    if checkup["problems"]:
        problems = Table(title="What is wrong", title_justify="left")
        for column in ("file", "what", "stops"):
            problems.add_column(column, overflow="fold")
        for row in checkup["problems"][:40]:
            problems.add_row(row["file"], row["what"], "yes" if row["stops"] else "no")
        out.print(problems)
        if len(checkup["problems"]) > 40:
            out.print(f"... and {len(checkup['problems']) - 40} more (see --json or the page).")
    verdict = "A training can start."
    if not checkup["can_train"]:
        single = all(row["file"] for row in checkup["problems"] if row["stops"])
        hint = " Mend the files above, or leave them out with `train --skip-broken`."
        verdict = f"A training cannot start.{hint if single and checkup['usable'] else ''}"
    out.print(verdict, style="bold green" if checkup["can_train"] else "bold red")
    if page is not None:
        out.print(f"Page: {page}", soft_wrap=True)
