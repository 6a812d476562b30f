"""Print `results.jsonl` of the peers as the tables of the README, and draw it.

python benchmarks/peers/table.py            # also writes both into benchmarks/README.md
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

HERE = Path(__file__).parent
BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
WORDS = {"dice": "Dice", "accuracy@0.5": "TP / (TP + FP + FN) at IoU 0.5"}
GOAL = 0.9  #: Dice on the validation part that the time is told of
COLORS = ("#009e73", "#56b4e9", "#d55e00", "#e69f00", "#cc79a7", "#0072b2", "#666666", "#000000")

Row = dict[str, Any]


def newest(rows: Iterable[Row]) -> list[Row]:
    """Return the last row of each peer, seed and wall time: a second try replaces the first."""
    kept = {(row["data"], row["peer"], row["seed"], row["minutes"]): row for row in rows}
    return list(kept.values())


def by_peer(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["peer"], []).append(row)
    return groups


def value_of(row: Row) -> float:
    return float(row[row.get("metric", "dice")])


def dice_of(rows: list[Row]) -> str:
    """Return the mean over seeds with its spread, or the interval over images of one seed."""
    if not rows:
        return "-"
    values = [value_of(row) for row in rows]
    if len(values) > 1:
        return f"**{mean(values):.3f}** ± {stdev(values):.3f} ({len(values)} seeds)"
    low, high = rows[0]["ci95"]
    return f"**{values[0]:.3f}** [{low:.3f}, {high:.3f}]"


def table(rows: list[Row]) -> list[str]:
    """Return the lines of the table of scores, best first by the longest wall time."""
    minutes = sorted({row["minutes"] for row in rows})
    word = WORDS[rows[0].get("metric", "dice")]
    head = [f"{word}, {one:g} min" for one in minutes]
    head = ["who", "start", *head, "images/s", "seen", "memory", "install", "without PyTorch"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    groups = sorted(by_peer(rows).values(), key=lambda group: -best_dice(group))
    for group in groups:
        cells = [dice_of([row for row in group if row["minutes"] == one]) for one in minutes]
        first, longest = group[0], [row for row in group if row["minutes"] == minutes[-1]] or group
        start = first["start"].partition(" (")[0]  # what failed stands in `results.jsonl`
        cells = [f"{first['title']} ({first['package']} {first['version']})", start, *cells]
        cells += [
            f"{median(row['images_per_second'] for row in longest):.1f}",
            f"{median(row['seen'] for row in longest):,.0f}",
            f"{max(row['peak_memory_gb'] for row in group):.1f} GB",
            size_of(first.get("install_mb")),
            size_of(first.get("without_torch_mb")),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def best_dice(rows: list[Row]) -> float:
    last = max(row["minutes"] for row in rows)
    return mean(value_of(row) for row in rows if row["minutes"] == last)


def size_of(megabytes: float | None) -> str:
    return "-" if megabytes is None else f"{megabytes:,.0f} MB"


def time_until(rows: list[Row], goal: float = GOAL) -> float | None:
    """Return the seconds of training until the validation part first reached a Dice, or `None`.

    One seed's rows of one peer. Of several trainings (ours has one for each wall time) the first
    counts that reached it, shortest wall time first.
    """
    for row in sorted(rows, key=lambda row: row["minutes"]):
        for point in row["curve"]:
            if point["val_dice"] >= goal:
                return float(point["seconds"])
    return None


def times(rows: list[Row]) -> list[str]:
    """Return the lines of the table of times until the goal, and the ratios to ours."""
    found: dict[str, list[float | None]] = {}
    for name, group in by_peer(rows).items():
        seeds = sorted({row["seed"] for row in group})
        found[name] = [time_until([r for r in group if r["seed"] == seed]) for seed in seeds]
    ours = [value for value in found.get("ours", []) if value is not None]
    lines = [f"| who | seconds until Dice {GOAL:.2f}, each seed | over ours |", "|---|---|---|"]
    titles = {row["peer"]: row["title"] for row in rows}
    order = sorted(found, key=lambda name: min((v for v in found[name] if v), default=1e9))
    for name in order:
        longest = longest_of([row for row in rows if row["peer"] == name])
        pairs = list(zip(found[name], longest, strict=True))
        told = [f"not in {most:.0f}" if one is None else f"{one:.0f}" for one, most in pairs]
        reached = [one for one in found[name] if one is not None]
        ratio = "-"
        if ours and len(reached) == len(found[name]):
            ratio = f"{median(reached) / median(ours):.1f}x"
        elif ours:  # a seed that never got there is slower than the whole training
            least = median([one or most for one, most in pairs]) / median(ours)
            ratio = f"more than {least:.1f}x"
        lines.append(f"| {titles[name]} | {', '.join(told)} | {ratio} |")
    return lines


def longest_of(rows: list[Row]) -> list[float]:
    """Return the longest wall time in seconds of each seed of one peer."""
    seeds = sorted({row["seed"] for row in rows})
    return [max(60 * row["minutes"] for row in rows if row["seed"] == seed) for seed in seeds]


def failures(rows: Iterable[Row]) -> list[str]:
    reasons: dict[str, str] = {}
    for row in rows:
        if row["status"] != "ok":
            reasons.setdefault(row["title"], row["reason"].replace("|", "/"))
    return [f"- {title}: `{reason}`" for title, reason in reasons.items()]


def draw(rows: list[Row], path: Path) -> None:
    """Draw Dice over minutes: of the test part at the wall times, of validation all along."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.8), sharey=True)
    groups = sorted(by_peer(rows).items(), key=lambda item: -best_dice(item[1]))
    for place, (_, group) in enumerate(groups):
        mine = group[0]["peer"].startswith("ours")
        look: Mapping[str, Any] = {
            "color": COLORS[place % len(COLORS)],
            "linestyle": "-" if place < len(COLORS) else "--",
            "linewidth": 2.4 if mine else 1.2,
        }
        minutes = sorted({row["minutes"] for row in group})
        means = [mean(value_of(r) for r in group if r["minutes"] == one) for one in minutes]
        left.plot(minutes, means, marker="o", label=group[0]["title"], **look)
        longest = max(group, key=lambda row: (row["minutes"], -row["seed"]))
        right.plot(*running_best(longest["curve"]), **look)
    left.set(xlabel="minutes of training", ylabel="Dice per image", title="test part")
    right.set(xlabel="minutes of training", title="validation part, best so far")
    right.axhline(GOAL, color="#999999", linewidth=0.8)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.set_ylim(max(0.0, axes.get_ylim()[0]), 1.0)
        axes.set_xlim(left=0)
    figure.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)


