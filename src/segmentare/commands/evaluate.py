"""`segmentare evaluate`: a model against the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentare.commands.options import command
from segmentare.commands.values import EngineName, Folder, FrameworkName, PartName, Precision

if TYPE_CHECKING:
    from segmentare.annotations.poses import Skeleton
    from segmentare.datasets.base import Dataset, Record
    from segmentare.prediction.predictor import Predictor
    from segmentare.progress import Display
    from segmentare.report.evaluation import Evaluation


@command
def evaluate(
    run: Folder,
    data: Folder,
    *,
    part: PartName | None = None,
    report: Folder | None = None,
    flips: bool | None = None,
    refine: bool = False,
    engine: EngineName = "auto",
    precision: Precision | None = None,
    framework: FrameworkName = "auto",
    reader: str | None = None,
    skeleton: str | Path | Skeleton | None = None,
    quiet: bool = False,
) -> Evaluation:
    """Score a model on annotated images at their own size.

    Keypoints of another skeleton are converted to the model's; those that only the model has are
    not scored.

    Args:
        run (RUN): Folder of the model.
        data (DATA): Folder of the dataset.
        part: Part of the run's own split; left out, all images are scored.
        report (DIR): Folder that report.html is written to, with pictures of the worst and the
            best images.
        flips: Average the predictions of four mirror images, which takes four times as long; left
            out, as the model's export says.
        refine: Look at each person a second time, close up.
        engine: What computes the model. With auto it is the fastest engine that is installed and
            agrees with float32; a short trial finds it and is remembered.
        precision: Precision of the numbers; left out, the fastest one that is right, or float32
            with a named engine.
        framework: PyTorch or TensorFlow; with auto whichever is installed.
        reader (NAME): Layout of the dataset, where it is not recognized by itself.
        skeleton (NAME_OR_FILE): Skeleton of keypoints that the data does not name: see
            `segmentare skeletons`, or a TOML file.
        quiet: Show no progress.

    Returns:
        The scores with their intervals, per image and per group, and what they can be trusted for.

    Raises:
        DatasetError: The data cannot be read, or the part is empty.
        ModelError: The model folder is damaged.
        MissingPackageError: The framework, or any, is not installed.
        InputError: The dataset's categories or keypoints are not the model's.
        OutputExistsError: `report` holds a page that `evaluate` did not write.

    Examples:
        segmentare evaluate run others --json scores.json --report pages
        segmentare evaluate run photos --part test

        >>> evaluation = segmentare.evaluate(run.folder, photos, part="test", quiet=True)
        >>> evaluation.images
        4
    """
    from segmentare.commands.scoring import REPORT, write_evaluation
    from segmentare.overwriting import check_replaceable
    from segmentare.prediction.refining import look_again
    from segmentare.progress import Display
    from segmentare.report.evaluation import score
    from segmentare.runtimes.example_images import trial_images
    from segmentare.runtimes.loading import Wanted, open_model
    from segmentare.training.runs import read_seen

    run, data, display = Path(run), Path(data), Display(quiet=quiet)
    if report is not None:
        check_replaceable(Path(report) / REPORT, "evaluate")
    opened = open_model(
        run,
        Wanted(engine, precision, framework=framework),
        flips=flips,
        examples=lambda model: trial_images(model, [data]),
    )
    predictor = look_again(opened.predictor) if refine else opened.predictor
    dataset = _open_for(predictor, data, reader, skeleton, display)
    records, seen = _chosen(dataset, run, part), read_seen(run)
    display.say(opened.why)
    evaluation = score(
        predictor,
        dataset,
        records,
        seen=seen,
        part=part or "",
        pictures=report is not None,
        display=display,
    )
    if report is None:
        return evaluation
    return replace(evaluation, report=write_evaluation(Path(report), evaluation, run, data))


def _open_for(
    predictor: Predictor[Any],
    data: Path,
    reader: str | None,
    skeleton: str | Path | Skeleton | None,
    display: Display,
) -> Dataset:
    """Open a dataset whose categories and keypoints are those of the model.

    Raises:
        ValueError: They are not.
    """
    from segmentare.datasets import open_dataset
    from segmentare.datasets.chosen_skeletons import check_task, choose_skeleton
    from segmentare.prediction.compatibility import check_categories, check_skeletons

    chosen = getattr(predictor.task, "skeleton", None)
    if skeleton is not None:
        chosen = choose_skeleton(skeleton)
        check_task(chosen, predictor.task.name)
    dataset = open_dataset(data, reader, predictor.task.name, chosen)
    check_categories(predictor, dataset)
    remark = check_skeletons(predictor, dataset)
    if remark:
        display.warn(remark)
    return dataset


def _chosen(dataset: Dataset, run: Path, part: str | None) -> list[Record]:
    """Return the records to score: all, or those of a part of the run's split.

    Raises:
        DatasetError: There are none.
    """
    from segmentare.errors import DatasetError
    from segmentare.training.runs import read_split_parts

    records = list(dataset.records)
    if part is not None:
        names = read_split_parts(run)[part]
        records = [record for record in records if record.name in names]
        if not records:
            raise DatasetError(
                f"The part {part!r} of the run's split must have images in {str(dataset.root)!r}; "
                f"it has {len(names)} names, and none is there. Give the data that the run was "
                "trained on."
            )
    if not records:
        problem = next((p.what for p in dataset.problems if p.stops), "No image is annotated.")
        raise DatasetError(f"{str(dataset.root)!r} must hold annotated images. {problem}")
    return records
