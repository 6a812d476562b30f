"""StarDist: its U-Net with 32 rays on a grid of 2, random weights, its own training function.

Batches of 8 windows of 128 px, Adam at 3e-4 that falls where validation stands still, mirrors and
right angles as augmentation, as its examples have it; rounds are short, and the training ends after
the round in which the wall time is over. Its thresholds are then tuned on the validation part, off
the clock.
"""

from __future__ import annotations

import time
from importlib.metadata import version

import numpy as np
import tensorflow as tf
from job import Clock, Job, read_ids, read_job, read_rgb, write_ids, write_result
from stardist.models import Config2D, StarDist2D

WINDOW, BATCH, STEPS = 128, 8, 10


def augment(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn and mirror by chance."""
    turns, mirrored = np.random.randint(4), np.random.rand() < 0.5  # noqa: NPY002
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    return (image[:, ::-1], labels[:, ::-1]) if mirrored else (image, labels)


def read(job: Job, part: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return images, stretched from their 1st to their 99.8th percentile, and maps of ids."""
    pairs = job.parts[part]
    return [stretched(image) for image, _ in pairs], [read_ids(mask) for _, mask in pairs]


def stretched(path: str) -> np.ndarray:
    image = read_rgb(path).astype(np.float32)
    low, high = np.percentile(image, (1, 99.8))
    return (image - low) / max(high - low, 1e-6)


def train_for(seconds: float, job: Job, clock: Clock) -> tuple[StarDist2D, int, float]:
    """Train until the time is over; returns the model, images seen, and the seconds of rounds."""
    images, labels = read(job, "train")
    with clock.pause():
        others = read(job, "val")
    config = Config2D(
        axes="YXC",
        n_channel_in=3,
        grid=(2, 2),
        train_patch_size=(WINDOW, WINDOW),
        train_batch_size=BATCH,
        train_tensorboard=False,
    )
    model = StarDist2D(config, name="model", basedir=str(job.out))
    model.prepare_for_training()
    rounds = 0

    class Until(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            nonlocal rounds
            del logs
            rounds = epoch + 1
            self.model.stop_training = clock.seconds() >= seconds

    model.callbacks.append(Until())
    began = time.perf_counter()
    model.train(
        images,
        labels,
        validation_data=others,
        augmenter=augment,
        epochs=100_000,
        steps_per_epoch=STEPS,
    )
    return model, rounds * STEPS * BATCH, time.perf_counter() - began


def main() -> None:
    job = read_job()
    tf.config.threading.set_intra_op_parallelism_threads(job.words.threads)
    tf.random.set_seed(job.seed)
    clock, seconds = Clock(), job.at[-1]
    model, seen, stepping = train_for(seconds, job, clock)
    spent = clock.seconds()
    model.optimize_thresholds(*read(job, "val"))
    for image, _ in job.parts["test"]:
        found, _ = model.predict_instances(stretched(image))
        write_ids(found, image, job.out / f"at-{seconds:g}")
    facts = {
        "package": "stardist",
        "version": version("stardist"),
        "torch": None,
        "parameters": int(model.keras_model.count_params()),
        "start": "random",
        "images_per_second": round(seen / stepping, 2),
        "seconds": round(spent, 2),
        "seen": seen,
    }
    write_result(job.out, job.out / f"at-{seconds:g}.json", facts, [])


if __name__ == "__main__":
    main()
