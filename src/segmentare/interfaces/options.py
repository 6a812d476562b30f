"""The options of the Python functions that have many of them."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

Folder = str | Path
SizeText = str | int | tuple[int, int]


class TrainOptions(TypedDict, total=False):
    """The options of `train`; what is left out is decided by the plan or has the default said.

    Attributes:
        task: What is learned: "semantic", "instance", "panoptic", "pose" or "body" ("semantic").
        budget: Seconds, or text such as "90s", "10m", "2h" ("10m").
        steps: Exactly so many steps instead of a budget.
        network: "unet" or "segnet" ("unet").
        encoder: "resnet", "plain", "vgg", or "hf:" and a Hugging Face AutoBackbone.
        width: Factor on the encoder's channels.
        depth: Levels of the encoder.
        size: Of the training images: 256, "192x256" or (192, 256), height first.
        scale: Keep the images' scale times this factor, in windows.
        batch: Images per step.
        learning_rate: Highest rate of AdamW.
        precision: "float32" or "bfloat16".
        code: How instances are written down: "center" or "flow"; the plan chooses. Of poses:
            "center" or "fields".
        focal: Exponent of the focal loss (0: none).
        balance: Weigh rare categories more.
        start: Starting weights: "default", "none", or a model folder.
        seed: Of split, weights and batches (0).
        val: Share kept for choosing (0.15).
        test: Share kept for scoring (0.15).
        split: JSON or CSV file with the part of every image.
        by: Label column that all parts get their share of.
        groups: Column, or pattern on names, of what never lies in two parts.
        allow_duplicates: Accept the same image in two parts.
        devices: Processes that train together (1, or what `torchrun` started).
        skip_broken: Leave unusable images out.
        resume: Go on with a run that was stopped.
        overwrite: Replace the run in `out`.
        reader: Force a layout.
    """

    task: str
    budget: float | str
    steps: int | None
    network: str
    encoder: str | None
    width: float | None
    depth: int | None
    size: SizeText | None
    scale: float | None
    batch: int | None
    learning_rate: float | None
    precision: str | None
    code: str | None
    focal: float
    balance: bool | None
    start: str
    seed: int
    val: float
    test: float
    split: Folder | None
    by: str | None
    groups: str | None
    allow_duplicates: bool
    devices: int | None
    skip_broken: bool
    resume: bool
    overwrite: bool
    reader: str | None


class PredictOptions(TypedDict, total=False):
    """The options of `predict`; see `Outputs` and `VideoOutputs`.

    Attributes:
        overlay: What was found, drawn over each image.
        probability: The probability of each pixel as a gray image.
        cutout: What was found with soft edges on a transparent ground.
        background: An image that is laid behind the cut-out.
        heatmaps: What the network answers, drawn over each image.
        openpose: Keypoints of OpenPose's layout, 18 or 25; of videos also that such files are
            written.
        refine: Look at every person with keypoints again, close up.
        flips: Average over four mirrors of each image.
        ray: Predict images with many processes on Ray: "local", or the address of a cluster.
        overwrite: Replace files of an earlier run.
        pixel_size: Units per pixel, for areas and lengths of objects.
        unit: Name of that unit ("um").
        first: Number of the first frame of videos, from 0.
        last: Number of the last frame.
        step: Distance between frames (1).
        track: Give people and objects ids that stay from frame to frame (true).
        smooth: Calm the keypoints over time (true).
    """

    overlay: bool
    probability: bool
    cutout: bool
    background: Folder | None
    heatmaps: bool
    openpose: int | None
    refine: bool
    flips: bool
    ray: str | None
    overwrite: bool
    pixel_size: float | None
    unit: str
    first: int
    last: int | None
    step: int
    track: bool
    smooth: bool
