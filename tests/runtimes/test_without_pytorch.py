"""What was exported is predicted, scored and measured on a machine that has no PyTorch."""

import importlib.util
import subprocess
import sys

import cv2
import numpy as np
import pytest
from any_model import picture, write_any

from segmentare.models.description import read_model
from segmentare.runtimes import ENGINES
from segmentare.runtimes.writing import EXPORTERS, export

WITHOUT = """
import sys
sys.modules["torch"] = sys.modules["lightning_fabric"] = None  # as if they were not installed
import segmentare.runtimes
from dataclasses import replace
engines = segmentare.runtimes.ENGINES
engines["torch"] = replace(engines["torch"], package="a_package_that_nobody_has")
from segmentare.cli import main
sys.exit(main(sys.argv[1:]))
"""


def without_pytorch(*words):
    command = [sys.executable, "-c", WITHOUT, *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_an_export_needs_its_runtime_only(engine, tmp_path):
    for package in (ENGINES[engine].package, *EXPORTERS[engine].needs):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    run = write_any(tmp_path / "run")
    folder = export(read_model(run), engine, tmp_path / "there").folder
    cv2.imwrite(str(tmp_path / "a.png"), picture())
    words = ["--out", tmp_path / "out", "--engine", engine]
    done = without_pytorch("predict", folder, tmp_path / "a.png", *words)
    assert done.returncode == 0, done.stderr
    assert f"Engine: {engine} float32: as asked for." in done.stderr
    mask = cv2.imread(str(tmp_path / "out" / "a.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (75, 110)
    assert len(np.unique(mask)) == 2
    words = ["--data", tmp_path / "a.png", "--seconds", "0.1", "--quiet"]
    done = without_pytorch("bench", folder, *words)
    assert done.returncode == 0, done.stderr
    assert engine in done.stdout


@pytest.mark.slow
def test_a_run_without_pytorch_is_a_sentence(tmp_path):
    run = write_any(tmp_path / "run")
    cv2.imwrite(str(tmp_path / "a.png"), picture())
    done = without_pytorch(
        "predict", run, tmp_path / "a.png", "--out", tmp_path / "out", "--engine", "torch"
    )
    assert done.returncode == 2
    assert "pip install 'segmentare[torch]'" in done.stderr
    assert "Traceback" not in done.stderr
