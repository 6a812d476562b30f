"""Print `results.jsonl` as the table of the README: `python benchmarks/table.py`."""

import json
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
    lines = (Path(__file__).parent / "results.jsonl").read_text(encoding="utf-8").splitlines()
    groups: dict[tuple, list[dict]] = {}
    for row in map(json.loads, lines):
        groups.setdefault((row["row"], row["start"] or "none", *row["options"]), []).append(row)
    print("| data and score | time | start | result | test images | at least / aim | memory |")
    print("|---|---|---|---|---|---|---|")
    for (name, start, *_), rows in groups.items():
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
        cells = (WORDS[name], first["budget"], start, result, first["images"], goal, memory)
        print("|", " | ".join(map(str, cells)), "|")
    row = json.loads(lines[-1])
    print(f"\n{row['machine']}, Python {row['python']}, PyTorch {row['torch']}, {row['date']}.")


if __name__ == "__main__":
    main()
