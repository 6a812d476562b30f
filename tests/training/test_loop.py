import json
import time
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tiny_training import PLAN, TASK, network_of, same, training, weights

from segmentare.errors import ModelError
from segmentare.models.architecture import NetworkSpec
from segmentare.training.batches import Batches
from segmentare.training.loop import BEST
from segmentare.training.state import STATE, load_state, save_state


class KilledError(BaseException):
    """What ends a process cannot be caught by `except Exception`."""


@dataclass(frozen=True)
class Watched:
    """Batches that do something before a certain one is handed out."""

    batches: Batches
    number: int
    act: object

    @property
    def task(self):
        return self.batches.task

    def __getitem__(self, step):
        if step == self.number:
            self.act()
        return self.batches[step]


def watch(run, number, act):
    run.batches = Watched(run.batches, number, act)
    return run


@dataclass(frozen=True)
class Always:
    """The same batch again and again."""

    batch: object
    task = TASK

    def __getitem__(self, step):
        return self.batch


def one_by_one(scores):
    """Return a validation that gives these scores one after the other."""
    left = iter(scores)
    return lambda _: next(left)


def die():
    raise KilledError


def by_chance(maps_of):
    """Score that follows from the weights alone and goes up and down, so any may be the best."""
    maps = maps_of(np.ones((1, 32, 32, 3), np.float32))
    return float(np.sin(1e5 * maps["object"].astype(np.float64).sum()))


def test_it_learns(tmp_path):
    run = training(tmp_path, steps=60, learning_rate=1e-2)
    losses = [event.loss for event in run.run()]
    assert losses[-1] < 0.6 * losses[0]


def test_every_step_is_seen_and_validation_comes_as_often_as_planned(tmp_path):
    run = training(tmp_path, one_by_one([0.1, 0.3, 0.2, 0.25]), steps=40)
    events = list(run.run())
    assert [event.step for event in events] == [10, 20, 30, 40]
    assert [event.score for event in events] == [0.1, 0.3, 0.2, 0.25]
    assert [event.best for event in events] == [True, True, False, False]
    assert run.best_score == 0.3
    assert [event.learning_rate for event in events] == [
        pytest.approx(run.plan.rate((event.step - 1) / 40)) for event in events
    ]


def test_fewer_steps_than_validations(tmp_path):
    events = list(training(tmp_path, lambda _: 0.5, steps=3, validations=10).run())
    assert [event.step for event in events] == [1, 2, 3]


def test_the_best_weights_are_those_of_the_best_score(tmp_path):
    averages = []

    def validate(_):
        averages.append(run.engine.averaged())
        return [0.2, 0.9, 0.4, 0.9][len(averages) - 1]

    run = training(tmp_path, validate)
    list(run.run())
    assert same(run.best, averages[1])
    assert not same(run.best, run.engine.arrays())


def test_without_validation_the_last_average_is_the_best(tmp_path):
    run = training(tmp_path)
    events = list(run.run())
    assert events[-1].score is None
    assert events[-1].best
    assert run.best.keys() == run.engine.arrays().keys()


def test_golden_average_after_one_step(tmp_path):
    run = training(tmp_path, steps=1, learning_rate=0.1, warm_up=0.0)
    before = run.engine.arrays()
    list(run.run())
    after = run.engine.arrays()
    for name, average in run.best.items():
        if not name.endswith("num_batches_tracked"):
            golden = before[name] + 9 / 11 * (after[name] - before[name])
            assert np.allclose(average, golden, atol=1e-6), name
    assert not same(run.best, after)


@pytest.mark.parametrize("number", [4, 6, 7, 11])
def test_a_killed_run_ends_as_the_unbroken_one(tmp_path, number):
    unbroken = training(tmp_path / "a", by_chance)
    whole = list(unbroken.run())
    killed = watch(training(tmp_path / "b", by_chance), number, die)
    with pytest.raises(KilledError):
        list(killed.run())
    resumed = training(tmp_path / "b", by_chance)
    rest = list(resumed.run(resume=True))
    assert same(resumed.engine.arrays(), unbroken.engine.arrays())
    assert same(resumed.best, unbroken.best)
    assert resumed.best_score == unbroken.best_score
    assert [(e.step, e.loss, e.score) for e in rest] == [
        (e.step, e.loss, e.score) for e in whole[-len(rest) :]
    ]


