"""A folder of annotated images becomes a segmentation model: measured, fast and ready to use.

    import segmentare

    segmentare.check("photos")                          # what is in this folder?
    run = segmentare.train("photos", "run", budget="10m")
    run.evaluation.scores["dice"]                       # on images that it never saw
    model = segmentare.load("run")
    model.predict("new.jpg").save("new.png")            # or .overlay(), .category, .to_frame()

Names are imported when they are first used, so `import segmentare` takes no time. Type checkers
read them in `__init__.pyi`, which names the same ones.
"""

from importlib import import_module

_HOMES = {
    "annotations.instances": ("Instances",),
    "annotations.poses": ("Poses", "Skeleton"),
    "annotations.runlengths": ("RLE",),
    "annotations.segmentation": ("UNLABELED", "Category", "Sample", "Segmentation"),
    "annotations.skeletons": ("read_skeleton",),
    "commands.bench": ("bench",),
    "commands.check": ("check",),
    "commands.compare": ("Comparison", "compare"),
    "commands.convert": ("convert",),
    "commands.demo": ("demo",),
    "commands.evaluate": ("evaluate",),
    "commands.export": ("export",),
    "commands.networks": ("list_networks",),
    "commands.predict": ("predict",),
    "commands.predicting": ("Predictions",),
    "commands.skeletons": ("list_skeletons",),
    "commands.train": ("Run", "train"),
    "datasets": ("open_dataset",),
    "errors": (
        "BudgetError",
        "DatasetError",
        "InputError",
        "MissingPackageError",
        "ModelError",
        "OutputExistsError",
        "SegmentareError",
        "UnknownOptionError",
    ),
    "images.reading": ("read_image",),
    "models.architecture": ("NetworkSpec",),
    "networks.network": ("Network", "build_network"),
    "prediction.predictor": ("Predictor",),
    "report.evaluation": ("Evaluation",),
    "results.prediction": ("Prediction",),
    "runtimes.model": ("Model", "load"),
    "tasks": ("BodyTask", "InstanceTask", "PanopticTask", "PoseTask", "SemanticTask"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605  the names are strings


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'segmentare' has no attribute {name!r}")
    value: object = getattr(import_module(f"segmentare.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
