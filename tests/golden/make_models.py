"""Make the model folders that every later version must open: `models`, and what they answer.

They were made by segmentare 0.1.0 at commit 5c776d0, before its modules moved, with PyTorch 2.13.0,
ONNX Runtime 1.32.0, OpenVINO 2026.4.1 and TensorFlow 2.21.0, on an AMD EPYC:

    python tests/golden/make_models.py torch        # in .venv
    python tests/golden/make_models.py tensorflow   # then, in .venv-tensorflow

This script imports what the package had then, so it runs at that commit only. It is kept to show
what the folders are; models of a later format become new folders, and these stay as they are.

The images are chosen so that their answers are safe: noise in the maps a hundred times as large as
the differences between frameworks, engines and processors changes no pixel and no object.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import answers
import cv2
import drawn_leaves
import numpy as np
from segmentare.commands.trained import Options

import segmentare
from segmentare.annotations.segmentation import Sample
from segmentare.commands import scoring as reporting
from segmentare.commands import training
from segmentare.models.architecture import NetworkSpec
from segmentare.models.checkpoint import load_model, save_model
from segmentare.networks import backbone
from segmentare.progress import Display
from segmentare.synthetic import lesion_dataset as synthetic
from segmentare.synthetic import object_datasets as synthetic_objects
from segmentare.synthetic import people_dataset as synthetic_people
from segmentare.synthetic.files import write_png
from segmentare.training.batches import Batches
from segmentare.training.parts import Splitting
from segmentare.training.request import PlanRequest

HERE = Path(__file__).resolve().parent / "models"
QUIET = Display(quiet=True)
NOISE = 1e-4  # of the maps; frameworks and engines differ by about 1e-6

WIDTH = 0.0625  # 8 channels, the fewest that there are
NARROW = NetworkSpec(width=WIDTH, depth=3, blocks=1, decoder_channels=(8, 8, 8))
DEEPER = replace(NARROW, depth=4, decoder_channels=(24, 16, 8, 8))
FIELDS = replace(NARROW, width=0.125, decoder_channels=(24, 16, 16))
PLAIN = NetworkSpec(encoder="plain", width=WIDTH, depth=2, decoder_channels=())
VGG = NetworkSpec(encoder="vgg", width=WIDTH, depth=3, decoder_channels=())
SEGNET = NetworkSpec(network="segnet", encoder="vgg", width=WIDTH, depth=2, decoder_channels=())

#: Of the images; of all other kinds `SHAPE`.
SHAPES = {"people": ((60, 84), (64, 72)), "leaves": ((44, 61), (64, 48))}
SHAPE = ((36, 45), (48, 40))

#: Name -> drawn data, task, network, and what else is wished.
MODELS = {
    "semantic": ("lesions", "semantic", NARROW, {"steps": 150}),
    "semantic-plain": ("lesions", "semantic", PLAIN, {"steps": 100}),
    "semantic-vgg": ("lesions", "semantic", VGG, {"steps": 100}),
    "semantic-segnet": ("lesions", "semantic", SEGNET, {"steps": 100}),
    "semantic-hf": ("lesions", "semantic", None, {"steps": 100}),
    "semantic-native": ("meadow", "semantic", NARROW, {"steps": 200, "scale": 0.75}),
    "instance-center": ("cells", "instance", NARROW, {"steps": 300, "code": "center"}),
    "instance-flow": ("microscope", "instance", NARROW, {"steps": 300, "code": "flow"}),
    "panoptic": ("meadow", "panoptic", NARROW, {"steps": 300}),
    "pose-center": ("people", "pose", DEEPER, {"steps": 800, "code": "center"}),
    "pose-fields": ("leaves", "pose", FIELDS, {"steps": 800, "code": "fields"}),
    "body": ("people", "body", DEEPER, {"steps": 800}),
}
KERAS = {
    "tensorflow-semantic": ("lesions", "semantic", NARROW, {"steps": 100}),
    "tensorflow-segnet": ("lesions", "semantic", SEGNET, {"steps": 100}),
    "tensorflow-instance": ("cells", "instance", NARROW, {"steps": 200, "code": "center"}),
    "tensorflow-pose": ("leaves", "pose", FIELDS, {"steps": 800, "code": "fields"}),
}
#: Model -> formats that it is exported to.
EXPORTS = {
    "torch": {
        "semantic": ("onnx", "openvino", "openvino-int8"),
        "semantic-plain": ("torch",),
        "semantic-segnet": ("onnx",),
        "instance-center": ("openvino",),
    },
    "tensorflow": {
        "semantic": ("litert", "litert-int8"),
        "semantic-plain": ("savedmodel",),
        "pose-fields": ("litert",),
    },
}


def draw(kind, seed, size):
    """Return a drawn sample; the microscope is one channel of 16 bits, with its own exposure."""
    if kind == "leaves":
        return Sample(drawn_leaves.draw(seed, size)[0], None, "")
    usual = {
        "lesions": synthetic.draw_lesion,
        "people": synthetic_people.draw_people,
        "meadow": synthetic_objects.draw_meadow,
    }
    sample = usual.get(kind, synthetic_objects.draw_cells)(seed, size)
    if kind != "microscope":
        return sample
    exposure = (20, 60, 250)[seed % 3]
    gray = cv2.cvtColor(sample.image, cv2.COLOR_RGB2GRAY).astype(np.uint16) * exposure
    return replace(sample, image=gray[..., None])


def write_data(root, kind):
    """Write the training data of a kind and return its folder."""
    if kind == "lesions":
        return HERE / "data"
    folder = root / kind
    if kind == "people":
        return synthetic_people.write_dataset(folder, 40, size=(64, 96))
    if kind == "leaves":
        return drawn_leaves.write_dataset(folder, 24, (64, 64))
    if kind == "microscope":
        for seed in range(24):
            sample = draw(kind, seed, (64, 64))
            write_png(folder / "images" / f"{seed:02}.png", sample.image[..., 0])
            write_png(folder / "masks" / f"{seed:02}.png", sample.annotation.instance.astype("u2"))
        return folder
    return synthetic_objects.write_dataset(folder, kind, 24, size=(64, 64))


def train(root, name, framework):
    """Train a model and keep what opens it, of the first one all but its report."""
    kind, task, spec, more = (MODELS if framework == "torch" else KERAS)[name]
    spec = spec or hugging_face()
    request = PlanRequest(
        spec=spec,
        width=spec.width,
        size={"lesions": (32, 32), "people": (64, 96)}.get(kind, (64, 64)),
        batch=4,
        learning_rate=6e-3,
        precision="float32",
        **more,
    )
    # As long as fields join nothing, all scores are 0, and the first weights would be the best.
    splitting = Splitting(val=0.0) if more.get("code") == "fields" else Splitting()
    options = Options(task=task, start="none", framework=framework, splitting=splitting)
    run = training.train(write_data(root, kind), root / name, request, options, QUIET)
    if name == "semantic":
        reporting.score_run(run, "", QUIET)
        (run.folder / reporting.REPORT).unlink()
    else:
        kept = {"model.json", "weights.safetensors"}
        if "savedmodel" in EXPORTS["tensorflow"].get(name, ()):
            kept.add("split.json")  # asked for by that export
        for path in run.folder.iterdir():
            if path.name not in kept:
                path.unlink()
    if more.get("code") == "fields":
        strengthen(run.folder)
    shutil.copytree(run.folder, HERE / name)
    keep_answers(name, kind, framework)


def strengthen(folder):
    """Double the fields, which such a short training leaves too weak to join any keypoints."""
    description, arrays = load_model(folder)
    for key in arrays:
        if key.startswith("heads.fields."):
            arrays[key] = 2 * arrays[key]
    save_model(folder, description, arrays)


def hugging_face():
    """Return a network with a tiny ConvNeXt; the description names a folder beside this process."""
    import transformers

    config = transformers.ConvNextConfig(hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1])
    transformers.AutoBackbone.from_config(config).save_pretrained("tiny-convnext")
    described = backbone.describe_backbone("tiny-convnext")
    return NetworkSpec(encoder="hf", decoder_channels=(8,) * 5, backbone=described)


def keep_answers(name, kind, framework):
    """Choose an image of each shape whose answer is safe, and write both."""
    kept, predictor = {}, segmentare.load(HERE / name, framework=framework)
    for size in SHAPES.get(kind, SHAPE):
        for seed in range(1000, 1400):
            image = draw(kind, seed, size).image
            found = predictor.predict(image)
            if tells_enough(found) and is_safe(predictor, image, answers.arrays_of(found)):
                break
        else:
            raise RuntimeError(f"No image of {kind} in {size} has a safe answer of {name}.")
        file = f"{kind}-{seed}-{size[0]}x{size[1]}.png"
        write_png(HERE / "images" / file, image[..., 0] if image.shape[-1] == 1 else image)
        kept[file] = answers.arrays_of(found)
    answers.save(HERE / "expected" / f"{name}.npz", kept)


def tells_enough(found):
    """Tell whether an answer is of any use: several categories, objects, or a person's joints."""
    if hasattr(found, "keypoints"):
        silhouettes = found.segmentation
        shown = silhouettes is None or (silhouettes.instance > 0).mean() > 0.02
        return len(found) > 1 and (found.keypoints[..., 2] > 0).sum(axis=1).min() > 2 and shown
    shares = np.bincount(found.category.ravel()) / found.category.size
    several = found.instance is None or len(np.unique(found.instance)) > 3
    return (shares > 0.05).sum() > 1 and several


