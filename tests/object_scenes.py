"""Drawn scenes of objects, and what other people's packages score on them.

Run as a script, in an environment that has pycocotools and stardist, it writes
`golden/object_scores.json`.
"""

import json
from pathlib import Path

import numpy as np

from segmentare.annotations.segmentation import Segmentation

GOLDEN = Path(__file__).parent / "golden" / "object_scores.json"
THRESHOLDS = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
COCO = {"ap": 0, "ap50": 1, "ap75": 2, "ap_small": 3, "ap_medium": 4, "ap_large": 5}


def paint(ellipses, size):
    """Return category, instance and scores of (x, y, radius x, radius y, category, score) rows.

    Later ones hide earlier ones. A score of -1 draws a crowd, of -2 pixels that nobody knows.
    """
    rows, columns = np.ogrid[: size[0], : size[1]]
    category, instance = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    scores = []
    for x, y, across, down, kind, score in ellipses:
        far = ((columns - x) * down) ** 2 + ((rows - y) * across) ** 2
        inside = far <= (across * down) ** 2
        category[inside] = 255 if score == -2 else kind
        instance[inside] = 0 if score < 0 else len(scores) + 1
        if score >= 0:
            scores.append(score)
    return category, instance, np.array(scores, np.float32)


def segmentation(category, instance, scores=None):
    return Segmentation(
        np.asarray(category, np.uint8), np.asarray(instance, np.int32), scores=scores
    )


def draw(scene):
    """Return prediction and truth of a scene."""
    size = tuple(scene["size"])
    category, instance, _ = paint(scene["truth"], size)
    return segmentation(*paint(scene["predicted"], size)), segmentation(category, instance)


def random_scene(seed, *, categories=1, crowds=0, size=(240, 320), objects=14):
    """Return a scene whose predictions are moved, lost, doubled, mistaken, or made up."""
    random = np.random.default_rng(seed)

    def ellipse(score):
        radius = int(np.exp(random.uniform(np.log(4), np.log(110))))
        return [
            int(random.integers(size[1])), int(random.integers(size[0])),
            radius, max(3, int(radius * random.uniform(0.6, 1.4))),
            int(random.integers(1, categories + 1)), score,
        ]  # fmt: skip

    truth = sorted((ellipse(0) for _ in range(objects)), key=lambda row: -row[2] * row[3])
    truth = [[*ellipse(0)[:5], -1] for _ in range(crowds)] + truth
    predicted = []
    for x, y, across, down, kind, _ in truth:
        for _ in range(int(random.choice([0, 1, 1, 1, 1, 2]))):
            shift = random.normal(0, 0.08, 4)
            wrong = random.random() < 0.1
            predicted.append([
                int(x + shift[0] * across), int(y + shift[1] * down),
                max(2, int(across * (1 + shift[2]))), max(2, int(down * (1 + shift[3]))),
                int(random.integers(1, categories + 1)) if wrong else kind,
                round(float(random.uniform(0.05, 1)), 1),  # one decimal, so that some are equal
            ])  # fmt: skip
    predicted += [ellipse(round(float(random.uniform(0.05, 0.7)), 1)) for _ in range(2)]
    return {"size": list(size), "truth": truth, "predicted": predicted}


def coco_scores(scenes, categories):
    """Return what pycocotools says about the scenes."""
    from pycocotools import mask
    from pycocotools.coco import COCO as Data  # noqa: N811 - `COCO` is ours
    from pycocotools.cocoeval import COCOeval

    annotations, results = [], []
    for image, scene in enumerate(scenes, 1):
        predicted, truth = draw(scene)
        for number in np.unique(truth.instance[truth.instance > 0]):
            _add(annotations, mask, truth.instance == number, truth, image, {"iscrowd": 0})
        for kind in range(1, categories + 1):
            crowd = (truth.category == kind) & (truth.instance == 0)
            if crowd.any():
                _add(annotations, mask, crowd, truth, image, {"iscrowd": 1})
        for number in np.unique(predicted.instance[predicted.instance > 0]):
            score = {"score": float(predicted.scores[number - 1])}
            _add(results, mask, predicted.instance == number, predicted, image, score)
    data = Data()
    data.dataset = {
        "info": {},
        "images": [
            {"id": image, "height": scene["size"][0], "width": scene["size"][1]}
            for image, scene in enumerate(scenes, 1)
        ],
        "annotations": annotations,
        "categories": [{"id": kind, "name": str(kind)} for kind in range(1, categories + 1)],
    }
    data.createIndex()
    judge = COCOeval(data, data.loadRes(results), "segm")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return {name: float(judge.stats[place]) for name, place in COCO.items()}


def _add(rows, mask, pixels, annotation, image, more):
    kind = int(annotation.category[pixels][0])
    code = mask.encode(np.asfortranarray(pixels.astype(np.uint8)))
    rows.append({
        "id": len(rows) + 1, "image_id": image, "category_id": kind, "segmentation": code,
        "area": int(pixels.sum()), **more,  # with a box, results would have the area of the box
    })  # fmt: skip


def stardist_scores(scenes):
    """Return what stardist says about the scenes, per threshold."""
    from stardist.matching import matching, matching_dataset

    pairs = [draw(scene) for scene in scenes]
    truths = [truth.instance for _, truth in pairs]
    found = [predicted.instance for predicted, _ in pairs]
    result = {}
    for at in THRESHOLDS:
        single = [matching(true, guess, at) for true, guess in zip(truths, found, strict=True)]
        mean, pooled = (
            matching_dataset(truths, found, at, by_image=by, show_progress=False)
            for by in (True, False)
        )
        result[str(at)] = {
            "counts": [[int(row.tp), int(row.fp), int(row.fn)] for row in single],
            "accuracy": [float(row.accuracy) for row in single],
            "f1": [float(row.f1) for row in single],
            "pq": [float(row.panoptic_quality) for row in single],
            "mean_accuracy": float(mean.accuracy),
            "pooled_accuracy": float(pooled.accuracy),
        }
    return result


def coco_cases():
    """Return name -> (number of categories, scenes)."""
    return {
        "one category": (1, [random_scene(seed) for seed in range(3)]),
        "three categories": (3, [random_scene(seed, categories=3) for seed in range(10, 14)]),
        "crowds": (2, [random_scene(seed, categories=2, crowds=2) for seed in range(20, 24)]),
        "more than 100": (1, [random_scene(30, objects=130, size=(240, 320))]),
    }


def write():
    cases = coco_cases()
    cells = [random_scene(seed, objects=20) for seed in range(40, 44)]
    golden = {
        "coco": {
            name: {"categories": number, "scenes": scenes, "scores": coco_scores(scenes, number)}
            for name, (number, scenes) in cases.items()
        },
        "stardist": {"scenes": cells, "scores": stardist_scores(cells)},
    }
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(golden, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
