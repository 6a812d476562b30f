"""Train what users would pick instead, side by side with ours, and score all with one metric.

    python benchmarks/peers/run.py --data ../shared/data/ph2 --minutes 2 5 --seeds 0 \
        --peers smp monai lesson-unet ours

Each peer runs in an environment of its own (`environments.py`), on the same images and split, with
as many threads, for the same wall time; one at a time. A row is appended to `results.jsonl` for
each peer, seed and wall time, also where a peer failed, with the reason; rows that are there are
not run again. The seeds are the outer loop, so that a slower hour of the machine meets all peers.
`python benchmarks/peers/table.py` prints and draws what came out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ours
from environments import DEFAULT, info_of, python_of
from peers import PEERS, Peer
from processes import Failure, run_process
from scoring import score, score_objects

from segmentare.atomic import write_json
from segmentare.datasets import open_dataset
from segmentare.datasets.checking import keep_together
from segmentare.datasets.files import FileDataset
from segmentare.datasets.splits import Split
from segmentare.datasets.splitting import make_split
from segmentare.images.fingerprints import fingerprint, near_duplicates

HERE = Path(__file__).parent
START = 900  # seconds that a peer may need beside its wall time: to start, validate and predict


def draw_split(dataset: FileDataset) -> Split:
    """Return the split of `segmentare train --seed 0`."""
    records = list(dataset.records)
    if not any(record.part for record in records):
        marks = [fingerprint(dataset[i].image) for i in range(len(dataset))]
        twins = [(records[i].name, records[j].name) for i, j in near_duplicates(marks)]
        records = list(keep_together(records, twins))
    return make_split(records, seed=0)


def write_job(dataset: FileDataset, split: Split, out: Path) -> Path:
    """Write the split for ours, and the files of each part for the peers."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "split.json", split.to_dict())
    files = {record.name: record for record in dataset.records}
    parts = {
        part: [[str(files[n].image.resolve()), str(files[n].mask.resolve())] for n in names]
        for part, names in (("train", split.train), ("val", split.val), ("test", split.test))
    }
    (out / "job.json").write_text(json.dumps({"parts": parts}), encoding="utf-8")
    return out / "job.json"


def run_peer(
    name: str, peer: Peer, seconds: list[float], seed: int, options: argparse.Namespace
) -> dict[float, dict[str, Any]]:
    """Train one peer; returns its facts by wall time, without scores.

    Raises:
        Failure: Its environment could not be made, or its program failed.
    """
    out = options.out / options.data.name / f"{name}-{seed}"
    if not peer.program:
        return ours.run(peer, seconds, seed, out, options)
    info = info_of(options.environments, peer.environment)
    if "failed" in info:
        raise Failure(info["failed"])
    command = [python_of(options.environments, peer.environment), HERE / peer.program]
    command += ["--job", out.parent / "job.json", "--out", out, "--seed", seed]
    command += ["--threads", options.threads, "--every", options.every]
    command += ["--variant", peer.variant] if peer.variant else []
    words = {"OMP_NUM_THREADS": str(options.threads), "HF_HUB_OFFLINE": "1"}
    log = out / f"log-{seconds[-1]:g}.txt"
    run_process([*command, "--at", *seconds], log, words, 3 * seconds[-1] + START)
    facts = {mark: json.loads((out / f"at-{mark:g}.json").read_text("utf-8")) for mark in seconds}
    shared = {key: info[key] for key in ("install_mb", "without_torch_mb") if key in info}
    return {mark: one | shared for mark, one in facts.items()}


