"""Processes that train one network together, as `torchrun` starts them."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from command_line import TRAIN
from tiny_training import PLAN, TASK, sample

from segmentare.commands.backends import processes_for
from segmentare.models.checkpoint import load_model
from segmentare.training.batches import Batches
from segmentare.training.processes import Processes

torch = pytest.importorskip("torch", reason="the package torch is not installed")
pytest.importorskip("lightning_fabric", reason="the package lightning-fabric is not installed")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("this PyTorch has no gloo, which processes talk through", allow_module_level=True)


MORE = ("--steps", 12, "--batch", 4, "--size", 64)  # BatchNorm of two images, each 2 x 2 pixels


def torchrun(*words):
    """Start two processes as a cluster would, and return their common output."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(  # noqa: S603  our own words
        [*command, "-m", "--", "segmentare", *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_two_processes_of_torchrun_write_one_model(drawn, tmp_path):
    run = tmp_path / "run"
    code, output, errors = torchrun("train", drawn, "--out", run, *TRAIN, *MORE, "--json")
    assert code == 0, errors
    assert json.loads(output)["processes"] == 2  # one result, so the other process is silent
    steps = [line.split(",")[0] for line in (run / "log.csv").read_text().splitlines()]
    assert steps[0] == "step"
    assert steps[1:] == sorted({*steps[1:]}, key=int)
    assert steps[-1] == "12"
    assert load_model(run)
    assert (run / "report.html").is_file()
    assert not (run / "training_state.safetensors").exists()


def test_each_process_gets_its_share_of_the_very_batch_of_one():
    batches = Batches(
        [sample(seed) for seed in range(5)],
        TASK,
        PLAN.preprocessing,
        PLAN.augmentation,
        batch=4,
        stride=1,
        seed=3,
    )
    images, targets = batches[3]
    shares = [Processes(rank, 2).part(batches, 3) for rank in range(2)]
    assert np.array_equal(np.concatenate([share[0] for share in shares]), images)
    for name, target in targets.items():
        assert np.array_equal(
            np.concatenate([share[1][name] for share in shares]), target, equal_nan=True
        )


def test_a_batch_is_enlarged_unless_it_was_chosen():
    several, plan = Processes(count=3), replace(PLAN, steps=0, budget=9.0)
    assert several.fit(plan, None).batch == 3
    assert several.fit(plan, None).reasons[-1] == "Batch: 3 instead of 2 images, for 3 processes."
    with pytest.raises(ValueError, match="must be shared out evenly over 3 processes; the batch"):
        several.fit(plan, 2)
    assert Processes().fit(plan, 2) is plan


def test_alone_nothing_is_shared():
    with processes_for(None, "torch") as processes:
        assert processes.count == 1
        assert processes.first
        assert processes.share(7) == 7
        assert processes.mean(0.25) == 0.25
        assert processes.any(flag=True)
        processes.leave()
    assert not torch.distributed.is_initialized()


def test_devices_that_do_not_exist_are_a_sentence(drawn, refused, tmp_path):
    words = ["train", drawn, "--out", tmp_path / "run", *TRAIN, "--devices"]
    assert "devices must be at least 1; got 0." in refused(*words, 0)
    if not torch.cuda.is_available():
        text = refused(*words, 2)
        assert "devices must be at most the number of GPUs of this machine, 0; got 2." in text
        assert not (tmp_path / "run").exists()


def test_tensorflow_trains_with_one_process():
    with (
        pytest.raises(ValueError, match="Only PyTorch trains with several processes"),
        processes_for(2, "tensorflow"),
    ):
        pass