@pytest.mark.parametrize("file", [STATE, BEST])
def test_killed_while_saving(tmp_path, monkeypatch, file):
    """Between two files of one save the older pair must still go on to the same end."""
    scores = {3: 0.1, 6: 0.9, 9: 0.2, 12: 0.3}

    def run_in(folder, **how):
        run = training(tmp_path / folder)
        run.validate = lambda _: scores[run.step]
        list(run.run(**how))
        return run

    unbroken = run_in("a")
    saves = []

    def write(path, data):
        saves.append(path.name)
        if path.name == file and saves.count(file) == 2:
            die()
        path.write_bytes(data)

    monkeypatch.setattr("segmentare.training.loop.write_bytes", write)
    monkeypatch.setattr("segmentare.training.state.write_bytes", write)
    with pytest.raises(KilledError):
        run_in("b")
    monkeypatch.undo()
    resumed = run_in("b", resume=True)
    assert same(resumed.engine.arrays(), unbroken.engine.arrays())
    assert same(resumed.best, unbroken.best)


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_best_weights_that_cannot_be_read_are_a_sentence(tmp_path, damage):
    with pytest.raises(KilledError):
        list(watch(training(tmp_path), 7, die).run())
    path = tmp_path / BEST
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        path.unlink()
    with pytest.raises(ModelError, match=r"best\.safetensors; it cannot be read"):
        list(training(tmp_path).run(resume=True))


def test_resuming_without_a_state_is_a_sentence(tmp_path):
    with pytest.raises(ModelError, match="To resume"):
        list(training(tmp_path).run(resume=True))


@pytest.mark.parametrize("number", [0, 2, 5, 11])
def test_a_stop_ends_after_the_step_at_hand_with_usable_weights(tmp_path, number):
    run = training(tmp_path, by_chance)
    watch(run, number, lambda: setattr(run, "stop", True))
    events = list(run.run())
    assert events[-1].step == number + 1
    assert events[-1].score is not None
    assert run.best.keys() == run.engine.arrays().keys()


def test_a_stop_before_the_first_step_leaves_the_starting_weights(tmp_path):
    run = training(tmp_path, by_chance)
    run.stop = True
    assert list(run.run()) == []
    assert same(run.best, weights(network_of(PLAN)))


def test_a_stop_between_two_steps_leaves_usable_weights(tmp_path):
    run = training(tmp_path, by_chance, steps=100, validations=2)
    for _ in run.run():
        run.stop = True  # while a line of the log is written
    assert run.best.keys() == run.engine.arrays().keys()


def test_a_loss_that_is_no_number_stops_with_a_sentence(tmp_path):
    run = training(tmp_path, steps=30, validations=1)

    def spoil():
        with torch.no_grad():
            next(run.engine.network.parameters()).fill_(float("nan"))

    watch(run, 3, spoil)
    with pytest.raises(ModelError, match=r"loss must stay .* at step 10 it is nan.*`learning"):
        list(run.run())


def test_diverged_weights_are_not_kept_as_the_best(tmp_path):
    run = training(tmp_path, steps=1, learning_rate=float("inf"))
    with pytest.raises(ModelError, match="weights must stay numbers; at step 1"):
        list(run.run())
    assert run.best == {}
    assert not (tmp_path / BEST).exists()


def test_an_encoder_with_starting_weights_learns_at_its_own_rate(tmp_path):
    frozen = {"encoder_rate": 0.0, "weight_decay": 0.0, "start": "default"}
    run = training(tmp_path, steps=3, **frozen)
    before = {n: p.detach().clone() for n, p in run.engine.network.named_parameters()}
    list(run.run())
    for name, parameter in run.engine.network.named_parameters():
        assert torch.equal(parameter, before[name]) == name.startswith("encoder."), name


def test_what_an_encoder_knows_is_kept_as_the_plan_says(tmp_path):
    spec = NetworkSpec(width=0.25, detail=8)
    rules = {"frozen_levels": 2, "fixed_statistics": True, "encoder_rate": 0.1}
    for start in ("lite0", ""):
        run = training(tmp_path / start, steps=3, spec=spec, start=start, **rules)
        before = {n: t.clone() for n, t in run.engine.network.state_dict().items()}
        list(run.run())
        kept = {n for n, t in run.engine.network.state_dict().items() if torch.equal(t, before[n])}
        levels = ("encoder.stem.", "encoder.levels.0.", "encoder.levels.1.")
        for name in before:
            if name.endswith("project.1.bias"):  # the BatchNorm behind takes it away again
                continue
            started = bool(start) and name.startswith(("encoder.stem.", "encoder.levels."))
            statistic = name.endswith(("_mean", "_var", "_tracked"))
            expected = started and (statistic or name.startswith(levels))
            assert (name in kept) == expected, (start, name)


