"""`segmentare train`: from a folder of images to a measured model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from segmentare.commands.options import command, command_line
from segmentare.commands.values import (
    Folder,
    FrameworkName,
    Pixels,
    Seconds,
    TaskName,
    parse_duration,
    parse_size,
)
from segmentare.result import Result

if TYPE_CHECKING:
    from rich.console import RenderableType

    from segmentare.annotations.poses import Skeleton
    from segmentare.datasets.base import Dataset
    from segmentare.datasets.splits import Split
    from segmentare.prediction.predictor import Predictor
    from segmentare.report.evaluation import Evaluation
    from segmentare.training.plan import Plan


@dataclass(frozen=True, repr=False)
class Run(Result):
    """A finished training with its scores.

    Attributes:
        folder: Where the model is.
        predictor: The model, ready to predict.
        dataset: What it was trained on.
        parts: Names of the images per part.
        plan: How it was trained.
        facts: `run.json`: when and where it was made, and how long it took.
        evaluation: Scores on the test part, or `None` where none was kept.
        report: The HTML report.
    """

    folder: Path
    predictor: Predictor[Any]
    dataset: Dataset
    parts: Split
    plan: Plan
    facts: dict[str, Any]
    evaluation: Evaluation | None
    report: Path

    @property
    def title(self) -> str:
        """Where the model is and what it does."""
        return f"Run {str(self.folder)!r} ({self.predictor.task.name})"

    @property
    def summary(self) -> Mapping[str, object]:
        """Data, network, time, scores, and where the report is."""
        from segmentare.progress import duration

        counts = ", ".join(f"{len(names)} {part}" for part, names in self.parts.by_part().items())
        spec, facts = self.plan.spec, self.facts
        stopped = ", stopped early" if facts["interrupted"] else ""
        scores = {} if self.evaluation is None else dict(self.evaluation.summary)
        return {
            "data": f"{self.dataset.root} ({counts})",
            "network": f"{spec.network} with encoder {spec.encoder}, width {spec.width:g}",
            "trained": f"{facts['steps']} steps in {duration(facts['seconds'])}{stopped}",
            **dict(list(scores.items())[:3]),
            "scores": "" if scores else "none, because no test part was kept",
            "note": " ".join(facts["warnings"]),
            "report": self.report,
        }

    @property
    def exit_code(self) -> int:
        """130 where the training was stopped by Ctrl-C."""
        return 130 if self.facts["interrupted"] else 0

    def to_dict(self) -> dict[str, Any]:
        """Return what happened as JSON-ready data; `test` holds the scores."""
        test = None if self.evaluation is None else self.evaluation.to_dict()
        return {"run": str(self.folder), **self.facts, "test": test}

    def tables(self) -> Iterator[RenderableType]:
        """Yield the scores, and where model and report are."""
        if self.evaluation is not None:
            yield from self.evaluation.tables()
        yield f"Model: {self.folder}   Report: {self.report}"


@command
def train(
    data: Folder,
    out: Folder,
    *,
    task: TaskName = "semantic",
    budget: Seconds = "10m",
    steps: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    start: Folder = "default",
    network: Literal["unet", "segnet"] = "unet",
    encoder: str | None = None,
    width: float | None = None,
    depth: int | None = None,
    size: Pixels | None = None,
    scale: float | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    code: Literal["center", "flow", "fields"] | None = None,
    focal: float = 0.0,
    balance: bool | None = None,
    seed: int = 0,
    framework: FrameworkName = "auto",
    precision: Literal["float32", "bfloat16"] | None = None,
    devices: int | None = None,
    val: float = 0.15,
    test: float = 0.15,
    split: Folder | None = None,
    by: str | None = None,
    groups: str | None = None,
    allow_duplicates: bool = False,
    skip_broken: bool = False,
    reader: str | None = None,
    skeleton: str | Path | Skeleton | None = None,
    quiet: bool = False,
) -> Run:
    """Train a model within a time budget and score it on images it never saw.

    A plan is made from the data, the machine and the budget; it decides what is left out here and
    says why. The folder of the run then holds the model, the plan, the split, a log, the scores and
    an HTML report.

    Args:
        data (DATA): Folder of the dataset.
        out (--out RUN): Folder of the run.
        task: What is learned: a category for every pixel (semantic), objects (instance) or both
            (panoptic); keypoints of people (pose), or these and their silhouettes (body).
        budget (TIME): Time for the whole training, such as 90s, 10m or 2h.
        steps (N): Train for exactly this many steps instead of a time.
        resume: Continue a run that was stopped or killed.
        overwrite: Replace the run in the folder.
        start (WEIGHTS): Weights to start from: default, none, or the folder of a model.
        quiet: Show no progress.

        [the network and how it learns]
        network: Kind of network; `segmentare networks` lists them.
        encoder (NAME): Encoder of the network: lite0, lite1, lite2, resnet, plain, vgg, or a
            Hugging Face AutoBackbone as hf:FOLDER_OR_NAME; left out, the network's usual one.
        width (FACTOR): Factor on the channels of the encoder.
        depth (N): Number of levels of the encoder.
        size: Size of the training images in pixels, such as 256 or 192x256 (height x width).
        scale (FACTOR): Train on windows of the images at their own scale times this factor.
        batch (N): Images per step; left out, 8.
        learning_rate (RATE): Highest learning rate of AdamW; left out, 2e-3.
        code: How objects are encoded. Of instances: by their centers, or by flows, which suit
            small crowded ones; left out, chosen by how crowded they are. Of poses: by centers, or
            by limb fields as OpenPose does; left out, centers.
        focal (EXPONENT): Exponent of the focal loss; 0 is plain cross-entropy.
        balance: Give rare categories more weight.
        seed (N): Seed of the split, the weights and the batches.
        framework: PyTorch or TensorFlow; with auto whichever is installed.
        precision: Precision of the numbers; left out, the faster one by a short trial.
        devices (N): Number of GPUs of this machine; left out, one, or what `torchrun` started.

        [the data and its split]
        val (SHARE): Share of the images that the best weights and thresholds are chosen on.
        test (SHARE): Share of the images that the model is scored on.
        split (FILE): JSON or CSV file with the part of every image: train, val or test.
        by (COLUMN): Label of which all parts get their share; left out, one is looked for.
        groups (COLUMN_OR_PATTERN): What never lies in two parts, such as the patient: a column, or
            a pattern on file names.
        allow_duplicates: Accept copies of an image in two parts.
        skip_broken: Leave out images that cannot be used instead of stopping.
        reader (NAME): Layout of the dataset, where it is not recognized by itself.
        skeleton (NAME_OR_FILE): Skeleton that keypoints are converted to, or that they have where
            the data does not name them: see `segmentare skeletons`, or a TOML file.

    Returns:
        The model, its plan and its scores on the test part.

    Raises:
        DatasetError: The data cannot be used as it is.
        BudgetError: The budget is too short for a training.
        ModelError: There is no such network, nothing to resume, or weights that do not fit.
        OutputExistsError: The folder holds a run already, or another process trains there.
        MissingPackageError: The framework, or any, is not installed.

    Examples:
        segmentare train photos --out run
        segmentare train photos --out run --budget 2h --groups patient
        segmentare train nuclei --task instance --out cells --budget 30m
        segmentare train photos --out run --resume

        >>> run = segmentare.train(
        ...     photos, folder / "run", steps=2, size=32, width=0.125, start="none", quiet=True
        ... )
        >>> run.facts["steps"], run.evaluation.images
        (2, 4)
    """
    said = command_line(train, locals())
    from segmentare.commands.network_choice import choose_spec
    from segmentare.commands.scoring import REPORT, score_run
    from segmentare.commands.training import Options, train_model
    from segmentare.datasets.chosen_skeletons import check_task, choose_skeleton
    from segmentare.progress import Display
    from segmentare.training.parts import Splitting
    from segmentare.training.request import PlanRequest

    display = Display(quiet=quiet)
    chosen = None if skeleton is None else choose_skeleton(skeleton)
    check_task(chosen, task)
    given = None if split is None else Path(split)
    splitting = Splitting(val, test, given, by, groups, seed, allow_duplicates)
    request = PlanRequest(
        budget=parse_duration(budget),
        steps=steps,
        spec=choose_spec(network, encoder, width, depth),
        width=width,
        size=None if size is None else parse_size(size),
        scale=scale,
        batch=batch,
        learning_rate=learning_rate,
        precision=precision,
        code=code,
        focal=focal,
        balance=balance,
        seed=seed,
    )
    options = Options(
        task=task,
        reader=reader,
        splitting=splitting,
        start=str(start),
        resume=resume,
        overwrite=overwrite,
        skip_broken=skip_broken,
        skeleton=chosen,
        framework=framework,
        devices=devices,
    )
    trained = train_model(Path(data), Path(out), request, options, display)
    evaluation = score_run(trained, said, display)
    return Run(**vars(trained), evaluation=evaluation, report=trained.folder / REPORT)
