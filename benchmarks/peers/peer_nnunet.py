"""nnU-Net, 2-D: its own plan, network, augmentation, loss, optimizer and prediction, by time.

Its trainer takes 1000 rounds of 250 steps whatever the data. Here the same steps are taken until
the wall time is over, and its polynomial rate falls with the time that is gone instead of with the
rounds; its looks at validation, which cost time and choose nothing, are left out. Planning and
preparing the images counts as time. Its last weights predict, with its mirrors.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import torch
from job import Clock, Job, mean_dice, read_mask, run_program, write_result
from PIL import Image
from textbook import begin, facts_of

NAME = "Dataset001_peer"
FOLDERS = ("raw", "preprocessed", "results")


def write_dataset(job: Job, root: Path) -> None:
    """Write training and validation images in nnU-Net's layout, which is Medical Decathlon's."""
    for folder in FOLDERS:
        os.environ[f"nnUNet_{folder}"] = str(root / folder)  # read when nnU-Net is imported
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir(parents=True)
    home = root / "raw" / NAME
    for folder in ("imagesTr", "labelsTr"):
        (home / folder).mkdir(parents=True)
    pairs = job.parts["train"] + job.parts["val"]
    for image, mask in pairs:
        stem = Path(image).stem
        with Image.open(image) as file:
            file.convert("RGB").save(home / "imagesTr" / f"{stem}_0000.png")
        Image.fromarray(read_mask(mask)).save(home / "labelsTr" / f"{stem}.png")
    facts = {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": {"background": 0, "object": 1},
        "numTraining": len(pairs),
        "file_ending": ".png",
    }
    (home / "dataset.json").write_text(json.dumps(facts), encoding="utf-8")


def prepare(job: Job, root: Path) -> tuple[dict, dict]:
    """Let nnU-Net plan and prepare; returns its plans and what it knows of the dataset."""
    program = Path(sys.executable).with_name("nnUNetv2_plan_and_preprocess")
    workers = str(job.words.threads)
    words = [program, "-d", "1", "-c", "2d", "-np", workers, "-npfp", workers]
    run_program(words)
    home = root / "preprocessed" / NAME
    split = {part: [Path(image).stem for image, _ in job.parts[part]] for part in ("train", "val")}
    (home / "splits_final.json").write_text(json.dumps([split]), encoding="utf-8")
    plans = json.loads((home / "nnUNetPlans.json").read_text(encoding="utf-8"))
    return plans, json.loads((home / "dataset.json").read_text(encoding="utf-8"))


def train_for(seconds: float, clock: Clock, plans: dict, dataset: dict):
    """Take nnU-Net's steps until the time is over; returns trainer, steps and their seconds."""
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    # Workers would take the cores from the steps. Not before: its planner wants a worker.
    os.environ["nnUNet_n_proc_DA"] = "0"  # noqa: SIM112  nnU-Net spells it so
    plans["continue_training"] = False
    trainer = nnUNetTrainer(plans, "2d", 0, dataset, torch.device("cpu"))
    trainer.initialize()
    trainer.on_train_start()
    trainer.network.train()
    steps, began = 0, time.perf_counter()
    while (share := clock.seconds() / seconds) < 1:
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * (1 - share) ** 0.9
        trainer.train_step(next(trainer.dataloader_train))
        steps += 1
    return trainer, steps, time.perf_counter() - began


def predict(trainer, dataset: dict, pairs: list[tuple[str, str]], out: Path) -> None:
    """Predict images into PNG masks of 0 and 1."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    predictor = nnUNetPredictor(
        perform_everything_on_device=False, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        [trainer.network.state_dict()],
        dataset,
        type(trainer).__name__,
        trainer.inference_allowed_mirroring_axes,
    )
    out.mkdir(parents=True, exist_ok=True)
    found = predictor.predict_from_files_sequential([[image] for image, _ in pairs], None)
    for mask, (image, _) in zip(found, pairs, strict=True):
        Image.fromarray(mask.reshape(mask.shape[-2:]).astype("uint8") * 255).save(
            out / f"{Path(image).stem}.png"
        )


def main() -> None:
    job = begin()
    root, seconds = job.out / "nnunet", job.at[-1]
    clock = Clock()
    write_dataset(job, root)
    plans, dataset = prepare(job, root)
    trainer, steps, stepping = train_for(seconds, clock, plans, dataset)
    spent = clock.seconds()
    seen = steps * trainer.batch_size
    scores = {}
    for part, folder in (("val", "val"), ("test", "at")):
        out = job.out / f"{folder}-{seconds:g}"
        predict(trainer, dataset, job.parts[part], out)
        masks = [read_mask(str(out / f"{Path(i).stem}.png")) for i, _ in job.parts[part]]
        scores[part] = mean_dice(masks, job.parts[part])
    point = {"seconds": round(spent, 2), "seen": seen, "val_dice": scores["val"]}
    facts = facts_of("nnunetv2", trainer.network, seen, stepping) | point
    sizes = {"batch": trainer.batch_size, "size": trainer.configuration_manager.patch_size}
    write_result(job.out, job.out / f"at-{seconds:g}.json", facts | sizes, [point])


if __name__ == "__main__":
    main()
