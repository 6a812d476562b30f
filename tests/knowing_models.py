"""A model that knows the drawn people it is shown, in the place of a trained one."""

from dataclasses import dataclass, replace

import numpy as np

from segmentare.annotations.segmentation import Segmentation
from segmentare.synthetic.people_dataset import draw_people

SIZE = (96, 128)


def seen(seed):
    """Return what a model sees of a drawing: scores instead of visibilities."""
    truth = draw_people(seed, SIZE).annotation
    points = truth.keypoints.copy()
    points[..., 2] = np.where(points[..., 2] > 0, 0.4 + 0.2 * points[..., 2], 0)
    scores = np.linspace(0.9, 0.5, len(points)).astype(np.float32)
    category = (truth.segmentation.instance > 0).astype(np.uint8)
    sure = np.where(category > 0, 0.9, 0.2).astype(np.float32)
    shown = Segmentation(category, truth.segmentation.instance, sure, scores)
    return replace(truth, keypoints=points, scores=scores, unknown=None, segmentation=shown)


@dataclass
class Fake:
    """Recognizes an image by the seed in its first pixel."""

    task: object
    stop_at: int = -1

    def predict(self, image):
        seed = int(image[0, 0, 0])
        if seed == self.stop_at:
            raise KeyboardInterrupt
        found = seen(seed)
        return found if self.task.name == "body" else replace(found, segmentation=None)
