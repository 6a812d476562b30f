"""What `segmentare predict` writes, as far as it can be chosen, and what goes with what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segmentare.annotations.poses import Skeleton
from segmentare.datasets import KEYPOINT_TASKS
from segmentare.datasets.chosen_skeletons import check_task
from segmentare.datasets.readers.openpose import LAYOUTS, SUFFIX
from segmentare.drawing.poses import LEAST
from segmentare.errors import InputError
from segmentare.results.object_tables import PANOPTIC_FOLDER, Scale

LARGE = 32.0  #: megapixels; larger images are predicted in parts
_OF_IMAGES = ("probability", "cutout", "background", "heatmaps", "pixel_size")
_OF_VIDEOS = {"first": 0, "last": None, "step": 1, "track": True, "smooth": True}


@dataclass(frozen=True)
class VideoOutputs:
    """Which frames are predicted, and what is made of them.

    Attributes:
        first: Number of the first frame, from 0.
        last: Number of the last frame that may be used; `None`: to the end.
        step: Distance between frames.
        track: Give people and objects ids that stay from frame to frame.
        smooth: Calm the keypoints over time; only with `track`.
        rendered: Write `<stem>.webm`, what was found drawn over the frames, or `<stem>.mp4` where
            OpenCV can write H.264: see `video.writing.best_ending`.
        openpose: Write OpenPose's JSON with so many keypoints, 25 or 18, one file per frame, into
            the folder `<stem>_json`; `None`: none.
        least: Keypoints below this score are not drawn.
        skeleton: Keypoints that are written and drawn instead of the model's.
        overwrite: Replace files of an earlier run.
    """

    first: int = 0
    last: int | None = None
    step: int = 1
    track: bool = True
    smooth: bool = True
    rendered: bool = True
    openpose: int | None = None
    least: float = LEAST
    skeleton: Skeleton | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Outputs:
    """What `predict` writes beside the mask or the keypoints of each image.

    Tables of objects and of people are written always: see `ObjectTables`, `KeypointTables`.

    Attributes:
        overlay: `<stem>.overlay.jpg`, the outline over the image; objects in colors of their own,
            with their ids, in small images enlarged; people as skeletons.
        probability: `<stem>.probability.png`, 8-bit gray.
        cutout: `<stem>.cutout.png`, RGBA with soft edges.
        background: An image; `<stem>.background.jpg` shows the cut-out before it.
        overwrite: Replace files of an earlier run.
        pixel_size: Units per pixel, for areas and lengths of objects in `unit`; `None` gives
            them in pixels only.
        unit: Name of that unit, one word.
        heatmaps: `<stem>.heatmap.<head>.jpg`, what the network answered, over the image.
        openpose: Keypoints of OpenPose's layout, 25 or 18; `None` takes 25 where that suits the
            model's own, else keeps these. Of videos such files are written only if it is given.
        skeleton: Keypoints that are written and drawn instead of the model's; OpenPose's files
            then have them, too, unless `openpose` is given.
        large: Megapixels; larger images are read, predicted and written in parts.
        film: Which frames of videos are predicted, and what is made of them; of its settings
            `openpose`, `skeleton` and `overwrite` are those above.
    """

    overlay: bool = False
    probability: bool = False
    cutout: bool = False
    background: Path | None = None
    overwrite: bool = False
    pixel_size: float | None = None
    unit: str = "um"
    heatmaps: bool = False
    openpose: int | None = None
    skeleton: Skeleton | None = None
    large: float = LARGE
    film: VideoOutputs = field(default_factory=VideoOutputs)

    @property
    def scale(self) -> Scale | None:
        """The size of a pixel, if it is known.

        Raises:
            InputError: It is not above 0, or the unit is not a word.
        """
        return None if self.pixel_size is None else Scale(self.pixel_size, self.unit)

    def names(self, stem: str, task: str = "semantic", heads: Sequence[str] = ()) -> list[str]:
        """Return the names of the files that one image will give.

        Args:
            stem: Of the image.
            task: Name of the model's task.
            heads: Names of its heads.
        """
        names = [f"{stem}.png"] * (task != "pose")
        names += [f"{stem}.ids.png"] * (task in {"instance", "body"})
        names += [f"{PANOPTIC_FOLDER}/{stem}.png"] * (task == "panoptic")
        names += [f"{stem}{SUFFIX}"] * (task in KEYPOINT_TASKS)
        names += [f"{stem}.overlay.jpg"] * self.overlay
        names += [f"{stem}.probability.png"] * self.probability
        names += [f"{stem}.cutout.png"] * self.cutout
        names += [f"{stem}.background.jpg"] * (self.background is not None)
        names += [heatmap_name(stem, head) for head in heads if self.heatmaps]
        return names

    def check(self, task: str) -> None:
        """Stop where something is wanted that a model of this task does not find.

        Raises:
            InputError: It is.
        """
        if self.openpose is not None and self.openpose not in LAYOUTS:
            raise InputError(f"`openpose` must be 18 or 25 keypoints; got {self.openpose}.")
        if self.openpose is not None and task not in KEYPOINT_TASKS:
            raise InputError(
                f"OpenPose's files hold keypoints, which the task '{task}' does not find. "
                "Leave `openpose` out."
            )
        check_task(self.skeleton, task)
        wanted = [name for name in ("probability", "cutout", "background") if getattr(self, name)]
        if wanted and task == "pose":
            raise InputError(
                f"`{wanted[0]}` needs silhouettes, which the task 'pose' does not find. Leave it "
                "out, or use a model that was trained for the task body."
            )

    def check_sources(self, *, images: bool, videos: bool) -> None:
        """Stop where something is wanted of images but there are only videos, or the reverse.

        Raises:
            InputError: It is.
        """
        mine = [name for name in _OF_IMAGES if getattr(self, name)]
        if mine and not images:
            raise InputError(f"`{mine[0]}` is for images, but there are only videos. Leave it out.")
        theirs = [name for name, usual in _OF_VIDEOS.items() if getattr(self.film, name) != usual]
        if theirs and not videos:
            option = f"{theirs[0]}=False" if theirs[0] in {"track", "smooth"} else theirs[0]
            raise InputError(
                f"`{option}` is for videos and cameras, but there are only images. Leave it out."
            )


def heatmap_name(stem: str, head: str) -> str:
    """Return the name of the file that shows the maps of a head."""
    return f"{stem}.heatmap.{head}.jpg"
