import importlib.util
import os
import shutil
from pathlib import Path

import pytest
from command_line import TINY


@pytest.fixture(scope="session")
def data():
    """The folder of real images; tests that need it are skipped where it is absent."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("SEGMENTARE_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real images at {folder}; set SEGMENTARE_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A dataset of 24 drawn images of 48 x 64 pixels; to be copied, not changed."""
    from segmentare.synthetic.lesion_dataset import write_dataset

    return write_dataset(tmp_path_factory.mktemp("drawn") / "photos", 24, size=(48, 64))


@pytest.fixture(scope="session")
def tiny_run(drawn, tmp_path_factory):
    """The run folder of a model trained on `drawn` for four steps; to be copied, not changed."""
    from segmentare import train

    run = tmp_path_factory.mktemp("tiny") / "run"
    return train(drawn, run, quiet=True, **TINY).folder


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """Remember nothing of tests in the user's cache folder."""
    os.environ["SEGMENTARE_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True, scope="session")
def _no_trials():
    """Compute with PyTorch, where it is installed: trials of engines take time."""
    if importlib.util.find_spec("torch") is not None:
        os.environ["SEGMENTARE_ENGINE"] = "torch"


@pytest.fixture
def _any_engine(monkeypatch):
    """Let the engine be chosen as it is for users."""
    monkeypatch.delenv("SEGMENTARE_ENGINE", raising=False)


@pytest.fixture
def run_cli(capsys):
    """Run a command in this process; its exit code, its output and its errors come back."""

    from segmentare import cli

    def run(*words):
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as left:
            code = left.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def refused(run_cli):
    """Run a command that cannot work; its one sentence comes back."""

    def run(*words):
        code, output, errors = run_cli(*words)
        assert code == 2, errors
        assert output == ""
        assert errors.startswith("Error: ")
        assert errors.count("\n") == 1
        assert errors.endswith((".\n", ".'\n", "]'\n", "'?\n"))  # the last is a package to install
        assert "Traceback" not in errors
        return errors.removeprefix("Error: ").strip()

    return run


@pytest.fixture
def photos(drawn, tmp_path):
    """A copy of the drawn dataset, to be spoiled."""
    folder = tmp_path / "photos"
    shutil.copytree(drawn, folder)
    (folder / "labels.csv").unlink()
    return folder


@pytest.fixture
def model(tiny_run, tmp_path):
    """A copy of the tiny model, to be spoiled."""
    shutil.copytree(tiny_run, tmp_path / "model")
    return tmp_path / "model"
