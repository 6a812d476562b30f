"""`segmentare check`: what a dataset holds and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from segmentare.commands.options import command
from segmentare.commands.values import Folder, TaskName

if TYPE_CHECKING:
    from segmentare.annotations.poses import Skeleton
    from segmentare.report.checking import Checked


@command
def check(
    data: Folder,
    *,
    page: bool | Folder = True,
    samples: int = 24,
    task: TaskName | None = None,
    reader: str | None = None,
    skeleton: str | Path | Skeleton | None = None,
    quiet: bool = False,
) -> Checked:
    """Say what a dataset holds and what is wrong with it.

    Every file is decoded. Where nothing stops a training, `segmentare train` starts.

    Args:
        data (DATA): Folder of the dataset.
        page (FILE): HTML page of samples with their annotation drawn over them; without a name it
            is check-<name of DATA>.html in the working folder, with a number if that is taken.
        samples (N): Number of images on the page, spread over the dataset.
        task: What the data is for; left out, what uses most of it.
        reader (NAME): Layout of the dataset, where it is not recognized by itself.
        skeleton (NAME_OR_FILE): Skeleton that keypoints are converted to, or that they have where
            the data does not name them: see `segmentare skeletons`, or a TOML file.
        quiet: Show no progress.

    Returns:
        What was found; `can_train` says whether a training can start.

    Raises:
        DatasetError: The folder is missing or empty, or its layout is not known.
        InputError: The skeleton cannot be had.
        OutputExistsError: `page` is there, and is no earlier page.

    Examples:
        segmentare check photos
        segmentare check photos --page photos.html --json photos.json
        segmentare check nuclei --task instance --no-page

        >>> found = segmentare.check(photos, page=False, quiet=True)
        >>> len(found.usable), found.can_train
        (24, True)
    """
    from segmentare.datasets import KEYPOINT_TASKS, open_richest
    from segmentare.datasets.checking import check as check_dataset
    from segmentare.datasets.chosen_skeletons import choose_skeleton, open_as
    from segmentare.overwriting import check_replaceable, free_name
    from segmentare.progress import Display
    from segmentare.report.check_page import write_check_page
    from segmentare.report.checking import Checked, sample_pictures

    data, display = Path(data), Display(quiet=quiet)
    path = Path(f"check-{data.resolve().name}.html") if isinstance(page, bool) else Path(page)
    if page is True:
        path = free_name(path, "check")
    elif page is not False:
        check_replaceable(path, "check")
    if skeleton is None and task is None:
        dataset = open_richest(data, reader)
    else:
        chosen = None if skeleton is None else choose_skeleton(skeleton)
        dataset = open_as(data, reader, task or KEYPOINT_TASKS[0], chosen)
    with display.bar("Checking", len(dataset)) as bar:
        checkup = check_dataset(dataset, progress=lambda done, total: bar.show(done, total, ""))
    if page is False:
        return Checked(**vars(checkup))
    write_check_page(path, checkup.to_dict(), sample_pictures(dataset, checkup, samples))
    return Checked(**vars(checkup), page=path)
