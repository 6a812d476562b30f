import math

import pytest

from segmentare.training.timing import TRIALS, pixels_a_second, seconds_a_step


class Machine:
    """Trains on so many pixels, or images, in a second of its own clock; slow the first time."""

    def __init__(self, speed, first=1.0):
        self.second, self.speed, self.first, self.done = 0.0, speed, first, []

    def now(self):
        return self.second

    def _work(self, amount, what):
        self.second += amount / self.speed * (self.first if not self.done else 1)
        self.done.append(what)

    def once(self, count, side):
        self._work(count * side * side, (count, side))

    def step(self, number, images):
        self._work(images, images)
        return 100.0 * images + number


def test_a_usual_machine_is_measured_with_the_largest_trial():
    machine = Machine(1e6, first=20)
    assert pixels_a_second(machine.once, 5.0, machine.now) == pytest.approx(1e6)
    assert [machine.done.count(trial) for trial in TRIALS] == [3, 3, 3]


@pytest.mark.parametrize("slower", [50, 1000])
def test_a_slow_machine_is_measured_with_a_small_trial(slower):
    machine = Machine(0.55e6 / slower, first=5)
    assert pixels_a_second(machine.once, 3.0, machine.now) == pytest.approx(0.55e6 / slower)
    small = 64 * 64 / machine.speed
    assert machine.second <= max(3.0 + small, 6.001 * small)
    assert machine.done[0] == (1, 64)
    assert (8, 128) not in machine.done


def test_a_step_is_the_fastest_after_a_warm_up():
    machine = Machine(10.0, first=9)
    seconds, loss = seconds_a_step(machine.step, 8, math.inf, machine.now)
    assert seconds == pytest.approx(0.8)
    assert loss == 200
    assert machine.done == [2, 2, 8, 8, 8]


def test_a_step_that_takes_too_long_is_scaled_from_a_smaller_one():
    machine = Machine(0.1)  # images a second: a whole batch takes 80 s
    seconds, loss = seconds_a_step(machine.step, 8, 6.0, machine.now)
    assert seconds == pytest.approx(80)
    assert loss == 200
    assert machine.done == [2, 2]


def test_whole_batches_that_cannot_be_smaller_are_taken_twice():
    machine = Machine(0.1)
    seconds, _ = seconds_a_step(machine.step, 8, 6.0, machine.now, few=8)
    assert seconds == pytest.approx(80)
    assert machine.done == [8, 8]
