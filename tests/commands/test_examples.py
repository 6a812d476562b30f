"""The examples in the docstrings of public functions run, on drawn images."""

import doctest
import inspect
from dataclasses import dataclass
from pathlib import Path

import pytest

import segmentare
from segmentare.commands import values
from segmentare.commands.options import hint

PUBLIC = [getattr(segmentare, name) for name in segmentare.__all__]
FUNCTIONS = [found for found in PUBLIC if inspect.isfunction(found)]
FUNCTIONS += [values.parse_duration, values.parse_size, hint]
SLOW = {"bench", "demo", "export"}  # examples of these would take long


@pytest.fixture(scope="module")
def names(drawn, tiny_run, tmp_path_factory):
    @dataclass
    class Run:
        folder: Path
        predictor: object

    folder = tmp_path_factory.mktemp("examples")
    return {
        "segmentare": segmentare,
        "photos": drawn,
        "run": Run(tiny_run, segmentare.load(tiny_run).predictor),
        "folder": folder,
    }


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_examples_run(function, names):
    written = inspect.unwrap(function)
    found = doctest.DocTestFinder(recurse=False).find(
        written, globs={**written.__globals__, **names}
    )
    examples = [example for test in found for example in test.examples]
    if function.__name__ not in SLOW:
        assert examples, "a public function has an example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in found:
        said = []
        runner.run(test, out=said.append)
        assert not said, "".join(said)
