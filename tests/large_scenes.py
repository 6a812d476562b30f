"""Images that hold their own answer, for tests of predictions in parts."""

import numpy as np

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.prediction.predictor import Predictor
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import InstanceTask, SemanticTask

GROUND = Category("background", (0, 0, 0), background=True)
CELL = Category("cell", (255, 0, 0), thing=True)
ROD = Category("rod", (0, 255, 0), thing=True)
AREA = Category("area", (255, 0, 0))

SIZE = (1100, 1300)


def draw(size=SIZE, *, kinds=1, seed=0):
    """Return ellipses that do not touch, some of them long, many on the seams at 512 and 1024."""
    random = np.random.default_rng(seed)
    instance, category = np.zeros(size, np.int32), np.zeros(size, np.uint8)
    middles = [(512, 512), (512, 1024), (1024, 512), (0, 700), (size[0] - 1, size[1] - 1)]
    middles += [(random.integers(size[0]), random.integers(size[1])) for _ in range(250)]
    for y, x in middles:
        top, left = max(0, y - 30), max(0, x - 30)
        rows, columns = np.ogrid[top : min(y + 31, size[0]), left : min(x + 31, size[1])]
        here = slice(top, y + 31), slice(left, x + 31)
        down, across = random.integers(3, 26, 2)
        inside = ((rows - y) / down) ** 2 + ((columns - x) / across) ** 2 <= 1
        near = ((rows - y) / (down + 4)) ** 2 + ((columns - x) / (across + 4)) ** 2 <= 1
        if instance[here][near].any():
            continue
        instance[here][inside] = instance.max() + 1
        category[here][inside] = random.integers(1, kinds + 1)
    return Segmentation(category, instance)


def knowing(task, annotation):
    """Return an image whose channels are the maps of an annotation, and a model that reads them."""
    maps = task.encode(annotation, 1)
    full = {}
    for head in task.heads:
        values = np.nan_to_num(maps[head.name])
        if head.kind == "classes":
            values = (values == np.arange(head.channels)[:, None, None]).astype(np.float32)
        full[head.name] = values
    image = np.concatenate(list(full.values())).transpose(1, 2, 0).astype(np.float32)
    channels = image.shape[2]
    nothing, one = (0.0,) * channels, (1.0,) * channels

    def maps_of(batch):
        found, first = {}, 0
        for head in task.heads:
            part = batch[..., first : first + head.channels]
            found[head.name] = np.ascontiguousarray(part.transpose(0, 3, 1, 2))
            first += head.channels
        return found

    preprocessing = Preprocessing(channels, "float32", nothing, one, (256, 256), scale=1.0)
    return np.ascontiguousarray(image), Predictor(maps_of, task, preprocessing)


TASKS = {
    "semantic": SemanticTask((GROUND, AREA)),
    "without small": SemanticTask((GROUND, AREA), smallest=0.0004),
    "several": SemanticTask((GROUND, AREA, Category("other", (0, 0, 255)))),
    "center": InstanceTask((GROUND, CELL), unit=10.0),
    "flow": InstanceTask((GROUND, CELL), code="flow", unit=10.0),
    "kinds": InstanceTask((GROUND, CELL, ROD), unit=10.0),
}
