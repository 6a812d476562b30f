"""Who is compared, in which environment each runs, and what its program is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """One virtual environment.

    Attributes:
        packages: What pip is asked for.
        base: It stands on the environment of this name, whose packages it sees.
        counted: Packages whose needs are counted as what must be installed.
        fetch: Python code that fetches weights, tried once; runs happen offline.
    """

    packages: tuple[str, ...]
    base: str | None = "base"
    counted: str = ""
    fetch: str = ""


@dataclass(frozen=True)
class Peer:
    """One row of the table.

    Attributes:
        title: As the table names it.
        program: File beside this one; "" is ours, which is run by its own command line.
        environment: Its name.
        variant: Which network of the program.
        constant: The rate is constant, so that one training serves all wall times.
        options: Of `segmentare train`, for ours.
        tasks: What it can learn.
    """

    title: str
    program: str = ""
    environment: str = ""
    variant: str = ""
    constant: bool = True
    options: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ("semantic",)


SMP_WEIGHTS = """
import segmentation_models_pytorch as smp
for name in ("resnet18", "resnet34"):
    smp.Unet(name, encoder_weights="imagenet")
"""

ENVIRONMENTS = {
    "base": Environment(("torch==2.12.0", "torchvision", "timm"), None, "torchvision"),
    "smp": Environment(
        ("segmentation-models-pytorch",),
        counted="segmentation-models-pytorch",
        fetch=SMP_WEIGHTS,
    ),
    "monai": Environment(("monai",), counted="monai"),
    "segformer": Environment(("transformers",), counted="transformers torch"),
    "nnunet": Environment(("nnunetv2",), counted="nnunetv2"),
    "ultralytics": Environment(("ultralytics",), counted="ultralytics"),
    "cellpose": Environment(("cellpose<4",), counted="cellpose"),
    "stardist": Environment(("stardist", "tensorflow-cpu"), None, counted="stardist"),
    "together": Environment(  # theirs and ours in one process: speed.py, large.py
        (
            "segmentation-models-pytorch",
            "monai",
            "opencv-python-headless",
            "scipy",
            "tifffile",
            "lightning-fabric",
        ),
        counted="segmentation-models-pytorch",
    ),
}

PEERS = {
    "ours": Peer("segmentare, defaults", constant=False, tasks=("semantic", "instance")),
    "ours-none": Peer("segmentare, random start", constant=False, options=("--start", "none")),
    "smp": Peer("smp, U-Net + ResNet-34", "peer_smp.py", "smp", "resnet34"),
    "smp-resnet18": Peer("smp, U-Net + ResNet-18", "peer_smp.py", "smp", "resnet18"),
    "monai": Peer("MONAI, tutorial's U-Net", "peer_monai.py", "monai"),
    "lesson-unet": Peer("the lesson's U-Net", "peer_lesson.py", "base", "unet"),
    "lesson-segnet": Peer("the lesson's SegNet", "peer_lesson.py", "base", "segnet"),
    "torchvision": Peer(
        "torchvision, LR-ASPP MobileNetV3",
        "peer_torchvision.py",
        "base",
        "lraspp_mobilenet_v3_large",
    ),
    "torchvision-deeplab": Peer(
        "torchvision, DeepLabV3 ResNet-50", "peer_torchvision.py", "base", "deeplabv3_resnet50"
    ),
    "segformer": Peer("transformers, SegFormer-B0", "peer_segformer.py", "segformer"),
    "nnunet": Peer("nnU-Net, 2-D", "peer_nnunet.py", "nnunet", constant=False),
    "ultralytics": Peer(
        "Ultralytics, YOLO11n-seg", "peer_ultralytics.py", "ultralytics", constant=False
    ),
    "cellpose": Peer(
        "Cellpose", "peer_cellpose.py", "cellpose", constant=False, tasks=("instance",)
    ),
    "stardist": Peer(
        "StarDist", "peer_stardist.py", "stardist", constant=False, tasks=("instance",)
    ),
}