def is_safe(predictor, image, expected):
    """Tell whether noise in the maps leaves the answer as it is."""
    rng, reading = np.random.default_rng(0), predictor.read(image)
    for _ in range(10):
        noisy = {
            n: values + rng.uniform(-NOISE, NOISE, values.shape).astype("f4")
            for n, values in reading.maps.items()
        }
        found = answers.arrays_of(predictor.decode(replace(reading, maps=noisy)))
        if {n: a.shape for n, a in found.items()} != {n: a.shape for n, a in expected.items()}:
            return False
        for key, values in found.items():
            near = 0 if values.dtype.kind in "iu" else 0.02
            if not np.allclose(values, expected[key], rtol=near, atol=near):
                return False
    return True


def export(name, format_):
    """Export a model; quantized ones have answers of their own."""
    to, _, int8 = format_.partition("-")
    target, given = HERE / f"{name}.{format_}", {"int8": True, "most_lost": 1.0} if int8 else {}
    if name.startswith("semantic"):
        given["data"] = HERE / "data"
    segmentare.export(HERE / name, to, target, quiet=True, **given)
    if int8:
        kept = answers.load(HERE / "expected" / f"{name}.npz")
        predictor = segmentare.load(target, engine=to)
        for file in kept:
            image = segmentare.read_image(HERE / "images" / file)
            kept[file] = answers.arrays_of(predictor.predict(image))
        answers.save(HERE / "expected" / f"{target.name}.npz", kept)


