"""The options of the Python functions that have many of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from segmentare.poses import Skeleton


Folder = str | Path
SizeText = str | int | tuple[int, int]

LARGE = 32.0  #: megapixels; larger images are predicted in parts


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
        devices: GPUs to train on (1, or what `torchrun` started).
        skip_broken: Leave unusable images out.
        resume: Go on with a run that was stopped.
        overwrite: Replace the run in `out`.
        framework: What trains: "torch", "tensorflow" or "auto", whichever is installed ("auto").
        reader: Force a layout.
        skeleton: Name of an included skeleton, or a TOML file: the keypoints that people shall
            have.
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
    framework: str
    reader: str | None
    skeleton: Folder | Skeleton | None


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
        skeleton: Name of an included skeleton, or a TOML file: the keypoints that are written and
            drawn instead of the model's.
        flips: Average over four mirrors of each image.
        ray: Predict images with many processes on Ray: "local", or the address of a cluster.
        engine: What computes the model: "auto", "torch", "openvino", "onnx" or "litert" ("auto").
        precision: "f32", "bf16" or "int8"; left out, the fastest that is right, of one engine f32.
        framework: What computes: "torch", "tensorflow" or "auto", whichever is installed ("auto").
        overwrite: Replace files of an earlier run.
        pixel_size: Units per pixel, for areas and lengths of objects.
        unit: Name of that unit ("um").
        large: Megapixels; larger images are read, predicted and written in parts (32).
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
    skeleton: Folder | Skeleton | None
    flips: bool | None
    ray: str | None
    engine: str
    precision: str | None
    framework: str
    overwrite: bool
    pixel_size: float | None
    unit: str
    large: float
    first: int
    last: int | None
    step: int
    track: bool
    smooth: bool


class ExportSettings(TypedDict, total=False):
    """The options of `export`; see `exporting.ExportOptions`.

    Attributes:
        data: Dataset or images to compare the export on; left out, noise.
        reader: Of the dataset.
        images: To compare on, at most (24).
        int8: Quantize to 8-bit integers (OpenVINO and LiteRT only).
        calibrate: Images to calibrate int8 on, at most (64).
        most_lost: How much of the main score int8 may cost (0.01).
        flips: Predictions of the export average four mirrors of the image.
        overwrite: Replace an earlier export.
    """

    data: Folder | None
    reader: str | None
    images: int
    int8: bool
    calibrate: int
    most_lost: float
    flips: bool
    overwrite: bool
