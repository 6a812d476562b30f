import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data():
    """The folder of real images; tests that need it are skipped where it is absent."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("SEGMENTARE_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real images at {folder}; set SEGMENTARE_DATA to their folder")
    return folder
