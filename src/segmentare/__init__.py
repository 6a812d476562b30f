"""A folder of annotated images becomes a segmentation model: measured, fast and ready to use.

    import segmentare

    segmentare.check("photos")                          # what is in this folder?
    run = segmentare.train("photos", "run", budget="10m")
    run.evaluation.scores["dice"]                       # on images that it never saw
    model = segmentare.load("run")
    model.predict("new.jpg").save("new.png")            # or .overlay(), .category, .to_frame()

Names are imported when they are first used, so `import segmentare` takes no time.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Category": "annotations",
    "Sample": "annotations",
    "Segmentation": "annotations",
    "Instances": "objects",
    "RLE": "runlengths",
    "UNLABELED": "annotations",
    "BudgetError": "errors",
    "DatasetError": "errors",
    "MissingPackageError": "errors",
    "ModelError": "errors",
    "open_dataset": "datasets",
    "read_image": "datasets.images",
    "Semantic": "tasks",
    "Pose": "tasks",
    "Body": "tasks",
    "Poses": "poses",
    "Skeleton": "poses",
    "read_skeleton": "skeletons",
    "Instance": "tasks",
    "Panoptic": "tasks",
    "Predictor": "prediction.predictor",
    "Network": "networks.network",
    "NetworkSpec": "architecture",
    "build_network": "networks.network",
    "load": "interfaces.model",
    "bench": "interfaces.api",
    "check": "interfaces.api",
    "compare": "interfaces.api",
    "convert": "interfaces.api",
    "demo": "interfaces.api",
    "evaluate": "interfaces.api",
    "export": "interfaces.api",
    "list_networks": "interfaces.listing",
    "predict": "interfaces.api",
    "train": "interfaces.api",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  the names are strings


def __getattr__(name: str) -> Any:  # noqa: ANN401  any public name
    if name not in _HOMES:
        raise AttributeError(f"module 'segmentare' has no attribute {name!r}")
    value = getattr(import_module(f"segmentare.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
