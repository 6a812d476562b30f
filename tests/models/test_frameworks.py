"""Which framework computes is the one that was asked for, or whichever is installed."""

import pytest

from segmentare.errors import MissingPackageError
from segmentare.models import frameworks


@pytest.fixture
def only(monkeypatch):
    """Pretend that only these are installed."""

    def pretend(*names):
        monkeypatch.setattr(frameworks, "installed", lambda name: name in names)

    return pretend


@pytest.mark.parametrize(
    ("there", "wanted", "chosen"),
    [
        (("torch", "tensorflow"), "auto", "torch"),
        (("torch",), "auto", "torch"),
        (("tensorflow",), "auto", "tensorflow"),
        (("torch", "tensorflow"), "tensorflow", "tensorflow"),
        (("torch", "tensorflow"), "torch", "torch"),
    ],
)
def test_the_choice(only, there, wanted, chosen):
    only(*there)
    assert frameworks.choose_framework(wanted) == chosen


@pytest.mark.parametrize(
    ("there", "wanted", "error", "message"),
    [
        ((), "auto", MissingPackageError, r"neither .* pip install 'segmentare\[torch\]' or"),
        (("torch",), "tensorflow", MissingPackageError, r"TensorFlow.*segmentare\[tensorflow\]"),
        (("tensorflow",), "torch", MissingPackageError, r"PyTorch.*'segmentare\[torch\]'"),
        (("torch",), "jax", ValueError, "auto, torch, tensorflow; got 'jax'"),
    ],
)
def test_what_is_missing_is_one_sentence(only, there, wanted, error, message):
    only(*there)
    with pytest.raises(error, match=message):
        frameworks.choose_framework(wanted)


def test_commands_say_that_neither_is_installed(only, run_cli, model, drawn, tmp_path, monkeypatch):
    only()
    monkeypatch.delenv("SEGMENTARE_ENGINE", raising=False)
    for words in (("evaluate", model, drawn), ("predict", model, drawn, "--out", tmp_path / "out")):
        code, output, errors = run_cli(*words, "--quiet")
        assert (code, output, errors.count("\n")) == (2, "", 1)
        assert errors.startswith(
            "Error: This needs PyTorch or TensorFlow, and neither is installed"
        )
