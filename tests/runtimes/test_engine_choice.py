from dataclasses import replace

import pytest
from tiny_training import PLAN

from segmentare.commands.backends import framework_of
from segmentare.errors import MissingPackageError, ModelError
from segmentare.models import frameworks

TENSORFLOW = replace(PLAN, framework="tensorflow")


@pytest.fixture
def installed(monkeypatch):
    def only(*names):
        monkeypatch.setattr(frameworks, "installed", lambda name: name in names)

    return only


def test_a_new_run_takes_what_is_asked_for_or_there(installed):
    installed("torch", "tensorflow")
    assert framework_of("auto", None) == "torch"
    assert framework_of("tensorflow", None) == "tensorflow"
    installed("tensorflow")
    assert framework_of("auto", None) == "tensorflow"
    with pytest.raises(MissingPackageError, match=r"pip install 'segmentare\[torch\]'"):
        framework_of("torch", None)


def test_a_resumed_run_goes_on_in_its_own_framework(installed):
    installed("torch", "tensorflow")
    assert framework_of("auto", TENSORFLOW) == "tensorflow"
    assert framework_of("tensorflow", TENSORFLOW) == "tensorflow"
    assert framework_of("auto", PLAN) == "torch"
    with pytest.raises(ModelError, match=r"begun in TensorFlow and must go on in it; got .* torch"):
        framework_of("torch", TENSORFLOW)
    installed("torch")
    with pytest.raises(MissingPackageError, match="needs TensorFlow"):
        framework_of("auto", TENSORFLOW)


def test_a_plan_of_an_older_version_was_made_in_pytorch():
    data = PLAN.to_dict()
    del data["framework"]
    assert type(PLAN).from_dict(data).framework == "torch"