def stop(root, framework):
    """Stop a training after 16 of 24 steps, and keep what it would have become."""
    request = PlanRequest(
        spec=PLAIN, width=WIDTH, size=(32, 32), batch=4, precision="float32", steps=24
    )
    options = Options(start="none", framework=framework)
    name, usual = f"stopped-{framework}", Batches.__getitem__
    whole = training.train(HERE / "data", root / f"whole-{name}", request, options, QUIET)

    def stopping(self, step):
        if step == 16:
            raise InterruptedError
        return usual(self, step)

    Batches.__getitem__ = stopping
    with contextlib.suppress(InterruptedError):
        training.train(HERE / "data", HERE / name, request, options, QUIET)
    Batches.__getitem__ = usual
    model, kept = segmentare.load(whole.folder, framework=framework), {}
    for path in sorted((HERE / "data" / "images").iterdir())[:2]:
        kept[path.name] = answers.arrays_of(model.predict(segmentare.read_image(path)))
    answers.save(HERE / "expected" / f"{name}.npz", kept)


def forget_origins():
    """Let exported programs forget where on this machine the code lay, and a large example."""
    import torch

    from segmentare.runtimes.writing import graph

    usual, graph._TRIED = torch.export.export, (2, 2, 2)  # noqa: SLF001

    def export_without(*words, **named):
        program = usual(*words, **named)
        for module in program.graph_module.modules():
            for node in getattr(getattr(module, "graph", None), "nodes", ()):
                node.meta.pop("stack_trace", None)
        return program

    torch.export.export = export_without


def main(framework):
    os.environ["SEGMENTARE_ENGINE"] = "torch"
    forget_origins()
    synthetic.write_dataset(HERE / "data", 12, size=(32, 32))
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        os.environ["SEGMENTARE_CACHE"] = str(Path(temporary, "cache"))
        for name in MODELS if framework == "torch" else KERAS:
            train(Path(temporary), name, framework)
        for name, format_ in [(n, f) for n, all_ in EXPORTS[framework].items() for f in all_]:
            export(name, format_)
        stop(Path(temporary), framework)


if __name__ == "__main__":
    main(sys.argv[1])
