"""`segmentare predict --ray`: many images, predicted by many processes on Ray Data.

An image counts as done when its *receipt* is there: a JSON file, written after all of its files,
with what the tables say of it. Work that Ray repeats because a process died, and a call that goes
on after it was killed, leave out what has a receipt; so each image is written once, and a
half-written one again. The receipts go when all is done.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from segmentare.atomic import write_bytes
from segmentare.commands.predicting import (
    Images,
    Job,
    Predictions,
    refuse_existing,
    writer_for,
)
from segmentare.errors import DatasetError, MissingPackageError, OutputExistsError
from segmentare.large.images import model_key
from segmentare.opening import read_text
from segmentare.prediction.predictor import Predictor
from segmentare.progress import Display
from segmentare.results.lines import Lines
from segmentare.results.masks import file_name
from segmentare.runtimes.loading import Opened, Wanted

LOCAL = "local"  #: the address that stands for this machine
RECEIPTS = ".receipts"  #: folder, among the results, of what is done
_JOB = "job.json"  # in it: what the receipts belong to
_BLOCKS = 8  # pieces of work per process: few lose little time, many share the work evenly
_TEMPORARY = re.compile(r"\.[0-9a-f]{32}\.tmp")  # see `atomic.replacing`


class Worker:
    """Predicts one image after the other; there is one in each process."""

    def __init__(self, job: Job, names: Sequence[str]) -> None:
        self._job, opened = job, job.open()
        # What lies there without a receipt is the half of something, or shall be replaced.
        outputs, quiet = replace(job.outputs, overwrite=True), Display(quiet=True)
        self._images = Images(opened.predictor, job.run, job.out, outputs, quiet, opened.why)
        self._writer = writer_for(job.out, opened.predictor.task, outputs)
        self._writer.start(names)

    def __call__(self, item: Mapping[str, str]) -> dict[str, str]:
        """Predict and write the image at `place`, which the user called `path`, unless done."""
        stem, path, place = item["stem"], Path(item["path"]), Path(item["place"])
        receipt = receipt_of(self._job, stem)
        if not receipt.is_file():
            text = json.dumps({"stem": stem, "path": str(path), **self._predict(stem, path, place)})
            write_bytes(receipt, text.encode(), overwrite=True)
        return {"stem": stem}

    def _predict(self, stem: str, path: Path, place: Path) -> dict[str, Any]:
        """Write the files of an image, and return what is to be told of it."""
        try:
            source = self._images.open((stem, place))
            with self._images.display.bar("", 1) as bar:
                write = self._images.look(source, stem, place, self._writer, bar)
        except (DatasetError, MissingPackageError, ValueError) as error:
            return {"failed": str(error)}
        row = {**write(), "file": str(path)}
        return {"row": row, "tables": self._writer.tell(stem, path)}


def predict_on_ray(
    job: Job, opened: Opened, found: dict[str, Path], address: str, display: Display
) -> Predictions:
    """Predict images with many processes, and write what each of them shows, once.

    Source: Ray Data (https://docs.ray.io/en/latest/data), whose processes are started again, and
    whose work is repeated, when they die.

    Args:
        job: What to do.
        opened: Its model.
        found: Image files by the stems of their results.
        address: `local`, or that of a Ray cluster.
        display: Where progress is shown.

    Raises:
        MissingPackageError: Ray is not installed.
        ConnectionError: There is no cluster at the address.
        OutputExistsError: Results are there already, and are not those of this job.
    """
    result, predictor = Predictions(out=job.out), opened.predictor
    job = replace(job, run=job.run.resolve(), out=job.out.resolve())
    job = _same_engine(job, opened)
    _begin(job, found, predictor)
    display.say(opened.why)
    writer = writer_for(job.out, predictor.task, job.outputs)
    writer.start([file_name(stem, path) for stem, path in found.items()])
    try:
        with _connected(address):
            for _ in display.over(_run(job, found), "Predicting", len(found)):
                pass
    finally:  # also after Ctrl-C, for what is written until then
        for told in _receipts(job, found):
            stem, path = told["stem"], Path(told["path"])
            if "failed" in told:
                result.failed.append((str(path), told["failed"]))
                continue
            writer.hear(stem, path, told["tables"])
            result.rows.append(told["row"])
        Lines(job.out).finish(result.rows)
        writer.finish()
    _sweep(job, found)
    return result


def _same_engine(job: Job, opened: Opened) -> Job:
    """Return the job with what computes the model, so that it is the same in all processes."""
    if opened.engine == "tensorflow":
        return replace(job, wanted=Wanted(framework="tensorflow"))
    return replace(job, wanted=Wanted(opened.engine, opened.precision, job.wanted.device))


def receipt_of(job: Job, stem: str) -> Path:
    """Return where the receipt of an image is, whatever its name is made of."""
    return job.out / RECEIPTS / f"{hashlib.sha256(stem.encode()).hexdigest()[:32]}.json"


def described(job: Job) -> dict[str, Any]:
    """Return what results depend on, JSON-ready."""
    chosen = asdict(replace(job.outputs, overwrite=False))
    return {
        "model": model_key(job.run),
        "outputs": json.loads(json.dumps(chosen, default=str)),
        "flips": job.flips,
        "refine": job.refine,
        "computed": [job.wanted.engine, job.wanted.precision, job.wanted.framework],
    }


def _begin(job: Job, found: dict[str, Path], predictor: Predictor[Any]) -> None:
    """Make the folders, or see that what an earlier call left belongs to this job."""
    folder = job.out / RECEIPTS
    if job.outputs.overwrite and (folder / _JOB).is_file():
        shutil.rmtree(folder, ignore_errors=True)
    if not (folder / _JOB).is_file():
        refuse_existing(job.out, found, job.outputs, predictor)
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / _JOB, json.dumps(described(job)).encode(), overwrite=True)
    elif json.loads(read_text(folder / _JOB)) != described(job):
        raise OutputExistsError(
            f"{str(job.out)!r} holds predictions that were not finished, of another model or with "
            "other options. Give these again to go on, another `out`, or `overwrite=True`."
        )
    else:  # it goes on over its own results, but never over images
        anew = replace(job.outputs, overwrite=True)
        refuse_existing(job.out, found, anew, predictor)
    for told in _receipts(job, found):
        if "failed" in told:  # it may have been mended
            receipt_of(job, told["stem"]).unlink()


def _receipts(job: Job, found: dict[str, Path]) -> Iterator[dict[str, Any]]:
    """Yield what is known of the images that are done, in their order."""
    for stem in found:
        if (path := receipt_of(job, stem)).is_file():
            yield json.loads(read_text(path))


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Start Ray on this machine, or connect to a cluster, unless the caller did."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # errors come as exceptions
    try:
        import ray.data
    except ImportError as error:
        raise MissingPackageError(
            "Predicting on Ray needs the package ray: pip install 'segmentare[ray]'"
        ) from error
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address == LOCAL:
        quiet |= {"include_dashboard": False}
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ours = not ray.is_initialized()
    try:
        if ours:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConnectionError(
            f"There must be a Ray cluster at {address!r}; none answers "
            f"({str(error).splitlines()[0]}). Start one with `ray start --head`, or give `ray` "
            "without an address."
        ) from error
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def _run(job: Job, found: dict[str, Path]) -> Iterator[Any]:
    """Yield as images are done.

    Raises:
        OSError: The results cannot be written, for instance.
    """
    import ray
    from ray.exceptions import RayTaskError

    items = [
        {"stem": stem, "path": str(path), "place": str(path.resolve())}
        for stem, path in found.items()
    ]
    names = [file_name(stem, path) for stem, path in found.items()]
    resources = ray.cluster_resources()
    gpus, cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
    workers = min(gpus or cores, len(items))
    blocks = min(_BLOCKS * workers, len(items))
    data = ray.data.from_items(items, override_num_blocks=blocks).map(
        Worker,
        fn_constructor_args=(job, names),
        concurrency=workers,
        num_cpus=1,
        num_gpus=1 if gpus else 0,
    )
    try:
        yield from data.iter_rows()
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, (ValueError, OSError)):
            raise cause from error
        raise


def _sweep(job: Job, found: dict[str, Path]) -> None:
    """Remove the receipts, and what dead processes left half written."""
    shutil.rmtree(job.out / RECEIPTS)
    for folder in {(job.out / stem).parent for stem in found}:
        for path in folder.iterdir():
            if _TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)
