"""Two processes with half of each batch against one with the whole, and what ends them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import TRAIN
from torch import nn

from segmentare.checkpoint import load_model
from segmentare.training.joint import JointBatchNorm, join_norms
from segmentare.training.neighbors import Messages
from segmentare.training.processes import Processes

HERE = Path(__file__).resolve().parent
TOGETHER = HERE / "two_processes.py"
DEADLINE = 600

pytest.importorskip("lightning_fabric", reason="the package lightning-fabric is not installed")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("this PyTorch has no gloo, which processes talk through", allow_module_level=True)


def environment(**more):
    path = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1", **more}


def torchrun(*words):
    """Start two processes as a cluster would, and return their common output."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(  # noqa: S603  our own words
        [*command, *map(str, words)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What one process and two with halves of the same batches came to, by case."""
    folder = tmp_path_factory.mktemp("both")
    code, _, errors = torchrun(TOGETHER, folder)
    assert code == 0, errors
    import two_processes

    cases = {}
    for name in two_processes.CASES:
        two_processes.train(name, Processes(), folder / f"{name}_one")
        arrays = (dict(np.load(folder / f"{name}_{count}" / "end.npz")) for count in ("one", "two"))
        cases[name] = tuple(arrays)
    return cases


@pytest.mark.slow
@pytest.mark.parametrize("case", ["binary", "classes", "vectors", "unknown"])
def test_weights_equal_those_of_one_process_with_the_whole_batch(both, case):
    one, two = both[case]
    assert one.keys() == two.keys()
    for name, expected in one.items():
        apart = np.abs(two[name] - expected)
        if name.startswith("gradient."):
            assert apart.max() < 1e-5 * max(1.0, abs(expected).max()), name
        else:  # a weight whose gradient is next to nothing moves by how that is rounded
            assert apart.mean() < 1e-6, name
            assert apart.max() < 1e-4, name
    moved = [one[n] for n in one if n.startswith("moved.") and n.endswith(".weight")]
    assert max(moved) > 3e-4  # a network that learned nothing would be equal, too


def test_a_norm_that_joins_keeps_its_names_and_weights():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()))
    before = {name: t.data_ptr() for name, t in network.state_dict().items()}
    join_norms(network, Messages())
    assert isinstance(network[1][0], JointBatchNorm)
    assert {name: t.data_ptr() for name, t in network.state_dict().items()} == before
    network.eval()
    plain = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU())).eval()
    plain.load_state_dict(network.state_dict())
    image = torch.randn(2, 3, 5, 5)
    assert torch.equal(network(image), plain(image))


def test_alone_nothing_is_shared():
    from segmentare.training.torch_processes import together

    with together(None, "none") as processes:
        assert processes.count == 1
        assert processes.first
        assert processes.decide(lambda: 7) == 7
        assert processes.mean(0.25) == 0.25
        assert processes.any(flag=True)
        processes.leave()
    assert not torch.distributed.is_initialized()


def test_devices_that_do_not_exist_are_a_sentence(drawn, refused, tmp_path):
    text = refused("train", drawn, "--out", tmp_path / "run", *TRAIN, "--devices", 0)
    assert text == "--devices must be at least 1; got 0."


@pytest.mark.slow
def test_two_devices_train_report_and_say_so(drawn, run_cli, tmp_path):
    run = tmp_path / "run"
    code, output, errors = run_cli("train", drawn, "--out", run, *TRAIN, "--devices", 2, "--json")
    assert code == 0, errors
    assert json.loads(output)["processes"] == 2
    assert errors == ""
    steps = [line.split(",")[0] for line in (run / "log.csv").read_text().splitlines()]
    assert steps == ["step", "1", "2", "3", "4"]
    assert load_model(run)
    assert (run / "report.html").is_file()
    assert not torch.distributed.is_initialized()
    assert "TORCHELASTIC_RUN_ID" not in os.environ


@pytest.mark.slow
def test_a_batch_that_cannot_be_shared_out_is_a_sentence(drawn, refused, tmp_path):
    words = [*TRAIN, "--batch", 3, "--devices", 2]
    text = refused("train", drawn, "--out", tmp_path / "run", *words)
    assert text.startswith("The images of a batch must be shared out evenly over 2 processes")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_folder_that_is_taken_is_said_once(drawn, tiny_run, refused):
    words = ["--out", tiny_run, *TRAIN, "--devices", 2]
    assert "holds a run already" in refused("train", drawn, *words)
