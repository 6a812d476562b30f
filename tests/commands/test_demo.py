import sys

import pytest

import segmentare
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

    demo = sys.modules[segmentare.demo.__module__]
    monkeypatch.setattr(demo, "train", train)
    monkeypatch.setattr(demo, "_draw", lambda *_: None)
    with pytest.raises(DoneError):
        segmentare.demo(tmp_path, budget=60.0, quiet=True)
    assert budgets == [60.0, 240]
