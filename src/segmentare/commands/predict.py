"""`segmentare predict`: images and videos in; masks, objects, skeletons and tables out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from segmentare.commands.options import command
from segmentare.commands.values import EngineName, Folder, FrameworkName, Precision
from segmentare.errors import DatasetError, InputError

if TYPE_CHECKING:
    from segmentare.annotations.poses import Skeleton
    from segmentare.commands.predicting import Job, Predictions
    from segmentare.progress import Display
    from segmentare.runtimes.loading import Opened


@command
def predict(
    run: Folder,
    images: Folder | int | Sequence[Folder | int],
    out: Folder,
    *,
    overwrite: bool = False,
    flips: bool | None = None,
    ray: bool | str = False,
    engine: EngineName = "auto",
    precision: Precision | None = None,
    framework: FrameworkName = "auto",
    quiet: bool = False,
    overlay: bool = False,
    probability: bool = False,
    cutout: bool = False,
    background: Folder | None = None,
    heatmaps: bool = False,
    pixel_size: float | None = None,
    unit: str = "um",
    large: float = 32.0,
    openpose: Literal[18, 25] | None = None,
    skeleton: str | Path | Skeleton | None = None,
    refine: bool = False,
    first: int = 0,
    last: int | None = None,
    step: int = 1,
    track: bool = True,
    smooth: bool = True,
) -> Predictions:
    """Say what images and videos show: masks, objects or skeletons, and tables of them.

    Each image gives a mask (<stem>.png), or what else the model finds, at its own size, and a line
    in predictions.jsonl. Objects and people are listed in tables, too. An image that cannot be read
    is skipped and named.

    A video gives <stem>.webm (.mp4 where OpenCV writes H.264), with what was found drawn over its
    frames, and <stem>.jsonl, a line per frame. A camera is named by its number, from 0, and runs
    until Ctrl-C.

    Args:
        run (RUN): Folder of the model.
        images (SOURCE): Images, folders of images, video files, or the number of a camera.
        out (--out DIR): Folder for the results.
        overwrite: Replace earlier results.
        flips: Average the predictions of four mirror images, which takes four times as long; left
            out, as the model's export says.
        ray (ADDRESS): Predict images with many processes on Ray: on this machine, or on the cluster
            at ADDRESS (host:port, ray://host:port, auto).
        engine: What computes the model. With auto it is the fastest engine that is installed and
            agrees with float32; a short trial finds it and is remembered.
        precision: Precision of the numbers; left out, the fastest one that is right, or float32
            with a named engine.
        framework: PyTorch or TensorFlow; with auto whichever is installed.
        quiet: Show no progress.

        [what to write of images besides masks and tables]
        overlay: Also write <stem>.overlay.jpg, with what was found drawn over the image.
        probability: Also write <stem>.probability.png, the probability of each pixel.
        cutout: Also write <stem>.cutout.png, what was found on a transparent background (RGBA).
        background (IMAGE): Also write <stem>.background.jpg, what was found in front of IMAGE.
        heatmaps: Also write <stem>.heatmap.<head>.jpg, the output of the network before it is
            decoded.
        pixel_size (SIZE): Units per pixel, for the areas and lengths in objects.csv.
        unit: Name of that unit.
        large (MEGAPIXELS): Images above this size are read, predicted and written in parts, as
            TIFF.

        [people, or whatever has keypoints]
        openpose: Number of keypoints in OpenPose's JSON; left out, 25, or the model's own where it
            does not know people. Of videos it is written only with this option, to <stem>_json.
        skeleton (NAME_OR_FILE): Skeleton that is written and drawn instead of the model's: see
            `segmentare skeletons`, or a TOML file.
        refine: Look at each person a second time, close up: slower, and better for some small ones.

        [videos and cameras]
        first (N): Number of the first frame.
        last (N): Number of the last frame; left out, that of the video.
        step (N): Predict every N-th frame.
        track: Give people and objects ids that stay the same from frame to frame.
        smooth: Smooth the keypoints over time.

    Returns:
        A row per image, what became of videos, and what was skipped because it cannot be read.

    Raises:
        ModelError: The model folder is damaged.
        MissingPackageError: The framework, or any, is not installed.
        DatasetError: There is no image, two would get the same name, or the one video cannot be
            read.
        OutputExistsError: A result is there already, or would replace an image, the background or
            the video itself; or another process is writing into the folder.
        InputError: Something is to be written that the model or the sources do not have.

    Examples:
        segmentare predict run new_photos --out masks --overlay
        segmentare predict run me.jpg --out tv --cutout --background beach.jpg
        segmentare predict cells_run slides --out found --pixel-size 0.5 --unit um
        segmentare predict people_run match.mp4 --out match --first 100 --last 400

        >>> found = segmentare.predict(run.folder, photos / "images", folder / "masks", quiet=True)
        >>> len(found.rows), found.failed
        (24, [])
    """
    from segmentare.commands.bulk import LOCAL, predict_on_ray
    from segmentare.commands.predicting import Images, Job, Predictions
    from segmentare.datasets.chosen_skeletons import choose_skeleton
    from segmentare.locking import locked
    from segmentare.progress import Display
    from segmentare.results.outputs import Outputs, VideoOutputs
    from segmentare.runtimes.loading import Wanted
    from segmentare.video.sources import find_images, sort_sources

    display = Display(quiet=quiet)
    chosen = None if skeleton is None else choose_skeleton(skeleton)
    outputs = Outputs(
        overlay=overlay,
        probability=probability,
        cutout=cutout,
        background=None if background is None else Path(background),
        overwrite=overwrite,
        pixel_size=pixel_size,
        unit=unit,
        heatmaps=heatmaps,
        openpose=openpose,
        skeleton=chosen,
        large=large,
        film=VideoOutputs(first, last, step, track, smooth),
    )
    computed = Wanted(engine, precision, framework=framework)
    job = Job(Path(run), Path(out), outputs, flips, refine, computed)
    places, videos = sort_sources([images] if isinstance(images, str | Path | int) else images)
    outputs.check_sources(images=bool(places) or not videos, videos=bool(videos))
    if ray and videos:
        raise InputError(f"`ray` is for images; got the video {str(videos[0])!r}. Leave it out.")
    found = find_images(places) if places or not videos else {}
    opened = job.open(found.values())
    result = Predictions(out=job.out)
    with locked(job.out):  # the tables of two calls would replace each other
        if ray:
            address = LOCAL if ray is True else str(ray)
            return predict_on_ray(job, opened, found, address, display)
        if found:
            shown = Images(opened.predictor, job.run, job.out, outputs, display, opened.why)
            shown.predict(found, result)
        _predict_videos(job, opened, videos, result, display)
    return result


def _predict_videos(
    job: Job, opened: Opened, videos: Sequence[Path], result: Predictions, display: Display
) -> None:
    """Predict one video after the other; one among several that cannot be read is skipped."""
    from segmentare.video.prediction import predict_video

    outputs = job.outputs
    film = replace(
        outputs.film,
        openpose=outputs.openpose,
        skeleton=outputs.skeleton,
        overwrite=outputs.overwrite,
    )
    alone = len(videos) == 1 and not result.rows and not result.failed
    for video in videos:
        try:
            filmed = predict_video(opened.predictor, video, job.out, film, display)
        except DatasetError as error:
            if alone:
                raise
            result.failed.append((str(video), str(error)))
        else:
            result.films.append(filmed)
