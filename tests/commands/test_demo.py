import pytest

from segmentare.commands import demo as demonstration
from segmentare.errors import BudgetError


def test_a_demo_on_a_slow_machine_takes_longer_instead_of_ending(monkeypatch, tmp_path):
    budgets = []

    class DoneError(Exception):
        pass

    def train(*_, budget, **__):
        budgets.append(budget)
        if len(budgets) == 1:
            raise BudgetError("too short", 240)
        raise DoneError

    monkeypatch.setattr(demonstration, "train", train)
    monkeypatch.setattr(demonstration, "draw_into", lambda *_: None)
    with pytest.raises(DoneError):
        demonstration.demo(tmp_path, budget=60.0)
    assert budgets == [60.0, 240]
