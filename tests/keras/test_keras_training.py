"""Training in TensorFlow: through the same loop, to the same end."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from command_line import TRAIN
from tiny_training import PLAN, TASK, same, training

pytest.importorskip("tensorflow", reason="needs segmentare[tensorflow]")

from segmentare.errors import ModelError
from segmentare.keras.backend import KerasEngine
from segmentare.models.checkpoint import load_description, load_model
from segmentare.training.planning import time_plan

WITHOUT_TORCH = """
import sys
class Hiding:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        hidden = name.split(".")[0] in {"torch", "lightning_fabric", "transformers"}
        return None if hidden else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = map(Hiding, sys.meta_path)
from segmentare.cli import main
sys.exit(main(sys.argv[1:]))
"""


class KilledError(BaseException):
    """What ends a process cannot be caught by `except Exception`."""


def engine_of(plan, task=TASK):
    return KerasEngine(plan.spec, task.heads, plan.seed)


def run_in(folder, validate=None, **changes):
    return training(folder, validate, make=engine_of, framework="tensorflow", **changes)


def by_chance(maps_of):
    """Score that follows from the weights alone and goes up and down, so any may be the best."""
    maps = maps_of(np.ones((1, 32, 32, 3), np.float32))
    return float(np.sin(1e5 * maps["object"].astype(np.float64).sum()))


def test_it_learns_and_the_best_average_is_kept(tmp_path):
    run = run_in(tmp_path, lambda _: scores.pop(0), steps=60, learning_rate=1e-2)
    scores, averages, losses = [0.2, 0.9, 0.4, 0.9], [], []
    for event in run.run():
        losses.append(event.loss)
        if event.score is not None:
            averages.append(run.engine.averaged())
    assert losses[-1] < 0.6 * losses[0]
    assert len(averages) == 4
    assert same(run.best, averages[1])
    assert run.engine.arrays().keys() == run.best.keys()
    assert not same(run.best, run.engine.arrays())


def test_a_killed_run_ends_as_the_unbroken_one(tmp_path):
    unbroken = run_in(tmp_path / "a", by_chance)
    whole = list(unbroken.run())
    killed = run_in(tmp_path / "b", by_chance)
    usual = killed.engine.load

    def load(batch):
        if killed.step == 7:
            raise KilledError
        return usual(batch)

    killed.engine.load = load
    with pytest.raises(KilledError):
        list(killed.run())
    resumed = run_in(tmp_path / "b", by_chance)
    rest = list(resumed.run(resume=True))
    assert [event.step for event in rest] == [9, 10, 12]
    assert [event.loss for event in rest] == [e.loss for e in whole[-3:]]
    assert same(resumed.engine.state(), unbroken.engine.state())
    assert same(resumed.best, unbroken.best)
    wider = run_in(tmp_path / "b", spec=replace(PLAN.spec, width=0.25))
    with pytest.raises(ModelError, match=r"does not fit this run .* Train anew"):
        list(wider.run(resume=True))


def test_golden_average_after_one_step_and_no_decay_of_norms(tmp_path):
    run = run_in(tmp_path, steps=1, learning_rate=1e-2, warm_up=0.0, weight_decay=10.0)
    usual = run.engine.load

    def load(batch):  # no opinion, no gradient: only the decay is left
        nothing = {name: np.full_like(target, np.nan) for name, target in batch[1].items()}
        return usual((batch[0], nothing))

    run.engine.load = load
    run.engine.begin(run.plan)
    before = run.engine.arrays()
    list(run.run())
    after = run.engine.arrays()
    for name, average in run.best.items():
        if name.endswith(("num_batches_tracked", "running_mean", "running_var")):
            continue
        smaller = 1 - 1e-2 * 10 if average.ndim == 4 else 1
        np.testing.assert_allclose(after[name], before[name] * smaller, rtol=1e-5, err_msg=name)
        golden = before[name] + 9 / 11 * (after[name] - before[name])
        np.testing.assert_allclose(average, golden, atol=1e-6, err_msg=name)


def test_an_encoder_with_starting_weights_learns_at_its_own_rate(tmp_path):
    run = run_in(tmp_path, steps=2, encoder_rate=0.0, weight_decay=0.1, start="default")
    run.engine.begin(run.plan)
    before = run.engine.arrays()
    list(run.run())
    after = run.engine.arrays()
    for name in before:
        if not name.endswith(("num_batches_tracked", "running_mean", "running_var")):
            kept = np.array_equal(before[name], after[name])
            assert kept == name.startswith("encoder."), name


def test_timing_changes_neither_the_weights_nor_the_end(tmp_path):
    timed, plain = run_in(tmp_path / "a", steps=3), run_in(tmp_path / "b", steps=3)
    plan = time_plan(replace(PLAN, budget=600.0), timed.batches, timed.engine, 0.0)
    assert plan.steps >= 10
    assert plan.precision in {"float32", "bfloat16"}
    list(timed.run())
    list(plain.run())
    assert same(timed.best, plain.best)


def test_bfloat16_computes_nearly_the_same(tmp_path):
    losses = {}
    for precision in ("float32", "bfloat16"):
        run = run_in(tmp_path / precision, lambda _: 0.5, precision=precision)
        losses[precision] = [event.loss for event in run.run()]
        assert all(array.dtype != np.float16 for array in run.best.values())
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.05)


def test_a_loss_that_is_no_number_stops_with_a_sentence(tmp_path):
    run = run_in(tmp_path, steps=20, learning_rate=float("inf"))
    with pytest.raises(ModelError, match=r"must stay .*`learning_rate`"):
        list(run.run())


@pytest.mark.slow
def test_from_the_command_line_without_pytorch(drawn, tmp_path):
    """Train, start from what was trained, be refused in the other framework."""

    def call(*words):
        done = subprocess.run(  # noqa: S603  our own words
            [sys.executable, "-c", WITHOUT_TORCH, *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    run = tmp_path / "run"
    code, errors = call("train", drawn, "--out", run, *TRAIN, "--framework", "tensorflow")
    assert code == 0, errors
    description, arrays = load_model(run)
    assert description["training"]["plan"]["framework"] == "tensorflow"
    assert "decoder.stages.0.0.0.weight" in arrays
    assert (run / "report.html").is_file()
    words = [word for word in TRAIN if word not in {"--start", "none"}]
    again = [*words, "--start", run, "--framework", "auto"]
    code, errors = call("train", drawn, "--out", tmp_path / "again", *again)
    assert code == 0, errors
    reasons = load_description(tmp_path / "again")["training"]["plan"]["reasons"]
    assert any(line.startswith("Start: ") and "'run'" in line for line in reasons)
    code, errors = call("train", drawn, "--out", tmp_path / "no", *TRAIN, "--framework", "torch")
    assert (code, errors.count("\n")) == (2, 1)
    assert "pip install 'segmentare[torch]'" in errors
