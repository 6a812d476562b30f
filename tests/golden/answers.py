"""What a model answered, as arrays by name, so that it can be kept in a file and compared."""

import numpy as np

MAPS = ("category", "instance", "probability", "scores")
STEPS = 65535  #: that a probability is kept in, which is exact to 1e-5 and half as large
POSES = ("keypoints", "boxes", "areas", "scores")


def arrays_of(found):
    """Return the arrays of a segmentation, or of poses and their silhouettes."""
    if not hasattr(found, "keypoints"):
        return _those_of(found, MAPS)
    arrays = _those_of(found, POSES)
    if getattr(found, "segmentation", None) is not None:
        silhouettes = _those_of(found.segmentation, MAPS)
        arrays |= {f"silhouettes.{name}": values for name, values in silhouettes.items()}
    return arrays


def _those_of(found, names):
    given = {name: getattr(found, name) for name in names}
    return {name: np.asarray(values) for name, values in given.items() if values is not None}


def save(path, answers):
    """Write the answers of one model: name of an image -> arrays by name."""
    flat = {}
    for image, arrays in answers.items():
        for name, values in arrays.items():
            fixed = name.endswith("probability")
            flat[f"{image}/{name}"] = np.rint(STEPS * values).astype("u2") if fixed else values
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **flat)


def load(path):
    """Return what `save` wrote."""
    answers = {}
    with np.load(path, allow_pickle=False) as kept:
        for key in kept.files:
            image, name = key.split("/")
            fixed = name.endswith("probability")
            values = (kept[key] / STEPS).astype("f4") if fixed else kept[key]
            answers.setdefault(image, {})[name] = values
    return answers
