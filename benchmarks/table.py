"""Print `results.jsonl` (or a FILE) as the table of the README: `python benchmarks/table.py`."""

import json
import sys
from pathlib import Path
from statistics import mean, stdev

WORDS = {
    "ph2-2m": "PH², lesion, Dice per image",
    "ph2-10m": "PH², lesion, Dice per image",
    "ccp-15m": "person_ccp, silhouette, IoU per image",
    "wbc-5m": "blood_cells_wbc, nucleus and cytoplasm, Dice per image",
    "camvid-10m": "CamVid `test`, 11 categories, mIoU",
    "camvid-30m": "CamVid `test`, 11 categories, mIoU",
    "drive-15m": "DRIVE `test`, vessels in the field of view, Dice per image",
    "nuclei-5m": "nuclei_dsb2018, TP / (TP + FP + FN) at IoU 0.5, mean over images",
    "nuclei-30m": "nuclei_dsb2018, TP / (TP + FP + FN) at IoU 0.5, mean over images",
    "meadow-3m": "the drawn meadow of `segmentare demo --task panoptic`, PQ",
    "people-3m": "drawn people of `segmentare demo --task pose`, OKS AP",
    "bodies-3m": "the same with silhouettes, `demo --task body`, OKS AP",
    "lspet-60m": "Leeds Sports Pose, PCK at 0.2 of the torso",
    "coco-5m": "coco_mini, AP of 80 categories learned from 71 images",
    "coco-panoptic-5m": "coco_mini, PQ of stuff and things learned from 71 images",
}


def main() -> None:
    file = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent / "results.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    groups: dict[tuple, list[dict]] = {}
    for row in map(json.loads, lines):
        framework = row.get("framework", "torch")
        key = (row["row"], framework, row["budget"], row["start"] or "none", *row["options"])
        groups.setdefault(key, []).append(row)
    heads = "data and score", "framework", "time", "start", "result", "test images"
    print("|", " | ".join((*heads, "at least / aim", "memory")), "|")
    print("|---" * (len(heads) + 2) + "|")
    for (name, framework, _, start, *_), rows in groups.items():
        first, values = rows[0], [row["value"] for row in rows]
        result = f"**{mean(values):.3f}**"
        if len(rows) > 1:
            result += f" ± {stdev(values):.3f} ({len(rows)} seeds)"
        elif first["ci95"]:
            result += f" [{first['ci95'][0]:.3f}, {first['ci95'][1]:.3f}]"
        more = first.get("more", {})
        if "accuracy@0.7" in more and first["score"] == "accuracy@0.5":
            result += f"; at 0.7: {mean(row['more']['accuracy@0.7'] for row in rows):.3f}"
        if first["score"] == "ap":
            result += f"; PQ {more['pq']:.3f}"
        goal = f"{first['least']} / {first['aim']}" if first["least"] else "none set"
        memory = f"{max(row['peak_memory_gb'] for row in rows):.1f} GB"
        named = {"torch": "PyTorch", "tensorflow": "TensorFlow"}[framework]
        cells = (WORDS[name], named, first["budget"], start, result, first["images"], goal, memory)
        print("|", " | ".join(map(str, cells)), "|")
    row = json.loads(lines[-1])
    versions = (f"{what} {row[what]}" for what in ("torch", "tensorflow") if row.get(what))
    print(f"\n{row['machine']}, Python {row['python']}, {', '.join(versions)}, {row['date']}.")


if __name__ == "__main__":
    main()
