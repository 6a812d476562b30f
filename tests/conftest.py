import os
from pathlib import Path

import pytest

#: a training of two seconds, for tests that need a model of any quality
TINY = {
    "steps": 4,
    "size": 32,
    "batch": 2,
    "width": 0.125,
    "precision": "float32",
    "start": "none",
}


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
    from segmentare.datasets.synthetic import write_dataset

    return write_dataset(tmp_path_factory.mktemp("drawn") / "photos", 24, size=(48, 64))


@pytest.fixture(scope="session")
def tiny_run(drawn, tmp_path_factory):
    """The run folder of a model trained on `drawn` for four steps; to be copied, not changed."""
    from segmentare.interfaces.api import train
    from segmentare.interfaces.display import Display

    run = tmp_path_factory.mktemp("tiny") / "run"
    return train(drawn, run, display=Display(quiet=True), **TINY).folder
