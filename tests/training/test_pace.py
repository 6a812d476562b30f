"""Trainings on a clock of their own: no test here waits for anything."""

from dataclasses import dataclass, replace

import pytest
from tiny_training import PLAN

from segmentare.training.pace import BySteps, pace_of
from segmentare.training.plan import averaging


@dataclass
class Machine:
    """A clock that steps and validations move forward."""

    second: float = 0.0

    def now(self):
        return self.second


def drive(step_seconds, budget=60.0, begin=5.0, validation=0.5, after=1.0, planned=200):
    """Run a training whose step N takes `step_seconds(second, N)`.

    Returns the machine, the rates of all steps, the steps of the looks and of the validations.
    """
    machine = Machine(begin)
    plan = replace(PLAN, budget=budget, steps=planned, validations=10)
    known = {"after": 0.0}
    pace = pace_of(plan, machine.now, {}, lambda: known["after"])
    rates, looks, judged, step = [], [], [], 0
    at = pace.stand(0)
    while not at.over:
        rates.append(plan.rate(at.progress) / plan.learning_rate)
        machine.second += step_seconds(machine.second, step)
        step += 1
        at = pace.stand(step)
        looks += [step] * at.look
        if at.validate:
            judged.append(step)
            machine.second += validation
            pace.validated(validation)
            known["after"] = after
    assert at.steps == step
    return machine, rates, looks, judged


CASES = {
    "as planned": lambda _, __: 0.25,
    "slow from the start": lambda _, __: 2.5,
    "fast from the start": lambda _, __: 0.01,
    "ten times slower in the middle": lambda second, _: 0.25 if second < 30 else 2.5,
    "ten times slower at the end": lambda second, _: 0.25 if second < 50 else 2.5,
    "ten times faster in the middle": lambda second, _: 1.0 if second < 30 else 0.1,
    "unsteady": lambda _, step: 2.0 if step % 3 == 0 else 0.1,
    "stalls for a while": lambda _, step: 20.0 if step == 60 else 0.25,
    "very few steps": lambda _, __: 9.0,
}


@pytest.mark.parametrize("case", CASES)
def test_the_rate_comes_down_and_the_budget_is_kept(case):
    machine, rates, looks, judged = drive(CASES[case])
    assert machine.second + 1.0 <= 60.0 + 9.0 * (case == "very few steps")
    assert machine.second > 0.8 * 60
    highest = max(range(len(rates)), key=rates.__getitem__)
    assert all(a >= b for a, b in zip(rates[highest:], rates[highest + 1 :], strict=False))
    lowest = 0.2 if case == "very few steps" else 0.05
    assert rates[-1] < lowest
    assert rates[highest] > 0.9
    assert judged[-1] == len(rates)
    assert len(judged) <= 11
    assert len(looks) <= 120


def test_the_rate_follows_the_share_of_the_time_that_is_gone():
    _, rates, _, _ = drive(CASES["ten times slower in the middle"], begin=0.0, validation=0.0)
    # 120 steps in 30 s of about 58: half of the schedule, so half of the cosine is gone.
    assert rates[120] == pytest.approx(0.5, abs=0.06)
    assert len(rates) == pytest.approx(120 + 28 / 2.5, abs=2)


def test_a_machine_that_stood_still_past_the_end_cools_down():
    machine, rates, _, _ = drive(lambda _, step: 100.0 if step == 40 else 0.1)
    assert rates[40] > 0.9
    assert rates[-1] < 0.05
    assert 5 <= len(rates) - 41 <= 20
    assert machine.second < 10 + 100 + 0.1 * 20 + 4


def test_cooling_down_ends_when_it_takes_too_long():
    machine, rates, _, _ = drive(lambda _, step: 0.1 if step < 40 else 100.0)
    assert len(rates) <= 42
    assert machine.second < 10 + 200 + 4


def test_validations_take_a_seventh_of_the_time_at_most():
    machine, rates, _, judged = drive(lambda _, __: 0.25, validation=4.0, after=8.0)
    assert len(judged) * 4.0 <= (machine.second - 5) / 7 + 4.0
    assert machine.second + 8.0 <= 60
    assert rates[-1] < 0.05


def test_what_follows_the_training_has_a_limit_too():
    machine, rates, _, _ = drive(lambda _, __: 0.25, validation=0.5, after=1000.0)
    assert machine.second == pytest.approx(0.67 * 60, abs=2)
    assert rates[-1] < 0.05


def test_the_average_follows_the_pace():
    plan = replace(PLAN, budget=60.0, steps=100, ema=0.9)
    machine = Machine()
    pace = pace_of(plan, machine.now, {}, lambda: 0.0)
    assert pace.stand(0).decay == averaging(100) == 0.9
    for step in range(1, 100):
        machine.second += 0.01
        at = pace.stand(step)
    assert at.steps == pytest.approx(5820, rel=0.01)
    assert at.decay == pytest.approx(averaging(5820), abs=1e-4)


def test_a_resumed_run_goes_on_where_it_was():
    plan = replace(PLAN, budget=60.0, steps=100)
    machine = Machine(5.0)
    pace = pace_of(plan, machine.now, {}, lambda: 0.0)
    pace.stand(0)
    for step in range(1, 100):
        machine.second += 0.25
        before = pace.stand(step)
    pace.validated(0.0)
    again = pace_of(plan, machine.now, pace.facts(), lambda: 0.0)
    assert again.facts() == pace.facts()
    at = again.stand(99)
    assert at.progress == pytest.approx(before.progress)
    assert not at.over
    assert not at.validate
    machine.second = 60.0
    ended = {**pace.facts(), "progress": 1.0}
    assert pace_of(plan, machine.now, ended, lambda: 0.0).stand(99).over


def test_without_a_budget_the_clock_means_nothing():
    pace = pace_of(replace(PLAN, steps=20, validations=4), lambda: 1 / 0, {}, lambda: 1 / 0)
    assert isinstance(pace, BySteps)
    seen = []
    for step in range(21):
        at = pace.stand(step)
        assert (at.progress, at.steps, at.decay) == (step / 20, 20, PLAN.ema)
        seen.append((at.look, at.validate, at.over))
        if at.validate:
            pace.validated(1e9)
    assert [n for n, (_, validate, _) in enumerate(seen) if validate] == [5, 10, 15, 20]
    assert [n for n, (*_, over) in enumerate(seen) if over] == [20]
    assert pace.facts() == {"judged": 4}
