"""Random people with keypoints, and what pycocotools scores on them.

Run as a script, in an environment that has pycocotools, it writes `golden/pose_scores.json`.
"""

import contextlib
import io
import json
from pathlib import Path

import numpy as np

from segmentare.annotations.poses import Poses, Skeleton

GOLDEN = Path(__file__).parent / "golden" / "pose_scores.json"
CASES = 200
SIZE = (480, 640)
NAMES = ("ap", "ap50", "ap75", "ap_medium", "ap_large")
COCO = (*(f"oks_{name}" for name in NAMES), *(f"oks_{name.replace('ap', 'ar')}" for name in NAMES))
SIGMAS = {
    17: (0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107,
         0.087, 0.087, 0.089, 0.089),
    14: (0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089, 0.079,
         0.079),
}  # fmt: skip
LSP = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle"),
    *("right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
    *("neck", "head_top"),
)


def skeleton(names=LSP, sigmas=SIGMAS[14], swaps=None):
    count = len(names)
    limbs = tuple((k, k + 1) for k in range(count - 1))
    colors = tuple((255, 10 * k % 256, 0) for k in range(count))
    return Skeleton("drawn", tuple(names), swaps or tuple(range(count)), limbs, sigmas, colors)


def numbered(count):
    return skeleton(tuple(f"k{k}" for k in range(count)), SIGMAS[count])


def poses(of, keypoints, *, boxes=None, areas=None, crowd=None, scores=None, size=SIZE):
    keypoints = np.asarray(keypoints, np.float32).reshape(-1, len(of.keypoints), 3)
    count = len(keypoints)
    return Poses(
        of,
        keypoints,
        size,
        np.zeros((count, 4), np.float32) if boxes is None else np.asarray(boxes, np.float32),
        np.full(count, 5000, np.float32) if areas is None else np.asarray(areas, np.float32),
        np.zeros(count, bool) if crowd is None else np.asarray(crowd, bool),
        None if scores is None else np.asarray(scores, np.float32),
    )


def random_case(seed):
    """Return the pairs (prediction, truth) of a few images, odd and even seeds of other joints.

    True people are large and small, crowds, or without labeled keypoints; predictions are moved,
    lost, doubled or made up, of equal scores now and then, and sometimes more than 20.
    """
    random = np.random.RandomState(seed)  # the one stream that never changes
    of = numbered(14 if seed % 2 else 17)
    return [_random_image(random, of, many=seed % 10 == 0) for _ in range(random.randint(1, 5))]


def _random_image(random, of, *, many):
    count, parts = random.randint(0, 6), len(of.keypoints)
    true, boxes, areas, crowd, guesses, scores = [], [], [], [], [], []

    def person():
        side = np.exp(random.uniform(np.log(20), np.log(300), 2))
        corner = random.uniform(0, [SIZE[1], SIZE[0]]) - side / 2
        points = np.concatenate([corner + side * random.rand(parts, 2), np.ones((parts, 1))], 1)
        return points, [*corner, *(corner + side)], 0.5 * side.prod()

    for _ in range(count):
        points, box, area = person()
        labeled = random.choice([0, 1, 2], parts, p=[0.3, 0.2, 0.5])
        kind = random.rand()
        if kind < 0.25:
            labeled[:] = 0
        points[:, 2] = labeled
        true.append(np.where(labeled[:, None] > 0, points, 0))
        boxes.append(box)
        areas.append(area)
        crowd.append(kind < 0.12)
        for _ in range(random.choice([0, 1, 1, 1, 2])):
            spread = random.choice([0.01, 0.05, 0.15]) * np.sqrt(area)
            guess = points.copy()
            guess[:, :2] += random.normal(0, spread, (parts, 2))
            guess[:, 2] = random.uniform(0.1, 1, parts)
            guess[random.rand(parts) < 0.1] = 0
            guesses.append(guess)
    guesses += [person()[0] for _ in range(25 if many else random.randint(0, 3))]
    scores = np.round(random.uniform(0.05, 1, len(guesses)), 1)  # so that some are equal
    return (
        poses(of, guesses, scores=scores),
        poses(of, true, boxes=np.reshape(boxes, (-1, 4)), areas=areas, crowd=crowd),
    )


def coco_scores(pairs):
    """Return what pycocotools says, -1 where there is no true object, `None` without results."""
    from pycocotools.coco import COCO as Data  # noqa: N811 - `COCO` is ours
    from pycocotools.cocoeval import COCOeval

    annotations, results = [], []
    for image, (predicted, truth) in enumerate(pairs, 1):
        for i in range(len(truth)):
            x0, y0, x1, y1 = truth.boxes[i].astype(float)
            annotations.append({
                "id": len(annotations) + 1, "image_id": image, "category_id": 1,
                "keypoints": truth.keypoints[i].astype(float).ravel().tolist(),
                "num_keypoints": int((truth.keypoints[i, :, 2] > 0).sum()),
                "bbox": [x0, y0, x1 - x0, y1 - y0], "area": float(truth.areas[i]),
                "iscrowd": int(truth.crowd[i]),
            })  # fmt: skip
        results += [
            {
                "image_id": image, "category_id": 1, "score": float(score),
                "keypoints": keypoints.astype(float).ravel().tolist(),
            }
            for keypoints, score in zip(predicted.keypoints, predicted.scores, strict=True)
        ]  # fmt: skip
    if not results:
        return None
    with contextlib.redirect_stdout(io.StringIO()):
        data = Data()
        data.dataset = {
            "info": {}, "annotations": annotations, "categories": [{"id": 1, "name": "person"}],
            "images": [{"id": image} for image in range(1, len(pairs) + 1)],
        }  # fmt: skip
        data.createIndex()
        judge = COCOeval(data, data.loadRes(results), "keypoints")
        judge.params.kpt_oks_sigmas = np.array(pairs[0][1].skeleton.sigmas)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return dict(zip(COCO, map(float, judge.stats), strict=True))


def write():
    golden = {str(seed): coco_scores(random_case(seed)) for seed in range(CASES)}
    GOLDEN.write_text(json.dumps(golden, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
