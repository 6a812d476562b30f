"""Do both frameworks reach the same quality? Three seeds of each on PH², each judged by the other.

    python benchmarks/framework_seeds.py --data ../shared/data

Every run is `segmentare train PH2 --framework F --seed S --steps 196 --size 160x224` with the
defaults otherwise: the steps and the size that a budget of two minutes gave. Steps are equal, not
seconds, so the numbers do not depend on what else the machine does. All runs share the split of
seed 0: seeds differ in weights and batches only. Every trained model is then evaluated on its
test part with the other framework. Both frameworks must be installed. What `frameworks.jsonl` holds
is not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev

from scores import HERE, split_of_seed_0

FRAMEWORKS = ("torch", "tensorflow")
OTHER = dict(zip(FRAMEWORKS, reversed(FRAMEWORKS), strict=True))


def segmentare(*options: object) -> dict:
    command = [Path(sys.executable).with_name("segmentare"), *map(str, options), "--json"]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(process.stdout)


def dice(result: dict) -> float:
    return result["scores"]["dice"]["mean"]


def run(framework: str, seed: int, source: Path, folder: Path, options: list[str]) -> dict:
    out = folder / f"{framework}-{seed}"
    trained = segmentare(
        "train", source, "--out", out, "--framework", framework, "--seed", seed, *options
    )
    crossed = segmentare("evaluate", out, source, "--part", "test", "--framework", OTHER[framework])
    return {
        "row": "ph2-frameworks",
        "framework": framework,
        "seed": seed,
        "dice": dice(trained["test"]),
        "dice_in_the_other": dice(crossed),
        "steps": trained["steps"],
        "seconds": trained["seconds"],
        "images": trained["test"]["images"],
        "machine": f"{trained['machine']['processor']}, {trained['machine']['cores']} cores",
        "date": datetime.now(UTC).date().isoformat(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=196)
    parser.add_argument("--size", default="160x224")
    parser.add_argument("--keep", type=Path, help="keep the runs in this folder")
    given = parser.parse_args()
    source = given.data / "ph2"
    path = HERE / "frameworks.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = [row for row in map(json.loads, lines) if row["steps"] == given.steps]
    there = {(row["framework"], row["seed"]) for row in rows}
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        options = ["--steps", given.steps, "--size", given.size]
        options += split_of_seed_0("ph2-2m", source, Path(temporary), seed=1)
        for seed in given.seeds:
            for framework in FRAMEWORKS:
                if (framework, seed) in there:
                    continue
                row = run(framework, seed, source, folder, options)
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(f"{framework}, seed {seed}: Dice {row['dice']:.4f}, ", end="")
                print(f"in the other framework {row['dice_in_the_other']:.4f}", flush=True)
                rows.append(row)
    print("| framework | Dice per image | in the other, at most |\n|---|---|---|")
    for framework in FRAMEWORKS:
        own = [row for row in rows if row["framework"] == framework]
        values = [row["dice"] for row in own]
        spread = f" ± {stdev(values):.3f} ({len(values)} seeds)" if len(values) > 1 else ""
        apart = max(abs(row["dice"] - row["dice_in_the_other"]) for row in own)
        print(f"| {framework} | {mean(values):.3f}{spread} | {apart:.1e} |")


if __name__ == "__main__":
    main()
