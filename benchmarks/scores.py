"""Train with the defaults on real sets and print what came out, one row each.

    python benchmarks/scores.py ph2-2m ph2-10m --seeds 0 1 2 --data ../shared/data
    python benchmarks/scores.py ph2-2m --seeds 0 1 2 --frameworks torch tensorflow --data ...

Every row is the command line itself, run as a user would: `segmentare train DATA --budget ...`,
scored on the run's own test part. The split is that of seed 0 in every row (`--split`), so the
seeds differ in weights and batches only. Results are appended to `benchmarks/results.jsonl`, which
`table.py` prints. Several frameworks take turns, seed by seed, so that both see the machine alike.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from segmentare.atomic import write_json
from segmentare.synthetic.object_datasets import write_dataset
from segmentare.synthetic.people_dataset import write_dataset as write_people

HERE = Path(__file__).parent
MORE = ("ap", "ap50", "accuracy@0.7", "f1@0.5", "aji", "iou", "oks_ar", "pq", "sq", "rq", "miou")

#: name: (folder, budget, score that counts, what it should at least be, what it should aim for);
#: in `TASKS` the task where it is not semantic
ROWS = {
    "ph2-2m": ("ph2", "2m", "dice", 0.88, 0.92),
    "ph2-10m": ("ph2", "10m", "dice", 0.925, 0.95),
    "ccp-15m": ("person_ccp", "15m", "iou", 0.88, 0.95),
    "wbc-5m": ("blood_cells_wbc", "5m", "dice", 0.90, 0.95),
    "camvid-10m": ("camvid", "10m", "miou", 0.45, 0.60),
    "camvid-30m": ("camvid", "30m", "miou", 0.45, 0.60),
    "drive-15m": ("retina_drive", "15m", "dice", 0.75, 0.82),
    "nuclei-5m": ("nuclei_dsb2018", "5m", "accuracy@0.5", 0.60, 0.75),
    "nuclei-30m": ("nuclei_dsb2018", "30m", "accuracy@0.5", 0.75, 0.864),
    "meadow-3m": ("meadow", "3m", "pq", 0.80, 0.92),
    "lspet-60m": ("pose_lspet", "60m", "pck@0.2", None, 0.65),
    "people-3m": ("people", "3m", "oks_ap", 0.70, 0.90),
    "bodies-3m": ("people", "3m", "oks_ap", 0.65, 0.85),
    "coco-5m": ("coco_mini", "5m", "ap", None, None),
    "coco-panoptic-5m": ("coco_mini", "5m", "pq", None, None),
}
TASKS = {
    "nuclei-5m": "instance",
    "nuclei-30m": "instance",
    "meadow-3m": "panoptic",
    "lspet-60m": "pose",
    "people-3m": "pose",
    "bodies-3m": "body",
    "coco-5m": "instance",
    "coco-panoptic-5m": "panoptic",
}


def run(name: str, seed: int, framework: str, options: argparse.Namespace) -> dict:
    folder, budget, score, least, aim = ROWS[name]
    budget, data, extra = options.budget or budget, options.data, options.options.split()
    with tempfile.TemporaryDirectory() as temporary:
        suffix = "" if framework == "torch" else f"-{framework}"
        out = (options.keep or Path(temporary)) / f"{name}-{seed}{suffix}"
        source = data / folder
        if name == "meadow-3m":  # the very images of `segmentare demo --task panoptic`
            source = write_dataset(Path(temporary) / "meadow", "meadow", 240)
        if folder == "people":  # of `segmentare demo --task pose` and `body`
            source = write_people(Path(temporary) / "people", 240)
        split = split_of_seed_0(name, source, Path(temporary), seed)
        command = ["train", str(source), "--out", str(out), "--budget", budget]
        command += ["--task", TASKS.get(name, "semantic"), "--framework", framework]
        command += ["--seed", str(seed), "--json", "--overwrite", *split, *extra]
        began = time.time()
        process = subprocess.run(
            [Path(sys.executable).with_name("segmentare"), *command],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        result = json.loads(process.stdout)
        plan = json.loads((out / "plan.json").read_text())
    scores = result["test"]["scores"]
    value, interval = number(scores[score])
    clock = result["clock"]
    around = sum(clock.get(what, 0) for what in ("data", "average"))
    return {
        "row": name,
        "seed": seed,
        "framework": framework,
        "score": score,
        "value": value,
        "more": {name: number(scores[name])[0] for name in MORE if name in scores},
        "ci95": interval,
        "pooled": scores[score].get("pooled") if isinstance(scores[score], dict) else None,
        "least": least,
        "aim": aim,
        "images": result["test"]["images"],
        "budget": budget,
        "training_seconds": result["seconds"],
        "wall_seconds": round(time.time() - began, 1),
        "steps": result["steps"],
        "around_the_step": round(around / (around + clock["step"]), 4),
        "validation_share": round(clock.get("validation", 0) / sum(clock.values()), 4),
        "peak_memory_gb": result["peak_memory_gb"],
        "size": plan["preprocessing"]["size"],
        "scale": plan["preprocessing"]["scale"],
        "precision": plan["precision"],
        "start": plan["start"],
        "options": extra,
        "machine": f"{result['machine']['processor']}, {result['machine']['cores']} cores",
        "python": platform.python_version(),
        framework: result["machine"].get(framework),
        "date": datetime.now(UTC).date().isoformat(),
    }


def number(score: float | dict) -> tuple[float, list[float] | None]:
    """Return a score and its interval: of the mean over images, or pooled where that is all."""
    if isinstance(score, float):
        return score, None
    return score.get("mean", score.get("pooled")), score.get("ci95")


def split_of_seed_0(name: str, folder: Path, temporary: Path, seed: int) -> list[str]:
    """Return the option that gives every seed the test images of seed 0."""
    if seed == 0:
        return []
    from segmentare.datasets import open_dataset
    from segmentare.datasets.checking import keep_together
    from segmentare.datasets.splitting import make_split
    from segmentare.images.fingerprints import fingerprint, near_duplicates

    dataset = open_dataset(folder, task=TASKS.get(name, "semantic"))
    records = list(dataset.records)
    if not any(record.part for record in records):
        marks = [fingerprint(dataset[i].image) for i in range(len(dataset))]
        twins = [(records[i].name, records[j].name) for i, j in near_duplicates(marks)]
        records = list(keep_together(records, twins))
    path = temporary / f"{name}.json"
    write_json(path, make_split(records, seed=0).to_dict())
    return ["--split", str(path)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--frameworks", nargs="+", choices=("torch", "tensorflow"), default=["torch"]
    )
    parser.add_argument("--budget", help="instead of the row's own, to see that it works")
    parser.add_argument(
        "--results", type=Path, default=HERE / "results.jsonl", help="file that rows are added to"
    )
    parser.add_argument("--keep", type=Path, help="keep the runs in this folder")
    parser.add_argument("--options", default="", help="more options for `segmentare train`")
    options = parser.parse_args()
    for name, seed in itertools.product(options.rows, options.seeds):
        for framework in options.frameworks:
            row = run(name, seed, framework, options)
            with options.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            interval = f" [{row['ci95'][0]:.3f}, {row['ci95'][1]:.3f}]" if row["ci95"] else ""
            print(
                f"{name} seed {seed} {framework}: {row['score']} {row['value']:.4f}{interval} on "
                f"{row['images']} images (at least {row['least']}, aim {row['aim']}); "
                f"{row['training_seconds']:.0f} s, around the step {row['around_the_step']:.1%}, "
                f"peak {row['peak_memory_gb']} GB",
                flush=True,
            )


if __name__ == "__main__":
    main()
