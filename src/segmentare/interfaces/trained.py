"""What a training is told beside its plan, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentare.datasets.base import Dataset
from segmentare.frameworks import AUTO
from segmentare.interfaces.evaluation import Evaluation
from segmentare.interfaces.parts import Parts, Splitting
from segmentare.plan import Plan
from segmentare.poses import Skeleton
from segmentare.prediction.predictor import Predictor


@dataclass(frozen=True)
class Options:
    """What a training needs to know beside the data and the plan.

    Attributes:
        task: Name of the task.
        reader: Name of the reader, or `None` to recognize the layout.
        splitting: How the data is split.
        start: Starting weights: `default`, `none`, or a model folder.
        resume: Go on with the killed run in the folder.
        overwrite: Replace the run in the folder.
        skip_broken: Leave images that cannot be used out instead of stopping.
        skeleton: Keypoints that people shall have; `None` keeps theirs.
        framework: `torch`, `tensorflow`, or `auto`: PyTorch where it is installed, else TensorFlow;
            a resumed run goes on in its own.
        devices: GPUs of this machine to train on; `None`: as many processes as `torchrun` started,
            else one.
    """

    task: str = "semantic"
    reader: str | None = None
    splitting: Splitting = Splitting()
    start: str = "default"
    resume: bool = False
    overwrite: bool = False
    skip_broken: bool = False
    skeleton: Skeleton | None = None
    framework: str = AUTO
    devices: int | None = None


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes:
        folder: Where the model lies.
        predictor: The model, ready to predict.
        dataset: What it was trained on.
        parts: Names per part.
        plan: What was done.
        facts: `run.json`: where it came from, how long it took.
    """

    folder: Path
    predictor: Predictor[Any]
    dataset: Dataset
    parts: Parts
    plan: Plan
    facts: dict[str, Any]


@dataclass(frozen=True)
class Trained(Run):
    """A finished training with its scores.

    Attributes:
        evaluation: Scores on the test part, or `None` where none was kept.
        report: The HTML report.
    """

    evaluation: Evaluation | None
    report: Path

    def to_dict(self) -> dict[str, Any]:
        """Return what happened as JSON-ready data; `test` holds the scores."""
        test = None if self.evaluation is None else self.evaluation.to_dict()
        return {"run": str(self.folder), **self.facts, "test": test}