def test_norms_and_biases_do_not_decay(tmp_path):
    """With targets of no opinion the gradient is zero, so that only the decay is left."""
    run = training(tmp_path, steps=2, weight_decay=10.0, learning_rate=1e-2)
    images, targets = run.batches[0]
    targets["object"][:] = np.nan
    run.batches = Always((images, targets))
    before = {n: p.detach().clone() for n, p in run.engine.network.named_parameters()}
    list(run.run())
    for name, parameter in run.engine.network.named_parameters():
        assert (parameter.abs().sum() < before[name].abs().sum()) == (parameter.ndim > 1), name


class Clock:
    """Seconds that pass only when a batch is made."""

    def __init__(self, usual, pause):
        self.second, self.usual, self.pause = 0.0, usual, pause
        self.task = TASK

    def now(self):
        return self.second

    def __getitem__(self, step):
        self.second += self.pause(self.second)
        return self.usual[step]


def on_a_clock(tmp_path, pause, **changes):
    run = training(tmp_path, lambda _: 0.5, validations=10, **changes)
    run.batches = Clock(run.batches, pause)
    run.now = run.batches.now
    return run


@pytest.mark.parametrize(
    ("steps", "pause"),
    [
        (400, lambda _: 0.5),  # slower than planned from the start
        (20, lambda _: 0.1),  # faster
        (60, lambda second: 0.1 if second < 10 else 1.0),  # ten times slower in the middle
        (20, lambda second: 1.0 if second < 10 else 0.1),  # ten times faster
    ],
)
def test_a_budget_is_kept_whatever_the_machine_does(tmp_path, steps, pause):
    run = on_a_clock(tmp_path, pause, steps=steps, budget=20.0)
    events = list(run.run())
    assert 20 * 0.9 <= events[-1].seconds <= 20
    assert events[-1].step == events[-1].steps == run.step
    assert events[-1].learning_rate < 0.05 * run.plan.learning_rate
    judged = [event.step for event in events if event.score is not None]
    assert 5 <= len(judged) <= 11
    assert judged[-1] == run.step


def test_a_killed_run_with_a_budget_goes_on_with_its_schedule(tmp_path):
    killed = on_a_clock(tmp_path, lambda _: 2.0, steps=60, budget=300.0)
    watch(killed, 80, die)
    with pytest.raises(KilledError):
        list(killed.run())
    resumed = on_a_clock(tmp_path, lambda _: 2.0, steps=60, budget=300.0)
    events = list(resumed.run(resume=True))
    assert 50 < events[0].step < 80  # saved once a minute
    assert events[0].learning_rate == pytest.approx(
        resumed.plan.rate(2 * (events[0].step - 1) / 291), rel=0.02
    )
    assert 270 < events[-1].seconds <= 300
    assert events[-1].learning_rate < 0.05 * resumed.plan.learning_rate


@pytest.mark.parametrize("stop", [False, True])
def test_the_end_of_a_budget_can_be_resumed(tmp_path, stop):
    """Whatever fails after the last step, tuning for example, can be done once more."""
    run = training(tmp_path, by_chance, budget=0.5, steps=9)
    for _ in run.run():
        run.stop = stop
    resumed = training(tmp_path, by_chance, budget=0.5, steps=9)
    rest = list(resumed.run(resume=True))
    if stop:
        assert resumed.step > run.step
    else:
        assert rest == []
        assert resumed.step == run.step
        assert same(resumed.best, run.best)
        assert resumed.best_score == run.best_score


def test_a_finished_budget_stays_finished_on_a_faster_clock(tmp_path):
    """After a resume no step has been timed, so the clock may find room for another one."""
    run = training(tmp_path, by_chance, budget=0.5, steps=9)
    list(run.run())
    arrays, facts = load_state(tmp_path)
    assert facts["done"]
    save_state(tmp_path, arrays, {**facts, "seconds": 0.2})  # as if much time were left
    resumed = training(tmp_path, by_chance, budget=0.5, steps=9)
    assert list(resumed.run(resume=True)) == []
    assert same(resumed.best, run.best)


def test_facts_of_the_state_are_json(tmp_path):
    with pytest.raises(KilledError):
        list(watch(training(tmp_path, by_chance), 7, die).run())
    data = (tmp_path / STATE).read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    facts = json.loads(header["__metadata__"]["facts"])
    assert facts["step"] == 6
    assert facts["steps"] == 12
    assert time.perf_counter() > facts["seconds"] > 0