def rows_of(
    name: str, seconds: list[float], seed: int, options: argparse.Namespace, test: Any
) -> list[dict[str, Any]]:
    """Return one row for each wall time; a failure is a row with its reason."""
    dataset, names = test
    key = {"peer": name, "title": PEERS[name].title, "seed": seed, "data": options.data.name}
    key |= {"threads": options.threads, "machine": machine()}
    key |= {"date": datetime.now(UTC).date().isoformat()}
    rows = []
    try:
        facts = run_peer(name, PEERS[name], seconds, seed, options)
        for mark, one in facts.items():
            folder = options.out / options.data.name / f"{name}-{seed}"
            judge = score_objects if options.task == "instance" else score
            scores = judge(dataset, names, folder / f"at-{mark:g}")
            if (folder / f"last-{mark:g}").is_dir():
                last = score(dataset, names, folder / f"last-{mark:g}")
                scores["dice_last"] = last["dice"]
            rows.append(key | {"minutes": mark / 60, "status": "ok"} | scores | one)
    except (Failure, OSError, ValueError) as error:
        reason = {"status": "failed", "reason": str(error)}
        rows = [key | {"minutes": mark / 60} | reason for mark in seconds]
    return rows


def machine() -> str:
    from segmentare.training.machine import describe_machine

    facts = describe_machine()
    return f"{facts['processor']}, {facts['cores']} cores, Python {platform.python_version()}"


def read_rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def missing(
    rows: list[dict[str, Any]], name: str, seed: int, options: argparse.Namespace
) -> list[float]:
    """Return the wall times, in seconds, that no row has yet."""
    there = {
        round(row["minutes"] * 60, 3)
        for row in rows
        if (row["peer"], row["seed"], row["data"]) == (name, seed, options.data.name)
        and (row["status"] == "ok" or not options.retry)
    }
    wanted = sorted(60 * minutes for minutes in options.minutes)
    return [seconds for seconds in wanted if round(seconds, 3) not in there]


def said(row: dict[str, Any]) -> str:
    start = f"{row['peer']} seed {row['seed']}, {row['minutes']:g} min: "
    if row["status"] != "ok":
        return start + f"failed: {row['reason']}"
    low, high = row["ci95"]
    metric = row.get("metric", "dice")
    more = f", last weights {row['dice_last']:.4f}" if "dice_last" in row else ""
    return start + (
        f"{metric} {row[metric]:.4f} [{low:.3f}, {high:.3f}]{more}; {row['seen']} images seen, "
        f"peak {row['peak_memory_gb']} GB"
    )


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with one kind of object")
    parser.add_argument("--task", choices=("semantic", "instance"), default="semantic")
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), help="(all of the task)")
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 5, 10])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--every", type=float, default=20, help="seconds between validations")
    parser.add_argument("--environments", type=Path, default=DEFAULT, help=f"({DEFAULT})")
    parser.add_argument("--out", type=Path, default=DEFAULT / "runs", help="masks and logs")
    parser.add_argument("--results", type=Path, default=HERE / "results.jsonl")
    parser.add_argument("--retry", action="store_true", help="run once more what failed")
    options = parser.parse_args()
    able = [name for name, peer in PEERS.items() if options.task in peer.tasks]
    options.peers = options.peers or able
    if wrong := [name for name in options.peers if name not in able]:
        parser.error(f"--task {options.task} is for {', '.join(able)}; got {', '.join(wrong)}")
    for folder in ("data", "environments", "out"):
        setattr(options, folder, getattr(options, folder).resolve())
    return options


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a peer ends with the driver
    options = read_options()
    dataset = open_dataset(options.data, task=options.task)
    split = draw_split(dataset)
    write_job(dataset, split, options.out / options.data.name)
    for seed in options.seeds:
        for name in options.peers:
            seconds = missing(read_rows(options.results), name, seed, options)
            # One training for all wall times, or one for each, which may fail on its own.
            rounds = [seconds] if PEERS[name].constant else [[one] for one in seconds]
            for marks in filter(None, rounds):
                rows = rows_of(name, marks, seed, options, (dataset, split.test))
                with options.results.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(row) + "\n" for row in rows)
                print("\n".join(map(said, rows)), flush=True)


if __name__ == "__main__":
    main()