def running_best(curve: list[dict]) -> tuple[list[float], list[float]]:
    best, values = 0.0, []
    for point in curve:
        best = max(best, point["val_dice"])
        values.append(best)
    return [point["seconds"] / 60 for point in curve], values


def text_of(rows: list[Row], picture: str) -> str:
    """Return all that the README shows, as Markdown: a part for each set of images."""
    parts = []
    for data in dict.fromkeys(row["data"] for row in rows):
        mine = [row for row in newest(rows) if row["data"] == data]
        fine = [row for row in mine if row["status"] == "ok"]
        if fine:
            parts += [*table(fine), ""]
            if drawn(fine):
                parts += [*times(fine), "", f"![Dice over minutes]({picture})", ""]
            last = fine[-1]
            torches = ", ".join(sorted({row["torch"] for row in fine if row["torch"]}))
            parts.append(
                f"{data}, {last['images']} test images; {last['machine']}, {last['threads']} "
                f"threads; PyTorch {torches}; {last['date']}.\n"
            )
        if failed := failures(mine):
            parts += [f"{data}: not measured, and why:", "", *failed, ""]
    return "\n".join(parts or ["No row yet."]).rstrip()


def drawn(rows: list[Row]) -> bool:
    """Tell whether rows are of the drawing and of times: those of Dice."""
    return "metric" not in rows[0]


def insert(readme: Path, text: str) -> None:
    """Put the text between the two marks of a file."""
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"'{readme}' must hold the marks {BEGIN} and {END}; it does not.")
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE / "results.jsonl")
    parser.add_argument("--readme", type=Path, default=HERE.parent / "README.md")
    parser.add_argument("--picture", type=Path, default=HERE / "dice.png")
    options = parser.parse_args()
    lines = options.results.read_text(encoding="utf-8").splitlines()
    rows: list[Row] = [json.loads(line) for line in lines]
    fine = [row for row in newest(rows) if row["status"] == "ok" and drawn([row])]
    if fine:
        draw(fine, options.picture)
    text = text_of(rows, f"{options.picture.parent.name}/{options.picture.name}")
    insert(options.readme, text)
    print(text)


if __name__ == "__main__":
    main()
